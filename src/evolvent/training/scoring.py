"""Scores: what a row achieves over episodes that it was not bred on."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Population, Row, Seeds
from evolvent.engines import Engine
from evolvent.errors import EnvironmentFailed
from evolvent.evaluation import Conditions, Evaluation
from evolvent.moments import Moments
from evolvent.seeding import stream
from evolvent.tasks import Task
from evolvent.training.failures import Failures

LARGEST = sys.float_info.max
REPLACEMENTS = 3  # times that episodes which nobody can play are replaced


@dataclass(frozen=True, slots=True)
class Score:
    """What a policy achieved over fresh episodes.

    Args:
        mean: Mean return.
        std: Standard deviation of the returns, 0 where there is one.
        episodes: How many there were.
        truncated: How many of them a limit ended rather than the world.
    """

    mean: float
    std: float
    episodes: int
    truncated: int = 0

    @property
    def margin(self) -> float:
        """Half the width of the mean's 95 % confidence interval; NaN where no episode tells it."""
        return min(1.96 * self.std / math.sqrt(self.episodes), LARGEST) if self.episodes else math.nan

    def reaches(self, target: float) -> bool:
        """Return whether the mean exceeds `target` by three standard errors, so that fresh episodes will say the same."""
        return self.mean - 3 * self.std / math.sqrt(self.episodes) >= target


def episode_seeds(seed: int, *address: str | int, episodes: int) -> Seeds:
    """Return the seeds `(episodes,)` of the episodes at an address of the run with this seed."""
    return stream(seed, *address).child("episodes").bits((episodes,))


def test_seeds(seed: int, episodes: int) -> Seeds:
    """Return the seeds `(episodes,)` that a run with this seed uses for its reported score and for nothing else."""
    return episode_seeds(seed, "test", episodes=episodes)


def played(  # noqa: PLR0913 - who plays what, where, how long, and what is made of it
    engine: Engine,
    task: Task,
    population: Population,
    seeds: Seeds,
    max_steps: int,
    failures: Failures,
    *,
    normaliser: Moments | None = None,
) -> Evaluation:
    """Return what `population (pop, dim)` achieves, each individual over the episodes of `seeds (episodes,)`.

    An episode that the world fails in, whoever plays, says nothing of anybody: another one is played in its place.
    """
    measure = partial(_over, engine, task, population, max_steps, normaliser)
    for _ in range(REPLACEMENTS):
        evaluation = measure(seeds)
        if evaluation.unplayable is None or not (hopeless := evaluation.unplayable.all(axis=0)).any():
            return evaluation
        failures.note_replacement(evaluation, int(np.flatnonzero(hopeless)[0]))
        seeds = np.where(hopeless, [_instead_of(int(seed)) for seed in seeds], seeds)
    return measure(seeds)


def _over(
    engine: Engine, task: Task, population: Population, max_steps: int, normaliser: Moments | None, seeds: Seeds
) -> Evaluation:
    shared = np.broadcast_to(seeds, (len(population), len(seeds)))
    return engine.evaluate(task, population, Conditions(seeds=shared, episode_cap=max_steps, normaliser=normaliser))


def _instead_of(seed: int) -> np.uint64:
    return stream(seed >> 1, "instead").child("episodes").bits((1,))[0]


def score(  # noqa: PLR0913 - as for `played`
    engine: Engine,
    task: Task,
    row: Row,
    seeds: Seeds,
    max_steps: int,
    failures: Failures,
    *,
    normaliser: Moments | None = None,
) -> Score:
    """Return what `row (dim,)` achieves in `task` over the episodes of `seeds (episodes,)`.

    Raises:
        EnvironmentFailed: An episode failed, and so did those that took its place.
    """
    evaluation = played(engine, task, row[np.newaxis], seeds, max_steps, failures, normaliser=normaliser)
    if evaluation.failed[0]:
        raise _failure(evaluation)
    return score_of(evaluation, 0)


def _failure(evaluation: Evaluation) -> EnvironmentFailed:
    if not evaluation.problems:
        return EnvironmentFailed(
            "an episode failed: the environment raised an error, or there were numbers that are not finite"
        )
    problem = evaluation.problems[0]
    error = EnvironmentFailed(f"an episode failed (seed {problem.seed}, step {problem.step}): {problem.text}")
    if problem.details:
        error.add_note(problem.details)
    return error


def score_of(evaluation: Evaluation, individual: int) -> Score:
    """Return the score of one individual of an evaluation."""
    returns = evaluation.returns[individual]
    truncated = 0 if evaluation.truncated is None else int(evaluation.truncated[individual].sum())
    return Score(float(evaluation.fitness[individual]), _std(returns), len(returns), truncated)


def _std(returns: NDArray[np.float64]) -> float:
    if len(returns) < 2:
        return 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        std = float(returns.std(ddof=1))
    if math.isfinite(std):
        return std
    largest = float(np.abs(returns).max())
    return min(float((returns / largest).std(ddof=1)), LARGEST / largest) * largest
