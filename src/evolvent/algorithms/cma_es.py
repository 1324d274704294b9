"""CMA-ES: draws rows from a normal distribution whose mean, step size and whole covariance it learns."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evolvent.algorithms.cma_parameters import SMALLEST, CMAParameters, full, is_steady, next_sigma, within_bounds
from evolvent.algorithms.linear_algebra import eigendecomposition, one_blas_thread, refuse_too_large
from evolvent.algorithms.ranges import LARGEST, MAX_STRENGTH, refuse_not_positive, refuse_outside
from evolvent.algorithms.sampling import Vector, asked, best_row, bounded, mean_and_best, refuse_single
from evolvent.arrays import Population, Row
from evolvent.evaluation import Evaluation, best_first
from evolvent.seeding import Stream

MOST_ELONGATED = 1e14  # the ratio of the covariance's eigenvalues that double precision can tell apart from noise
MATRICES = 6  # of dim x dim float64 that an update holds at once, LAPACK's own among them


@dataclass(frozen=True, slots=True)
class CMAESState:
    """The distribution, and what it was drawn with.

    Args:
        mean: `(dim,)`, of the distribution.
        sigma: The step size.
        covariance: `(dim, dim)`, of the steps, in units of `sigma` squared.
        axes: `(dim, dim)`, its eigenvectors, one a column, as of the last decomposition.
        lengths: `(dim,)`, the square roots of its eigenvalues then.
        path_sigma: `(dim,)`, which way and how far the mean has gone of late, as if the covariance were a ball.
        path_c: `(dim,)`, the same in the covariance.
        population_size: How many rows are drawn.
        generation: How many populations have been learnt from.
        decomposed: After which of them the covariance was decomposed last.
        noise: `(pop, dim)`, what the population to be told of was made with; None between generations.
        best: `(dim,)`, the best row of the last population; None where there is none.
    """

    mean: Vector
    sigma: float
    covariance: NDArray[np.float64]
    axes: NDArray[np.float64]
    lengths: Vector
    path_sigma: Vector
    path_c: Vector
    population_size: int
    generation: int = 0
    decomposed: int = 0
    noise: Population | None = None
    best: Row | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CMAES:
    """Evolution strategy with covariance matrix adaptation.

    It begins at the first of the initial rows. Only the order of fitness counts; equals are told apart by chance. Memory
    and time grow with the square of the number of parameters and more: from a few thousand on take sep-CMA-ES.

    Args:
        sigma: The first step size, the standard deviation of each parameter.
        active: Whether the worse half of a population makes the covariance shrink where it lies.
        min_step: The smallest standard deviation in any direction; above 0 it keeps a search going that would settle too
            early, as Igel does where few of the rows can be told apart.

    References:
        Hansen 2016, The CMA evolution strategy: a tutorial. https://arxiv.org/abs/1604.00772
        Igel 2003, Neuroevolution for reinforcement learning using evolution strategies.
        https://doi.org/10.1109/CEC.2003.1299414

    Examples:
        >>> from evolvent.evaluation import mean_return
        >>> from evolvent.seeding import stream
        >>> algorithm = CMAES(sigma=0.5)
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
    active: bool = True
    min_step: float = 0.0

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        refuse_not_positive("sigma", self.sigma)
        refuse_outside("min_step", self.min_step, 0.0, MAX_STRENGTH)

    def init(self, initial: Population, stream: Stream) -> CMAESState:  # noqa: ARG002 - others draw here
        """Return the state that begins at `initial[0]` and draws as many rows as `initial (pop, dim)` has.

        Raises:
            UsageError: There are fewer than two rows, or the machine's memory cannot hold the covariance.
        """
        count, dim = initial.shape
        refuse_too_large(dim, MATRICES, "cma_es", "sep_cma_es")
        refuse_single(count)
        mean = bounded(initial[0])
        return CMAESState(
            mean=mean,
            sigma=max(self.sigma, self.min_step),
            covariance=np.eye(dim),
            axes=np.eye(dim),
            lengths=np.ones_like(mean),
            path_sigma=np.zeros_like(mean),
            path_c=np.zeros_like(mean),
            population_size=count,
        )

    def ask(self, state: CMAESState, stream: Stream) -> tuple[Population, CMAESState]:
        """Return rows drawn from the distribution, and the state that remembers their noise."""
        noise = stream.child("noise").normal((state.population_size, len(state.mean)))
        with one_blas_thread():
            rows = (noise * state.lengths) @ state.axes.T  # (39)
        rows *= state.sigma
        rows += state.mean  # (40)
        return np.clip(rows, -LARGEST, LARGEST).astype(np.float32), replace(state, noise=noise)

    def tell(self, state: CMAESState, population: Population, evaluation: Evaluation) -> CMAESState:
        """Return the state whose distribution has moved towards the better rows; where nobody's fitness is sound, it stays."""
        noise, best = asked(state.noise), best_row(population, evaluation)
        state = replace(state, noise=None, best=best)
        if best is None:
            return state
        parameters = full(*noise.shape, active=self.active)
        with one_blas_thread():
            state = _moved(state, parameters, noise[best_first(evaluation)].astype(np.float64))
        # A decomposition costs as much as thousands of rows: it waits until the covariance has changed noticeably.
        if (state.generation - state.decomposed) * (parameters.c_1 + parameters.c_mu) * noise.shape[1] * 10 > 1:
            state = _decomposed(state)
        return replace(state, sigma=within_bounds(state.sigma, state.lengths, self.min_step))

    def candidates(self, state: CMAESState, count: int) -> Population:
        """Return the mean and, where `count` allows it, the best row of the last population."""
        return mean_and_best(state.mean, state.best, count)

    def confirm(self, state: CMAESState, candidates: Population, evaluation: Evaluation) -> CMAESState:  # noqa: ARG002
        """Return the state as it is: the distribution learns from whole populations only."""
        return state

    def resized(self, state: CMAESState, population_size: int) -> CMAESState:
        """Return the state that draws `population_size` rows from the same distribution.

        Raises:
            UsageError: They are fewer than two.
        """
        refuse_single(population_size)
        return replace(state, population_size=population_size)


