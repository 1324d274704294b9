"""The reference engine: the task runs in this process."""

from __future__ import annotations

import math

from evolvent.arrays import Population
from evolvent.evaluation import Conditions, Evaluation
from evolvent.tasks import Task


class Inline:
    """Runs the task here.

    Args:
        workers: How many threads the task has, which a compiled one starts itself.
    """

    kind = "threads"

    def __init__(self, workers: int = 1) -> None:
        """Hold nothing."""
        self.workers = workers
        self.utilisation = math.nan
        self.repeatable = True

    def evaluate(self, task: Task, population: Population, conditions: Conditions) -> Evaluation:
        """Return what `population (pop, dim)` achieves in `task` under `conditions`."""
        return task.evaluate(population, conditions)

    def close(self) -> None:
        """Hold nothing."""
