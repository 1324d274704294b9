"""What an engine is: where a population is measured."""

from __future__ import annotations

from typing import Protocol

from evolvent.arrays import Population
from evolvent.evaluation import Conditions, Evaluation
from evolvent.tasks import Task


class Engine(Protocol):
    """Measures a population with a task, here or elsewhere. Every engine gives the same bits."""

    def evaluate(self, task: Task, population: Population, conditions: Conditions) -> Evaluation:
        """Return what `population (pop, dim)` achieves in `task` under `conditions`."""
        ...
