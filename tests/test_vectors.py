"""What runs in lanes gives the bits of what runs alone."""

import math
import operator
from typing import Any

import numpy as np
import pytest

from evolvent.instructions import lane_of, spread, with_lane
from evolvent.jit import specialise
from evolvent.lanes import (
    absolute,
    clip,
    cos,
    exp,
    floor,
    log,
    logical_not,
    maximum,
    minimum,
    multiply_add,
    sin,
    sqrt,
    tan,
    tanh,
    where,
    with_precision_of,
)
from evolvent.networks.activations import ACTIVATIONS, gelu, identity, relu, sigmoid, silu, softplus, softsign
from evolvent.seeding import Draw, uniform

pytestmark = pytest.mark.compiled

LANES = 8
FUNCTION: Any = None
SIZE = 0

AWKWARD = [0.0, -0.0, 1.0, -1.5, 0.3, 1e-310, -1e-8, 709.0, -745.0, 1e4, -9999.5, 2.5, math.inf, -math.inf, math.nan, 1e300]
SUBNORMAL_FLOAT32 = [
    1e-45,
    -1e-45,
    1e-40,
    1.1754942e-38,
    1.1754944e-38,
    3.4e38,
    88.0,
    88.8,
    -87.0,
    -100.0,
    -103.9,
    -104.1,
    0.625,
    -0.625,
    31.0,
    32.0,
]


def _alone(values, out):
    for i in range(len(values)):
        results = FUNCTION(values[i])
        for k in range(SIZE):
            out[i, k] = results[k]


def _in_lanes(values, out):
    for first in range(0, len(values), LANES):
        vectors = spread((values[0],), LANES)
        for lane in range(LANES):
            vectors = with_lane(vectors, lane, (values[first + lane],))
        results = spread(FUNCTION(vectors[0]), LANES)
        for k in range(SIZE):
            for lane in range(LANES):
                out[first + lane, k] = lane_of(results[k], lane)


def both(function, values):
    size = len(function(values[0]))
    results = []
    for template, lanes in ((_alone, {}), (_in_lanes, {"LANES": LANES})):
        out = np.zeros((len(values), size), values.dtype)
        specialise(template, FUNCTION=function, SIZE=size, **lanes)(values, out)
        results.append(out)
    return results


def numbers(dtype):
    rng = np.random.default_rng(0)
    spread_out = rng.normal(size=240) * np.logspace(-8, 3.5, 240)
    usual = 3.0 * rng.normal(size=20_000)  # one rounding too many is seen in one of a thousand
    with np.errstate(over="ignore"):
        return np.concatenate([AWKWARD, SUBNORMAL_FLOAT32, spread_out, usual]).astype(dtype)


def _elementary(x):
    return sin(x), cos(x), tan(x), exp(x), log(x), tanh(x), sqrt(x), floor(x), absolute(x)


def _activations(x):
    return identity(x), relu(x), tanh(x), sigmoid(x), softplus(x), gelu(x), silu(x), softsign(x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("functions", [_elementary, _activations])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_functions_give_the_same_bits(functions, dtype):
    alone, in_lanes = both(functions, numbers(dtype))
    assert alone.tobytes() == in_lanes.tobytes()


def _sums_of_products(x):
    constant = with_precision_of(x, 0.1)
    return (
        multiply_add(x, x, x),
        multiply_add(x, constant, x),
        multiply_add(constant, x, constant),
        multiply_add(constant, constant, x),
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_sum_of_products_is_rounded_alike_whichever_of_its_numbers_are_in_lanes(dtype):
    alone, in_lanes = both(_sums_of_products, numbers(dtype))
    assert alone.tobytes() == in_lanes.tobytes()


def test_every_activation_is_tested_in_lanes():
    assert set(ACTIVATIONS) <= set(_activations.__code__.co_names)


def _mixed(x):
    y = clip(x, -2.0, 3.0) / 0.7 - 1.0 + x * 2.0
    inside = logical_not((x < -1.0) | (x >= 1.0)) & (x != 0.5)
    outside = (x <= 0.0) ^ (x > 2.0)
    return (where(inside, minimum(-y, 4.0), where(outside == inside, y, maximum(1.0, y))),)


def test_operators_give_the_same_bits():
    alone, in_lanes = both(_mixed, numbers(np.float64))
    assert alone.tobytes() == in_lanes.tobytes()


def _accumulated(x):
    total = 0.0
    for k in range(3):
        total = total + x * k
    return (total,)


def test_a_variable_may_begin_as_a_number_and_become_a_vector():
    alone, in_lanes = both(_accumulated, numbers(np.float64))
    assert alone.tobytes() == in_lanes.tobytes()


def _random_alone(keys, out):
    for i in range(len(keys)):
        out[i] = uniform(Draw(keys[i], i), 3)


def _random_in_lanes(keys, out):
    draws = spread(Draw(keys[0], 0), LANES)
    for lane in range(LANES):
        draws = with_lane(draws, lane, Draw(keys[lane], lane))
    numbers_drawn = uniform(draws, 3)
    for lane in range(LANES):
        out[lane] = lane_of(numbers_drawn, lane)


def test_random_numbers_are_the_same_in_lanes_alone_and_in_plain_python():
    keys = np.random.default_rng(1).integers(0, 2**64, size=LANES, dtype=np.uint64)
    alone, in_lanes = np.zeros(LANES), np.zeros(LANES)
    specialise(_random_alone)(keys, alone)
    specialise(_random_in_lanes, LANES=LANES)(keys, in_lanes)
    plain = [uniform(Draw(int(key), step), 3) for step, key in enumerate(keys)]
    assert alone.tobytes() == in_lanes.tobytes() == np.array(plain).tobytes()


def test_whole_numbers_have_their_operators():
    def whole(keys, out):
        words = spread((keys[0],), LANES)
        for lane in range(LANES):
            words = with_lane(words, lane, (keys[lane],))
        word = ((words[0] >> np.uint64(3)) ^ words[0]) * np.uint64(5) + (words[0] & np.uint64(7)) - np.uint64(2)
        for lane in range(LANES):
            out[lane] = lane_of(word, lane)

    keys = np.arange(LANES, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    out = np.zeros(LANES, np.uint64)
    specialise(whole, LANES=LANES)(keys, out)
    expected = operator.add(((keys >> np.uint64(3)) ^ keys) * np.uint64(5), (keys & np.uint64(7)) - np.uint64(2))
    np.testing.assert_array_equal(out, expected)
