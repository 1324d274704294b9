"""Mean and spread of what was observed, gathered in parts and merged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SMALLEST_DEVIATION = 1e-7  # what varies less is taken for constant


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Count, mean and sum of squared deviations of observations, each number of an observation on its own.

    Args:
        count: How many observations.
        mean: `(size,)`, zeros where there are none.
        squares: `(size,)`, the sum of squared deviations from the mean.

    Examples:
        >>> moments = Moments.of_none(1).merged(Moments(count=2, mean=np.array([3.0]), squares=np.array([2.0])))
        >>> moments.mean, moments.deviation
        (array([3.]), array([1.]))
    """

    count: int
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]

    @staticmethod
    def of_none(size: int) -> Moments:
        """Return the moments of no observations of `size` numbers."""
        return Moments(count=0, mean=np.zeros(size), squares=np.zeros(size))

    @property
    def deviation(self) -> NDArray[np.float64]:
        """The standard deviation `(size,)`, 1 where there are no observations."""
        return np.sqrt(self.squares / self.count) if self.count else np.ones_like(self.mean)

    @property
    def scale(self) -> NDArray[np.float64]:
        """What a deviation from the mean is multiplied with `(size,)`: 1 / standard deviation, 0 for what is constant.

        References:
            Mania, Guy and Recht 2018, Simple random search provides a competitive approach to reinforcement learning,
            https://arxiv.org/abs/1803.07055, which divides by infinity in that case.
        """
        deviation = self.deviation
        varies = deviation > SMALLEST_DEVIATION
        return np.divide(1.0, deviation, out=np.zeros_like(deviation), where=varies)

    def merged(self, other: Moments) -> Moments:
        """Return the moments of both sets of observations together.

        References:
            Chan, Golub and LeVeque 1979, Updating formulae and a pairwise algorithm for computing sample variances.
        """
        if other.count == 0:
            return self
        count = self.count + other.count
        apart = other.mean - self.mean
        share = other.count / count
        return Moments(
            count=count,
            mean=self.mean + apart * share,
            squares=self.squares + other.squares + apart * apart * (self.count * share),
        )


def moments_of_sums(count: int, centre: NDArray[np.float64], sums: NDArray[np.float64]) -> Moments:
    """Return the moments of observations of which sums were kept.

    Args:
        count: How many observations.
        centre: `(size,)`, what was taken off each before it was summed.
        sums: `(2 * size,)`, the sums of the deviations from the centre, then those of their squares.
    """
    if count == 0:
        return Moments.of_none(len(centre))
    first, second = np.split(sums, 2)
    offset = first / count
    return Moments(count=count, mean=centre + offset, squares=np.maximum(second - first * offset, 0.0))
