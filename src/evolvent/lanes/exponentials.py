# pyright: basic, reportCallIssue=false
"""Exponential, logarithm and hyperbolic tangent, the same operations on a number and in every lane."""

from __future__ import annotations

import math

from evolvent.lanes.bits import exponent, power_of_two
from evolvent.lanes.values import Value, absolute, clip, floor, to_float64, where, with_precision_of

LN_2_HIGH = 6.93147180369123816490e-01  # ln 2 in two parts
LN_2_LOW = 1.90821492927058770002e-10
LOG2_E = 1 / math.log(2)


def exp(x: Value) -> Value:
    """Return e**x, within 1.5 ulp; 0 below -745.2, infinity above 709.8."""
    y = clip(to_float64(x), -746.0, 710.0)
    k = floor(y * LOG2_E + 0.5)
    r = (y - k * LN_2_HIGH) - k * LN_2_LOW
    p = 1 / 362880 + r * (1 / 3628800 + r * (1 / 39916800 + r * (1 / 479001600 + r * (1 / 6227020800))))
    p = 1 / 120 + r * (1 / 720 + r * (1 / 5040 + r * (1 / 40320 + r * p)))
    p = 1.0 + (r + r * r * (1 / 2 + r * (1 / 6 + r * (1 / 24 + r * p))))
    k = where(k == k, k, 0.0)  # noqa: PLR0124 - NaN has no whole number
    half = floor(k * 0.5)
    return with_precision_of(x, (p * power_of_two(half)) * power_of_two(k - half))


def log(x: Value) -> Value:
    """Return the natural logarithm of `x`, within 1.5 ulp; -infinity at zero, NaN below."""
    y = to_float64(x)
    small = y < 2.2250738585072014e-308
    scaled = where(small, y * 18014398509481984.0, y)
    usable = (scaled > 0.0) & (scaled < math.inf)
    safe = where(usable, scaled, 1.0)
    e = exponent(safe)
    m = safe * power_of_two(-where(e > 1022.0, 1022.0, e))
    m = where(e > 1022.0, m * 0.5, m)
    high = m > 1.4142135623730951
    f = where(high, m * 0.5, m) - 1.0
    k = where(high, e + 1.0, e) - where(small, 54.0, 0.0)
    value = k * LN_2_HIGH - ((_log_correction(f) - k * LN_2_LOW) - f)
    value = where(usable, value, where(y == 0.0, -math.inf, where(y > 0.0, math.inf, math.nan)))
    return with_precision_of(x, value)


def _log_correction(f: Value) -> Value:
    """Return f - log(1 + f) for f in [sqrt(1/2) - 1, sqrt(2) - 1], as fdlibm does (Sun Microsystems 1993)."""
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01))
    odd = 1.818357216161805012e-01 + w * 1.479819860511658591e-01
    odd = z * (6.666666666666735130e-01 + w * (2.857142874366239149e-01 + w * odd))
    half_square = 0.5 * f * f
    return half_square - s * (half_square + even + odd)


def tanh(x: Value) -> Value:
    """Return the hyperbolic tangent of `x`, within 2 ulp, by the approximations of Cephes (Moshier 1984)."""
    y = to_float64(x)
    magnitude = absolute(y)
    z = y * y
    p = (-9.64399179425052238628e-01 * z - 9.92877231001918586564e01) * z - 1.61468768441708447952e03
    q = ((z + 1.12811678491632931402e02) * z + 2.23548839060100448583e03) * z + 4.84406305325125486048e03
    near_zero = y + y * (z * (p / q))
    far = 1.0 - 2.0 / (exp(2.0 * magnitude) + 1.0)
    return with_precision_of(x, where(magnitude < 0.625, near_zero, where(y < 0.0, -far, far)))
