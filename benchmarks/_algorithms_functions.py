"""The functions of benchmarks/algorithms.py, and how many evaluations a search needs to come down to a target on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

import _blas_threads  # noqa: F401 - before NumPy
import numpy as np
from numpy.typing import NDArray

from evolvent.algorithms import ALGORITHMS, Algorithm, Gaussian, Genetic, Restarts, Truncation
from evolvent.algorithms.named import made
from evolvent.evaluation import mean_return
from evolvent.seeding import stream

Values = NDArray[np.float64]

STEEPEST = 3  # the power of ten by which the ellipsoid's last parameter is steeper than its first
CHECKPOINTS = 50  # of a curve
RESTARTED = "cma_es, restarts"
GENETIC = "truncation:num_parents=16, gaussian:strength=0.1,rate=0.1"

# One text an algorithm, for all functions; nothing was tuned but by a few runs on other seeds.
SETTINGS: Mapping[str, str] = {
    "genetic": GENETIC,
    "openai_es": "openai_es:sigma=0.1,learning_rate=0.05,weight_decay=0",
    "ars": "ars:sigma=0.1,learning_rate=0.1",
    "pgpe": "pgpe:max_speed=0.15",
    "snes": "snes",
    "sep_cma_es": "sep_cma_es",
    "xnes": "xnes",
    "cma_es": "cma_es",
    RESTARTED: "cma_es, restarts ipop",
    "cosyne": "cosyne:start_range=2,mutation_rate=0.1,mutation_strength=0.1",
    "random_search": "random_search:scale=2",
}


class Function(NamedTuple):
    """A function of rows to be brought below a target."""

    values: Callable[[Values], Values]
    target: float


class Found(NamedTuple):
    """What a search came to.

    Args:
        evaluations: To the target; None where it was not reached.
        lowest: The lowest value of a candidate.
        curve: The lowest value up to each of the checkpoints, which divide the budget evenly.
    """

    evaluations: int | None
    lowest: float
    curve: list[float]


def sphere(rows: Values) -> Values:
    """Return the sum of squares of each row of `(n, dim)`."""
    return (rows**2).sum(axis=1)


def ellipsoid(rows: Values) -> Values:
    """Return the sum of squares, each parameter weighted, the last one a thousand times as much as the first."""
    return (10 ** (STEEPEST * np.arange(rows.shape[1]) / (rows.shape[1] - 1)) * rows**2).sum(axis=1)


def turned_ellipsoid(rows: Values) -> Values:
    """Return the ellipsoid in other axes than those of the parameters."""
    return ellipsoid(rows @ _axes(rows.shape[1]))


def rosenbrock(rows: Values) -> Values:
    """Return Rosenbrock's function, a bent valley, moved so that its optimum is at 0."""
    moved = rows + 1
    return (100 * (moved[:, 1:] - moved[:, :-1] ** 2) ** 2 + (1 - moved[:, :-1]) ** 2).sum(axis=1)


def rastrigin(rows: Values) -> Values:
    """Return Rastrigin's function, a bowl full of valleys, the next best of which is 0.99 above the best."""
    return (rows**2 - 10 * np.cos(2 * np.pi * rows) + 10).sum(axis=1)


FUNCTIONS: Mapping[str, Function] = {
    "sphere": Function(sphere, 0.1),
    "ellipsoid": Function(ellipsoid, 0.1),
    "turned ellipsoid": Function(turned_ellipsoid, 0.1),
    "Rosenbrock": Function(rosenbrock, 0.1),
    "Rastrigin": Function(rastrigin, 0.5),
}
BUDGETS = {10: 10_000, 100: 40_000}  # evaluations, by the number of parameters
MANY_VALLEYS = 30_000  # in 10 parameters, so that a search can begin anew several times


def budget(name: str, dim: int) -> int:
    """Return after how many evaluations a search gives up."""
    return MANY_VALLEYS if (name, dim) == ("Rastrigin", 10) else BUDGETS[dim]


def optimum(dim: int) -> Values:
    """Return where the optimum is: 1.5 away from 0 at most, in every parameter elsewhere."""
    return 1.5 * np.cos(2.0 * np.arange(dim))


def population_size(algorithm: str, dim: int) -> int:
    """Return the size of an algorithm's population."""
    usual = 4 + int(3 * math.log(dim))
    sizes = {"snes": usual, "sep_cma_es": usual, "cma_es": usual, RESTARTED: usual, "openai_es": 16, "ars": 16}
    if dim > 10:
        sizes |= {"openai_es": 32, "ars": 32}
    elif algorithm == "xnes":
        return usual
    return sizes.get(algorithm, 64)


def make(algorithm: str) -> Algorithm[Any]:
    """Return the algorithm of a row."""
    if algorithm == "genetic":
        return Genetic(selection=Truncation(num_parents=16), mutation=Gaussian(strength=0.1, rate=0.1))
    if algorithm == RESTARTED:
        return Restarts()
    return made("algorithm", SETTINGS[algorithm], ALGORITHMS)


def search(name: str, dim: int, algorithm: str, seed: int) -> Found:
    """Return what one search comes to; its best two candidates are looked at after every generation, uncounted.

    The first rows are normal numbers where an algorithm begins with them, and 0 where it begins around one.
    """
    function, searching, count = FUNCTIONS[name], make(algorithm), population_size(algorithm, dim)
    most = budget(name, dim)
    initial = stream(seed, "initial").normal((count, dim)) if algorithm == "genetic" else np.zeros((count, dim), np.float32)
    state = searching.init(initial, stream(seed, "init"))
    spent, lowest, curve, generation = 0, math.inf, list[float](), 0
    while spent < most and lowest >= function.target:
        population, state = searching.ask(state, stream(seed, generation, "ask"))
        values = function.values(population.astype(np.float64) - optimum(dim))
        counted = np.ones((len(values), 1), np.int64)
        evaluation = mean_return(-values[:, np.newaxis], counted, np.zeros(len(values), np.bool_))
        state = searching.tell(state, population, evaluation)
        candidates = searching.candidates(state, 2).astype(np.float64) - optimum(dim)
        lowest = min(lowest, float(function.values(candidates).min()))
        spent, generation = spent + len(values), generation + 1
        while len(curve) < CHECKPOINTS and spent >= (len(curve) + 1) * most / CHECKPOINTS:
            curve.append(lowest)
    reached = lowest < function.target
    return Found(spent if reached else None, lowest, [*curve, *[lowest] * (CHECKPOINTS - len(curve))])


@cache
def _axes(dim: int) -> Values:
    return np.linalg.qr(stream(0, "axes").normal((dim, dim)).astype(np.float64))[0]
