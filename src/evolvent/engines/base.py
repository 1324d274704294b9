"""What an engine is: where a population is measured."""

from __future__ import annotations

from typing import Protocol

from evolvent.arrays import Population
from evolvent.evaluation import Conditions, Evaluation
from evolvent.tasks import Task


class Engine(Protocol):
    """Measures a population with a task, here or elsewhere. Every engine gives the same bits.

    Attributes:
        kind: What its workers are, in the plural.
        workers: How many work at the same time, as far as the engine knows.
        utilisation: Which share of their time they spent measuring during the last evaluation, 0 to 1; NaN if unknown.
        repeatable: False once something has decided a result that will not be the same another time, such as a time limit.
    """

    kind: str
    workers: int
    utilisation: float
    repeatable: bool

    def evaluate(self, task: Task, population: Population, conditions: Conditions) -> Evaluation:
        """Return what `population (pop, dim)` achieves in `task` under `conditions`."""
        ...

    def close(self) -> None:
        """End what the engine has started."""
        ...
