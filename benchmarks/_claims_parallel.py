"""Claim 5: evaluation in parallel gains almost linearly."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from _harness import USUAL_SEARCH, block, median_ratio, tell

import evolvent as ev
from evolvent.arrays import Population

ENV = "CartPole-v1"
NETWORK = ev.MLP(sizes=(4, 16, 2))
EPISODES = 3
THREADS = (1, 2)
POPULATIONS = (16, 64, 256, 1024)
SEARCHES = (64, 1024)
GENERATIONS = 10


class Turn(NamedTuple):
    """What one turn came to: useful steps per second, and how many cores the process had on average."""

    speed: float
    cores: float


def measure(rounds: int, block_seconds: float) -> dict[str, Any]:
    """Return useful steps per second with one thread and with two, in turns, and of whole searches."""
    tasks = [ev.CompiledEnv(ev.ENVS[ENV], NETWORK, threads=threads) for threads in THREADS]
    champion = ev.evolve(ENV, runs_dir=None, **USUAL_SEARCH).row
    cases: list[tuple[str, int, list[Callable[[], int]]]] = []
    for size in POPULATIONS:
        first = NETWORK.initialise(size, ev.stream(0, "initial"))
        noise = ev.Gaussian(strength=0.1)(np.repeat(champion[np.newaxis], size, axis=0), ev.stream(0, "noise"))
        for name, population in (("first rows", first), ("good rows", noise)):
            cases.append((name, size, [_evaluation(task, population) for task in tasks]))
    cases += [("whole search", size, [_search(size, threads) for threads in THREADS]) for size in SEARCHES]
    turns: dict[tuple[str, int], list[list[Turn]]] = {(name, size): [] for name, size, _ in cases}
    for number in range(rounds):
        for name, size, works in cases:
            turns[name, size].append([_turn(work, block_seconds) for work in works])
        tell(f"round {number + 1} of {rounds} with one thread and with two")
    return {"cores": _cores(), "cases": [_case(name, size, of) for (name, size), of in turns.items()]}


def _turn(work: Callable[[], int], seconds: float) -> Turn:
    began = time.process_time()
    steps, elapsed = block(work, seconds)
    return Turn(steps / elapsed, (time.process_time() - began) / elapsed)


def _case(name: str, size: int, rounds: Sequence[Sequence[Turn]]) -> dict[str, Any]:
    one, two = zip(*rounds, strict=True)
    speeds = [[each.speed for each in turns] for turns in (two, one)]
    return {
        "rows": name,
        "population": size,
        "one_thread": statistics.median(speeds[1]),
        "two_threads": statistics.median(speeds[0]),
        "two_over_one": median_ratio(*speeds),
        "cores_used": statistics.median(each.cores for each in two),
        "ratios": [ours / theirs for ours, theirs in zip(*speeds, strict=True)],
    }


def _evaluation(task: ev.CompiledEnv, population: Population) -> Callable[[], int]:
    seeds = np.broadcast_to(ev.stream(0, "episodes").bits((EPISODES,)), (len(population), EPISODES))
    conditions = ev.Conditions(seeds=seeds)
    return lambda: int(task.evaluate(population, conditions).steps.sum())


def _search(size: int, threads: int) -> Callable[[], int]:
    def work() -> int:
        limits = {"population": size, "generations": GENERATIONS, "target": None, "workers": threads, "runs_dir": None}
        run = ev.evolve(ENV, **{**USUAL_SEARCH, **limits})
        return run.progress.env_steps

    return work


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def rows(found: dict[str, Any]) -> list[Sequence[Any]]:
    """Return the lines of the table."""
    return [
        ("5 parallel", f"{each['rows']}, {each['population']} [M steps/s]", *_millions(each), each["two_over_one"])
        for each in found["cases"]
    ]


def _millions(each: dict[str, Any]) -> tuple[float, float]:
    return each["two_threads"] / 1e6, each["one_thread"] / 1e6
