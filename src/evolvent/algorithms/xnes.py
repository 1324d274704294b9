"""xNES, the exponential natural evolution strategy: a mean and a whole covariance that follow the natural gradient."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evolvent.algorithms.linear_algebra import eigendecomposition, one_blas_thread, refuse_too_large
from evolvent.algorithms.ranges import LARGEST, refuse_not_positive
from evolvent.algorithms.sampling import (
    LARGEST_DEVIATION,
    SMALLEST_DEVIATION,
    Vector,
    asked,
    best_row,
    bounded,
    mean_and_best,
    refuse_single,
)
from evolvent.algorithms.shaping import nes
from evolvent.arrays import Population, Row
from evolvent.evaluation import Evaluation
from evolvent.lanes import exp
from evolvent.seeding import Stream

Matrix = NDArray[np.float64]  # (dim, dim)

MATRICES = 8  # of dim x dim float64 that an update holds at once, LAPACK's own among them
MOST = 50.0  # by which a logarithm changes at a time


@dataclass(frozen=True, slots=True)
class XNESState:
    """What the next population is drawn from.

    Args:
        mean: `(dim,)`.
        sigma: The step size.
        shape: `(dim, dim)`, B, of determinant 1: a row is the mean and sigma B times its noise.
        population_size: Rows of the next population.
        noise: `(population_size, dim)`, what the population to be told of was made with; None between generations.
        best: `(dim,)`, the best row of the last population; None where there is none.
    """

    mean: Vector
    sigma: float
    shape: Matrix
    population_size: int
    noise: Population | None = None
    best: Row | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class XNES:
    """Adapts a mean, a step size and how all parameters vary together, by the natural gradient.

    It begins around the first initial row. However a problem is turned, its progress is the same. Memory grows with the
    square of the number of parameters and time with its cube: from about a thousand on take SNES. The paper's population for
    `dim` parameters is 4 + 3 log(dim), rounded down; for noisy fitness take many times that.

    Args:
        sigma: The first standard deviation of every parameter.
        mean_rate: Learning rate of the mean.
        sigma_rate: Learning rate of the step size; None for the paper's, (9 + 3 log(dim)) / (5 dim sqrt(dim)).
        shape_rate: Learning rate of the shape; None for the same.

    References:
        Glasmachers et al. 2010, Exponential natural evolution strategies. https://doi.org/10.1145/1830483.1830557
        Wierstra et al. 2014, Natural evolution strategies, algorithm 5 and table 1.
        https://jmlr.org/papers/v15/wierstra14a.html

    Examples:
        >>> from evolvent.evaluation import mean_return
        >>> from evolvent.seeding import stream
        >>> algorithm = XNES()
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
    shape_rate: float | None = None

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        refuse_not_positive("sigma", self.sigma)
        refuse_not_positive("mean_rate", self.mean_rate, 10.0)
        for name, rate in (("sigma_rate", self.sigma_rate), ("shape_rate", self.shape_rate)):
            if rate is not None:
                refuse_not_positive(name, rate, 10.0)

    def init(self, initial: Population, stream: Stream) -> XNESState:  # noqa: ARG002 - others draw here
        """Return the state whose mean is the first of the rows `initial (pop, dim)`.

        Raises:
            UsageError: There is but one, or the machine's memory cannot hold how so many parameters vary together.
        """
        size, dim = initial.shape
        refuse_single(size)
        refuse_too_large(dim, MATRICES, "xnes", "snes")
        return XNESState(bounded(initial[0]), float(self.sigma), np.eye(dim), size)

    def ask(self, state: XNESState, stream: Stream) -> tuple[Population, XNESState]:
        """Return rows drawn around the mean."""
        noise = stream.child("noise").normal((state.population_size, len(state.mean)))
        with one_blas_thread():
            rows = noise.astype(np.float64) @ state.shape.T
        rows *= state.sigma
        rows += state.mean
        return np.clip(rows, -LARGEST, LARGEST).astype(np.float32), replace(state, noise=noise)

    def tell(self, state: XNESState, population: Population, evaluation: Evaluation) -> XNESState:
        """Return the state whose mean, step size and shape have gone along the natural gradient."""
        noise = asked(state.noise).astype(np.float64)
        utilities, dim = nes(evaluation), noise.shape[1]
        rate = (9 + 3 * math.log(dim)) / (5 * dim * math.sqrt(dim))
        sigma_rate = rate if self.sigma_rate is None else self.sigma_rate
        shape_rate = rate if self.shape_rate is None else self.shape_rate
        with one_blas_thread():
            towards = utilities @ noise  # G_delta, the sum of u s
            wider = (noise.T * utilities) @ noise  # G_M, the sum of u (s s' - I)
            wider[np.diag_indices(dim)] -= utilities.sum()
            growth = float(np.trace(wider)) / dim  # G_sigma
            wider[np.diag_indices(dim)] -= growth  # G_B
            mean = state.mean + self.mean_rate * state.sigma * (state.shape @ towards)
            shape = state.shape @ _exponential(shape_rate / 2 * wider)
        sigma = state.sigma * math.exp(min(max(sigma_rate / 2 * growth, -MOST), MOST))
        return XNESState(
            mean=bounded(mean),
            sigma=min(max(sigma, SMALLEST_DEVIATION), LARGEST_DEVIATION),
            shape=np.clip(shape, -LARGEST, LARGEST),
            population_size=state.population_size,
            best=best_row(population, evaluation),
        )

    def candidates(self, state: XNESState, count: int) -> Population:
        """Return the mean and, where `count` allows it, the best row of the last population."""
        return mean_and_best(state.mean, state.best, count)

    def confirm(self, state: XNESState, candidates: Population, evaluation: Evaluation) -> XNESState:  # noqa: ARG002
        """Return the state as it is: one row's scores say nothing of a gradient."""
        return state

    def resized(self, state: XNESState, population_size: int) -> XNESState:
        """Return the state whose next population has `population_size` rows.

        Raises:
            UsageError: That is less than 2.
        """
        refuse_single(population_size)
        return replace(state, population_size=population_size)


def _exponential(matrix: Matrix) -> Matrix:
    """Return the exponential of a symmetric matrix."""
    values, vectors = eigendecomposition(matrix)
    factors: Vector = exp(np.clip(values, -MOST, MOST))
    return (vectors * factors) @ vectors.T
