# pyright: basic, reportCallIssue=false
"""Exponential, logarithm and hyperbolic tangent of float64.

References:
    The logarithm is that of fdlibm (Sun Microsystems 1993, e_log.c), the tangent that of Cephes (Moshier 1984, tanh.c).
"""

from __future__ import annotations

import math

from evolvent.lanes.bits import exponent, power_of_two
from evolvent.lanes.values import Value, absolute, clip, floor, where

LN_2_HIGH = 6.93147180369123816490e-01  # ln 2 in two parts
LN_2_LOW = 1.90821492927058770002e-10
LOG2_E = 1 / math.log(2)


def exp64(x: Value) -> Value:
    """Return e**x: x is reduced by multiples of ln 2, e**r is Taylor's series, and 2**k comes in two steps."""
    y = clip(x, -746.0, 710.0)
    k = floor(y * LOG2_E + 0.5)
    r = (y - k * LN_2_HIGH) - k * LN_2_LOW
    p = 1 / 362880 + r * (1 / 3628800 + r * (1 / 39916800 + r * (1 / 479001600 + r * (1 / 6227020800))))
    p = 1 / 120 + r * (1 / 720 + r * (1 / 5040 + r * (1 / 40320 + r * p)))
    p = 1.0 + (r + r * r * (1 / 2 + r * (1 / 6 + r * (1 / 24 + r * p))))
    k = where(k == k, k, 0.0)  # noqa: PLR0124 - NaN has no whole number
    half = floor(k * 0.5)
    return (p * power_of_two(half)) * power_of_two(k - half)


def log64(x: Value) -> Value:
    """Return the natural logarithm of `x`."""
    small = x < 2.2250738585072014e-308
    scaled = where(small, x * 18014398509481984.0, x)
    usable = (scaled > 0.0) & (scaled < math.inf)
    safe = where(usable, scaled, 1.0)
    e = exponent(safe)
    m = safe * power_of_two(-where(e > 1022.0, 1022.0, e))
    m = where(e > 1022.0, m * 0.5, m)
    high = m > 1.4142135623730951
    f = where(high, m * 0.5, m) - 1.0
    k = where(high, e + 1.0, e) - where(small, 54.0, 0.0)
    value = k * LN_2_HIGH - ((_log_correction(f) - k * LN_2_LOW) - f)
    return where(usable, value, where(x == 0.0, -math.inf, where(x > 0.0, math.inf, math.nan)))


def _log_correction(f: Value) -> Value:
    """Return f - log(1 + f) for f in [sqrt(1/2) - 1, sqrt(2) - 1]."""
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01))
    odd = 1.818357216161805012e-01 + w * 1.479819860511658591e-01
    odd = z * (6.666666666666735130e-01 + w * (2.857142874366239149e-01 + w * odd))
    half_square = 0.5 * f * f
    return half_square - s * (half_square + even + odd)


def tanh64(x: Value) -> Value:
    """Return the hyperbolic tangent of `x`."""
    magnitude = absolute(x)
    z = x * x
    p = (-9.64399179425052238628e-01 * z - 9.92877231001918586564e01) * z - 1.61468768441708447952e03
    q = ((z + 1.12811678491632931402e02) * z + 2.23548839060100448583e03) * z + 4.84406305325125486048e03
    near_zero = x + x * (z * (p / q))
    far = 1.0 - 2.0 / (exp64(2.0 * magnitude) + 1.0)
    return where(magnitude < 0.625, near_zero, where(x < 0.0, -far, far))
