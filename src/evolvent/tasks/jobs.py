"""What a compiled rollout is given, and what it writes: jobs, each an episode of an individual."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Counts, Descriptors, EpisodeFlags, Population, Returns, Seeds
from evolvent.crew import Crew
from evolvent.evaluation import Conditions, Evaluation, mean_return
from evolvent.moments import Moments, moments_of_episodes


class Jobs(NamedTuple):
    """What a rollout is given, the same for each thread.

    Args:
        population: `(pop, dim)`.
        seeds: `(pop, episodes)`.
        cap: After so many steps an episode is truncated.
        centre: `(observation size,)`, what is taken off an observation where it is normalised.
        scale: `(observation size,)`, what the rest is multiplied with.
        counter: `(1,)`, the next job, or stretch of jobs.
    """

    population: Population
    seeds: Seeds
    cap: int
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    counter: NDArray[np.int64]


class Results(NamedTuple):
    """What a rollout writes, a place for each job.

    Args:
        returns: `(pop, episodes)`, the sum of rewards.
        steps: `(pop, episodes)`.
        failed: `(pop, episodes)`, whether a number was not finite that has to be.
        truncated: `(pop, episodes)`, whether the cap ended it.
        descriptors: `(pop, episodes, n)`, of the last state; n is 0 where the world describes nothing.
        sums: `(pop, episodes, 2 * observation size)`, of the deviations of observations from the centre, and of their
            squares; of size 0 where observations are not normalised.
    """

    returns: Returns
    steps: Counts
    failed: EpisodeFlags
    truncated: EpisodeFlags
    descriptors: Descriptors
    sums: NDArray[np.float64]


def jobs_of(population: Population, conditions: Conditions, observation_size: int, longest: int) -> Jobs:
    """Return the jobs of measuring a population, none of them begun.

    Args:
        population: `(pop, dim)`.
        conditions: Under which it is measured.
        observation_size: How many numbers an observation has.
        longest: After how many steps an episode is truncated where the conditions do not say.
    """
    moments = conditions.normaliser or Moments.of_none(observation_size)
    return Jobs(
        population=np.ascontiguousarray(population, np.float32),
        seeds=np.ascontiguousarray(conditions.seeds, np.uint64),
        cap=conditions.episode_cap or longest,
        centre=np.ascontiguousarray(moments.mean, np.float64),
        scale=moments.scale,
        counter=np.zeros(1, np.int64),
    )


def no_jobs(dim: int) -> Jobs:
    """Return the jobs of nobody, of rows of `dim` parameters: a rollout that is given them is compiled and does nothing."""
    nothing = np.zeros(0)
    return Jobs(np.zeros((0, dim), np.float32), np.zeros((0, 1), np.uint64), 1, nothing, nothing, np.zeros(1, np.int64))


def empty_results(shape: tuple[int, ...], num_descriptors: int = 0, num_sums: int = 0) -> Results:
    """Return zeros for `shape = (pop, episodes)` jobs to write into."""
    return Results(
        returns=np.zeros(shape),
        steps=np.zeros(shape, np.int64),
        failed=np.zeros(shape, np.bool_),
        truncated=np.zeros(shape, np.bool_),
        descriptors=np.zeros((*shape, num_descriptors)),
        sums=np.zeros((*shape, num_sums)),
    )


def carry_out(crew: Crew, jobs: Jobs, share: Callable[[], None]) -> None:
    """Have every thread of a crew do its share of the jobs; an interrupt leaves them no further one."""
    try:
        crew.do([share] * crew.size)
    finally:
        jobs.counter[0] = jobs.seeds.size


def evaluation_of(jobs: Jobs, results: Results) -> Evaluation:
    """Return what the results of jobs come to: the moments of failed episodes are left out."""
    failed = np.logical_or.reduce(results.failed, axis=1)
    measured = mean_return(results.returns, results.steps, failed, results.truncated)
    moments = sound_moments(results.steps, results.failed, jobs.centre, results.sums) if results.sums.shape[-1] else None
    return replace(measured, descriptors=results.descriptors if results.descriptors.shape[-1] else None, moments=moments)


def sound_moments(steps: Counts, failed: EpisodeFlags, centre: NDArray[np.float64], sums: NDArray[np.float64]) -> Moments:
    """Return the moments of the episodes that did not fail.

    Args:
        steps: `(pop, episodes)`, as many observations were seen.
        failed: `(pop, episodes)`.
        centre: `(size,)`, what was taken off each observation.
        sums: `(pop, episodes, 2 * size)`, of the rest, and of its squares.
    """
    sound = np.isfinite(sums).all(axis=-1) & ~failed
    return moments_of_episodes(np.where(sound, steps, 0), centre, sums)
