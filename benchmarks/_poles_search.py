"""Pole balancing: how evaluations are counted in one run of one row of the benchmark."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import evolvent as ev
from evolvent.algorithms.base import Algorithm
from evolvent.arrays import Population
from evolvent.evaluation import best_first
from evolvent.jit import bind
from evolvent.networks import Network

SOLVED = 100_000  # steps
DAMPED, STARTS = "DoublePoleNoVelocityDamping-v0", "DoublePoleNoVelocityStarts-v0"
HIDDEN = "DoublePoleNoVelocity-v0"
NUM_STARTS, STARTS_TO_PASS, STEPS_OF_TEST = 625, 200, 1000
LIMIT = 200_000  # evaluations, after which a run has failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What searches for what.

    Args:
        task: The number of the task in the paper, and the fitness.
        env_id: The world whose return is the fitness.
        network: What acts in it.
        algorithm: What searches.
        population_size: How many rows a generation has; the first ones are zeros.
        sigmoid: Whether outputs are in (0, 1), of which 0.5 means no force.
        statistic: "mean" or "median" over the runs.
        low: What the statistic must be at least, None for nothing.
        high: What it must be at most.
        published: What others have published, in words.
    """

    task: str
    env_id: str
    network: Network
    algorithm: Algorithm[Any]
    population_size: int
    high: float
    published: str
    low: float | None = None
    sigmoid: bool = False
    statistic: str = "mean"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How a run ended.

    Args:
        seed: Of the run.
        evaluations: Individuals that were measured, up to and including the one that solves.
        solved: Whether there is one; no, where the limit was reached.
        starts: From how many of the 625 starts it balances for 1,000 steps; None where nobody asked.
        seconds: How long it took.
    """

    seed: int
    evaluations: int
    solved: bool
    starts: int | None
    seconds: float


class Tasks:
    """The worlds of a row, compiled for its network.

    Args:
        row: The row.
        threads: How many share the episodes.
    """

    def __init__(self, row: Row, threads: int) -> None:
        """Compile what the row needs."""
        worlds = [row.env_id, HIDDEN, STARTS] if row.env_id == DAMPED else [row.env_id]
        envs = [_with_sigmoid(ev.make_env(env_id)) if row.sigmoid else ev.make_env(env_id) for env_id in worlds]
        self._tasks = [ev.CompiledEnv(env, row.network, threads=threads) for env in envs]

    def measured(self, population: Population) -> ev.Evaluation:
        """Return what the rows of a population achieve."""
        return self._tasks[0].evaluate(population, ev.Conditions(seeds=np.zeros((len(population), 1), np.uint64)))

    def balances(self, row: Any) -> bool:
        """Return whether a row balances for 100,000 steps from the standard start."""
        return self._tasks[1].evaluate(row[None], ev.Conditions(seeds=np.zeros((1, 1), np.uint64))).returns[0, 0] >= SOLVED

    def starts(self, row: Any) -> int:
        """Return from how many of the 625 starts a row balances for 1,000 steps."""
        seeds = np.arange(NUM_STARTS, dtype=np.uint64)[None]
        return int((self._tasks[2].evaluate(row[None], ev.Conditions(seeds=seeds)).returns >= STEPS_OF_TEST).sum())

    def close(self) -> None:
        """End the threads."""
        for task in self._tasks:
            task.close()


def run(row: Row, tasks: Tasks, seed: int) -> Found:
    """Search until an individual solves the task, and count as the papers do.

    Under the standard fitness the individuals of a generation are looked at in order, and who balances for 100,000 steps ends
    the run. Under damping the best of each generation is put to the two tests, which count nothing; the generation counts in
    full.
    """
    began, evaluations = time.perf_counter(), 0
    state = row.algorithm.init(np.zeros((row.population_size, row.network.dim), np.float32), ev.stream(seed, "init"))
    for generation in itertools.count():
        population, state = row.algorithm.ask(state, ev.stream(seed, generation, "ask"))
        evaluation = tasks.measured(population)
        starts, solves = None, _first_solver(evaluation)
        if row.env_id == DAMPED:
            starts, solves = _tested(tasks, population, evaluation)
        evaluations += len(population) if solves is None else solves
        if solves is not None or evaluations >= LIMIT:
            seconds = round(time.perf_counter() - began, 3)
            return Found(seed=seed, evaluations=evaluations, solved=solves is not None, starts=starts, seconds=seconds)
        state = row.algorithm.tell(state, population, evaluation)
    raise AssertionError


def _first_solver(evaluation: ev.Evaluation) -> int | None:
    """Return how many individuals were measured with the first that solves, None where none does."""
    solvers = np.flatnonzero(evaluation.returns[:, 0] >= SOLVED)
    return int(solvers[0]) + 1 if len(solvers) else None


def _tested(tasks: Tasks, population: Population, evaluation: ev.Evaluation) -> tuple[int | None, int | None]:
    """Return from how many starts the champion balances, and how many individuals that took; None where it fails a test."""
    champion = int(best_first(evaluation)[0])
    if evaluation.steps[champion, 0] < STEPS_OF_TEST or not tasks.balances(population[champion]):
        return None, None
    starts = tasks.starts(population[champion])
    return starts, len(population) if starts >= STARTS_TO_PASS else None


def _with_sigmoid(env: ev.Env) -> ev.Env:
    return replace(env, step=bind(_step_of_sigmoid, STEP=env.step))


STEP: Any = None


def _step_of_sigmoid(state: Any, action: tuple[Any, ...], draw: Any) -> Any:
    return STEP(state, (2.0 * action[0] - 1.0,), draw)
