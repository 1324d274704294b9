"""The reference engine: the task runs in this process."""

from __future__ import annotations

from evolvent.arrays import Population
from evolvent.evaluation import Conditions, Evaluation
from evolvent.tasks import Task


class Inline:
    """Runs the task here; a compiled task has threads of its own."""

    def evaluate(self, task: Task, population: Population, conditions: Conditions) -> Evaluation:
        """Return what `population (pop, dim)` achieves in `task` under `conditions`."""
        return task.evaluate(population, conditions)
