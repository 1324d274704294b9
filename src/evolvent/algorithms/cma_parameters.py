"""What CMA-ES and its separable variant have in common: weights, learning rates, and the control of the step size.

References:
    Hansen 2016, The CMA evolution strategy: a tutorial, table 1. https://arxiv.org/abs/1604.00772
    Ros and Hansen 2008, A simple modification in CMA-ES achieving linear time and space complexity.
    https://doi.org/10.1007/978-3-540-87700-4_30
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from evolvent.algorithms.ranges import LARGEST
from evolvent.algorithms.sampling import Vector, refuse_single

SMALLEST = 1e-30  # of a step; the squares of smaller ones are no float32 numbers any more


@dataclass(frozen=True, slots=True, kw_only=True)
class CMAParameters:
    """The constants of one search, as the tutorial names them.

    Args:
        weights: `(pop,)`, of the best individual first; those of the worse half are negative, or 0.
        mu_eff: How many equal parents the positive weights are worth.
        c_sigma: Learning rate of the path that the step size follows.
        d_sigma: Damping of the step size.
        c_c: Learning rate of the path that the covariance follows.
        c_1: Learning rate of the covariance's rank-one update.
        c_mu: Learning rate of its rank-mu update.
        chi: The expected length of a normal vector of this many numbers.
    """

    weights: NDArray[np.float64]
    mu_eff: float
    c_sigma: float
    d_sigma: float
    c_c: float
    c_1: float
    c_mu: float
    chi: float


@lru_cache(maxsize=8)
def full(population_size: int, dim: int, *, active: bool) -> CMAParameters:
    """Return the constants for a full covariance.

    Args:
        population_size: At least 2.
        dim: How many parameters a row has.
        active: Whether the worse half has negative weights, by which the covariance shrinks where they lie.

    Raises:
        UsageError: The population is smaller.
    """
    refuse_single(population_size)
    ranks = np.arange(1, population_size + 1)
    raw = math.log((population_size + 1) / 2) - np.array([math.log(rank) for rank in ranks.tolist()])  # (49)
    best, rest = raw[: population_size // 2], raw[population_size // 2 :]
    mu_eff = best.sum() ** 2 / (best**2).sum()
    c_1 = 2 / ((dim + 1.3) ** 2 + mu_eff)  # (57)
    c_mu = min(1 - c_1, 2 * (1 / 4 + mu_eff + 1 / mu_eff - 2) / ((dim + 2) ** 2 + mu_eff))  # (58), with alpha_cov = 2
    negative = np.zeros_like(rest)
    if active and (total := np.abs(rest).sum()) > 0:
        mu_eff_minus = rest.sum() ** 2 / (rest**2).sum()
        alpha_mu = 1 + c_1 / c_mu  # (50)
        alpha_mu_eff = 1 + 2 * mu_eff_minus / (mu_eff + 2)  # (51)
        alpha_posdef = (1 - c_1 - c_mu) / (dim * c_mu)  # (52)
        negative = min(alpha_mu, alpha_mu_eff, alpha_posdef) * rest / total  # (53)
    c_sigma = (mu_eff + 2) / (dim + mu_eff + 5)  # (55)
    return CMAParameters(
        weights=np.concatenate([best / best.sum(), negative]),
        mu_eff=float(mu_eff),
        c_sigma=float(c_sigma),
        d_sigma=float(1 + 2 * max(0.0, math.sqrt((mu_eff - 1) / (dim + 1)) - 1) + c_sigma),
        c_c=float((4 + mu_eff / dim) / (dim + 4 + 2 * mu_eff / dim)),  # (56)
        c_1=float(c_1),
        c_mu=float(c_mu),
        chi=math.sqrt(dim) * (1 - 1 / (4 * dim) + 1 / (21 * dim**2)),
    )


@lru_cache(maxsize=8)
def separable(population_size: int, dim: int) -> CMAParameters:
    """Return the constants for a diagonal covariance, whose fewer numbers are learnt `(dim + 2) / 3` times as fast.

    Raises:
        UsageError: As for `full`.
    """
    parameters = full(population_size, dim, active=False)
    faster = (dim + 2) / 3
    c_1 = min(1.0, faster * parameters.c_1)
    return replace(parameters, c_1=c_1, c_mu=min(1 - c_1, faster * parameters.c_mu))


def within_bounds(sigma: float, lengths: Vector, min_step: float) -> float:
    """Return the step size, raised where a direction has steps below `min_step`, and kept where float32 has numbers."""
    raised = max(sigma, min_step / float(lengths.min()))
    longest = float(lengths.max())
    return min(max(raised, SMALLEST / longest), LARGEST / longest)


def next_sigma(sigma: float, path_sigma: Vector, parameters: CMAParameters) -> float:
    """Return the step size, larger where the mean has gone further than at random; by no more than e a generation."""
    ahead = parameters.c_sigma / parameters.d_sigma * (float(np.sqrt((path_sigma**2).sum())) / parameters.chi - 1)
    return sigma * math.exp(min(1.0, ahead))  # (44)


def is_steady(path_sigma: Vector, generation: int, parameters: CMAParameters) -> bool:
    """Return whether the covariance may follow its path: not while the step size is still to grow a lot (h_sigma)."""
    warm = 1 - (1 - parameters.c_sigma) ** (2 * generation)
    limit = (1.4 + 2 / (len(path_sigma) + 1)) * parameters.chi
    return float(np.sqrt((path_sigma**2).sum() / warm)) < limit
