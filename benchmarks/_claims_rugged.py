"""Claim 3: where the loss is rugged, evolution wins."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from _claims_searches import FIRST_POPULATION, Outcome, Problem, Vector, descent, evolution, normal_rows, random_search, share
from _harness import tell

DIM = 10
BUDGET = 20_000
SPREAD = 2.5  # of the first rows; the least lies at most 3 from zero, in each dimension
SETTINGS = {  # the same on every landscape
    "population": FIRST_POPULATION,
    "genetic": {
        "selection": "truncation:num_parents=16",
        "crossover": "uniform",
        "mutation": "gaussian:strength=0.5,rate=0.1",
    },
}


def rastrigin(seed: int, *, turned: bool = False) -> Problem:
    """Return a bowl with a dent at every whole number, with its axes or turned at random."""
    rng = np.random.default_rng(seed)
    centre, turn = rng.uniform(-3, 3, DIM), np.eye(DIM)
    if turned:
        turn = np.linalg.qr(rng.normal(size=(DIM, DIM)))[0]

    def loss(row: Vector) -> float:
        place = turn @ (row - centre)
        return float((place * place + 10 - 10 * np.cos(2 * np.pi * place)).sum())

    def gradient(row: Vector) -> Vector:
        place = turn @ (row - centre)
        return turn.T @ (2 * place + 20 * np.pi * np.sin(2 * np.pi * place))

    return Problem(loss, gradient, DIM, 0.5)


def ackley(seed: int) -> Problem:
    """Return a funnel whose wall is covered with dents."""
    centre = np.random.default_rng(seed).uniform(-3, 3, DIM)

    def loss(row: Vector) -> float:
        place = row - centre
        waves = np.exp(np.cos(2 * np.pi * place).mean())
        return float(20 - 20 * np.exp(-0.2 * np.sqrt((place * place).mean())) + np.e - waves)

    def gradient(row: Vector) -> Vector:
        place = row - centre
        radius = max(float(np.sqrt((place * place).mean())), 1e-12)
        funnel = 4 * np.exp(-0.2 * radius) * place / (DIM * radius)
        waves = np.exp(np.cos(2 * np.pi * place).mean())
        return funnel + waves * 2 * np.pi * np.sin(2 * np.pi * place) / DIM

    return Problem(loss, gradient, DIM, 0.5)


def stairs(seed: int) -> Problem:
    """Return steps that lead down to the least; between them the loss is level and the gradient zero."""
    centre = np.random.default_rng(seed).uniform(-3, 3, DIM)
    return Problem(lambda row: float(np.floor(np.abs(row - centre) + 0.5).sum()), np.zeros_like, DIM, 0.5)


def valley(seed: int) -> Problem:
    """Return Rosenbrock's bent, narrow valley: not convex, hardly rugged, and smooth."""
    centre = np.random.default_rng(seed).uniform(-1, 1, DIM) - 1

    def loss(row: Vector) -> float:
        place = row - centre
        return float((100 * (place[1:] - place[:-1] ** 2) ** 2 + (1 - place[:-1]) ** 2).sum())

    def gradient(row: Vector) -> Vector:
        place = row - centre
        beside = place[1:] - place[:-1] ** 2
        slope = np.zeros(DIM)
        slope[1:] += 200 * beside
        slope[:-1] -= 400 * place[:-1] * beside + 2 * (1 - place[:-1])
        return slope

    return Problem(loss, gradient, DIM, 0.1)


LANDSCAPES: dict[str, Callable[[int], Problem]] = {
    "Rastrigin": rastrigin,
    "Ackley": ackley,
    "stairs": stairs,
    "Rastrigin, turned": lambda seed: rastrigin(seed, turned=True),
    "Rosenbrock's valley": valley,
}


def measure(seeds: int) -> list[dict[str, Any]]:
    """Return the share of seeds in which each search reaches the target of each landscape."""
    found: list[dict[str, Any]] = []
    for name, make in LANDSCAPES.items():
        runs: dict[str, list[Outcome]] = {"evolution": [], "descent": [], "random": []}
        for seed in range(seeds):
            problem, starts = make(seed), [normal_rows(DIM, SPREAD, seed) for _ in range(2)]
            loss, target = problem.loss, problem.target
            runs["evolution"].append(evolution(loss, DIM, target, budget=BUDGET, spread=SPREAD, seed=seed, **SETTINGS))
            runs["descent"].append(descent(problem, starts[0], budget=BUDGET))
            runs["random"].append(random_search(loss, target, starts[1], budget=BUDGET))
        found.append(
            {
                "landscape": name,
                **{search: share(each) for search, each in runs.items()},
                "lowest": {search: statistics.median(run.lowest for run in each) for search, each in runs.items()},
                "hits": {search: [run.hit for run in each] for search, each in runs.items()},
            }
        )
        tell(f"{name}: " + ", ".join(f"{search} {share(each):.2f}" for search, each in runs.items()))
    return found


def rows(found: Sequence[dict[str, Any]]) -> list[Sequence[Any]]:
    """Return the lines of the table."""
    return [("3 rugged", f"{each['landscape']} [share]", each["evolution"], each["descent"], None) for each in found]
