# pyright: reportMissingImports=false
"""PyGAD's genetic algorithm; each of its two processes plays half of the population in Gymnasium's vectorised world.

PyGAD can ask for the fitness of a batch, which is its fastest way here: alone, an individual cannot fill a vectorised world.
"""

from __future__ import annotations

import multiprocessing
import time
from typing import Any

import numpy as np
import pygad
from _genetic import first_rows
from _job import HELD_OUT, POPULATION_SIZE, SEARCH_EPISODES, Array, Measured, Peer, Searched, has_solved, serve
from _lanes import PROCESSES
from by_gymnasium import share

COUNTS = multiprocessing.Array("q", 2)  # useful and computed steps, of all processes


def counted(rows: Array, episodes: int) -> Array:
    """Return the mean returns of rows, and add their steps to the counts."""
    measured = share(rows.astype(np.float32), episodes)
    with COUNTS.get_lock():
        COUNTS[0] += measured.useful
        COUNTS[1] += measured.computed
    return measured.means


def fitness(ga: Any, rows: Array, _indices: Any) -> Array:
    """Return the fitness of a batch, as PyGAD asks for it."""
    return counted(rows, ga.episodes)


def algorithm(rows: Array, episodes: int, **settings: Any) -> Any:
    """Return PyGAD's algorithm with the rows as its first population."""
    ga = pygad.GA(
        initial_population=rows,
        num_parents_mating=8,
        gene_type=np.float32,
        fitness_func=fitness,
        fitness_batch_size=POPULATION_SIZE // PROCESSES,
        parallel_processing=["process", PROCESSES],
        suppress_warnings=True,
        **{"num_generations": 1, **settings},
    )
    ga.episodes = episodes
    return ga


def rollout(rows: Array, episodes: int) -> Measured:
    """Return what rows achieve as a first population."""
    COUNTS[:] = [0, 0]
    means = algorithm(rows, episodes).cal_pop_fitness()
    return Measured(means, *COUNTS)


def search(seed: int, limit: float) -> Searched:
    """Search with PyGAD's defaults but for a uniform crossover, which was the fastest of six settings."""
    COUNTS[:] = [0, 0]
    ends, tried = time.perf_counter() + limit, [0.0]

    def after_generation(ga: Any) -> str | None:
        row, best, _ = ga.best_solution(ga.last_generation_fitness)
        if has_solved(best):
            tried.append(float(counted(row[None], HELD_OUT)[0]))
        return "stop" if has_solved(tried[-1]) or time.perf_counter() > ends else None

    rows = first_rows(np.random.default_rng(seed))
    ga = algorithm(
        rows,
        SEARCH_EPISODES,
        num_generations=10_000,
        random_seed=seed,
        crossover_type="uniform",
        on_generation=after_generation,
    )
    ga.run()
    return Searched(tried[-1], ga.generations_completed + 1, *COUNTS)


def make() -> Peer:
    """Make the worlds, which PyGAD's processes inherit."""
    return Peer(version=f"PyGAD {pygad.__version__}", threads=PROCESSES, rollout=rollout, search=search)


if __name__ == "__main__":
    import by_pygad  # as a module, which PyGAD's processes share; what belongs to a script would be copied to them

    serve("pygad", by_pygad.make)
