import hashlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolvent.crew import Crew
from evolvent.seeding import stream
from evolvent.training import digest
from evolvent.training.digest import FIRST, STRETCH, chained

MASK = 2**64 - 1
RETURNS = np.array([[1.0, 2.0], [3.0, 4.0]])


def rows(count, dim):
    return stream(0, "rows").normal((count, dim))


def plain_twin(before, population, returns):
    """Compute the digest in whole numbers of Python."""
    content = population.tobytes()
    words = [int.from_bytes(content[k : k + 8], "little") for k in range(0, len(content) // 8 * 8, 8)]
    fingerprints = b""
    for first in range(0, len(words), STRETCH):
        total = 0
        for place, word in enumerate(words[first : first + STRETCH], 1):
            x = word ^ (place * 0x9E3779B97F4A7C15 & MASK)
            x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
            x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
            total += x ^ (x >> 31)
        fingerprints += (total & MASK).to_bytes(8, "little")
    shapes = repr((population.shape, returns.shape)).encode()
    rest = content[len(words) * 8 :]
    return hashlib.sha256(bytes.fromhex(before) + shapes + fingerprints + rest + returns.tobytes()).hexdigest()


@pytest.mark.parametrize("shape", [(2, 3), (3, 5), (1, 1), (2, 0), (2, STRETCH), (3, STRETCH + 1)], ids=repr)
def test_it_is_what_its_plain_twin_computes(shape):
    population = rows(*shape)
    assert chained(FIRST, population, RETURNS) == plain_twin(FIRST, population, RETURNS)
    assert chained("ab" * 32, population, RETURNS) == plain_twin("ab" * 32, population, RETURNS)


@given(st.integers(0, 2 * 9 - 1), st.integers(0, 31))
def test_every_bit_counts(element, bit):
    population = rows(2, 9)
    changed = population.copy()
    changed.view(np.uint32).reshape(-1)[element] ^= np.uint32(1 << bit)
    assert chained(FIRST, changed, RETURNS) != chained(FIRST, population, RETURNS)


def test_order_shape_returns_and_what_was_before_count():
    population = rows(2, 6)
    variants = [
        (FIRST, population, RETURNS),
        (chained(FIRST, population, RETURNS), population, RETURNS),
        (FIRST, population[::-1], RETURNS),
        (FIRST, population[:, ::-1], RETURNS),
        (FIRST, population[:, [2, 3, 0, 1, 4, 5]], RETURNS),
        (FIRST, population.reshape(3, 4), RETURNS),
        (FIRST, -population, RETURNS),
        (FIRST, population, RETURNS[::-1]),
        (FIRST, population, RETURNS.reshape(4, 1)),
    ]
    assert len({chained(*each) for each in variants}) == len(variants)


def test_rows_that_may_not_be_written_or_lie_apart_are_read_all_the_same():
    population = rows(4, 7)
    frozen = population.copy()
    frozen.flags.writeable = False
    expected = chained(FIRST, population, RETURNS)
    assert chained(FIRST, frozen, RETURNS) == chained(FIRST, np.asfortranarray(population), RETURNS) == expected


@pytest.mark.compiled
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_any_number_of_threads_finds_the_same(threads, monkeypatch):
    population = rows(30, STRETCH + 1)
    monkeypatch.setattr(digest, "WORTH_SHARING", math.inf)
    expected = chained(FIRST, population, RETURNS)
    workers = Crew(threads, "test")
    monkeypatch.setattr(digest, "share", lambda job: workers.do([job] * threads))
    monkeypatch.setattr(digest, "WORTH_SHARING", 0)
    assert chained(FIRST, population, RETURNS) == expected
    workers.close()
