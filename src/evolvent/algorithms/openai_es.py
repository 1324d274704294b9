"""OpenAI's evolution strategy: a mean that climbs the gradient of rank-shaped fitness, estimated from rows drawn in pairs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from evolvent.algorithms.optimizers import Optimizer, OptimizerName, OptimizerState, make_optimizer, refuse_optimizer
from evolvent.algorithms.ranges import refuse_not_positive, refuse_outside, refuse_unknown
from evolvent.algorithms.sampling import (
    Vector,
    asked,
    best_row,
    bounded,
    in_pairs,
    mean_and_best,
    refuse_odd,
    weighted_sum,
)
from evolvent.algorithms.shaping import SHAPINGS, ShapingName
from evolvent.arrays import Population, Row
from evolvent.evaluation import Evaluation
from evolvent.seeding import Stream


@dataclass(frozen=True, slots=True)
class OpenAIESState:
    """What the next population is drawn from.

    Args:
        mean: `(dim,)`.
        optimizer: What the optimizer remembers.
        population_size: Rows of the next population.
        noise: `(population_size / 2, dim)`, what the population to be told of was made with; None between generations.
        best: `(dim,)`, the best row of the last population; None where there is none.
    """

    mean: Vector
    optimizer: OptimizerState
    population_size: int
    noise: Population | None = None
    best: Row | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIES:
    """Lets a mean climb the gradient of the fitness of rows around it, which are drawn in pairs that lie opposite each other.

    It begins around the first initial row, and its populations are even. With u the utilities and e the noise of n rows,
    g = 1 / (n sigma) sum u e; the optimizer is given g - weight_decay / sigma * mean, for the authors' code, from which the
    defaults are, leaves 1 / sigma out of both.

    Args:
        sigma: Standard deviation of the noise.
        learning_rate: Of the optimizer.
        optimizer: adam, momentum, sgd or clipup.
        momentum: Of momentum and ClipUp, and Adam's beta1.
        max_speed: The greatest length of a step of ClipUp; None for twice the learning rate.
        weight_decay: How strongly parameters are drawn to 0 (L2).
        shaping: What fitness is turned into: centred_ranks, nes, z_score or raw.

    References:
        Salimans et al. 2017, Evolution strategies as a scalable alternative to reinforcement learning.
        https://arxiv.org/abs/1703.03864

    Examples:
        >>> import numpy as np
        >>> from evolvent.evaluation import mean_return
        >>> from evolvent.seeding import stream
        >>> algorithm = OpenAIES(sigma=0.1, learning_rate=0.1)
        >>> state = algorithm.init(np.ones((64, 3), np.float32), stream(0, "init"))
        >>> for generation in range(60):
        ...     population, state = algorithm.ask(state, stream(0, generation, "ask"))
        ...     returns = -(population**2).sum(axis=1, keepdims=True).astype(float)
        ...     evaluation = mean_return(returns, np.ones((64, 1), np.int64), np.zeros(64, bool))
        ...     state = algorithm.tell(state, population, evaluation)
        >>> bool(np.abs(algorithm.candidates(state, 1)).max() < 0.1)
        True
    """

    sigma: float = 0.02
    learning_rate: float = 0.01
    optimizer: OptimizerName = "adam"
    momentum: float = 0.9
    max_speed: float | None = None
    weight_decay: float = 0.005
    shaping: ShapingName = "centred_ranks"

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        refuse_not_positive("sigma", self.sigma)
        refuse_optimizer(self.optimizer, self.learning_rate, self.momentum, self.max_speed)
        refuse_outside("weight_decay", self.weight_decay, 0.0, 1.0)
        refuse_unknown("shaping", self.shaping, SHAPINGS)

    def init(self, initial: Population, stream: Stream) -> OpenAIESState:  # noqa: ARG002 - others draw here
        """Return the state whose mean is the first of the rows `initial (pop, dim)`.

        Raises:
            UsageError: Their number is odd.
        """
        refuse_odd(len(initial))
        return OpenAIESState(bounded(initial[0]), self._made().init(initial.shape[1]), len(initial))

    def ask(self, state: OpenAIESState, stream: Stream) -> tuple[Population, OpenAIESState]:
        """Return rows of which the second half lies opposite the first, as seen from the mean."""
        noise = stream.child("noise").normal((state.population_size // 2, len(state.mean)))
        return in_pairs(state.mean, self.sigma, noise), replace(state, noise=noise)

    def tell(self, state: OpenAIESState, population: Population, evaluation: Evaluation) -> OpenAIESState:
        """Return the state whose mean has gone a step of the optimizer."""
        noise = asked(state.noise)
        utilities = SHAPINGS[self.shaping](evaluation)
        pairs = len(noise)
        rise = weighted_sum(utilities[:pairs] - utilities[pairs:], noise) / (2 * pairs)
        step, optimizer = self._made().step(state.optimizer, (rise - self.weight_decay * state.mean) / self.sigma)
        best = best_row(population, evaluation)
        return OpenAIESState(bounded(state.mean + step), optimizer, state.population_size, best=best)

    def candidates(self, state: OpenAIESState, count: int) -> Population:
        """Return the mean and, where `count` allows it, the best row of the last population."""
        return mean_and_best(state.mean, state.best, count)

    def confirm(self, state: OpenAIESState, candidates: Population, evaluation: Evaluation) -> OpenAIESState:  # noqa: ARG002
        """Return the state as it is: one row's scores say nothing of a gradient."""
        return state

    def resized(self, state: OpenAIESState, population_size: int) -> OpenAIESState:
        """Return the state whose next population has `population_size` rows.

        Raises:
            UsageError: That is odd.
        """
        refuse_odd(population_size)
        return replace(state, population_size=population_size)

    def _made(self) -> Optimizer:
        return make_optimizer(self.optimizer, self.learning_rate, self.momentum, self.max_speed)
