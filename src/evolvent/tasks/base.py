"""What a task is: something that measures a population under given conditions."""

from __future__ import annotations

from typing import Protocol

from evolvent.arrays import Population
from evolvent.evaluation import Conditions, Evaluation


class Task(Protocol):
    """Measures populations. Its static parts (world, network, limits) are bound when it is made."""

    def evaluate(self, population: Population, conditions: Conditions) -> Evaluation:
        """Return what `population (pop, dim)` achieves under `conditions`; a row's result depends on no other row."""
        ...

    def close(self) -> None:
        """Give back what the task holds: threads, worlds, windows."""
        ...
