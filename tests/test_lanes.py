import math
from typing import Any

import numpy as np
import pytest

from evolvent.jit import specialise
from evolvent.lanes import (
    absolute,
    as_tuple,
    buffer,
    clip,
    cos,
    exp,
    exponent,
    floor,
    log,
    logical_not,
    maximum,
    minimum,
    power_of_two,
    sin,
    sqrt,
    take_next,
    tan,
    tanh,
    to_float32,
    to_float64,
    where,
    with_precision_of,
)
from tests.reference import elementary

FUNCTION: Any = None

INF, NAN = math.inf, math.nan
TINY, LEAST_NORMAL = 5e-324, 2.2250738585072014e-308
LARGEST = float(np.finfo(np.float32).max)
RNG = np.random.default_rng(0)

ANGLES = np.concatenate(
    [
        RNG.uniform(-1e4, 1e4, 1500),
        RNG.uniform(-4, 4, 500),
        np.exp(RNG.uniform(-740, 0, 200)),
        np.arange(0, 6367, 7) * (math.pi / 2),
        np.array([29 * (math.pi / 2), 0.0, 1e4, -1e4, TINY, LEAST_NORMAL, math.pi / 4]),
    ]
)
EXPONENTS = np.concatenate(
    [
        RNG.uniform(-745, 709.7, 1500),
        RNG.uniform(-745, -708, 500),
        RNG.uniform(-1, 1, 500),
        np.arange(-1074, 1024, 17) * math.log(2),
        np.array([0.0, TINY, -TINY, 709.782712893384, -708.3964185322641, -745.1332191019411]),
    ]
)
POSITIVE = np.concatenate(
    [
        np.exp(RNG.uniform(-708, 709, 1500)),
        RNG.uniform(0.5, 2.0, 1000),
        1 + RNG.uniform(-1e-6, 1e-6, 300),
        2.0 ** np.arange(-1074, 1024, 13),
        np.sqrt(2.0) * (1 + np.arange(-5, 6) * 2.0**-52),
        np.array([TINY, 3 * TINY, np.nextafter(LEAST_NORMAL, 0), LEAST_NORMAL, 1.7976931348623157e308]),
    ]
)
REALS = np.concatenate(
    [
        RNG.uniform(-20, 20, 1000),
        RNG.uniform(-1, 1, 1000),
        RNG.uniform(0.6, 0.66, 500),
        np.exp(RNG.uniform(-740, 0, 300)),
        np.array([0.625, np.nextafter(0.625, 0), 19.06, 22.0, 700.0, -TINY, TINY, LEAST_NORMAL]),
    ]
)

BOUNDS = [
    (sin, elementary.sin, ANGLES, 2.5),
    (cos, elementary.cos, ANGLES, 2.5),
    (tan, elementary.tan, ANGLES, 4.0),
    (exp, elementary.exp, EXPONENTS, 1.5),
    (log, elementary.log, POSITIVE, 1.5),
    (tanh, elementary.tanh, REALS, 2.0),
]
EDGES = [0.0, -0.0, TINY, -TINY, LEAST_NORMAL, 1e308, -1e308, INF, -INF, NAN, 1e4, 10001.0, 710.0, -746.0, 0.625, -20.0]


def _each(values, out):
    for i in range(len(values)):
        out[i] = FUNCTION(values[i])


def compiled(function, values):
    out = np.empty_like(values)
    specialise(_each, FUNCTION=function)(values, out)
    return out


def plain(function, values):
    with np.errstate(all="ignore"):
        return function(values)


def same_bits(one, other):
    """Compare bit by bit; any NaN is as good as another."""
    one, other = np.asarray(one), np.asarray(other)
    assert one.dtype == other.dtype
    nan = np.isnan(one)
    unsigned = np.dtype(f"u{one.dtype.itemsize}")
    return np.array_equal(nan, np.isnan(other)) and np.array_equal(one[~nan].view(unsigned), other[~nan].view(unsigned))


@pytest.mark.parametrize(("function", "exact", "points", "bound"), BOUNDS, ids=lambda each: getattr(each, "__name__", ""))
def test_an_elementary_function_keeps_the_error_bound_of_its_docstring(function, exact, points, bound):
    errors = [elementary.ulps(value, exact(x)) for x, value in zip(points, plain(function, points), strict=True)]
    worst = int(np.argmax(errors))
    assert errors[worst] <= bound, f"{function.__name__}({float(points[worst])!r})"


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("function", [sin, cos, tan, exp, log, tanh, sqrt, floor, absolute])
def test_arrays_scalars_and_compiled_code_agree_to_the_bit(function, dtype):
    points = np.concatenate([EDGES, ANGLES[::40], EXPONENTS[::40], POSITIVE[::40], -POSITIVE[::200], REALS[::40]])
    with np.errstate(all="ignore"):
        points = points.astype(dtype)
    whole = plain(function, points)
    assert whole.dtype == dtype
    assert same_bits(whole, compiled(function, points))
    assert same_bits(whole, np.array([plain(function, x) for x in points], dtype))
    if dtype == np.float64:
        assert same_bits(whole, np.array([plain(function, float(x)) for x in points]))


