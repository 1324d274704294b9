"""Mutation: how a parent's row is changed.

Each kind has a `rate`, the probability that a parameter is changed at all, and is scaled by the `Strength` of the
algorithm: noise is multiplied by the scale, and a kind that adds no noise is done at a rate so many times as high.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evolvent.algorithms.base import Mutation
from evolvent.algorithms.ranges import LARGEST, refuse_rate, refuse_strength
from evolvent.arrays import Indices, Population, Scales
from evolvent.errors import UsageError
from evolvent.seeding import Stream

LONGEST_JUMP = 1e6  # in units of the strength; without a limit, Cauchy noise would at times be infinite


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaussian:
    """Adds normal noise.

    Args:
        strength: Standard deviation of the noise, positive.
        rate: The probability that a parameter is changed.

    References:
        Such et al. 2017, Deep neuroevolution. https://arxiv.org/abs/1712.06567
    """

    strength: float = 0.1
    rate: float = 1.0

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        refuse_strength(self.strength, self.rate)

    def __call__(self, parents: Population, stream: Stream, scales: Scales | float = 1.0, /) -> Population:
        """Return `parents (n, dim)` with noise added, as new rows."""
        changed = np.empty(parents.shape, np.float32)
        self.breed(parents, np.arange(len(parents)), stream, scales, changed)
        return _where(stream, self.rate, changed, parents)

    def breed(self, rows: Population, parents: Indices, stream: Stream, scales: Scales | float, out: Population) -> None:
        """Write `rows[parents]` with noise added to every parameter into `out (n, dim)`: one pass over memory, on all cores."""
        strengths = np.ascontiguousarray(np.broadcast_to(_column(scales, self.strength)[:, 0], len(parents)))
        stream.add_normals(rows, parents, strengths, LARGEST, out)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniform:
    """Adds noise drawn evenly from an interval around zero.

    Args:
        strength: Half the length of the interval, positive.
        rate: The probability that a parameter is changed.

    References:
        Montana and Davis 1989, Training feedforward neural networks using genetic algorithms.
        https://www.ijcai.org/Proceedings/89-1/Papers/122.pdf
    """

    strength: float = 0.1
    rate: float = 1.0

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        refuse_strength(self.strength, self.rate)

    def __call__(self, parents: Population, stream: Stream, scales: Scales | float = 1.0, /) -> Population:
        """Return `parents (n, dim)` with noise added, as new rows."""
        noise = (2 * stream.uniform(parents.shape) - 1).astype(np.float32)
        noise *= _column(scales, self.strength)
        return _where(stream, self.rate, parents + noise, parents)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cauchy:
    """Adds noise with heavy tails: mostly small, at times a long jump.

    Args:
        strength: The scale of the distribution: half of the noise is smaller than this. Positive.
        rate: The probability that a parameter is changed.

    References:
        Yao, Liu and Lin 1999, Evolutionary programming made faster. https://doi.org/10.1109/4235.771163
    """

    strength: float = 0.1
    rate: float = 1.0

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        refuse_strength(self.strength, self.rate)

    def __call__(self, parents: Population, stream: Stream, scales: Scales | float = 1.0, /) -> Population:
        """Return `parents (n, dim)` with noise added, as new rows."""
        noise = stream.normal(parents.shape)
        with np.errstate(divide="ignore", over="ignore"):
            noise /= stream.child("divisors").normal(parents.shape)
        np.nan_to_num(noise, copy=False)
        np.clip(noise, -LONGEST_JUMP, LONGEST_JUMP, out=noise)
        noise *= _column(scales, self.strength)
        return _where(stream, self.rate, parents + noise, parents)


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiplicative:
    """Multiplies by normal noise around one: large parameters change more, and zero stays zero.

    Args:
        strength: Standard deviation of the factor, positive.
        rate: The probability that a parameter is changed.

    References:
        Gursky 2019, Gradient-free reinforcement learning (there a "shift" mutation).
        https://towardsdatascience.com/gradient-free-reinforcement-learning-neuroevolution-using-numpy-7377d6f6c3ea
    """

    strength: float = 0.1
    rate: float = 1.0

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        refuse_strength(self.strength, self.rate)

    def __call__(self, parents: Population, stream: Stream, scales: Scales | float = 1.0, /) -> Population:
        """Return `parents (n, dim)`, multiplied, as new rows."""
        factors = stream.normal(parents.shape)
        factors *= _column(scales, self.strength)
        factors += 1
        return _where(stream, self.rate, parents * factors, parents)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """Puts new normal numbers in place of some parameters.

    Args:
        strength: Standard deviation of the new numbers, positive.
        rate: The probability that a parameter is replaced; the algorithm's scale multiplies it.

    References:
        Gursky 2019, Gradient-free reinforcement learning (there a "swap" mutation).
        https://towardsdatascience.com/gradient-free-reinforcement-learning-neuroevolution-using-numpy-7377d6f6c3ea
    """

    strength: float = 1.0
    rate: float = 0.05

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        refuse_strength(self.strength, self.rate)

    def __call__(self, parents: Population, stream: Stream, scales: Scales | float = 1.0, /) -> Population:
        """Return `parents (n, dim)` with some parameters drawn anew, as new rows."""
        drawn = stream.normal(parents.shape)
        drawn *= np.float32(self.strength)
        return _where(stream, _rates(scales, self.rate), drawn, parents)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignFlip:
    """Changes the sign of some parameters.

    Args:
        rate: The probability that a parameter's sign is changed; the algorithm's scale multiplies it.

    References:
        Gursky 2019, Gradient-free reinforcement learning (there a "sign" mutation).
        https://towardsdatascience.com/gradient-free-reinforcement-learning-neuroevolution-using-numpy-7377d6f6c3ea
    """

    rate: float = 0.05

    def __post_init__(self) -> None:
        """Refuse a rate out of range."""
        refuse_rate(self.rate)

    def __call__(self, parents: Population, stream: Stream, scales: Scales | float = 1.0, /) -> Population:
        """Return `parents (n, dim)` with some signs changed, as new rows."""
        return _where(stream, _rates(scales, self.rate), -parents, parents)


@dataclass(frozen=True, slots=True)
class InTurn:
    """Does several mutations one after the other.

    Args:
        mutations: At least one, in the order in which they are done.

    Examples:
        >>> from evolvent.seeding import stream
        >>> mutation = InTurn((Gaussian(strength=0.1), SignFlip(rate=0.01)))
        >>> mutation(np.ones((2, 3), np.float32), stream(0, "mutation")).shape
        (2, 3)
    """

    mutations: tuple[Mutation, ...]

    def __post_init__(self) -> None:
        """Refuse to do nothing."""
        if not self.mutations:
            raise UsageError("mutations: expected at least one, got none")

    def __call__(self, parents: Population, stream: Stream, scales: Scales | float = 1.0, /) -> Population:
        """Return `parents (n, dim)`, changed by each mutation, as new rows."""
        rows = parents
        for number, mutation in enumerate(self.mutations):
            rows = mutation(rows, stream.child(number), scales)
        return rows


def write_children(
    mutation: Mutation, rows: Population, parents: Indices, stream: Stream, scales: Scales, out: Population
) -> None:
    """Write mutated `rows[parents]` into `out (n, dim)`, which shares no memory with them; all of it is finite."""
    if isinstance(mutation, Gaussian) and mutation.rate >= 1:
        mutation.breed(rows, parents, stream, scales, out)
        return
    with np.errstate(over="ignore", invalid="ignore"):
        out[:] = mutation(rows[parents], stream, scales)
    np.clip(out, -LARGEST, LARGEST, out=out)
    np.nan_to_num(out, copy=False)


def _column(scales: Scales | float, strength: float) -> NDArray[np.float32]:
    return _rates(scales, strength).astype(np.float32)


def _rates(scales: Scales | float, rate: float) -> NDArray[np.float64]:
    return np.reshape(scales, (-1, 1)).astype(np.float64) * rate


def _where(stream: Stream, rate: float | NDArray[np.float64], changed: Population, parents: Population) -> Population:
    """Return `changed` at parameters drawn at `rate`, and `parents` elsewhere."""
    if isinstance(rate, float) and rate >= 1:
        return changed
    return np.where(stream.child("where").uniform(parents.shape) < rate, changed, parents)
