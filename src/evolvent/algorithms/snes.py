"""SNES, the separable natural evolution strategy: a mean and the deviation of each parameter follow the natural gradient."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from evolvent.algorithms.ranges import refuse_not_positive
from evolvent.algorithms.sampling import (
    Vector,
    around,
    asked,
    best_row,
    bounded,
    bounded_deviations,
    mean_and_best,
    refuse_single,
    weighted_squares,
    weighted_sum,
)
from evolvent.algorithms.shaping import nes
from evolvent.arrays import Population, Row
from evolvent.evaluation import Evaluation
from evolvent.lanes import exp
from evolvent.seeding import Stream

MOST = 50.0  # by which a deviation's logarithm changes at a time


@dataclass(frozen=True, slots=True)
class SNESState:
    """What the next population is drawn from.

    Args:
        mean: `(dim,)`.
        deviations: `(dim,)`, of the noise of each parameter.
        population_size: Rows of the next population.
        noise: `(population_size, dim)`, what the population to be told of was made with; None between generations.
        best: `(dim,)`, the best row of the last population; None where there is none.
    """

    mean: Vector
    deviations: Vector
    population_size: int
    noise: Population | None = None
    best: Row | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SNES:
    """Adapts a mean and each parameter's deviation by the natural gradient; costs memory and time in proportion to rows.

    It begins around the first initial row. The paper's population for `dim` parameters is 4 + 3 log(dim), rounded down; for
    noisy fitness take many times that.

    Args:
        sigma: The first standard deviation of every parameter.
        mean_rate: Learning rate of the mean.
        sigma_rate: Learning rate of the deviations; None for the paper's, (3 + log(dim)) / (5 sqrt(dim)).

    References:
        Wierstra et al. 2014, Natural evolution strategies, algorithm 6 and table 1.
        https://jmlr.org/papers/v15/wierstra14a.html

    Examples:
        >>> from evolvent.evaluation import mean_return
        >>> from evolvent.seeding import stream
        >>> algorithm = SNES()
        >>> state = algorithm.init(np.ones((20, 3), np.float32), stream(0, "init"))
        >>> for generation in range(60):
        ...     population, state = algorithm.ask(state, stream(0, generation, "ask"))
        ...     returns = -(population**2).sum(axis=1, keepdims=True).astype(float)
        ...     evaluation = mean_return(returns, np.ones((20, 1), np.int64), np.zeros(20, bool))
        ...     state = algorithm.tell(state, population, evaluation)
        >>> bool(np.abs(algorithm.candidates(state, 1)).max() < 1e-3)
        True
    """

    sigma: float = 0.5
    mean_rate: float = 1.0
    sigma_rate: float | None = None

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        refuse_not_positive("sigma", self.sigma)
        refuse_not_positive("mean_rate", self.mean_rate, 10.0)
        if self.sigma_rate is not None:
            refuse_not_positive("sigma_rate", self.sigma_rate, 10.0)

    def init(self, initial: Population, stream: Stream) -> SNESState:  # noqa: ARG002 - others draw here
        """Return the state whose mean is the first of the rows `initial (pop, dim)`.

        Raises:
            UsageError: There is but one.
        """
        refuse_single(len(initial))
        deviations = self.sigma * np.ones(initial.shape[1])
        return SNESState(bounded(initial[0]), deviations, len(initial))

    def ask(self, state: SNESState, stream: Stream) -> tuple[Population, SNESState]:
        """Return rows drawn around the mean."""
        noise = stream.child("noise").normal((state.population_size, len(state.mean)))
        return around(state.mean, state.deviations, noise), replace(state, noise=noise)

    def tell(self, state: SNESState, population: Population, evaluation: Evaluation) -> SNESState:
        """Return the state whose mean and deviations have gone along the natural gradient."""
        noise, dim = asked(state.noise), len(state.mean)
        utilities = nes(evaluation)
        rate = (3 + math.log(dim)) / (5 * math.sqrt(dim)) if self.sigma_rate is None else self.sigma_rate
        towards = weighted_sum(utilities, noise)  # the gradient in the mean, sum of u s
        wider = weighted_squares(utilities, noise) - utilities.sum()  # and in the deviations, sum of u (s^2 - 1)
        mean = state.mean + self.mean_rate * state.deviations * towards
        factors: Vector = exp(np.clip(rate / 2 * wider, -MOST, MOST))
        best = best_row(population, evaluation)
        return SNESState(bounded(mean), bounded_deviations(state.deviations * factors), state.population_size, best=best)

    def candidates(self, state: SNESState, count: int) -> Population:
        """Return the mean and, where `count` allows it, the best row of the last population."""
        return mean_and_best(state.mean, state.best, count)

    def confirm(self, state: SNESState, candidates: Population, evaluation: Evaluation) -> SNESState:  # noqa: ARG002
        """Return the state as it is: one row's scores say nothing of a gradient."""
        return state

    def resized(self, state: SNESState, population_size: int) -> SNESState:
        """Return the state whose next population has `population_size` rows.

        Raises:
            UsageError: That is less than 2.
        """
        refuse_single(population_size)
        return replace(state, population_size=population_size)
