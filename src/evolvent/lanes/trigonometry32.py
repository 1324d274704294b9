# pyright: basic, reportCallIssue=false
"""Sine, cosine and tangent of float32: the angle is reduced in float64, all else is float32.

References:
    Cody and Waite 1980, Software manual for the elementary functions (the reduction by multiples of pi/2 in two parts).
    Moshier 1989, Cephes, sinf.c (the polynomials).
"""

from __future__ import annotations

import math

import numpy as np

from evolvent.lanes.trigonometry64 import HALF_PI_1, HALF_PI_2, MAX_ANGLE, TWO_OVER_PI
from evolvent.lanes.values import Flag, Value, floor, to_float32, to_float64, where

ONE, TWO, HALF = np.float32(1.0), np.float32(2.0), np.float32(0.5)
S3, S5, S7 = np.float32(-1.6666654611e-1), np.float32(8.3321608736e-3), np.float32(-1.9515295891e-4)
C4, C6, C8 = np.float32(4.166664568298827e-2), np.float32(-1.388731625493765e-3), np.float32(2.443315711809948e-5)


def sin32(x: Value) -> Value:
    """Return the sine of `x` [rad]."""
    odd, negative, r = _quarter_turns(x)
    value = where(odd, _cos_kernel(r), _sin_kernel(r))
    return where(negative, -value, value)


def cos32(x: Value) -> Value:
    """Return the cosine of `x` [rad]."""
    odd, negative, r = _quarter_turns(x)
    value = where(odd, _sin_kernel(r), _cos_kernel(r))
    return where(odd != negative, -value, value)


def tan32(x: Value) -> Value:
    """Return the tangent of `x` [rad], sine by cosine."""
    odd, _, r = _quarter_turns(x)
    s, c = _sin_kernel(r), _cos_kernel(r)
    return where(odd, -c, s) / where(odd, s, c)


def _quarter_turns(x: Value) -> tuple[Flag, Flag, Value]:
    """Return whether k is odd and whether it is 2 or 3, modulo 4, and r, with x = k * pi/2 + r and |r| <= pi/4."""
    y = to_float64(x)
    y = where((y >= -MAX_ANGLE) & (y <= MAX_ANGLE), y, math.nan)
    k = floor(y * TWO_OVER_PI + 0.5)
    odd, negative = _odd_and_high(to_float32(k))
    return odd, negative, to_float32((y - k * HALF_PI_1) - k * HALF_PI_2)


def _odd_and_high(k: Value) -> tuple[Flag, Flag]:
    """Return whether k is odd and whether it is 2 or 3, modulo 4."""
    half = floor(k * HALF)
    return k - TWO * half > HALF, half - TWO * floor(half * HALF) > HALF


def _sin_kernel(r: Value) -> Value:
    """Return sin(r) for |r| <= pi/4."""
    z = r * r
    return r + r * (z * (S3 + z * (S5 + z * S7)))


def _cos_kernel(r: Value) -> Value:
    """Return cos(r) for |r| <= pi/4."""
    z = r * r
    half = HALF * z
    w = ONE - half
    return w + (((ONE - w) - half) + z * z * (C4 + z * (C6 + z * C8)))
