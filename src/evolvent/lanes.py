# pyright: basic, reportCallIssue=false
"""Values, and the functions of them that worlds, networks and action rules are written with.

A value is a number: a Python float, a NumPy scalar, or an array of them for debugging many at once. Text over values has
no branches: it says `where(condition, a, b)`. Compiled, it becomes machine code without a call; the same operations are
done in the same order everywhere, so plain Python and the compiled form agree to the bit, in float32 and in float64.

The elementary functions are ours because the C library's differ from one machine to the next and cannot be put side by
side in vector registers. They compute in float64 and round once. Errors are in units in the last place of float64.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numba import types

from evolvent import instructions
from evolvent.instructions import bits_of, float_of
from evolvent.jit import primitive
from evolvent.vectors import Vec

Value: TypeAlias = Any  # a float, a NumPy scalar or an array of either
Flag: TypeAlias = Any  # a bool, or an array of bools

# --- choosing and converting ---------------------------------------------------------------------------------------


def where(condition: Flag, yes: Value, no: Value) -> Value:
    """Return `yes` where `condition` holds, else `no`; both have been computed.

    Examples:
        >>> where(2.0 > 1.0, 5.0, 7.0)
        5.0
    """
    if isinstance(condition, np.ndarray):
        return np.where(condition, yes, no)
    return yes if condition else no


@primitive(where)
def _where(condition, yes, no):
    if isinstance(condition, Vec):
        return lambda condition, yes, no: instructions.select(condition, yes, no)
    return lambda condition, yes, no: yes if condition else no


def logical_not(flag: Flag) -> Flag:
    """Return the opposite of `flag`; Python's `~` is not it: `~True` is -2."""
    return np.logical_not(flag) if isinstance(flag, np.ndarray) else not flag


@primitive(logical_not)
def _logical_not(flag):
    return (lambda flag: instructions.opposite(flag)) if isinstance(flag, Vec) else (lambda flag: not flag)


def to_float32(x: Value) -> Value:
    """Return `x` rounded to float32."""
    return np.float32(x)


@primitive(to_float32)
def _to_float32(x):
    return (lambda x: instructions.as_float32(x)) if isinstance(x, Vec) else (lambda x: np.float32(x))


def to_float64(x: Value) -> Value:
    """Return `x` as float64."""
    return np.float64(x)


@primitive(to_float64)
def _to_float64(x):
    return (lambda x: instructions.as_float64(x)) if isinstance(x, Vec) else (lambda x: np.float64(x))


def with_precision_of(like: Value, x: Value) -> Value:
    """Return `x` rounded to the precision of `like`, float32 or float64."""
    single = like.dtype == np.float32 if isinstance(like, (np.ndarray, np.generic)) else False
    return np.float32(x) if single else np.float64(x)


@primitive(with_precision_of)
def _with_precision_of(like, x):
    single = (like.element if isinstance(like, Vec) else like) == types.float32
    return (lambda like, x: to_float32(x)) if single else (lambda like, x: to_float64(x))


def floor(x: Value) -> Value:
    """Return the largest whole number not above `x`, as a float."""
    return np.floor(x)


@primitive(floor)
def _floor(x):
    return (lambda x: instructions.floor_of(x)) if isinstance(x, Vec) else (lambda x: np.floor(x))


def sqrt(x: Value) -> Value:
    """Return the square root of `x`, correctly rounded; NaN below zero."""
    return np.sqrt(x)


@primitive(sqrt)
def _sqrt(x):
    return (lambda x: instructions.sqrt_of(x)) if isinstance(x, Vec) else (lambda x: np.sqrt(x))


def absolute(x: Value) -> Value:
    """Return `x` without its sign."""
    return np.absolute(x)


@primitive(absolute)
def _absolute(x):
    return (lambda x: instructions.magnitude_of(x)) if isinstance(x, Vec) else (lambda x: np.absolute(x))


def minimum(x: Value, y: Value) -> Value:
    """Return the smaller of two values, `y` where either is NaN."""
    return where(x < y, x, y)


def maximum(x: Value, y: Value) -> Value:
    """Return the larger of two values, `y` where either is NaN."""
    return where(x > y, x, y)


