import hashlib
import math
from functools import partial
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolvent import crew, normals
from evolvent.jit import kernel
from evolvent.normals import BLOCK, STRETCH, WORTH_SHARING
from evolvent.seeding import stream
from evolvent.threefry import threefry
from tests.reference.philox import digest
from tests.reference.threefry import normals as plain_normals
from tests.reference.threefry import threefry2x32

LIMIT = 1e30
SURE = 4.5  # standard deviations; beyond them by chance once in 150,000 times

# Random123's kat_vectors, "threefry2x32 13": counter, key, result.
KNOWN_ANSWERS = [
    ((0, 0), (0, 0), (0x9D1C5EC6, 0x8BD50731)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0xFD36D048, 0x2D17272C)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xBA3E4725, 0xF27D669E)),
]


@kernel
def compiled_threefry(k0, k1, x0, x1):
    return threefry(k0, k1, x0, x1)


def noise(shape, address="noise"):
    return stream(21, address).normal(shape)


def with_noise(rows, chosen, scales, limit=LIMIT, address="noise"):
    out = np.empty((len(chosen), rows.shape[1]), np.float32)
    stream(21, address).add_normals(rows, np.array(chosen), np.array(scales, np.float32), limit, out)
    return out


# --- the generator ---


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_threefry_gives_the_published_known_answers(counter, key, answer):
    assert threefry2x32(counter, key) == answer
    assert tuple(map(int, compiled_threefry(*map(np.uint32, (*key, *counter))))) == answer


@given(st.tuples(*[st.integers(0, 2**32 - 1)] * 2), st.tuples(*[st.integers(0, 2**32 - 1)] * 2))
def test_threefry_is_its_plain_twin(counter, key):
    assert tuple(map(int, compiled_threefry(*map(np.uint32, (*key, *counter))))) == threefry2x32(counter, key)


# --- which numbers ---


@pytest.mark.parametrize("columns", [1, 2, 255, 256, 257, BLOCK, BLOCK + 3, 2 * BLOCK])
def test_numbers_are_those_of_the_plain_twin_on_both_sides_of_every_edge(columns):
    expected = [plain_normals(digest(21, "noise"), row, columns) for row in range(2)]
    np.testing.assert_allclose(noise((2, columns)), expected, rtol=1e-6, atol=4e-7)


def test_a_number_depends_on_its_row_and_column_alone():
    whole = noise((5, 700))
    assert noise((3, 700)).tobytes() == whole[:3].tobytes()
    assert noise((5, BLOCK)).tobytes() == whole[:, :BLOCK].tobytes()
    assert noise((5, 100)).tobytes() == whole[:, :100].tobytes()


