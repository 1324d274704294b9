"""Threefry-2x32-13, a generator that is counted, made of additions, rotations and exclusive ors of 32 bits.

Compilers put sixteen of it side by side in a vector register, which makes it the fastest there is for large amounts of
noise; thirteen rounds are what its authors found to pass every test.

References:
    Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3. https://doi.org/10.1145/2063384.2063405
"""

from __future__ import annotations

from typing import Any

import numpy as np

PARITY = np.uint32(0x1BD11BDA)
R0, R1, R2, R3 = np.uint32(13), np.uint32(15), np.uint32(26), np.uint32(6)
R4, R5, R6, R7 = np.uint32(17), np.uint32(29), np.uint32(16), np.uint32(24)
WIDTH = np.uint32(32)
ONE, TWO, THREE = np.uint32(1), np.uint32(2), np.uint32(3)


def threefry(k0: Any, k1: Any, x0: Any, x1: Any) -> tuple[Any, Any]:
    """Return two words of 32 random bits for a key and a counter, of two words each; all are NumPy's uint32."""
    k2 = np.uint32(np.uint32(k0 ^ k1) ^ PARITY)
    x0, x1 = np.uint32(x0 + k0), np.uint32(x1 + k1)
    x0, x1 = _four_rounds(x0, x1, R0, R1, R2, R3)
    x0, x1 = np.uint32(x0 + k1), np.uint32(x1 + np.uint32(k2 + ONE))
    x0, x1 = _four_rounds(x0, x1, R4, R5, R6, R7)
    x0, x1 = np.uint32(x0 + k2), np.uint32(x1 + np.uint32(k0 + TWO))
    x0, x1 = _four_rounds(x0, x1, R0, R1, R2, R3)
    x0, x1 = np.uint32(x0 + k0), np.uint32(x1 + np.uint32(k1 + THREE))
    return _round(x0, x1, R4)


def _round(x0: Any, x1: Any, bits: Any) -> tuple[Any, Any]:
    x0 = np.uint32(x0 + x1)
    turned = np.uint32(np.uint32(x1 << bits) | np.uint32(x1 >> np.uint32(WIDTH - bits)))
    return x0, np.uint32(turned ^ x0)


def _four_rounds(x0: Any, x1: Any, a: Any, b: Any, c: Any, d: Any) -> tuple[Any, Any]:
    x0, x1 = _round(x0, x1, a)
    x0, x1 = _round(x0, x1, b)
    x0, x1 = _round(x0, x1, c)
    return _round(x0, x1, d)