def _moved(state: CMAESState, parameters: CMAParameters, noise: NDArray[np.float64]) -> CMAESState:
    """Return the state after all but the decomposition; `noise (pop, dim)` has that of the best row first."""
    p, weights = parameters, parameters.weights
    dim = noise.shape[1]
    steps = (noise * state.lengths) @ state.axes.T
    led = np.where(weights > 0, weights, 0)
    ahead = led @ steps  # (41)
    mean = bounded(state.mean + state.sigma * ahead)  # (42)
    # C^(-1/2) <y>_w = B <z>_w, for y = B D z
    path_sigma = (1 - p.c_sigma) * state.path_sigma + math.sqrt(p.c_sigma * (2 - p.c_sigma) * p.mu_eff) * (
        state.axes @ (led @ noise)
    )  # (43)
    steady = is_steady(path_sigma, state.generation + 1, p)
    path_c = (1 - p.c_c) * state.path_c + steady * math.sqrt(p.c_c * (2 - p.c_c) * p.mu_eff) * ahead  # (45)
    # The length of C^(-1/2) y is that of z; for a weight below 0 the row is taken as long as it is on average.
    scaled = np.where(weights < 0, weights * dim / np.maximum((noise**2).sum(axis=1), SMALLEST), weights)  # (46)
    lost = p.c_1 * (1 - steady) * p.c_c * (2 - p.c_c)
    covariance = (1 + lost - p.c_1 - p.c_mu * weights.sum()) * state.covariance
    covariance += p.c_1 * np.outer(path_c, path_c) + p.c_mu * ((scaled[:, np.newaxis] * steps).T @ steps)  # (47)
    return replace(
        state,
        mean=mean,
        sigma=next_sigma(state.sigma, path_sigma, p),
        covariance=covariance,
        path_sigma=path_sigma,
        path_c=path_c,
        generation=state.generation + 1,
    )


def _decomposed(state: CMAESState) -> CMAESState:
    """Return the state whose axes are those of its covariance.

    The covariance is brought to the scale at which its largest eigenvalue is 1 once it has gone far from it, which changes
    no row: the step size has the rest.
    """
    covariance = (state.covariance + state.covariance.T) / 2
    values, axes = eigendecomposition(covariance)
    if values[0] < values[-1] / MOST_ELONGATED:
        values = np.maximum(values, values[-1] / MOST_ELONGATED)
        with one_blas_thread():
            covariance = (axes * values) @ axes.T
    scale = 1.0 if 1e-20 < values[-1] < 1e20 else float(values[-1])
    return replace(
        state,
        sigma=state.sigma * math.sqrt(scale),
        covariance=covariance / scale,
        axes=axes,
        lengths=np.sqrt(values / scale),
        path_c=state.path_c / math.sqrt(scale),
        decomposed=state.generation,
    )
