# pyright: basic, reportCallIssue=false
"""The exponent in the bits of a float."""

from __future__ import annotations

import numpy as np

from evolvent import instructions
from evolvent.instructions import bits_of, bits_of_float32, float32_of, float_of
from evolvent.jit import primitive
from evolvent.lanes.values import Value, in_float32, is_float32
from evolvent.vectors import Vec


def power_of_two(k: Value) -> Value:
    """Return 2**k for whole numbers k, given as floats, from -1022 to 1023, or in float32 from -126 to 127."""
    one, whole = (np.float32(1.0), np.int32) if in_float32(k) else (1.0, np.int64)
    return np.ldexp(one, whole(k) if np.ndim(k) == 0 else np.asarray(k, whole))


@primitive(power_of_two)
def _power_of_two(k):
    if is_float32(k):
        if isinstance(k, Vec):
            return lambda k: float32_of(instructions.shifted_left(instructions.as_int32(k) + 127, 23))
        return lambda k: float32_of(np.int32((np.int32(k) + 127) << 23))
    if isinstance(k, Vec):
        return lambda k: float_of(instructions.shifted_left(instructions.as_int64(k) + 1023, 52))
    return lambda k: float_of((np.int64(k) + 1023) << 52)


def exponent(x: Value) -> Value:
    """Return the whole number e, as a float, for which 2**e <= x < 2**(e+1), for normal positive x."""
    whole = np.frexp(x)[1] - 1
    return np.float32(whole) if in_float32(x) else np.float64(whole)


@primitive(exponent)
def _exponent(x):
    if is_float32(x):
        if isinstance(x, Vec):
            return lambda x: instructions.as_float32(((bits_of_float32(x) >> 23) & 0xFF) - 127)
        return lambda x: np.float32(((bits_of_float32(x) >> 23) & 0xFF) - 127)
    if isinstance(x, Vec):
        return lambda x: instructions.as_float64(((bits_of(x) >> 52) & 0x7FF) - 1023)
    return lambda x: np.float64(((bits_of(x) >> 52) & 0x7FF) - 1023)
