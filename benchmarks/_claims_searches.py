"""The searches that benchmarks/claims.py compares, and how their evaluations are counted.

An evaluation is one forward pass: one value of the loss. A gradient is charged as three of them, its own value included,
which is what `_claims_passes.py` measures for networks in batches, give or take.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import evolvent as ev

Vector = NDArray[np.float64]
Loss = Callable[[Vector], float]

GRADIENT = 3  # evaluations that a gradient and its value are charged as
FIRST_POPULATION = 64
FLAT = 1e-12  # a squared gradient below this leads nowhere
SHORTEST_STEP = 1e-12
LEAST_GAIN = 1e-4  # a step that gains less ends the descent where there are other starts


class Problem(NamedTuple):
    """A loss to be brought down to a target."""

    loss: Loss
    gradient: Callable[[Vector], Vector]
    dim: int
    target: float


class Outcome(NamedTuple):
    """What a search came to: the evaluation that reached the target, None if none did, and the lowest loss it saw."""

    hit: int | None
    lowest: float


class Counted:
    """A loss that counts its calls, and remembers the lowest value and which call was the first to reach the target."""

    def __init__(self, loss: Loss, target: float) -> None:
        """Begin at zero."""
        self._loss = loss
        self._target = target
        self.calls = 0
        self.lowest = math.inf
        self.hit: int | None = None

    def __call__(self, row: Vector) -> float:
        """Return the loss of `row`."""
        self.calls += 1
        value = self._loss(row)
        self.lowest = min(self.lowest, value)
        if self.hit is None and value <= self._target:
            self.hit = self.calls
        return value


class BudgetSpentError(Exception):
    """A descent has used up its evaluations."""


def evolution(loss: Loss, dim: int, target: float, *, budget: int, spread: float = 1.0, **settings: Any) -> Outcome:
    """Return what our genetic algorithm came to."""
    counted = Counted(loss, target)
    function = ev.Function(lambda row: -counted(row), dim, spread=spread)
    generations = math.ceil(budget / settings["population"])
    ev.evolve(function, generations=generations, target=-target, runs_dir=None, **settings)
    return Outcome(within(counted.hit, budget), counted.lowest)


def descent(problem: Problem, starts: Iterator[Vector], *, budget: int) -> Outcome:
    """Return what gradient descent came to.

    The step is twice the last one, halved until the loss falls by at least half of what the slope promises (Armijo 1966,
    https://doi.org/10.2140/pjm.1966.16.1), so that nobody has to choose it. A trial costs one evaluation. Where a step
    gains next to nothing, the descent goes on from the next start.
    """
    account = Account(problem, budget)
    try:
        for start in starts:
            _descend(account, start)
    except BudgetSpentError:
        pass
    return Outcome(within(account.hit, budget), account.lowest)


class Account:
    """Charges a descent for what it asks."""

    def __init__(self, problem: Problem, budget: int) -> None:
        """Begin with nothing spent."""
        self._problem = problem
        self._budget = budget
        self._spent = 0
        self.lowest = math.inf
        self.hit: int | None = None

    def value(self, row: Vector) -> float:
        """Return the loss of `row`, for one evaluation."""
        return self._charged(row, 1)

    def slope(self, row: Vector) -> tuple[float, Vector]:
        """Return the loss of `row` and its gradient, for three."""
        return self._charged(row, GRADIENT), self._problem.gradient(row)

    def _charged(self, row: Vector, cost: int) -> float:
        self._spent += cost
        value = self._problem.loss(row)
        self.lowest = min(self.lowest, value)
        if value <= self._problem.target:
            self.hit = self._spent
        if self.hit is not None or self._spent >= self._budget:
            raise BudgetSpentError
        return value


def _descend(account: Account, row: Vector) -> None:
    step, gain = 1.0, math.inf
    while gain > LEAST_GAIN:
        value, gradient = account.slope(row)
        promised = float(gradient @ gradient)
        if promised < FLAT:
            return
        step *= 2
        while (lower := account.value(row - step * gradient)) > value - 0.5 * step * promised:
            step /= 2
            if step < SHORTEST_STEP:
                return
        row = row - step * gradient
        gain = value - lower


def random_search(loss: Loss, target: float, rows: Iterator[Vector], *, budget: int) -> Outcome:
    """Return what looking at these rows, one after the other, came to."""
    counted = Counted(loss, target)
    while counted.hit is None and counted.calls < budget:
        counted(next(rows))
    return Outcome(counted.hit, counted.lowest)


def normal_rows(dim: int, spread: float, seed: int) -> Iterator[Vector]:
    """Return rows around zero without end; the first are, to the bit, those that `evolution` with this seed begins with."""
    function = ev.Function(lambda _: 0.0, dim, spread=spread)
    yield from function.initialise(FIRST_POPULATION, ev.stream(seed, "initial")).astype(np.float64)
    number = 0
    while True:
        yield from ev.stream(seed, "further", number).normal((FIRST_POPULATION, dim)).astype(np.float64) * spread
        number += 1


def within(hit: int | None, budget: int) -> int | None:
    """Return a count that kept to the budget, else None."""
    return hit if hit is not None and hit <= budget else None


def share(outcomes: Sequence[Outcome]) -> float:
    """Return the share of runs that reached their target."""
    return sum(each.hit is not None for each in outcomes) / len(outcomes)


def median(outcomes: Sequence[Outcome]) -> float | None:
    """Return the median of the evaluations to the target, None where it is of a run that did not reach it."""
    middle = statistics.median(math.inf if each.hit is None else each.hit for each in outcomes)
    return middle if math.isfinite(middle) else None
