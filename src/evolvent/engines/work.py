"""A population's evaluation cut into slices, given out, and put together again by index."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Indices, Population
from evolvent.engines.messages import Message
from evolvent.evaluation import MOST_PROBLEMS, Conditions, Evaluation, Problem, mean_return
from evolvent.moments import Moments, merged_in_order

SLICES_A_WORKER = 2  # into which what is left is cut: smaller towards the end, so that all workers end at about the same time
MOMENTS = ("counts", "mean", "squares")  # of each job's observations, where they are told
LARGEST_SLICE = 32 * 2**20  # bytes of rows: on its way to a worker, which has two, each is held several times


@dataclass(slots=True)
class Slice:
    """Jobs that one worker does in their order.

    Args:
        number: Of the slice, never given twice.
        jobs: Which.
        reported: How many of them are done.
    """

    number: int
    jobs: Indices
    reported: int = 0

    @property
    def left(self) -> Indices:
        """The jobs that are not reported yet."""
        return self.jobs[self.reported :]


@dataclass(slots=True)
class Work:
    """An evaluation in progress.

    A job is one episode of one individual where a task's episodes can be measured apart, else an individual.

    Args:
        population: `(pop, dim)`.
        conditions: Under which it is measured.
        episodes_apart: Whether a job is an episode.
        first: Number of the first slice.
    """

    population: Population
    conditions: Conditions
    episodes_apart: bool
    first: int = 0
    left: int = field(init=False)
    strikes: dict[int, int] = field(init=False, default_factory=dict[int, int])
    _seeds: NDArray[np.uint64] = field(init=False)
    _most: int = field(init=False)
    _next: int = field(init=False, default=0)
    _again: deque[int] = field(init=False, default_factory=deque[int])
    _found: dict[str, NDArray[Any]] = field(init=False, default_factory=dict[str, NDArray[Any]])
    _moments: dict[int, Moments] = field(init=False, default_factory=dict[int, Moments])
    _problems: list[Problem] = field(init=False, default_factory=list[Problem])

    def __post_init__(self) -> None:
        """Count the jobs."""
        seeds = self.conditions.seeds
        self._seeds = np.ascontiguousarray(seeds.reshape(-1, 1) if self.episodes_apart else seeds)
        self.left = len(self._seeds)
        rows = LARGEST_SLICE // max(self.population.itemsize * self.population.shape[1], 1)
        self._most = rows * (seeds.shape[1] if self.episodes_apart else 1)

    @property
    def waiting(self) -> int:
        """How many jobs nobody has."""
        return len(self._seeds) - self._next + len(self._again)

    def take(self, num_workers: int, least: int = 1) -> Slice | None:
        """Return the next slice, alone in it a job that is to be done again; None where nothing waits.

        Args:
            num_workers: How many share what is left. One alone gets all of it.
            least: How many jobs are worth a message.
        """
        if self._again:
            jobs = np.array([self._again.popleft()], np.int64)
        elif self._next < len(self._seeds):
            there = len(self._seeds) - self._next
            share = int(there / (SLICES_A_WORKER * num_workers)) if num_workers > 1 else there
            size = max(1, min(self._most, there, max(share, least)))
            jobs = np.arange(self._next, self._next + size)
            self._next += size
        else:
            return None
        self.first += 1
        return Slice(self.first, jobs)

    def give_back(self, jobs: Sequence[int] | Indices) -> None:
        """Take back jobs that were given out and not done; each is given out alone."""
        self._again.extend(int(job) for job in jobs)

    def message(self, task: int, given: Slice) -> Message:
        """Return what a worker is told of a slice."""
        individuals, rows_of_jobs = np.unique(self._individual(given.jobs), return_inverse=True)
        facts: dict[str, Any] = {"task": task, "slice": given.number, "cap": self.conditions.episode_cap}
        arrays: dict[str, Any] = {
            "rows": self.population[individuals],
            "rows_of_jobs": rows_of_jobs.astype(np.int64),
            "seeds": self._seeds[given.jobs],
        }
        if (normaliser := self.conditions.normaliser) is not None:
            facts["count"] = normaliser.count
            arrays.update(mean=normaliser.mean, squares=normaliser.squares)
        return Message("jobs", facts, arrays)

    def note(self, given: Slice, report: Message) -> None:
        """Take what a worker reports of a slice; a report of jobs that were reported before changes nothing."""
        begin, size = report.facts["begin"], len(report.arrays["returns"])
        if begin != given.reported:
            return
        jobs = given.jobs[begin : begin + size]
        given.reported += size
        self.left -= size
        for name in report.arrays.keys() - {*MOMENTS}:
            values = report.arrays[name]
            self._place(name, values)[jobs] = values
        if "counts" in report.arrays:
            found = (report.arrays[name] for name in MOMENTS)
            for job, count, mean, squares in zip(jobs.tolist(), *found, strict=True):
                self._moments[job] = Moments(count=int(count), mean=mean, squares=squares)
        for individual, episode, *others in report.facts["problems"]:
            where = self._where(int(jobs[individual]), episode)
            self._problems.append(Problem(*where, *others))

    def fail(self, job: int, text: str) -> None:
        """Count a job as done and failed."""
        self.left -= 1
        self._place("failed", np.zeros(1, np.bool_))[job] = True
        if self.episodes_apart:
            self._place("unplayable", np.zeros((1, 1), np.bool_))[job] = True
        individual, episode = self._where(job, 0)
        self._problems.append(Problem(individual, episode, int(self._seeds[job, 0]), 0, text))

    def joined(self) -> Evaluation:
        """Return the evaluation, once nothing is left: the same bits, whoever did which jobs in which order."""
        pop, episodes = self.conditions.seeds.shape
        returns = self._place("returns", np.zeros((1, self._seeds.shape[1]))).reshape(pop, episodes)
        steps = self._place("steps", np.zeros((1, self._seeds.shape[1]), np.int64)).reshape(pop, episodes)
        failed = self._place("failed", np.zeros(1, np.bool_)).reshape(pop, -1)
        truncated = self._found["truncated"].reshape(pop, episodes) if "truncated" in self._found else None
        fitness = self._place("fitness", np.zeros(1))
        evaluation = mean_return(returns, steps, np.logical_or.reduce(failed, axis=1), truncated)
        described = self._found.get("descriptors")
        return Evaluation(
            fitness=evaluation.fitness if self.episodes_apart else np.where(evaluation.failed, np.nan, fitness),
            returns=returns,
            steps=steps,
            failed=evaluation.failed,
            truncated=truncated,
            descriptors=None if described is None else described.reshape(pop, episodes, -1),
            moments=self._merged(),
            unplayable=self._found["unplayable"].reshape(pop, episodes) if "unplayable" in self._found else None,
            problems=tuple(sorted(self._problems, key=lambda problem: problem[:2])[:MOST_PROBLEMS]) or None,
        )

    def _merged(self) -> Moments | None:
        if self.conditions.normaliser is None:
            return None
        nothing = Moments.of_none(len(self.conditions.normaliser.mean))
        found = [self._moments.get(job, nothing) for job in range(len(self._seeds))]
        return merged_in_order(found, self.conditions.seeds.shape[1] if self.episodes_apart else 1)

    def _place(self, name: str, like: NDArray[Any]) -> NDArray[Any]:
        """Return the array of all jobs' values of one kind, made when the first of them come."""
        if name not in self._found:
            self._found[name] = np.zeros((len(self._seeds), *like.shape[1:]), like.dtype)
        return self._found[name]

    def _individual(self, jobs: Indices) -> Indices:
        return jobs // self.conditions.seeds.shape[1] if self.episodes_apart else jobs

    def _where(self, job: int, episode: int) -> tuple[int, int]:
        return divmod(job, self.conditions.seeds.shape[1]) if self.episodes_apart else (job, episode)
