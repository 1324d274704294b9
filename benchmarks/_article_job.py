"""The blog article's search on our engine: what benchmarks/article.py measures all contestants on.

The article evolves a 4-16-2 network, relu after both layers, for CartPole: 64 individuals, 5 generations, 15 episodes
of at most 10,000 steps. The best network lives on; mutated copies of it are all the others of the next generation.
Started on its own, this script runs the search once and prints the peak memory of its process as one JSON object.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

import evolvent as ev
from evolvent.arrays import Population, Seeds

try:
    import resource
except ImportError:  # Windows
    resource = None

NETWORK = ev.MLP(sizes=(4, 16, 2), output_activation="relu")
POPULATION_SIZE = 64
GENERATIONS = 5
EPISODES = 15
MUTATION = ev.Gaussian(strength=0.1)
EPISODE_CAP = 10_000


class Measured(NamedTuple):
    """One generation: whom to measure, and under which seeds."""

    population: Population
    seeds: Seeds


def search(task: ev.CompiledEnv, seed: int, episode_cap: int = EPISODE_CAP) -> list[Measured]:
    """Run the article's search and return what each generation measured."""
    population = NETWORK.initialise(POPULATION_SIZE, ev.stream(seed, "initial"))
    generations: list[Measured] = []
    for number in range(GENERATIONS):
        same_for_all = ev.stream(seed, number, "episodes").bits((EPISODES,))
        seeds = np.broadcast_to(same_for_all, (POPULATION_SIZE, EPISODES))
        generations.append(Measured(population, seeds))
        evaluation = task.evaluate(population, ev.Conditions(seeds=seeds, episode_cap=episode_cap))
        best = population[ev.best_first(evaluation)[:1]]
        copies = np.repeat(best, POPULATION_SIZE - 1, axis=0)
        population = np.concatenate([best, MUTATION(copies, ev.stream(seed, number, "mutation"))])
    return generations


def peak_memory() -> float | None:
    """Return the most memory that this process has held [MB], or None where the system does not say."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage also counts, on Linux, what the parent held when it started this process
        lines = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024 / 1e6
    if resource is None:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    search(ev.CompiledEnv(ev.ENVS["CartPole-v1"], NETWORK, threads=2), seed=0)
    print(json.dumps({"peak_memory": peak_memory()}))
