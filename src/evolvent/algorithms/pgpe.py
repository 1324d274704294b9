"""PGPE, policy gradients with parameter-based exploration: a mean and deviations climb, by rows drawn in pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from evolvent.algorithms.optimizers import Optimizer, OptimizerName, OptimizerState, make_optimizer, refuse_optimizer
from evolvent.algorithms.ranges import refuse_not_positive, refuse_outside, refuse_unknown
from evolvent.algorithms.sampling import (
    Vector,
    asked,
    best_row,
    bounded,
    bounded_deviations,
    in_pairs,
    mean_and_best,
    refuse_odd,
    weighted_squares,
    weighted_sum,
)
from evolvent.algorithms.shaping import SHAPINGS, ShapingName
from evolvent.arrays import Population, Row
from evolvent.errors import UsageError
from evolvent.evaluation import Evaluation
from evolvent.seeding import Stream


@dataclass(frozen=True, slots=True)
class PGPEState:
    """What the next population is drawn from.

    Args:
        mean: `(dim,)`.
        deviations: `(dim,)`, of the noise of each parameter.
        optimizer: What the optimizer of the mean remembers.
        population_size: Rows of the next population.
        noise: `(population_size / 2, dim)`, what the population to be told of was made with; None between generations.
        best: `(dim,)`, the best row of the last population; None where there is none.
    """

    mean: Vector
    deviations: Vector
    optimizer: OptimizerState
    population_size: int
    noise: Population | None = None
    best: Row | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PGPE:
    """Follows the gradients of expected utility in a mean and in each parameter's deviation, with ClipUp as a rule.

    It begins around the first initial row, and its populations are even. What is to be found by trial is `max_speed`: the
    rules of thumb of Toklu et al. derive from it the learning rate, half of it, and the radius, fifteen times it.

    Args:
        max_speed: The greatest length of a step of the mean.
        learning_rate: Of the mean's optimizer; None for half the greatest speed.
        optimizer: Of the mean: clipup, adam, momentum or sgd.
        momentum: Of ClipUp and momentum, and Adam's beta1.
        radius: Length of the first deviations as one vector: each is radius / sqrt(dim); None for 15 times the greatest
            speed.
        stdev_init: The first deviation of each parameter, in place of a radius.
        stdev_rate: Learning rate of the deviations.
        stdev_max_change: By what share of itself a deviation changes at most in a generation.
        shaping: What fitness is turned into: centred_ranks, nes, z_score or raw.

    References:
        Sehnke et al. 2010, Parameter-exploring policy gradients. https://doi.org/10.1016/j.neunet.2009.12.004
        Toklu, Liskowski and Srivastava 2020, ClipUp: a simple and powerful optimizer for distribution-based policy evolution.
        https://arxiv.org/abs/2008.02387

    Examples:
        >>> from evolvent.evaluation import mean_return
        >>> from evolvent.seeding import stream
        >>> algorithm = PGPE(max_speed=0.1)
        >>> state = algorithm.init(np.ones((64, 3), np.float32), stream(0, "init"))
        >>> for generation in range(80):
        ...     population, state = algorithm.ask(state, stream(0, generation, "ask"))
        ...     returns = -(population**2).sum(axis=1, keepdims=True).astype(float)
        ...     evaluation = mean_return(returns, np.ones((64, 1), np.int64), np.zeros(64, bool))
        ...     state = algorithm.tell(state, population, evaluation)
        >>> bool(np.abs(algorithm.candidates(state, 1)).max() < 0.1)
        True
    """

    max_speed: float = 0.15
    learning_rate: float | None = None
    optimizer: OptimizerName = "clipup"
    momentum: float = 0.9
    radius: float | None = None
    stdev_init: float | None = None
    stdev_rate: float = 0.1
    stdev_max_change: float = 0.2
    shaping: ShapingName = "centred_ranks"

    def __post_init__(self) -> None:
        """Refuse settings out of range, and two first deviations."""
        refuse_optimizer(self.optimizer, self._rate(), self.momentum, self.max_speed)
        for name, value in (("radius", self.radius), ("stdev_init", self.stdev_init)):
            if value is not None:
                refuse_not_positive(name, value)
        if self.radius is not None and self.stdev_init is not None:
            raise UsageError("stdev_init: a radius was given too, and both say what the first deviations are; give one of them")
        refuse_outside("stdev_rate", self.stdev_rate, 0.0, 10.0)
        refuse_outside("stdev_max_change", self.stdev_max_change, 0.0, 0.9)
        refuse_unknown("shaping", self.shaping, SHAPINGS)

    def init(self, initial: Population, stream: Stream) -> PGPEState:  # noqa: ARG002 - others draw here
        """Return the state whose mean is the first of the rows `initial (pop, dim)`.

        Raises:
            UsageError: Their number is odd.
        """
        refuse_odd(len(initial))
        dim = initial.shape[1]
        radius = 15 * self.max_speed if self.radius is None else self.radius
        stdev = radius / math.sqrt(dim) if self.stdev_init is None else self.stdev_init
        deviations = stdev * np.ones(dim)
        return PGPEState(bounded(initial[0]), bounded_deviations(deviations), self._made().init(dim), len(initial))

    def ask(self, state: PGPEState, stream: Stream) -> tuple[Population, PGPEState]:
        """Return rows of which the second half lies opposite the first, as seen from the mean."""
        noise = stream.child("noise").normal((state.population_size // 2, len(state.mean)))
        return in_pairs(state.mean, state.deviations, noise), replace(state, noise=noise)

    def tell(self, state: PGPEState, population: Population, evaluation: Evaluation) -> PGPEState:
        """Return the state whose mean has gone a step of the optimizer, and whose deviations have one of their own."""
        noise = asked(state.noise)
        pairs, old = len(noise), state.deviations
        utilities = SHAPINGS[self.shaping](evaluation)
        there, opposite = utilities[:pairs], utilities[pairs:]
        # With noise s and deviations d: the mean of (u+ - u-) / 2 d s over the pairs, and of ((u+ + u-) / 2 - b) d (s^2 - 1),
        # where the baseline b is the mean utility, so that the weights of s^2 sum to 0.
        rise = old * weighted_sum((there - opposite) / 2, noise) / pairs
        average = (there + opposite) / 2
        centred = average - average.mean()
        widening = old * (weighted_squares(centred, noise) - centred.sum()) / pairs
        step, optimizer = self._made().step(state.optimizer, rise)
        most = self.stdev_max_change * old
        deviations = bounded_deviations(old + np.clip(self.stdev_rate * widening, -most, most))
        best = best_row(population, evaluation)
        return PGPEState(bounded(state.mean + step), deviations, optimizer, state.population_size, best=best)

    def candidates(self, state: PGPEState, count: int) -> Population:
        """Return the mean and, where `count` allows it, the best row of the last population."""
        return mean_and_best(state.mean, state.best, count)

    def confirm(self, state: PGPEState, candidates: Population, evaluation: Evaluation) -> PGPEState:  # noqa: ARG002
        """Return the state as it is: one row's scores say nothing of a gradient."""
        return state

    def resized(self, state: PGPEState, population_size: int) -> PGPEState:
        """Return the state whose next population has `population_size` rows.

        Raises:
            UsageError: That is odd.
        """
        refuse_odd(population_size)
        return replace(state, population_size=population_size)

    def _rate(self) -> float:
        return self.max_speed / 2 if self.learning_rate is None else self.learning_rate

    def _made(self) -> Optimizer:
        return make_optimizer(self.optimizer, self._rate(), self.momentum, self.max_speed)
