# pyright: basic, reportCallIssue=false
"""The exponent in the bits of a float64."""

from __future__ import annotations

import numpy as np

from evolvent import instructions
from evolvent.instructions import bits_of, float_of
from evolvent.jit import primitive
from evolvent.lanes.values import Value
from evolvent.vectors import Vec


def power_of_two(k: Value) -> Value:
    """Return 2**k for whole numbers k, given as floats, from -1022 to 1023."""
    return np.ldexp(1.0, np.int64(k) if np.ndim(k) == 0 else np.asarray(k, np.int64))


@primitive(power_of_two)
def _power_of_two(k):
    if isinstance(k, Vec):
        return lambda k: float_of(instructions.shifted_left(instructions.as_int64(k) + 1023, 52))
    return lambda k: float_of((np.int64(k) + 1023) << 52)


def exponent(x: Value) -> Value:
    """Return the whole number e, as a float, for which 2**e <= x < 2**(e+1), for normal positive x."""
    return np.float64(np.frexp(x)[1]) - 1.0


@primitive(exponent)
def _exponent(x):
    if isinstance(x, Vec):
        return lambda x: instructions.as_float64(((bits_of(x) >> 52) & 0x7FF) - 1023)
    return lambda x: np.float64(((bits_of(x) >> 52) & 0x7FF) - 1023)
