import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolvent.errors import UsageError
from evolvent.jit import kernel
from evolvent.philox import philox
from evolvent.seeding import MAX_SEED, Draw, stream, uniform
from tests.reference.philox import digest, philox4x32, words

# Random123's kat_vectors, "philox4x32 10": counter, key, result.
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@kernel
def compiled_philox(key, low, high):
    return philox(key, low, high)


@kernel
def compiled_uniform(key, step, k):
    return uniform(Draw(key, step), k)


def joined(words):
    return [int(low) | int(high) << 32 for low, high in zip(words[::2], words[1::2], strict=True)]


def kolmogorov(numbers, distribution):
    """Return Kolmogorov's statistic, which exceeds 1.95 once in a thousand times."""
    ordered = np.sort(numbers, axis=None)
    expected = np.array([distribution(x) for x in ordered])
    steps = np.arange(ordered.size + 1) / ordered.size
    return max(np.abs(expected - steps[1:]).max(), np.abs(expected - steps[:-1]).max()) * math.sqrt(ordered.size)


# --- the generator ---


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_philox_gives_the_published_known_answers(counter, key, answer):
    assert philox4x32(counter, key) == answer
    arguments = [np.uint64(number) for number in (*joined(key), *joined(counter))]
    assert [int(word) for word in philox(*arguments)] == joined(answer)
    assert [int(word) for word in compiled_philox(*arguments)] == joined(answer)


@given(st.tuples(*[st.integers(0, 2**32 - 1)] * 4), st.tuples(*[st.integers(0, 2**32 - 1)] * 2))
def test_philox_is_its_plain_twin(counter, key):
    arguments = [np.uint64(number) for number in (*joined(key), *joined(counter))]
    assert [int(word) for word in compiled_philox(*arguments)] == joined(philox4x32(counter, key))


def test_a_stream_is_philox_at_its_address():
    bits = stream(7, 3, "x").bits((2, 5))
    state = digest(7, 3, "x")
    assert bits.tolist() == [[joined(words(state, i, j))[0] for j in range(5)] for i in range(2)]


def test_these_bits_never_change():
    assert stream(2**63 - 1, 0, "episodes").bits((2, 2)).tolist() == [
        [7490428564103264783, 2845380924943048681],
        [16603116391649482838, 7985768003228891581],
    ]
    assert [float(x).hex() for x in stream(7, "x").normal((2, 3)).ravel()] == [
        "0x1.37e8200000000p+0",
        "-0x1.0c77de0000000p+1",
        "0x1.9b387c0000000p+0",
        "-0x1.4f8c200000000p-1",
        "-0x1.5160ac0000000p-4",
        "0x1.315e860000000p+0",
    ]
    assert stream(7, "x").uniform((2,)).tolist() == [0.25316501649320544, 0.06892379766014745]
    assert stream(7, 3, "x").integers(-5, 1000, (4,)).tolist() == [259, 466, 536, 180]
    assert [uniform(Draw(7, step), k).hex() for step, k in ((0, 0), (0, 1), (499, 3))] == [
        "0x1.30d90653c460ap-2",
        "0x1.52ca70d356899p-1",
        "0x1.196d949ec1cc8p-3",
    ]


# --- addresses ---


@pytest.mark.parametrize("method", ["bits", "uniform", "normal"])
def test_a_row_depends_on_no_other_row(method):
    few, many = (getattr(stream(1, "rows"), method)((rows, 3, 5)) for rows in (2, 9))
    assert few.tobytes() == many[:2].tobytes()


def test_shapes_and_types():
    assert stream(0).bits((3, 2)).dtype == np.uint64
    assert stream(0).normal((3, 2, 4)).dtype == np.float32
    assert stream(0).uniform((3, 2)).dtype == np.float64
    assert stream(0).integers(0, 5, (3,)).dtype == np.int64
    assert stream(0).normal(()).shape == ()
    assert stream(0).normal((0, 4)).shape == (0, 4)
    assert stream(0).normal((4, 0)).shape == (4, 0)
    assert stream(0).normal((2, 3)).tobytes() == stream(0).normal((2, 3, 1)).tobytes()


def test_a_stream_is_drawn_from_once():
    source = stream(0, 5, "selection")
    source.uniform((2,))
    for draw in (source.bits, source.uniform, source.normal):
        with pytest.raises(RuntimeError, match="0/5/selection was drawn from already"):
            draw((1,))
    assert source.child("another").normal((2,)).shape == (2,)


