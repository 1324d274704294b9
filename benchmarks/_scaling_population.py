"""Part 2 of benchmarks/scaling.py: what a useful step costs by the size of the population, and what memory an individual."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
from _article_job import NETWORK, peak_memory
from _harness import Bar, block, tell
from _scaling_job import ENV, EPISODES, Games, Part, evaluation, good_rows, repeated

import evolvent as ev

SIZES, QUICK_SIZES = (64, 256, 1024, 4096, 16_384, 65_536), (64, 1024)
SPREAD = 1.2  # the dearest step may cost so many times the cheapest
DIFFERENT = 64  # rows; the population is made of them, so that its episodes are as long in every size

MEMORY_EPISODES = 8
MEMORY_SIZES = (65_536, 262_144)  # both need more than compiling does
RESULT = 8 + 8 + 1 + 1  # [bytes] of an episode: its return, its steps, and two flags
INDIVIDUAL = 8 + 1  # [bytes]: its fitness and a flag
TWICE = 2  # what is computed of the results may take as much again


def measure(rounds: int, seconds: float, *, quick: bool) -> Part:
    """Return what a useful step costs [ns] in whole calls of `evaluate` on one thread, and memory [bytes]."""
    task = ev.CompiledEnv(ENV, NETWORK)
    different = {"random": NETWORK.initialise(DIFFERENT, ev.stream(0, "initial")), "evolved": good_rows()}
    costs: dict[tuple[str, int], list[float]] = {}
    for number in range(rounds):
        for kind, rows in different.items():
            seeds = ev.stream(0, "episodes").bits((DIFFERENT, EPISODES[kind]))
            for size in QUICK_SIZES if quick else SIZES:
                same = np.arange(size) % DIFFERENT
                steps, elapsed = block(evaluation(task, Games(repeated(rows, size), seeds[same])), seconds)
                costs.setdefault((kind, size), []).append(elapsed / steps * 1e9)
        tell(f"population: round {number + 1} of {rounds}")
    task.close()
    return part({case: statistics.median(each) for case, each in costs.items()}, memory_of_an_individual(), quick=quick)


def memory_of_an_individual() -> float | None:
    """Return by how much the peak grows with each individual beyond its parameters and seeds [bytes]."""
    peaks = [_peak_of(size) for size in MEMORY_SIZES]
    if None in peaks:
        return None
    less, more = (peak or 0.0 for peak in peaks)
    given = NETWORK.dim * 4 + MEMORY_EPISODES * 8
    return (more - less) * 1e6 / (MEMORY_SIZES[1] - MEMORY_SIZES[0]) - given


def _peak_of(size: int) -> float | None:
    command = [sys.executable, str(Path(__file__).resolve()), str(size)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["peak_memory"]


def evaluate_once(size: int) -> None:
    """Measure a population of this size, in short episodes."""
    population = repeated(NETWORK.initialise(DIFFERENT, ev.stream(0, "initial")), size)
    seeds = np.repeat(np.arange(size, dtype=np.uint64)[:, np.newaxis], MEMORY_EPISODES, axis=1)
    evaluation(ev.CompiledEnv(ENV, NETWORK), Games(population, seeds), cap=10)()


def part(costs: dict[tuple[str, int], float], memory: float | None, *, quick: bool) -> Part:
    """Return the table, ratios and claims; short turns are held to no bar of time."""
    kinds = sorted({kind for kind, _ in costs})
    of = {kind: [cost for (each, _), cost in costs.items() if each == kind] for kind in kinds}
    ratios = {f"population_{kind}": max(each) / min(each) for kind, each in of.items()}
    bars = (
        {} if quick else {name: Bar(value=each, bound=SPREAD, unit=" times", at_least=False) for name, each in ratios.items()}
    )
    if memory is not None:
        bound = TWICE * (MEMORY_EPISODES * RESULT + INDIVIDUAL)
        bars["memory"] = Bar(value=memory, bound=bound, unit=" bytes", at_least=False, or_equal=True)
        ratios["memory"] = memory / bound
    return Part(
        headings=("rows", "population", "ns per useful step", "times the cheapest"),
        rows=[(kind, size, cost, cost / min(of[kind])) for (kind, size), cost in costs.items()],
        bars=bars,
        ratios=ratios,
        notes=[
            "whole calls of evaluate on one thread; every population is made of the same 64 rows and seeds",
            f"memory: of an individual with {MEMORY_EPISODES} episodes, beyond its parameters and seeds",
            f"its bound: {TWICE} times that of returns, steps, fitness and flags",
        ],
    )


if __name__ == "__main__":
    evaluate_once(int(sys.argv[1]))
    print(json.dumps({"peak_memory": peak_memory()}))