def floats32(low, high):
    """Return every 2**12-th float32 from `low` to `high`, of either sign: all exponents, 2,048 of each."""
    words = np.arange(0, 2**32, 2**12 + 1, dtype=np.uint64).astype(np.uint32)
    values = words.view(np.float32)
    with np.errstate(invalid="ignore"):
        return values[(values >= low) & (values <= high)]


QUARTER_TURNS = (np.arange(-6366, 6367) * (math.pi / 2)).astype(np.float32)
DENSE_ANGLES = np.concatenate([floats32(-1e4, 1e4), RNG.uniform(-1e4, 1e4, 400_000).astype(np.float32), QUARTER_TURNS])

BOUNDS_OF_FLOAT32 = [
    (sin, np.sin, DENSE_ANGLES, 1.7),
    (cos, np.cos, DENSE_ANGLES, 1.7),
    (tan, np.tan, DENSE_ANGLES, 3.5),
    (exp, np.exp, np.concatenate([floats32(-110, 88.7228), RNG.uniform(-104, 88.7, 400_000).astype(np.float32)]), 1.1),
    (log, np.log, np.concatenate([floats32(1e-45, LARGEST), RNG.uniform(0.3, 3, 400_000).astype(np.float32)]), 1.0),
    (tanh, np.tanh, np.concatenate([floats32(-LARGEST, LARGEST), RNG.uniform(-10, 10, 400_000).astype(np.float32)]), 1.5),
]


@pytest.mark.parametrize(
    ("function", "exact", "points", "bound"), BOUNDS_OF_FLOAT32, ids=lambda each: getattr(each, "__name__", "")
)
def test_an_elementary_function_keeps_the_error_bound_of_its_docstring_in_float32(function, exact, points, bound):
    expected = exact(points.astype(np.float64))
    values = plain(function, points)
    assert values.dtype == np.float32
    errors = np.abs(values.astype(np.float64) - expected) / np.spacing(np.abs(expected.astype(np.float32)))
    worst = int(np.argmax(errors))
    assert errors[worst] <= bound, f"{function.__name__}({float(points[worst])!r})"


def test_sine_cosine_and_tangent_are_nan_beyond_their_range():
    beyond = np.array([np.nextafter(1e4, INF), -10001.0, 1e300, INF, -INF, NAN])
    assert np.isnan(plain(sin, beyond)).all()
    assert np.isnan(plain(cos, beyond)).all()
    assert np.isnan(plain(tan, beyond)).all()
    beyond_in_float32 = np.array([np.nextafter(np.float32(1e4), np.float32(INF)), -10001, 3e38, INF, -INF, NAN], np.float32)
    assert all(np.isnan(plain(function, beyond_in_float32)).all() for function in (sin, cos, tan))


def test_sine_is_odd_and_cosine_is_even():
    assert same_bits(sin(-ANGLES), np.where(ANGLES == 0, 0.0, -sin(ANGLES)))
    assert same_bits(cos(-ANGLES), cos(ANGLES))
    angles = ANGLES.astype(np.float32)
    assert same_bits(sin(-angles), np.where(angles == 0, np.float32(0.0), -sin(angles)))
    assert same_bits(cos(-angles), cos(angles))


def test_exp_ends_in_zero_and_infinity():
    assert plain(exp, np.array([-745.2, -1e300, -INF])).tolist() == [0.0, 0.0, 0.0]
    assert plain(exp, np.array([709.8, 1e300, INF])).tolist() == [INF, INF, INF]
    assert exp(0.0) == 1.0
    assert 0.0 < exp(-745.1) == TINY
    assert math.isnan(exp(NAN))
    ends = plain(exp, np.array([-104.0, -3e38, -INF, 88.8, 3e38, INF, NAN, 0.0, -103.9], np.float32))
    assert ends[:6].tolist() == [0.0, 0.0, 0.0, INF, INF, INF]
    assert math.isnan(ends[6])
    assert ends[7] == 1.0
    assert ends[8] == np.float32(1e-45) > 0.0


def test_log_ends_in_minus_infinity_and_nan():
    values = plain(log, np.array([0.0, -0.0, INF, 1.0]))
    assert values.tolist() == [-INF, -INF, INF, 0.0]
    assert np.isnan(plain(log, np.array([-TINY, -1.0, -INF, NAN]))).all()
    assert plain(log, np.array([0.0, -0.0, INF, 1.0], np.float32)).tolist() == [-INF, -INF, INF, 0.0]
    assert np.isnan(plain(log, np.array([-1e-45, -1.0, -INF, NAN], np.float32))).all()