def test_every_address_is_a_stream_of_its_own():
    addresses = [(), (0,), (1,), ("0",), ("a",), ("b",), ("a", "b"), ("ab",), ("a/b",), (0, 1), (1, 0), ("int:0",)]
    firsts = {int(stream(seed, *address).bits(())) for seed in (0, 1, MAX_SEED) for address in addresses}
    assert len(firsts) == 3 * len(addresses)


def test_a_child_is_an_address_and_its_number_may_be_numpys():
    expected = stream(3, 4, "x").bits((4,)).tolist()
    assert stream(3).child(4).child("x").bits((4,)).tolist() == expected
    number: Any = np.int64(4)
    assert stream(3).child(number).child("x").bits((4,)).tolist() == expected
    assert repr(stream(3, 4, "x")) == "stream 3/4/x"


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(UsageError, match=rf"seed: .* got {seed}"):
        stream(seed)


@pytest.mark.parametrize(("low", "high"), [(0, 0), (1, 0), (0, 2**32 + 1)])
def test_a_range_without_numbers_or_with_too_many_is_refused(low, high):
    with pytest.raises(ValueError, match=f"low={low}, high={high}"):
        stream(0).integers(low, high, (1,))


# --- distributions ---


def test_normals_are_normal():
    noise = stream(11, "noise").normal((150, 101)).astype(np.float64)
    n = noise.size
    assert abs(noise.mean()) < 4 / math.sqrt(n)
    assert abs(noise.var() - 1) < 4 * math.sqrt(2 / n)
    assert kolmogorov(noise, NormalDist().cdf) < 1.95
    assert np.abs(noise).max() < 6.8
    for one, other in ((noise[:, 1:], noise[:, :-1]), (noise[1:], noise[:-1]), (noise[:, 2:], noise[:, :-2])):
        assert abs((one * other).mean()) < 4 / math.sqrt(one.size)
        assert abs((one**2 * other**2).mean() - 1) < 4 * math.sqrt(8 / one.size)


def test_uniform_numbers_are_even():
    numbers = stream(12, "numbers").uniform((80, 100))
    assert 0.0 <= numbers.min() < numbers.max() < 1.0
    assert kolmogorov(numbers, lambda x: x) < 1.95
    assert np.array_equal(numbers * 2.0**53, np.floor(numbers * 2.0**53))


def test_every_bit_is_set_half_of_the_time():
    bits = stream(13).bits((50, 80))
    shares = [float(((bits >> np.uint64(k)) & np.uint64(1)).mean()) for k in range(64)]
    assert np.abs(np.array(shares) - 0.5).max() < 4.5 * 0.5 / math.sqrt(bits.size)


def test_integers_are_even():
    numbers = stream(14).integers(-3, 4, (7000,))
    counts = np.bincount(numbers + 3, minlength=7)
    assert len(counts) == 7
    assert ((counts - 1000) ** 2 / 1000).sum() < 22.5  # chi-squared with 6 degrees of freedom, once in a thousand times


def test_integers_reach_the_ends_of_the_widest_range():
    numbers = stream(15).integers(-(2**31), 2**31, (4000,))
    assert -(2**31) <= numbers.min() < -(2**31) * 0.99
    assert 2**31 * 0.99 < numbers.max() < 2**31


# --- the numbers of an episode ---


@given(st.integers(0, 2**64 - 1), st.integers(0, 10**6), st.integers(0, 20))
def test_an_episodes_numbers_are_the_same_compiled_and_in_plain_python(key, step, k):
    assert float(compiled_uniform(np.uint64(key), step, k)).hex() == uniform(Draw(key, step), k).hex()


@pytest.mark.parametrize("axis", ["key", "step", "k"])
def test_an_episodes_numbers_are_even_along_every_axis(axis):
    start = {"key": 0, "step": 0, "k": 0}
    numbers = np.array([compiled_uniform(np.uint64(at["key"]), at["step"], at["k"]) for at in _along(axis, start, 4000)])
    assert 0.0 <= numbers.min() < numbers.max() < 1.0
    assert kolmogorov(numbers, lambda x: x) < 1.95
    centred = numbers - 0.5
    assert abs((centred[1:] * centred[:-1]).mean()) < 4 / 12 / math.sqrt(len(numbers))


def _along(axis, start, count):
    return [{**start, axis: i} for i in range(count)]
