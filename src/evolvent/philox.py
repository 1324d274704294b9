"""Philox-4x32-10, a generator that is counted: the bits at a place are a function of the place and a key.

References:
    Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3. https://doi.org/10.1145/2063384.2063405
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evolvent.jit import kernel

LOW = np.uint64(0xFFFFFFFF)
WORD = np.uint64(32)
MULTIPLIER_0, MULTIPLIER_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
WEYL_0, WEYL_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)


def philox(key: Any, low: Any, high: Any) -> tuple[Any, Any]:
    """Return 128 random bits, as two words of 64, for a key of 64 bits and a counter of two words of 64."""
    c0, c1, c2, c3 = low & LOW, low >> WORD, high & LOW, high >> WORD
    k0, k1 = key & LOW, key >> WORD
    for _ in range(10):
        p0, p1 = MULTIPLIER_0 * c0, MULTIPLIER_1 * c2
        c0, c1, c2, c3 = (p1 >> WORD) ^ c1 ^ k0, p1 & LOW, (p0 >> WORD) ^ c3 ^ k1, p0 & LOW
        k0, k1 = (k0 + WEYL_0) & LOW, (k1 + WEYL_1) & LOW
    return c0 | (c1 << WORD), c2 | (c3 << WORD)


def place(row: Any, column: Any) -> Any:
    """Return the low word of the counter at a row and column, each below 2**32."""
    return (np.uint64(row) << WORD) | np.uint64(column)


@kernel
def fill_bits(key: np.uint64, address: np.uint64, out: NDArray[np.uint64]) -> None:
    """Write into `out[i, j]` the 64 bits at row i and column j of the stream with this key and address."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = philox(key, place(i, j), address)[0]
