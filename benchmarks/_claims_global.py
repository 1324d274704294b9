"""Claim 4: given enough iterations, the global minimum is found.

The trap: a loss that leads to zero, and beside it a needle, the cube within 0.25 of one in every dimension, where the loss
is least. Mutation around zero finds the cube with a probability that is a power of the dimension, so the mean time is
known: a check on what is measured.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from _claims_searches import Vector, evolution, random_search, share
from _harness import tell

HALF_WIDTH = 0.25  # of the needle, around one
BOX = 2.0  # random search looks from -2 to 2
FOUND = -0.5  # the loss is -1 in the needle and never negative elsewhere
ENDLESS = 50_000_000
WITHOUT_DIM, WITHOUT_BUDGET = 4, 30_000
ARTICLE = {  # its search: copies of the best one, all mutated alike, and the best one itself
    "population": 64,
    "genetic": {"selection": "truncation:num_parents=1", "mutation": "gaussian:strength=1"},
}
ADAPTIVE = {
    "population": 64,
    "genetic": {
        "selection": "truncation:num_parents=8",
        "mutation": "gaussian:strength=1",
        "strength": "self_adaptive:learning_rate=0.3",
    },
}
BOUNDED = {
    "population": 64,
    "genetic": {"selection": "truncation:num_parents=1", "mutation": "uniform:strength=0.5"},
}


def trap(row: Vector) -> float:
    """Return a loss that leads away from the needle."""
    return -1.0 if np.abs(row - 1).max() < HALF_WIDTH else float(np.abs(row).mean())


def slope(row: Vector) -> float:
    """Return a loss that leads to the needle."""
    away = np.abs(row - 1)
    return -1.0 if away.max() < HALF_WIDTH else float(away.mean())


def expected(dim: int) -> float:
    """Return the mean number of normal mutations of zero until one is in the needle."""
    return _probability(1 + HALF_WIDTH, 1 - HALF_WIDTH) ** -dim


def _probability(high: float, low: float) -> float:
    return (math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2))) / 2


def measure(seeds: int, dims: Sequence[int]) -> dict[str, Any]:
    """Return the hitting times [evaluations] by dimension, and what happens without the conditions of the guarantee."""
    by_dim: list[dict[str, Any]] = []
    for dim in dims:
        runs = {
            "trap": [evolution(trap, dim, FOUND, budget=ENDLESS, seed=seed, **ARTICLE) for seed in range(seeds)],
            "random": [random_search(trap, FOUND, _box(dim, seed), budget=ENDLESS) for seed in range(seeds)],
            "slope": [evolution(slope, dim, FOUND, budget=ENDLESS, seed=seed, **ADAPTIVE) for seed in range(seeds)],
        }
        hits = {name: [each.hit or math.nan for each in outcomes] for name, outcomes in runs.items()}
        means = {name: statistics.mean(each) for name, each in hits.items()}
        by_dim.append({"dim": dim, **means, "expected": expected(dim), "hits": hits})
        tell(f"needle in {dim} dimensions: " + ", ".join(f"{name} {mean:,.0f}" for name, mean in means.items()))
    return {
        "by_dim": by_dim,
        "growth": {name: _growth(by_dim, name) for name in ("trap", "random", "slope", "expected")},
        "without": {
            "budget": WITHOUT_BUDGET,
            "dim": WITHOUT_DIM,
            "normal": _share(ARTICLE, seeds),
            "self_adaptive": _share(ADAPTIVE, seeds),
            "bounded": _share(BOUNDED, seeds),
        },
    }


def _share(settings: dict[str, Any], seeds: int) -> float:
    return share(
        [evolution(trap, WITHOUT_DIM, FOUND, budget=WITHOUT_BUDGET, spread=0.0, seed=seed, **settings) for seed in range(seeds)]
    )


def _box(dim: int, seed: int) -> Iterator[Vector]:
    rng = np.random.default_rng([seed, dim])
    while True:
        yield from rng.uniform(-BOX, BOX, (1024, dim))


def _growth(by_dim: Sequence[dict[str, Any]], name: str) -> float:
    """Return the factor by which a time grows with each further dimension, over all of them."""
    first, last = by_dim[0], by_dim[-1]
    return (last[name] / first[name]) ** (1 / (last["dim"] - first["dim"]))


def rows(found: dict[str, Any]) -> list[Sequence[Any]]:
    """Return the lines of the table."""
    without = found["without"]
    return [
        *(
            ("4 global", f"needle, {each['dim']} dimensions", each["trap"], each["random"], each["trap"] / each["random"])
            for each in found["by_dim"]
        ),
        *(
            ("4 global", f"leaves the trap, {words} [share]", without[key], None, None)
            for key, words in (("normal", "normal"), ("self_adaptive", "self-adaptive"), ("bounded", "bounded"))
        ),
    ]
