"""ARS, augmented random search: a mean steps along the directions in which rewards differed most."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evolvent.algorithms.ranges import refuse_below, refuse_not_positive
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
from evolvent.algorithms.shaping import comparable
from evolvent.arrays import Fitness, Population, Row
from evolvent.errors import UsageError
from evolvent.evaluation import Evaluation
from evolvent.seeding import Stream


@dataclass(frozen=True, slots=True)
class ARSState:
    """What the next population is drawn from.

    Args:
        mean: `(dim,)`.
        population_size: Rows of the next population.
        noise: `(population_size / 2, dim)`, what the population to be told of was made with; None between generations.
        best: `(dim,)`, the best row of the last population; None where there is none.
    """

    mean: Vector
    population_size: int
    noise: Population | None = None
    best: Row | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ARS:
    """Steps along the best of some random directions, by the differences of rewards in units of their deviation.

    It begins around the first initial row; the paper's policies are linear and begin at zero. A population of n rows, which
    is even, tries n / 2 directions both ways. The paper's V1 and V2 are the same search: V2 is this one on observations that
    are normalised, which is a setting of the run, and its V1-t and V2-t have `num_top` less than all. Who failed counts as
    the worst that did not.

    Args:
        learning_rate: How far a step goes, the paper's alpha.
        sigma: Standard deviation of the noise, the paper's nu.
        num_top: How many directions count, of those with the best reward either way; 0 for all. The paper's b.

    References:
        Mania, Guy and Recht 2018, Simple random search provides a competitive approach to reinforcement learning,
        algorithm 2. https://arxiv.org/abs/1803.07055

    Examples:
        >>> from evolvent.evaluation import mean_return
        >>> from evolvent.seeding import stream
        >>> algorithm = ARS(num_top=8)
        >>> state = algorithm.init(np.ones((32, 3), np.float32), stream(0, "init"))
        >>> for generation in range(150):
        ...     population, state = algorithm.ask(state, stream(0, generation, "ask"))
        ...     returns = -(population**2).sum(axis=1, keepdims=True).astype(float)
        ...     evaluation = mean_return(returns, np.ones((32, 1), np.int64), np.zeros(32, bool))
        ...     state = algorithm.tell(state, population, evaluation)
        >>> bool(np.abs(algorithm.candidates(state, 1)).max() < 0.1)
        True
    """

    learning_rate: float = 0.02
    sigma: float = 0.03
    num_top: int = 0

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        refuse_not_positive("learning_rate", self.learning_rate)
        refuse_not_positive("sigma", self.sigma)
        refuse_below("num_top", self.num_top, 0)

    def init(self, initial: Population, stream: Stream) -> ARSState:  # noqa: ARG002 - others draw here
        """Return the state whose mean is the first of the rows `initial (pop, dim)`.

        Raises:
            UsageError: Their number is odd, or less than twice that of the directions that count.
        """
        self._refuse_size(len(initial))
        return ARSState(bounded(initial[0]), len(initial))

    def ask(self, state: ARSState, stream: Stream) -> tuple[Population, ARSState]:
        """Return rows of which the second half lies opposite the first, as seen from the mean."""
        noise = stream.child("noise").normal((state.population_size // 2, len(state.mean)))
        return in_pairs(state.mean, self.sigma, noise), replace(state, noise=noise)

    def tell(self, state: ARSState, population: Population, evaluation: Evaluation) -> ARSState:
        """Return the state whose mean has gone a step; none is gone where all rewards that count are equal."""
        noise = asked(state.noise)
        rewards, _ = comparable(evaluation)  # what they are multiplied by falls out, for they are divided by their deviation
        weights = self._weights(rewards[: len(noise)], rewards[len(noise) :])
        mean = bounded(state.mean + self.learning_rate * weighted_sum(weights, noise))
        return ARSState(mean, state.population_size, best=best_row(population, evaluation))

    def candidates(self, state: ARSState, count: int) -> Population:
        """Return the mean and, where `count` allows it, the best row of the last population."""
        return mean_and_best(state.mean, state.best, count)

    def confirm(self, state: ARSState, candidates: Population, evaluation: Evaluation) -> ARSState:  # noqa: ARG002
        """Return the state as it is: one row's scores say nothing of a direction."""
        return state

    def resized(self, state: ARSState, population_size: int) -> ARSState:
        """Return the state whose next population has `population_size` rows.

        Raises:
            UsageError: That is odd, or less than twice the number of directions that count.
        """
        self._refuse_size(population_size)
        return replace(state, population_size=population_size)

    def _weights(self, there: Fitness, opposite: Fitness) -> Fitness:
        """Return by how much of itself each direction moves the mean (line 7 of the paper's algorithm), 0 for most."""
        num_top = self.num_top or len(there)
        top = np.argsort(-np.maximum(there, opposite), kind="stable")[:num_top]
        counted = np.concatenate([there[top], opposite[top]])
        weights = np.zeros(len(there))
        if (counted != counted[0]).any():
            deviation = np.sqrt(np.square(counted - counted.mean()).mean())
            weights[top] = (there[top] - opposite[top]) / (num_top * max(deviation, np.finfo(float).tiny))
        return weights

    def _refuse_size(self, population_size: int) -> None:
        refuse_odd(population_size)
        if population_size < 2 * self.num_top:
            raise UsageError(f"population: num_top={self.num_top} needs {2 * self.num_top} rows or more, got {population_size}")
