"""What the evolution strategies have in common: rows drawn around a mean, alone or in pairs, and sums over their noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evolvent.algorithms.ranges import LARGEST
from evolvent.arrays import Population, Row
from evolvent.errors import UsageError
from evolvent.evaluation import Evaluation, best_first, usable

Vector = NDArray[np.float64]  # (dim,)

SMALLEST_DEVIATION, LARGEST_DEVIATION = 1e-30, LARGEST / 100  # noise is at most 6.7: no row can leave the range of a parameter
COLUMNS = 512  # squared at a time, so that they stay in the nearest caches


def refuse_odd(population_size: int) -> None:
    """Refuse a population that cannot be parted into pairs.

    Raises:
        UsageError: It is odd, or empty.
    """
    if population_size < 2 or population_size % 2:
        near = max(population_size + 1, 2)
        raise UsageError(
            f"population: expected an even number, for rows are drawn in pairs, got {population_size}; {near} is one"
        )


def refuse_single(population_size: int) -> None:
    """Refuse a population in which nobody can be compared.

    Raises:
        UsageError: It is of fewer than two rows.
    """
    if population_size < 2:
        raise UsageError(f"population: expected at least 2 rows, which are compared with each other, got {population_size}")


def bounded(mean: NDArray[np.floating]) -> Vector:
    """Return a mean around which a row can be drawn: numbers of at most half of what a parameter may be."""
    return np.clip(np.nan_to_num(mean.astype(np.float64)), -LARGEST / 2, LARGEST / 2)


def bounded_deviations(deviations: Vector) -> Vector:
    """Return deviations with which a row can be drawn, and which have not vanished."""
    return np.clip(deviations, SMALLEST_DEVIATION, LARGEST_DEVIATION)


def around(mean: Vector, deviations: Vector | float, noise: Population) -> Population:
    """Return `mean + deviations * noise` as rows `(n, dim)`."""
    population = noise * np.asarray(deviations, np.float32)
    population += mean.astype(np.float32)
    return population


def in_pairs(mean: Vector, deviations: Vector | float, noise: Population) -> Population:
    """Return `mean + deviations * noise` as the first half of the rows `(2 n, dim)`, and what lies opposite as the second."""
    pairs, centre = len(noise), mean.astype(np.float32)
    population = np.empty((2 * pairs, noise.shape[1]), np.float32)
    there, opposite = population[:pairs], population[pairs:]
    np.multiply(noise, np.asarray(deviations, np.float32), out=there)
    np.subtract(centre, there, out=opposite)
    there += centre
    return population


def asked(noise: Population | None) -> Population:
    """Return the noise that a state holds between `ask` and `tell`.

    Raises:
        ValueError: It holds none.
    """
    if noise is None:
        raise ValueError("tell: this state has asked for no population; give it the state that ask returned")
    return noise


def weighted_sum(weights: NDArray[np.float64], noise: Population) -> Vector:
    """Return the sum `(dim,)` of the rows `(n, dim)`, weighted, added up in their order and in float32.

    The weights may be of any size that a float can hold: they are brought to that of one before, and the sum back.
    """
    small, exponent = _near_one(weights)
    return np.ldexp(np.einsum("i,ij->j", small, noise).astype(np.float64), exponent)


def weighted_squares(weights: NDArray[np.float64], noise: Population) -> Vector:
    """Return the sum `(dim,)` of the squares of the rows' numbers, weighted; see `weighted_sum`."""
    small, exponent = _near_one(weights)
    total = np.empty(noise.shape[1])
    for start in range(0, len(total), COLUMNS):
        stretch = slice(start, start + COLUMNS)
        total[stretch] = np.einsum("i,ij->j", small, np.square(noise[:, stretch]))
    return np.ldexp(total, exponent)


def best_row(population: Population, evaluation: Evaluation) -> Row | None:
    """Return a copy of the row `(dim,)` that achieved most, None where nobody's fitness is sound."""
    best = best_first(evaluation)[0]
    return population[best].copy() if usable(evaluation)[best] else None


def mean_and_best(mean: Vector, best: Row | None, count: int) -> Population:
    """Return the mean as the first row, and the best row as the second where there is another one and `count` allows it."""
    centre = mean.astype(np.float32)
    if count < 2 or best is None or (best == centre).all():
        return centre[None]
    return np.stack([centre, best])


def _near_one(weights: NDArray[np.float64]) -> tuple[NDArray[np.float32], int]:
    exponent = int(np.frexp(np.abs(weights).max())[1])
    return np.ldexp(weights, -exponent).astype(np.float32), exponent
