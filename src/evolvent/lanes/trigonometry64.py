# pyright: basic, reportCallIssue=false
"""Sine, cosine and tangent of float64.

References:
    Cody and Waite 1980, Software manual for the elementary functions (the reduction by multiples of pi/2 in three parts).
    Sun Microsystems 1993, fdlibm, k_sin.c and k_cos.c (the polynomials).
"""

from __future__ import annotations

import math

from evolvent.lanes.values import Flag, Value, absolute, every, floor, where

HALF_PI_1 = 1.57079632673412561417e00  # pi/2 in three parts; the products of the first two with small whole numbers are exact
HALF_PI_2 = 6.07710050630396597660e-11
HALF_PI_3 = 2.02226624879595063154e-21
TWO_OVER_PI = 2 / math.pi
MAX_ANGLE = 1e4  # [rad]
REDUCED = 0.785  # [rad], less than pi/4: there k is 0 and r is x


def sin64(x: Value) -> Value:
    """Return the sine of `x` [rad]."""
    if every(absolute(x) < REDUCED):
        return _sin_kernel(x)
    quarter, r = _quarter_turns(x)
    s, c = _sin_kernel(r), _cos_kernel(r)
    odd, negative = _odd_and_high(quarter)
    value = where(odd, c, s)
    return where(negative, -value, value)


def cos64(x: Value) -> Value:
    """Return the cosine of `x` [rad]."""
    if every(absolute(x) < REDUCED):
        return _cos_kernel(x)
    quarter, r = _quarter_turns(x)
    s, c = _sin_kernel(r), _cos_kernel(r)
    odd, negative = _odd_and_high(quarter)
    value = where(odd, s, c)
    return where(odd != negative, -value, value)


def tan64(x: Value) -> Value:
    """Return the tangent of `x` [rad], sine by cosine."""
    quarter, r = _quarter_turns(x)
    s, c = _sin_kernel(r), _cos_kernel(r)
    odd, _ = _odd_and_high(quarter)
    return where(odd, -c, s) / where(odd, s, c)


def _quarter_turns(x: Value) -> tuple[Value, Value]:
    """Return k and r with x = k * pi/2 + r and |r| <= pi/4."""
    x = where((x >= -MAX_ANGLE) & (x <= MAX_ANGLE), x, math.nan)
    k = floor(x * TWO_OVER_PI + 0.5)
    return k, ((x - k * HALF_PI_1) - k * HALF_PI_2) - k * HALF_PI_3


def _odd_and_high(k: Value) -> tuple[Flag, Flag]:
    """Return whether k is odd and whether it is 2 or 3, modulo 4."""
    half = floor(k * 0.5)
    return k - 2.0 * half > 0.5, half - 2.0 * floor(half * 0.5) > 0.5


def _sin_kernel(r: Value) -> Value:
    """Return sin(r) for |r| <= pi/4."""
    z = r * r
    p = 2.75573137070700676789e-06 + z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)
    p = 8.33333333332248946124e-03 + z * (-1.98412698298579493134e-04 + z * p)
    return r + r * z * (-1.66666666666666324348e-01 + z * p)


def _cos_kernel(r: Value) -> Value:
    """Return cos(r) for |r| <= pi/4."""
    z = r * r
    p = -2.75573143513906633035e-07 + z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11)
    p = 4.16666666666666019037e-02 + z * (-1.38888888888741095749e-03 + z * (2.48015872894767294178e-05 + z * p))
    half = 0.5 * z
    w = 1.0 - half
    return w + (((1.0 - w) - half) + z * z * p)
