"""What is asked of a task, and what it answers: arrays only, so that algorithms need to know no task."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Counts, Descriptors, EpisodeFlags, Fitness, Flags, Indices, Returns, Seeds
from evolvent.moments import Moments


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What changes from generation to generation.

    Args:
        seeds: `(pop, episodes)`, the seed of each individual's each episode.
        episode_cap: After so many steps an episode is truncated; None leaves it to the world.
        normaliser: The moments by which observations are normalised before the network sees them, so that each number of
            them has mean 0 and deviation 1; None shows them as they are.
    """

    seeds: Seeds
    episode_cap: int | None = None
    normaliser: Moments | None = None


class Problem(NamedTuple):
    """What an episode failed with.

    Args:
        individual: Whose episode.
        episode: Which of its episodes, from 0.
        seed: Of that episode.
        step: After how many steps.
        text: What went wrong, in a line.
        details: The traceback, or nothing.
    """

    individual: int
    episode: int
    seed: int
    step: int
    text: str
    details: str = ""


MOST_PROBLEMS = 3  # that an evaluation tells of


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a task measured.

    Args:
        fitness: `(pop,)`, what selection sees; larger is better, always.
        returns: `(pop, episodes)`, what the world paid, untouched.
        steps: `(pop, episodes)`, how long each episode was.
        failed: `(pop,)`; a failed individual ranks last, whatever its fitness.
        truncated: `(pop, episodes)`, whether a limit ended the episode rather than the world; None where nothing can be cut
            off.
        descriptors: `(pop, episodes, n)`, how each episode's last state is described; None where nothing describes it.
        moments: Of what was observed, merged in the order of individual and episode; None where nothing was normalised.
        unplayable: `(pop, episodes)`, which episodes failed for what the world did; None where nobody can tell.
        problems: What the first episodes that failed did so with; None where none did, or nobody can tell.
    """

    fitness: Fitness
    returns: Returns
    steps: Counts
    failed: Flags
    truncated: EpisodeFlags | None = None
    descriptors: Descriptors | None = None
    moments: Moments | None = None
    unplayable: EpisodeFlags | None = None
    problems: tuple[Problem, ...] | None = None


def mean_return(returns: Returns, steps: Counts, failed: Flags, truncated: EpisodeFlags | None = None) -> Evaluation:
    """Return the evaluation whose fitness is each individual's mean return, NaN for one that failed."""
    failed = failed | ~np.isfinite(returns).all(axis=1)
    fitness = np.full(len(returns), np.nan)
    fitness[~failed] = mean(returns[~failed])
    return Evaluation(fitness=fitness, returns=returns, steps=steps, failed=failed, truncated=truncated)


def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean along the last axis, also of numbers whose sum no float can hold."""
    with np.errstate(over="ignore", invalid="ignore"):
        usual: NDArray[np.float64] = values.mean(axis=-1)
    if not (finite := np.isfinite(usual)).all():
        usual = np.where(finite, usual, (values / values.shape[-1]).sum(axis=-1))
    return usual


def without_problems(evaluation: Evaluation) -> Evaluation:
    """Return an evaluation as an algorithm keeps it: without what is told to people, or is of no individual's."""
    return replace(evaluation, moments=None, unplayable=None, problems=None)


def usable(evaluation: Evaluation) -> Flags:
    """Return who did not fail and has a fitness that is a finite number."""
    return ~evaluation.failed & np.isfinite(evaluation.fitness)


def best_first(evaluation: Evaluation) -> Indices:
    """Return the individuals' indices, best fitness first; equals keep their order, who is not usable comes last.

    Examples:
        >>> none = np.zeros((3, 1), np.int64)
        >>> best_first(mean_return(np.array([[1.0], [np.nan], [5.0]]), none, np.zeros(3, bool)))
        array([2, 0, 1])
    """
    return np.lexsort((-evaluation.fitness, ~usable(evaluation))).astype(np.int64)