@pytest.mark.compiled
@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("shape", [(WORTH_SHARING // 100, 130), (2, WORTH_SHARING), (1, 5 * STRETCH + 7)], ids=repr)
def test_any_number_of_threads_draws_the_same_numbers(shape, threads, monkeypatch):
    rows, chosen = noise((3, shape[1]), "rows"), np.arange(shape[0]) % 3
    expected = np.concatenate([with_noise(rows, chosen, np.ones(shape[0]))])
    workers = crew.Crew(threads, "test")
    monkeypatch.setattr(normals, "share", lambda job: workers.do([job] * threads))
    monkeypatch.setattr(normals, "WORTH_SHARING", 0)
    assert with_noise(rows, chosen, np.ones(shape[0])).tobytes() == expected.tobytes()
    monkeypatch.setattr(normals, "WORTH_SHARING", math.inf)
    assert with_noise(rows, chosen, np.ones(shape[0])).tobytes() == expected.tobytes()
    workers.close()


def test_these_bits_never_change_compiled_or_in_plain_python():
    """The digest of what this text computed when it was written; the plain twin above says that it is right."""
    bits = hashlib.sha256(noise((3, 700)).tobytes()).hexdigest()
    assert bits == "36c58dfc49853419ab6771232723c50e53de69242d412722cd511566b3493448"


# --- what is done with them ---


def test_noise_is_scaled_and_added_to_the_chosen_rows():
    rows = noise((4, 600), "rows")
    chosen, scales = [3, 3, 0], np.array([0.5, 2.0, 1.0], np.float32)
    expected = rows[chosen] + scales[:, np.newaxis] * noise((3, 600))
    assert with_noise(rows, chosen, scales).tobytes() == expected.tobytes()


def test_results_stay_within_the_limit_and_are_numbers():
    rows = np.array([[1e30, -1e30, math.nan, math.inf, -math.inf, 1.0, 3.4e38]], np.float32)
    out = with_noise(rows, [0], [1e20], limit=1e30)[0]
    assert out[[0, 1, 3, 4, 6]].tolist() == pytest.approx([1e30, -1e30, 1e30, -1e30, 1e30], rel=1e-6)
    assert out[2] == 0
    assert np.isfinite(out).all()
    assert np.abs(out).max() <= np.float32(1e30)


def test_rows_that_may_not_be_written_or_lie_apart_are_read_all_the_same():
    rows = noise((4, 40), "rows")
    expected = with_noise(rows, [2, 1], [1, 1])
    frozen, apart = rows.copy(), np.asfortranarray(rows)
    frozen.flags.writeable = False
    assert with_noise(frozen, [2, 1], [1, 1]).tobytes() == expected.tobytes()
    assert with_noise(apart, [2, 1], [1, 1]).tobytes() == expected.tobytes()


def test_there_may_be_no_rows_and_no_columns():
    assert with_noise(np.ones((1, 5), np.float32), np.zeros(0, np.int64), []).shape == (0, 5)
    assert with_noise(np.ones((1, 0), np.float32), [0, 0], [1, 1]).shape == (2, 0)


# --- their distribution ---


@pytest.fixture(scope="module")
def many():
    """Give four million numbers."""
    return noise((400, 10_240)).astype(np.float64)


@pytest.mark.compiled
def test_moments_are_those_of_the_normal_distribution(many):
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96), (5, 0, 945), (6, 15, 10170)):
        assert abs((many**power).mean() - moment) < SURE * math.sqrt(variance / many.size)


@pytest.mark.compiled
def test_shares_of_small_intervals_are_those_of_the_normal_distribution(many):
    edges = np.array([NormalDist().inv_cdf(p) for p in np.linspace(0, 1, 1001)[1:-1]])
    counts = np.bincount(np.searchsorted(edges, many.ravel()), minlength=1000)
    expected = many.size / 1000
    statistic = float(((counts - expected) ** 2 / expected).sum())
    assert abs(statistic - 999) < SURE * math.sqrt(2 * 999)  # chi-squared with 999 degrees of freedom


@pytest.mark.compiled
@pytest.mark.parametrize("bound", [3.0, 4.0, 4.5, 5.0])
def test_tails_have_the_size_that_they_should(many, bound):
    expected = 2 * NormalDist().cdf(-bound) * many.size
    assert abs((np.abs(many) > bound).sum() - expected) < SURE * math.sqrt(expected) + 1
    assert np.abs(many).max() < 6.7


@pytest.mark.compiled
@pytest.mark.parametrize("by", [1, 2, 128, 255, 256, 257, 512, 1024])
def test_columns_are_independent_of_each_other(many, by):
    assert_independent(many[:, by:], many[:, :-by])


@pytest.mark.compiled
@pytest.mark.parametrize("by", [1, 2, 16, 200])
def test_rows_are_independent_of_each_other(many, by):
    assert_independent(many[by:], many[:-by])


@pytest.mark.compiled
def test_streams_are_independent_of_each_other(many):
    assert_independent(many, noise(many.shape, "other").astype(np.float64))


def assert_independent(one, other):
    """Hold products, of the numbers and of their squares, to those of independent ones."""
    assert abs((one * other).mean()) < SURE / math.sqrt(one.size)
    assert abs((one**2 * other**2).mean() - 1) < SURE * math.sqrt(8 / one.size)
    assert abs((np.abs(one) * other).mean()) < SURE / math.sqrt(one.size)


# --- who draws them ---


@pytest.mark.compiled
def test_an_interrupt_ends_the_drawing_and_leaves_it_usable(monkeypatch):
    def interrupted(_job):
        raise KeyboardInterrupt

    expected = noise((300, 1000))
    with monkeypatch.context() as patched:
        patched.setattr(normals, "share", interrupted)
        with pytest.raises(KeyboardInterrupt):
            noise((300, 1000))
    assert noise((300, 1000)).tobytes() == expected.tobytes()


def test_every_core_does_the_shared_job_once():
    done = []
    crew.share(partial(done.append, 1))
    assert len(done) == crew.cores() >= 1