def clip(x: Value, low: Value, high: Value) -> Value:
    """Return `x`, or the bound that it lies beyond; NaN stays NaN."""
    return where(x < low, low, where(x > high, high, x))


# --- the bits of a float64 -----------------------------------------------------------------------------------------


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


# --- elementary functions ------------------------------------------------------------------------------------------

HALF_PI_1 = 1.57079632673412561417e00  # pi/2 in three parts; the products of the first two with small whole numbers are exact
HALF_PI_2 = 6.07710050630396597660e-11
HALF_PI_3 = 2.02226624879595063154e-21
TWO_OVER_PI = 2 / math.pi
MAX_ANGLE = 1e4  # [rad]


def sin(x: Value) -> Value:
    """Return the sine of `x` [rad], within 2.5 ulp for |x| <= 1e4, NaN beyond."""
    quarter, r = _quarter_turns(to_float64(x))
    s, c = _sin_kernel(r), _cos_kernel(r)
    odd, negative = _odd_and_high(quarter)
    value = where(odd, c, s)
    return with_precision_of(x, where(negative, -value, value))


def cos(x: Value) -> Value:
    """Return the cosine of `x` [rad], within 2.5 ulp for |x| <= 1e4, NaN beyond."""
    quarter, r = _quarter_turns(to_float64(x))
    s, c = _sin_kernel(r), _cos_kernel(r)
    odd, negative = _odd_and_high(quarter)
    value = where(odd, s, c)
    return with_precision_of(x, where(odd != negative, -value, value))


def _quarter_turns(x: Value) -> tuple[Value, Value]:
    """Return k and r with x = k * pi/2 + r and |r| <= pi/4 (Cody and Waite 1980)."""
    x = where((x >= -MAX_ANGLE) & (x <= MAX_ANGLE), x, math.nan)
    k = floor(x * TWO_OVER_PI + 0.5)
    return k, ((x - k * HALF_PI_1) - k * HALF_PI_2) - k * HALF_PI_3


def _odd_and_high(k: Value) -> tuple[Flag, Flag]:
    """Return whether k is odd and whether it is 2 or 3, modulo 4."""
    half = floor(k * 0.5)
    return k - 2.0 * half > 0.5, half - 2.0 * floor(half * 0.5) > 0.5


def _sin_kernel(r: Value) -> Value:
    """Return sin(r) for |r| <= pi/4 by the minimax polynomial of fdlibm (Sun Microsystems 1993)."""
    z = r * r
    p = 2.75573137070700676789e-06 + z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)
    p = 8.33333333332248946124e-03 + z * (-1.98412698298579493134e-04 + z * p)
    return r + r * z * (-1.66666666666666324348e-01 + z * p)


def _cos_kernel(r: Value) -> Value:
    """Return cos(r) for |r| <= pi/4 by the minimax polynomial of fdlibm (Sun Microsystems 1993)."""
    z = r * r
    p = -2.75573143513906633035e-07 + z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11)
    p = 4.16666666666666019037e-02 + z * (-1.38888888888741095749e-03 + z * (2.48015872894767294178e-05 + z * p))
    half = 0.5 * z
    w = 1.0 - half
    return w + (((1.0 - w) - half) + z * z * p)


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


# --- a few values in a row -----------------------------------------------------------------------------------------


def buffer(like: Value, size: int) -> Any:
    """Return room for `size` values like `like`, to be filled; compiled, it lies in registers or on the stack."""
    return [like] * size


@primitive(buffer)
def _buffer(like, size):
    return lambda like, size: instructions.stack_buffer(like, size)


def as_tuple(values: Any, size: int) -> tuple[Value, ...]:
    """Return the `size` values of a buffer as a tuple."""
    return tuple(values[:size])


@primitive(as_tuple)
def _as_tuple(values, size):
    return lambda values, size: instructions.loaded_tuple(values, size)


# --- a counter shared by threads -----------------------------------------------------------------------------------


def take_next(counter: Any) -> int:
    """Return `counter[0]` and add one to it, in one step that no other thread can come between."""
    taken = int(counter[0])
    counter[0] = taken + 1
    return taken


@primitive(take_next)
def _take_next(counter):
    return lambda counter: instructions.atomic_add_one(counter)
