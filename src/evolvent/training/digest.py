# pyright: basic
"""The digest of a run: a chain over what every generation was and achieved.

Rows are many, so they are first brought down to a fingerprint of each 64 KiB of them, on every core. SHA-256 chains
these and the returns. The fingerprint finds faults: a bit that differs, rows in another order. It is not made to
withstand somebody who wants two populations to have the same one.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Population, Returns
from evolvent.crew import share
from evolvent.jit import COMPILES, kernel
from evolvent.lanes import take_next
from evolvent.lanes.width import widest_vectors

FIRST = hashlib.sha256(b"evolvent").hexdigest()

STRETCH = 8192  # words of 64 bits
WORTH_SHARING = 1 << 17  # words; fewer are read before other threads wake up


def chained(digest: str, population: Population, returns: Returns, *besides: NDArray[Any]) -> str:
    """Return the digest of a run that comes by one more generation.

    Args:
        digest: What the generations before came to, `FIRST` for none.
        population: `(pop, dim)`, the rows of this generation.
        returns: `(pop, episodes)`, what the world paid them.
        besides: What else the search depends on, such as the moments of what was observed.

    Returns:
        64 hexadecimal digits, which depend on every bit of all generations.

    Examples:
        >>> one, other = np.zeros((2, 3), np.float32), np.array([[0, 0, 0], [0, 0, 1]], np.float32)
        >>> chained(FIRST, one, np.zeros((2, 1))) == chained(FIRST, other, np.zeros((2, 1)))
        False
    """
    content = bytes.fromhex(digest) + repr((population.shape, returns.shape)).encode()
    chain = hashlib.sha256(content + _fingerprints(population) + returns.tobytes())
    for array in besides:
        chain.update(repr((array.dtype.str, array.shape)).encode() + array.tobytes())
    return chain.hexdigest()


def _fingerprints(population: Population) -> bytes:
    numbers = np.ascontiguousarray(population).reshape(-1)
    numbers = numbers if numbers.flags.writeable else numbers.copy()  # one type, compiled once
    whole = numbers.size // 2 * 2
    words = numbers[:whole].view(np.uint64)
    found, counter = np.empty(-(-len(words) // STRETCH), np.uint64), np.zeros(1, np.int64)
    job = partial(_fingerprint, words, found, counter)
    if len(words) < WORTH_SHARING or not COMPILES:
        job()
    else:
        try:
            share(job)
        finally:
            counter[0] = len(found)  # an interrupt stops the others after their stretch
    return found.tobytes() + numbers[whole:].tobytes()


GOLDEN, ZERO = np.uint64(0x9E3779B97F4A7C15), np.uint64(0)
MULTIPLIER_1, MULTIPLIER_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
SHIFT_1, SHIFT_2, SHIFT_3 = np.uint64(30), np.uint64(27), np.uint64(31)


def _mixed(x: Any) -> Any:
    """Return a word whose every bit depends on all of `x`: the mixing of SplitMix64 (Steele, Lea and Flood 2014)."""
    x = (x ^ (x >> SHIFT_1)) * MULTIPLIER_1
    x = (x ^ (x >> SHIFT_2)) * MULTIPLIER_2
    return x ^ (x >> SHIFT_3)


def _sum_of_mixed(words: NDArray[np.uint64]) -> Any:
    """Return the sum of the words, each mixed with its place, so that their order counts."""
    widest_vectors()
    total, place = ZERO, ZERO
    for k in range(len(words)):
        place = place + GOLDEN
        total = total + _mixed(words[k] ^ place)
    return total


@kernel
def _fingerprint(words: NDArray[np.uint64], found: NDArray[np.uint64], counter: NDArray[np.int64]) -> None:
    """Write into `found` the sum of the mixed words of each stretch."""
    stretch = take_next(counter)
    while stretch < len(found):
        found[stretch] = _sum_of_mixed(words[stretch * STRETCH : (stretch + 1) * STRETCH])
        stretch = take_next(counter)
