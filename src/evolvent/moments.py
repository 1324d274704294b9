"""Mean and spread of what was observed, gathered in parts and merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

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
        merged = _merged(_stack([self]), _stack([other]))
        return Moments(count=self.count + other.count, mean=merged.means[0], squares=merged.squares[0])


def moments_of_sums(count: int, centre: NDArray[np.float64], sums: NDArray[np.float64]) -> Moments:
    """Return the moments of observations of which sums were kept.

    Args:
        count: How many observations.
        centre: `(size,)`, what was taken off each before it was summed.
        sums: `(2 * size,)`, the sums of the deviations from the centre, then those of their squares.
    """
    stack = _of_sums(np.array([float(count)]), centre, sums[None])
    return Moments(count=count, mean=stack.means[0], squares=stack.squares[0])


def moments_of_episodes(counts: NDArray[np.int64], centre: NDArray[np.float64], sums: NDArray[np.float64]) -> Moments:
    """Return the moments of all episodes of a population, merged in the order of individual and episode.

    First those of an individual are merged, then those of the individuals, neighbours in pairs, and pairs in pairs. The bits
    are those of `merged_in_order`, whoever measured which individual or episode.

    Args:
        counts: `(pop, episodes)`, how many observations; 0 of an episode that is left out, whatever its sums.
        centre: `(size,)`, what was taken off each before it was summed.
        sums: `(pop, episodes, 2 * size)`, as for `moments_of_sums`.
    """
    merged = _along(_along(_of_sums(counts.astype(np.float64), centre, sums)))
    return Moments(count=int(counts.sum()), mean=merged.means, squares=merged.squares)


def merged_in_order(moments: Sequence[Moments], episodes: int = 1) -> Moments:
    """Return the moments of all jobs together, as `moments_of_episodes` merges them.

    Args:
        moments: Of each job, at least of one; a job is an episode or an individual.
        episodes: How many neighbouring jobs are one individual's.
    """
    flat = _stack(moments)
    shape = len(moments) // episodes, episodes
    merged = _along(_along(_Stack(flat.counts.reshape(shape), *(each.reshape(*shape, -1) for each in flat[1:]))))
    return Moments(count=sum(each.count for each in moments), mean=merged.means, squares=merged.squares)


class _Stack(NamedTuple):
    """Moments in arrays: counts `(..., n)`, means and squares `(..., n, size)`."""

    counts: NDArray[np.float64]
    means: NDArray[np.float64]
    squares: NDArray[np.float64]


def _stack(moments: Sequence[Moments]) -> _Stack:
    counts = np.array([float(each.count) for each in moments])
    return _Stack(counts, np.array([each.mean for each in moments]), np.array([each.squares for each in moments]))


def _of_sums(counts: NDArray[np.float64], centre: NDArray[np.float64], sums: NDArray[np.float64]) -> _Stack:
    first, second = np.split(sums, 2, axis=-1)
    with np.errstate(all="ignore"):
        offsets = first / counts[..., None]
        squares = np.maximum(second - first * offsets, 0.0)
    seen = counts[..., None] > 0
    return _Stack(counts, np.where(seen, centre + offsets, 0.0), np.where(seen, squares, 0.0))


def _merged(one: _Stack, other: _Stack) -> _Stack:
    counts = one.counts + other.counts
    n, total = one.counts[..., None], counts[..., None]
    with np.errstate(all="ignore"):
        apart = other.means - one.means
        share = other.counts[..., None] / total
        means, squares = one.means + apart * share, one.squares + other.squares + apart * apart * (n * share)
    first, second = other.counts[..., None] == 0, n == 0
    means = np.where(first, one.means, np.where(second, other.means, means))
    return _Stack(counts, means, np.where(first, one.squares, np.where(second, other.squares, squares)))


def _along(stack: _Stack) -> _Stack:
    """Return moments merged along the last axis of their counts."""
    counts, means, squares = stack
    while (n := counts.shape[-1]) > 1:
        even = n - n % 2
        one = _Stack(counts[..., 0:even:2], means[..., 0:even:2, :], squares[..., 0:even:2, :])
        other = _Stack(counts[..., 1:even:2], means[..., 1:even:2, :], squares[..., 1:even:2, :])
        merged, left = _merged(one, other), (counts[..., even:], means[..., even:, :], squares[..., even:, :])
        counts = np.concatenate([merged.counts, left[0]], axis=-1)
        means, squares = (np.concatenate([each, rest], axis=-2) for each, rest in zip(merged[1:], left[1:], strict=True))
    return _Stack(counts[..., 0], means[..., 0, :], squares[..., 0, :])
