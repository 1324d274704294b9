"""Shaping: which utilities, the weights of what was tried, a population's fitness is turned into.

An individual that failed, or whose fitness is no finite number, never has a better utility than one that is sound. Where
ranks count, equals share the mean of what their ranks are worth, so that a population of equals moves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from evolvent.algorithms.ranges import LARGEST
from evolvent.arrays import Fitness
from evolvent.evaluation import Evaluation, best_first, usable
from evolvent.lanes import log

ShapingName = Literal["centred_ranks", "nes", "z_score", "raw"]


def centred_ranks(evaluation: Evaluation) -> Fitness:
    """Return the ranks `(pop,)`, spread evenly from -1/2 for the worst to 1/2 for the best.

    References:
        Salimans et al. 2017, Evolution strategies as a scalable alternative to reinforcement learning, section 2.1 and the
        authors' code. https://arxiv.org/abs/1703.03864

    Examples:
        >>> from evolvent.evaluation import mean_return
        >>> returns = np.array([[7.0], [-2.0], [7.0], [np.nan], [100.0]])
        >>> centred_ranks(mean_return(returns, np.ones((5, 1), np.int64), np.zeros(5, bool)))
        array([ 0.125, -0.25 ,  0.125, -0.5  ,  0.5  ])
    """
    others = len(evaluation.fitness) - 1
    return _by_rank(evaluation, 0.5 * np.arange(others, -others - 1, -2) / max(others, 1))


def nes(evaluation: Evaluation) -> Fitness:
    """Return utilities `(pop,)` by rank that leave the worse half out: they fall with the logarithm, and sum to 0.

    References:
        Wierstra et al. 2014, Natural evolution strategies, section 3.1. https://jmlr.org/papers/v15/wierstra14a.html
    """
    size = len(evaluation.fitness)
    ranks = np.arange(1, size + 1, dtype=np.float64)  # 1 is the best
    weights = np.maximum(0.0, log(np.float64(size / 2 + 1)) - log(ranks))
    return _by_rank(evaluation, weights / weights.sum() - 1 / size)


def z_score(evaluation: Evaluation) -> Fitness:
    """Return the fitness `(pop,)` less its mean, in units of its standard deviation; zeros where all are equal.

    Who is not sound counts as the worst that is.
    """
    fitness, _ = comparable(evaluation)
    return standardised(fitness)


def raw(evaluation: Evaluation) -> Fitness:
    """Return the fitness `(pop,)` as it is, up to 1e30 either way; who is not sound counts as the worst that is."""
    fitness, exponent = comparable(evaluation)
    with np.errstate(over="ignore"):
        return np.clip(np.ldexp(fitness, exponent), -LARGEST, LARGEST)


SHAPINGS: Final[Mapping[str, Callable[[Evaluation], Fitness]]] = {
    "centred_ranks": centred_ranks,
    "nes": nes,
    "z_score": z_score,
    "raw": raw,
}


def comparable(evaluation: Evaluation) -> tuple[Fitness, int]:
    """Return fitness that can be computed with, and the power of two by which it is too small.

    Returns:
        The fitness `(pop,)`, divided by a power of two so that all of it lies between -1 and 1 and no sum of squares is too
        large. Who is not sound has the worst that is; where nobody is, all have 0. And the exponent of that power.
    """
    sound = usable(evaluation)
    if not sound.any():
        return np.zeros(len(sound)), 0
    fitness = np.where(sound, evaluation.fitness, evaluation.fitness[sound].min())
    exponent = int(np.frexp(np.abs(fitness).max())[1])
    return np.ldexp(fitness, -exponent), exponent


def standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values less their mean, in units of their standard deviation; zeros where all are equal."""
    if (values == values[0]).all():
        return np.zeros_like(values)
    away = values - values.mean()
    deviation = np.sqrt(np.square(away).mean())
    return away / deviation if deviation > 0 else np.zeros_like(values)


def _by_rank(evaluation: Evaluation, worth: NDArray[np.float64]) -> Fitness:
    """Return what each individual's rank is worth, `worth (pop,)` being that of the best first; equals share the mean."""
    order = best_first(evaluation)
    fitness, sound = evaluation.fitness[order], usable(evaluation)[order]
    begins = np.ones(len(order), np.bool_)  # who is worse than the one before
    begins[1:] = (sound[1:] & (fitness[1:] != fitness[:-1])) | (sound[1:] != sound[:-1])
    firsts = np.flatnonzero(begins)
    counts = np.diff(np.append(firsts, len(order)))
    shared = np.empty(len(order))
    shared[order] = np.repeat(np.add.reduceat(worth, firsts) / counts, counts)
    return shared
