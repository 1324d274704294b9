"""Selection: which individuals become parents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evolvent.algorithms.ranges import refuse_below, refuse_outside
from evolvent.arrays import Indices
from evolvent.evaluation import Evaluation, best_first, usable
from evolvent.seeding import Stream

MAX_SIZE = 10_000  # of a tournament; each parent costs so many draws


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncation:
    """Draws parents evenly from the best few; with one, all children are the best individual's.

    Args:
        num_parents: How many of the best may breed, at least 1; all of them where the population is smaller.

    References:
        Muehlenbein and Schlierkamp-Voosen 1993, Predictive models for the breeder genetic algorithm.
        https://doi.org/10.1162/evco.1993.1.1.25
    """

    num_parents: int = 16

    def __post_init__(self) -> None:
        """Refuse to select nobody."""
        refuse_below("num_parents", self.num_parents, 1)

    def __call__(self, evaluation: Evaluation, count: int, stream: Stream, /) -> Indices:
        """Return the indices `(count,)` of the individuals that breed; failed ones breed only where nobody else is left."""
        best = best_first(evaluation)[: self.num_parents]
        sound = best[usable(evaluation)[best]]
        pool = sound if len(sound) else best
        return pool[stream.integers(0, len(pool), (count,))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tournament:
    """Draws `size` individuals evenly, with replacement, and takes the best of them, once for each parent.

    Args:
        size: From 1, which is no selection at all, to 10,000; the larger, the stricter.

    References:
        Goldberg and Deb 1991, A comparative analysis of selection schemes used in genetic algorithms.
        https://doi.org/10.1016/B978-0-08-050684-5.50008-2
    """

    size: int = 3

    def __post_init__(self) -> None:
        """Refuse a tournament of nobody."""
        refuse_below("size", self.size, 1)
        refuse_outside("size", self.size, 1, MAX_SIZE)

    def __call__(self, evaluation: Evaluation, count: int, stream: Stream, /) -> Indices:
        """Return the indices `(count,)` of the winners; a failed individual wins only among failed ones."""
        ranked = best_first(evaluation)
        drawn = stream.integers(0, len(ranked), (count, self.size))
        return ranked[drawn.min(axis=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rank:
    """Draws parents with a probability that falls evenly from the best to the worst.

    Args:
        pressure: How often the best breeds, as a multiple of the mean, from 1 (all alike) to 2 (the worst never).

    References:
        Baker 1985, Adaptive selection methods for genetic algorithms.
    """

    pressure: float = 2.0

    def __post_init__(self) -> None:
        """Refuse a pressure under which somebody would breed less than never."""
        refuse_outside("pressure", self.pressure, 1.0, 2.0)

    def __call__(self, evaluation: Evaluation, count: int, stream: Stream, /) -> Indices:
        """Return the indices `(count,)` of the individuals that breed; failed ones breed only where nobody else is left."""
        ranked = _sound_first(evaluation)
        weights = np.linspace(self.pressure, 2.0 - self.pressure, len(ranked))
        return ranked[_drawn(weights, count, stream)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Roulette:
    """Draws parents with a probability proportional to their fitness above that of the worst.

    It depends on the scale of fitness: where one individual is far ahead, it has nearly all the children, and where all
    are close to each other but for a bad one, selection all but ends.

    References:
        Holland 1975, Adaptation in natural and artificial systems; Goldberg 1989, Genetic algorithms, on windowing.
    """

    def __call__(self, evaluation: Evaluation, count: int, stream: Stream, /) -> Indices:
        """Return the indices `(count,)` of the individuals that breed; evenly drawn where all are alike."""
        ranked = _sound_first(evaluation)
        if not usable(evaluation)[ranked[0]]:
            return ranked[stream.integers(0, len(ranked), (count,))]
        halves = evaluation.fitness[ranked] / 2
        weights = halves - halves[-1]
        return ranked[_drawn(weights / weights[0] if weights[0] > 0 else weights + 1.0, count, stream)]


def _sound_first(evaluation: Evaluation) -> Indices:
    """Return who is usable, best first; everybody, where nobody is."""
    ranked = best_first(evaluation)
    sound = ranked[usable(evaluation)[ranked]]
    return sound if len(sound) else ranked


def _drawn(weights: NDArray[np.float64], count: int, stream: Stream) -> Indices:
    """Return `(count,)` positions, each drawn with a probability proportional to its weight."""
    ends: NDArray[np.float64] = np.cumsum(weights)
    marks: NDArray[np.float64] = stream.uniform((count,)) * ends[-1]
    drawn = np.searchsorted(ends, marks, side="right")
    return np.minimum(drawn, np.flatnonzero(weights)[-1]).astype(np.int64)
