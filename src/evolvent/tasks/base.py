"""What a task is: something that measures a population under given conditions."""

from __future__ import annotations

from typing import Protocol

from evolvent.arrays import Population
from evolvent.errors import UsageError
from evolvent.evaluation import Conditions, Evaluation

MOST_STEPS = 1_000_000_000


class Task(Protocol):
    """Measures populations. Its static parts (world, network, limits) are bound when it is made."""

    def evaluate(self, population: Population, conditions: Conditions) -> Evaluation:
        """Return what `population (pop, dim)` achieves under `conditions`; a row's result depends on no other row."""
        ...

    def close(self) -> None:
        """Give back what the task holds: threads, worlds, windows."""
        ...


def refuse_odd_shapes(population: Population, conditions: Conditions, dim: int) -> None:
    """Refuse rows that are not of `dim` parameters, and seeds that are not a row for each individual.

    Raises:
        UsageError: The shapes do not fit; compiled code would read past the end of an array.
    """
    if population.ndim != 2 or population.shape[1] != dim:
        raise UsageError(f"population: expected rows of {dim} parameters, got an array of shape {population.shape}")
    if conditions.episode_cap is not None and not 1 <= conditions.episode_cap <= MOST_STEPS:
        raise UsageError(f"episode_cap: expected 1 to {MOST_STEPS:,} steps, got {conditions.episode_cap}")
    if conditions.seeds.ndim != 2 or len(conditions.seeds) != len(population):
        raise UsageError(f"seeds: expected a row for each of {len(population)} individuals, got shape {conditions.seeds.shape}")
