"""sep-CMA-ES: CMA-ES whose covariance is diagonal, for as many parameters as there is memory for rows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from evolvent.algorithms.cma_parameters import SMALLEST, is_steady, next_sigma, separable, within_bounds
from evolvent.algorithms.ranges import LARGEST, MAX_STRENGTH, refuse_not_positive, refuse_outside
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
from evolvent.arrays import Population, Row
from evolvent.evaluation import Evaluation, best_first
from evolvent.seeding import Stream

MOST_ELONGATED = LARGEST  # the ratio of the variances; each is learnt alone, so far more than of a whole covariance


@dataclass(frozen=True, slots=True)
class SepCMAESState:
    """The distribution, and what it was drawn with.

    Args:
        mean: `(dim,)`, of the distribution.
        sigma: The step size.
        lengths: `(dim,)`, the standard deviation of each parameter's steps, in units of `sigma`.
        path_sigma: `(dim,)`, which way and how far the mean has gone of late, in units of each parameter's deviation.
        path_c: `(dim,)`, the same in units of `sigma`.
        population_size: How many rows are drawn.
        generation: How many populations have been learnt from.
        noise: `(pop, dim)`, what the population to be told of was made with; None between generations.
        best: `(dim,)`, the best row of the last population; None where there is none.
    """

    mean: Vector
    sigma: float
    lengths: Vector
    path_sigma: Vector
    path_c: Vector
    population_size: int
    generation: int = 0
    noise: Population | None = None
    best: Row | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SepCMAES:
    """Learns a mean, a step size and each parameter's own deviation, but not how parameters vary together.

    It begins at the first of the initial rows. Memory and time are in proportion to rows. Only the order of fitness counts.

    Args:
        sigma: The first step size, the standard deviation of each parameter.
        min_step: The smallest standard deviation of any parameter; above 0 it keeps a search going that would settle too
            early.

    References:
        Ros and Hansen 2008, A simple modification in CMA-ES achieving linear time and space complexity.
        https://doi.org/10.1007/978-3-540-87700-4_30

    Examples:
        >>> from evolvent.evaluation import mean_return
        >>> from evolvent.seeding import stream
        >>> algorithm = SepCMAES(sigma=0.5)
        >>> state = algorithm.init(np.ones((12, 5), np.float32), stream(0, "init"))
        >>> for generation in range(80):
        ...     population, state = algorithm.ask(state, stream(0, generation, "ask"))
        ...     returns = -(population**2).sum(axis=1, keepdims=True).astype(float)
        ...     evaluation = mean_return(returns, np.ones((12, 1), np.int64), np.zeros(12, bool))
        ...     state = algorithm.tell(state, population, evaluation)
        >>> bool(np.abs(algorithm.candidates(state, 1)).max() < 1e-3)
        True
    """

    sigma: float = 0.5
    min_step: float = 0.0

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        refuse_not_positive("sigma", self.sigma)
        refuse_outside("min_step", self.min_step, 0.0, MAX_STRENGTH)

    def init(self, initial: Population, stream: Stream) -> SepCMAESState:  # noqa: ARG002 - others draw here
        """Return the state that begins at `initial[0]` and draws as many rows as `initial (pop, dim)` has.

        Raises:
            UsageError: There are fewer than two.
        """
        refuse_single(len(initial))
        mean = bounded(initial[0])
        return SepCMAESState(
            mean=mean,
            sigma=max(self.sigma, self.min_step),
            lengths=np.ones_like(mean),
            path_sigma=np.zeros_like(mean),
            path_c=np.zeros_like(mean),
            population_size=len(initial),
        )

    def ask(self, state: SepCMAESState, stream: Stream) -> tuple[Population, SepCMAESState]:
        """Return rows drawn from the distribution, and the state that remembers their noise."""
        noise = stream.child("noise").normal((state.population_size, len(state.mean)))
        rows = around(state.mean, bounded_deviations(state.sigma * state.lengths), noise)
        return rows, replace(state, noise=noise)

    def tell(self, state: SepCMAESState, population: Population, evaluation: Evaluation) -> SepCMAESState:
        """Return the state whose distribution has moved towards the better rows; where nobody's fitness is sound, it stays."""
        noise, best = asked(state.noise), best_row(population, evaluation)
        state = replace(state, noise=None, best=best)
        if best is None:
            return state
        state = self._moved(state, noise[best_first(evaluation)[: max(len(noise) // 2, 1)]], len(noise))
        return replace(state, sigma=within_bounds(state.sigma, state.lengths, self.min_step))

    def candidates(self, state: SepCMAESState, count: int) -> Population:
        """Return the mean and, where `count` allows it, the best row of the last population."""
        return mean_and_best(state.mean, state.best, count)

    def confirm(self, state: SepCMAESState, candidates: Population, evaluation: Evaluation) -> SepCMAESState:  # noqa: ARG002
        """Return the state as it is: the distribution learns from whole populations only."""
        return state

    def resized(self, state: SepCMAESState, population_size: int) -> SepCMAESState:
        """Return the state that draws `population_size` rows from the same distribution.

        Raises:
            UsageError: They are fewer than two.
        """
        refuse_single(population_size)
        return replace(state, population_size=population_size)

    @staticmethod
    def _moved(state: SepCMAESState, led: Population, population_size: int) -> SepCMAESState:
        """Return the state after a population whose better half was made with the noise `led (pop // 2, dim)`, best first."""
        p = separable(population_size, len(state.mean))
        weights = p.weights[: len(led)]
        ahead = weighted_sum(weights, led)
        path_sigma = (1 - p.c_sigma) * state.path_sigma + math.sqrt(p.c_sigma * (2 - p.c_sigma) * p.mu_eff) * ahead  # (43)
        steady = is_steady(path_sigma, state.generation + 1, p)
        ahead = state.lengths * ahead
        path_c = (1 - p.c_c) * state.path_c + steady * math.sqrt(p.c_c * (2 - p.c_c) * p.mu_eff) * ahead  # (45)
        kept = 1 + p.c_1 * (1 - steady) * p.c_c * (2 - p.c_c) - p.c_1 - p.c_mu
        variances = state.lengths**2
        variances = kept * variances + p.c_1 * path_c**2 + p.c_mu * variances * weighted_squares(weights, led)  # (47)
        # Steps are brought to the scale at which the longest is 1 once they have gone far from it: the step size has the rest.
        largest = float(variances.max())
        scale = 1.0 if 1e-20 < largest < 1e20 else math.sqrt(max(largest, SMALLEST))
        return replace(
            state,
            mean=bounded(state.mean + state.sigma * ahead),
            sigma=next_sigma(state.sigma, path_sigma, p) * scale,
            lengths=np.sqrt(np.maximum(variances, largest / MOST_ELONGATED)) / scale,
            path_sigma=path_sigma,
            path_c=path_c / scale,
            generation=state.generation + 1,
        )
