# pyright: basic, reportCallIssue=false
"""Exponential, logarithm and hyperbolic tangent of float32: every constant and every operation is float32.

References:
    The logarithm is that of fdlibm (Sun Microsystems 1993, e_logf.c), the tangent that of Cephes (Moshier 1989, tanhf.c), as
    are the two parts of ln 2 in the exponential (expf.c).
"""

from __future__ import annotations

import numpy as np

from evolvent.lanes.bits import exponent, power_of_two
from evolvent.lanes.values import Value, absolute, clip, floor, minimum, multiply_add, where

ZERO, ONE, TWO, HALF = np.float32(0.0), np.float32(1.0), np.float32(2.0), np.float32(0.5)
INFINITY, NAN = np.float32(np.inf), np.float32(np.nan)

LOG2_E = np.float32(1.4426950408889634)
LEAST, MOST = np.float32(-104.0), np.float32(89.0)  # beyond, e**x is 0 and infinity
LN_2_HIGH, LN_2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
C2, C3, C4 = np.float32(1 / 2), np.float32(1 / 6), np.float32(1 / 24)  # of Taylor's series
C5, C6, C7 = np.float32(1 / 120), np.float32(1 / 720), np.float32(1 / 5040)


def exp32(x: Value) -> Value:
    """Return e**x: x is reduced by multiples of ln 2, e**r is Taylor's series, and 2**k comes in two steps."""
    k, p = _parts(clip(x, LEAST, MOST))
    half = floor(k * HALF)
    return (p * power_of_two(half)) * power_of_two(k - half)


def _parts(y: Value) -> tuple[Value, Value]:
    """Return k and e**r with y = k * ln 2 + r; k is 0 for NaN, which has no whole number."""
    k = floor(multiply_add(y, LOG2_E, HALF))
    r = multiply_add(k, -LN_2_LOW, multiply_add(k, -LN_2_HIGH, y))
    p = multiply_add(r, multiply_add(r, C7, C6), C5)
    p = multiply_add(r, multiply_add(r, multiply_add(r, p, C4), C3), C2)
    return where(k == k, k, ZERO), multiply_add(r * r, p, r) + ONE  # noqa: PLR0124


LEAST_NORMAL, TWO_TO_25 = np.float32(2.0**-126), np.float32(2.0**25)
LARGEST_EXPONENT = np.float32(126.0)  # whose reciprocal is a normal number
SQRT_2 = np.float32(1.4142135623730951)
LOG_2_HIGH, LOG_2_LOW = np.float32(6.9313812256e-01), np.float32(9.0580006145e-06)
L1, L2 = np.float32(0.66666662693), np.float32(0.40000972152)
L3, L4 = np.float32(0.28498786688), np.float32(0.24279078841)
SHIFT = np.float32(25.0)


def log32(x: Value) -> Value:
    """Return the natural logarithm of `x`."""
    small = x < LEAST_NORMAL
    scaled = where(small, x * TWO_TO_25, x)
    usable = (scaled > ZERO) & (scaled < INFINITY)
    safe = where(usable, scaled, ONE)
    e = exponent(safe)
    m = safe * power_of_two(-where(e > LARGEST_EXPONENT, LARGEST_EXPONENT, e))
    m = where(e > LARGEST_EXPONENT, m * HALF, m)
    high = m > SQRT_2
    f = where(high, m * HALF, m) - ONE
    k = where(high, e + ONE, e) - where(small, SHIFT, ZERO)
    value = k * LOG_2_HIGH - ((_log_correction(f) - k * LOG_2_LOW) - f)
    return where(usable, value, where(x == ZERO, -INFINITY, where(x > ZERO, INFINITY, NAN)))


def _log_correction(f: Value) -> Value:
    """Return f - log(1 + f) for f in [sqrt(1/2) - 1, sqrt(2) - 1]."""
    s = f / (TWO + f)
    z = s * s
    w = z * z
    half_square = HALF * f * f
    return half_square - s * (half_square + w * (L2 + w * L4) + z * (L1 + w * L3))


NEAR_ZERO, SATURATED = np.float32(0.625), np.float32(9.1)  # from there on the tangent is 1
T1, T2, T3 = np.float32(-3.33332819422e-1), np.float32(1.33314422036e-1), np.float32(-5.37397155531e-2)
T4, T5 = np.float32(2.06390887954e-2), np.float32(-5.70498872745e-3)


def tanh32(x: Value) -> Value:
    """Return the hyperbolic tangent of `x`."""
    magnitude = absolute(x)
    z = x * x
    p = multiply_add(z, multiply_add(z, multiply_add(z, T5, T4), T3), T2)
    near_zero = multiply_add(x * z, multiply_add(z, p, T1), x)
    k, e = _parts(TWO * minimum(SATURATED, magnitude))
    far = ONE - TWO / multiply_add(e, power_of_two(k), ONE)
    return where(magnitude < NEAR_ZERO, near_zero, where(x < ZERO, -far, far))
