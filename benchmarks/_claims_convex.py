"""Claim 2: where the loss is smooth and convex, exact gradient descent is more effective."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from _claims_searches import Problem, Vector, descent, evolution, median
from _harness import tell

DIMS = (2, 4, 8, 16, 32, 64, 128, 256)
REACHED = 1e-3  # of the first loss above the least
CONDITION = 10.0  # the ratio of the largest curvature to the least
ROWS = 500
WEIGHT = 0.01  # of the squares of the coefficients in the logistic regression
BUDGET = 1_000_000
SETTINGS = {  # the fastest of eight that were tried on the quadratic: small populations, one parent, a strength that adapts
    "population": 10,
    "genetic": {
        "selection": "truncation:num_parents=1",
        "mutation": "gaussian:strength=0.3",
        "strength": "self_adaptive:learning_rate=0.3",
    },
}


def quadratic(dim: int, seed: int) -> Problem:
    """Return a bowl, turned at random, whose curvatures differ by a factor of ten."""
    rng = np.random.default_rng([seed, dim])
    axes, _ = np.linalg.qr(rng.normal(size=(dim, dim)))
    curvature = (axes * np.geomspace(1.0, CONDITION, dim)) @ axes.T
    centre = rng.normal(size=dim)

    def loss(row: Vector) -> float:
        return 0.5 * float((row - centre) @ curvature @ (row - centre))

    return Problem(loss, lambda row: curvature @ (row - centre), dim, REACHED * loss(np.zeros(dim)))


def logistic(dim: int, seed: int) -> Problem:
    """Return a logistic regression: two clouds of points, and a small weight on the squares of the coefficients."""
    rng = np.random.default_rng([seed, dim])
    labels = np.arange(ROWS) % 2 * 2.0 - 1
    direction = rng.normal(size=dim)
    signed = rng.normal(size=(ROWS, dim)) * labels[:, np.newaxis] + 1.5 * direction / np.linalg.norm(direction)

    def loss(row: Vector) -> float:
        return float(np.logaddexp(0.0, -(signed @ row)).mean()) + 0.5 * WEIGHT * float(row @ row)

    def gradient(row: Vector) -> Vector:
        return -signed.T @ (1 / (1 + np.exp(signed @ row))) / ROWS + WEIGHT * row

    least = loss(_least(signed, gradient))
    return Problem(loss, gradient, dim, least + REACHED * (loss(np.zeros(dim)) - least))


def _least(signed: Vector, gradient: Any) -> Vector:
    """Return where the logistic regression is least, by Newton's method."""
    row = np.zeros(signed.shape[1])
    for _ in range(50):
        odds = 1 / (1 + np.exp(signed @ row))
        curvature = (signed.T * (odds * (1 - odds))) @ signed / ROWS + WEIGHT * np.eye(len(row))
        row = row - np.linalg.solve(curvature, gradient(row))
    return row


LOSSES = {"quadratic": (quadratic, 256), "logistic regression": (logistic, 64)}  # and up to which dimension


def measure(seeds: int, dims: Sequence[int]) -> list[dict[str, Any]]:
    """Return the median number of evaluations that each search needs, by loss and dimension."""
    found: list[dict[str, Any]] = []
    for name, (make, most) in LOSSES.items():
        for dim in (each for each in dims if each <= most):
            problems = [make(dim, seed) for seed in range(seeds)]
            evolved = median(
                [
                    evolution(each.loss, dim, each.target, budget=BUDGET, spread=0.3, seed=seed, **SETTINGS)
                    for seed, each in enumerate(problems)
                ]
            )
            descended = median([descent(each, iter([np.zeros(dim)]), budget=BUDGET) for each in problems])
            found.append({"loss": name, "dim": dim, "evolution": evolved, "descent": descended})
            tell(f"{name} of {dim} dimensions: {evolved} evaluations by evolution, {descended} by gradient descent")
    return found


def rows(found: Sequence[dict[str, Any]]) -> list[Sequence[Any]]:
    """Return the lines of the table."""
    return [
        ("2 convex", f"{each['loss']}, {each['dim']} dimensions", each["evolution"], each["descent"], times(each))
        for each in found
    ]


def times(each: dict[str, Any]) -> float | None:
    """Return how many times as many evaluations evolution needs, None where a search did not get there."""
    return each["evolution"] / each["descent"] if each["evolution"] and each["descent"] else None
