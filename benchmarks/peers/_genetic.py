"""A genetic algorithm in NumPy, for the peers that step worlds and search nothing: truncation, an elite, normal mutation.

Its settings are those of Evolvent's preset: the best eight are parents, the best one lives on, a strength of 0.5.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from _job import HELD_OUT, POPULATION_SIZE, SEARCH_EPISODES, SIZES, Array, Measured, Searched, has_solved

NUM_PARENTS = 8
STRENGTH = 0.5


class Tally(NamedTuple):
    """What a search has measured so far."""

    generations: int = 0
    useful: int = 0
    computed: int = 0

    def plus(self, measured: Measured, generations: int = 0) -> Tally:
        """Return the tally with one more measurement."""
        return Tally(self.generations + generations, self.useful + measured.useful, self.computed + measured.computed)


def first_rows(rng: np.random.Generator) -> Array:
    """Return the rows of the first generation: normal weights, biases of zero."""
    inputs, hidden, outputs = SIZES
    parts: list[Array] = []
    for above, below in ((inputs, hidden), (hidden, outputs)):
        parts += [rng.normal(size=(POPULATION_SIZE, above * below)), np.zeros((POPULATION_SIZE, below))]
    return np.concatenate(parts, axis=1).astype(np.float32)


def next_rows(rows: Array, means: Array, rng: np.random.Generator) -> Array:
    """Return the best row and mutated copies of the best eight."""
    order = np.argsort(-means, kind="stable")
    parents = rows[rng.choice(order[:NUM_PARENTS], len(rows) - 1)]
    children = parents + STRENGTH * rng.normal(size=parents.shape)
    return np.concatenate([rows[order[:1]], children]).astype(np.float32)


def search(rollout: Callable[[Array, int], Measured], seed: int, limit: float) -> Searched:
    """Search until a generation's best holds what it promised in the held-out episodes, or the time is over."""
    rng, ends = np.random.default_rng(seed), time.perf_counter() + limit
    rows, tally, held_out = first_rows(rng), Tally(), 0.0
    while True:
        measured = rollout(rows, SEARCH_EPISODES)
        tally = tally.plus(measured, generations=1)
        if has_solved(measured.means.max()):
            tried = rollout(rows[np.argmax(measured.means)][None], HELD_OUT)
            tally, held_out = tally.plus(tried), float(tried.means[0])
        if has_solved(held_out) or time.perf_counter() > ends:
            return Searched(held_out, *tally)
        rows = next_rows(rows, measured.means, rng)