def test_tanh_is_odd_and_saturates():
    assert same_bits(plain(tanh, -REALS), -plain(tanh, REALS))
    assert tanh(np.array([0.0, -0.0, TINY, -TINY])).tolist() == [0.0, 0.0, TINY, -TINY]
    assert plain(tanh, np.array([INF, -INF, 30.0, -30.0])).tolist() == [1.0, -1.0, 1.0, -1.0]
    assert math.isnan(tanh(NAN))
    ends = np.array([INF, -INF, 10.0, -10.0, 0.0, -0.0, 1e-45, -1e-45], np.float32)
    assert plain(tanh, ends).tolist() == [1.0, -1.0, 1.0, -1.0, *ends[4:].tolist()]
    assert math.isnan(tanh(np.float32(NAN)))


def test_powers_of_two_and_exponents_undo_each_other():
    k = np.arange(-1022.0, 1024.0)
    assert same_bits(power_of_two(k), 2.0**k)
    assert same_bits(compiled(power_of_two, k), 2.0**k)
    assert same_bits(exponent(2.0**k), k)
    assert same_bits(compiled(exponent, np.nextafter(2.0**k, INF)), k)
    k32 = np.arange(-126.0, 128.0, dtype=np.float32)
    powers = (2.0**k32).astype(np.float32)
    assert same_bits(power_of_two(k32), powers)
    assert same_bits(compiled(power_of_two, k32), powers)
    assert same_bits(exponent(powers), k32)
    assert same_bits(compiled(exponent, np.nextafter(powers, np.float32(INF))), k32)


# --- choosing ---


def _choices(x, y, out):
    out[0] = where(x < y, x, y)
    out[1] = minimum(x, y)
    out[2] = maximum(x, y)
    out[3] = clip(x, -1.0, y)
    out[4] = where(logical_not(x < y), 1.0, 0.0)
    out[5] = floor(x)
    out[6] = absolute(x)
    out[7] = where((x < y) | (x > y), 1.0, 0.0)


@pytest.mark.parametrize("y", [2.0, -0.5, INF, NAN])
@pytest.mark.parametrize("x", [1.5, -1.5, -0.0, 3.0, INF, -INF, NAN])
def test_choices_mean_the_same_for_floats_for_arrays_and_compiled(x, y):
    in_plain, in_compiled, in_arrays = np.empty(8), np.empty(8), np.empty((8, 1))
    _choices(x, y, in_plain)
    specialise(_choices)(x, y, in_compiled)
    _choices(np.array([x]), np.array([y]), in_arrays)
    assert same_bits(in_plain, in_compiled)
    assert same_bits(in_plain, in_arrays[:, 0])


def test_nan_in_a_choice():
    assert minimum(NAN, 1.0) == maximum(NAN, 1.0) == 1.0
    assert math.isnan(minimum(1.0, NAN))
    assert math.isnan(maximum(1.0, NAN))
    assert math.isnan(clip(NAN, 0.0, 1.0))
    assert where(NAN > 0.0, 1.0, 2.0) == 2.0
    assert math.isnan(floor(NAN))


def test_choices_by_hand():
    assert (minimum(1.0, 2.0), maximum(1.0, 2.0)) == (1.0, 2.0)
    assert [clip(x, -1.0, 1.0) for x in (-3.0, 0.5, 3.0, INF, -INF)] == [-1.0, 0.5, 1.0, 1.0, -1.0]
    assert [floor(x) for x in (1.5, -1.5, -0.5, 2.0)] == [1.0, -2.0, -1.0, 2.0]
    assert (logical_not(True), logical_not(False)) == (False, True)
    assert logical_not(np.array([True, False])).tolist() == [False, True]
    assert math.copysign(1.0, absolute(-0.0)) == 1.0
    assert where(np.array([True, False]), 1.0, np.array([5.0, 6.0])).tolist() == [1.0, 6.0]


def test_precision_follows_the_example():
    assert with_precision_of(np.float32(0), 0.1).dtype == np.float32
    assert with_precision_of(1.0, np.float32(0.5)).dtype == np.float64
    assert with_precision_of(np.zeros(2, np.float32), np.array([0.1, 0.2])).dtype == np.float32
    assert to_float32(0.1) == np.float32(0.1)
    assert to_float64(np.float32(0.1)) == 0.10000000149011612


# --- a few values in a row, and the counter ---


def _reversed(values, out):
    room = buffer(values[0], 3)
    for k in range(3):
        room[2 - k] = values[k]
    first, second, third = as_tuple(room, 3)
    out[0], out[1], out[2] = first, second, third


@pytest.mark.parametrize("reverse", [_reversed, specialise(_reversed)])
def test_a_buffer_is_filled_and_becomes_a_tuple(reverse):
    out = np.empty(3, np.float32)
    reverse(np.array([1, 2, 3], np.float32), out)
    assert out.tolist() == [3.0, 2.0, 1.0]


def _take_three(counter):
    return take_next(counter), take_next(counter), take_next(counter)


@pytest.mark.parametrize("take", [_take_three, specialise(_take_three)])
def test_a_counter_gives_each_number_once(take):
    counter = np.array([5], np.int64)
    assert take(counter) == (5, 6, 7)
    assert counter[0] == 8
