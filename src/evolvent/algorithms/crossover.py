"""Crossover: how a child is made of two parents.

A child that takes part of its parameters from each parent is unchanged wherever the parents agree. In networks, two
good parents may do the same with their neurons in another order, so that their child is good for nothing (Radcliffe
1993, https://doi.org/10.1007/BF01411376): measure before you rely on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evolvent.algorithms.ranges import refuse_outside
from evolvent.arrays import Indices, Population
from evolvent.seeding import Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class UniformCrossover:
    """Takes each parameter from one parent or the other.

    Args:
        share: The probability that a parameter comes from the second parent.

    References:
        Syswerda 1989, Uniform crossover in genetic algorithms.
    """

    share: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what is no probability."""
        refuse_outside("share", self.share, 0.0, 1.0)

    def __call__(self, first: Population, second: Population, _groups: Indices, stream: Stream, /) -> Population:
        """Return the children `(n, dim)` of the pairs `first[i]`, `second[i]`."""
        return np.where(stream.uniform(first.shape) < self.share, second, first)


@dataclass(frozen=True, slots=True, kw_only=True)
class NeuronCrossover:
    """Takes each neuron, with all its input weights and its bias, from one parent or the other.

    Args:
        share: The probability that a neuron comes from the second parent.

    References:
        Montana and Davis 1989, Training feedforward neural networks using genetic algorithms ("crossover-nodes").
        https://www.ijcai.org/Proceedings/89-1/Papers/122.pdf
    """

    share: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what is no probability."""
        refuse_outside("share", self.share, 0.0, 1.0)

    def __call__(self, first: Population, second: Population, groups: Indices, stream: Stream, /) -> Population:
        """Return the children `(n, dim)` of the pairs `first[i]`, `second[i]`."""
        of_second = stream.uniform((len(first), int(groups.max()) + 1)) < self.share
        return np.where(of_second[:, groups], second, first)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnePointCrossover:
    """Takes the parameters up to a random place from the first parent and the rest from the second.

    References:
        Holland 1975, Adaptation in natural and artificial systems.
    """

    def __call__(self, first: Population, second: Population, _groups: Indices, stream: Stream, /) -> Population:
        """Return the children `(n, dim)` of the pairs `first[i]`, `second[i]`; each has something of both, if it can."""
        cuts = stream.integers(1, max(first.shape[1], 2), (len(first), 1))
        return np.where(_places(first) >= cuts, second, first)


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoPointCrossover:
    """Takes the parameters between two random places from the second parent and the rest from the first.

    References:
        De Jong 1975, An analysis of the behavior of a class of genetic adaptive systems.
    """

    def __call__(self, first: Population, second: Population, _groups: Indices, stream: Stream, /) -> Population:
        """Return the children `(n, dim)` of the pairs `first[i]`, `second[i]`."""
        cuts = np.sort(stream.integers(0, first.shape[1] + 1, (len(first), 2)), axis=1)
        return np.where((_places(first) >= cuts[:, :1]) & (_places(first) < cuts[:, 1:]), second, first)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlendCrossover:
    """Draws each parameter evenly from the interval between the parents' two, made longer on both sides (BLX-alpha).

    Args:
        alpha: By how much, as a multiple of the interval, from 0 to 10. At 0.366 children vary as much as
            their parents, at 0.5 their variance is a sixth larger.

    References:
        Eshelman and Schaffer 1993, Real-coded genetic algorithms and interval-schemata.
        https://doi.org/10.1016/B978-0-08-094832-4.50018-0
    """

    alpha: float = 0.5

    def __post_init__(self) -> None:
        """Refuse to shorten the interval."""
        refuse_outside("alpha", self.alpha, 0.0, 10.0)

    def __call__(self, first: Population, second: Population, _groups: Indices, stream: Stream, /) -> Population:
        """Return the children `(n, dim)` of the pairs `first[i]`, `second[i]`."""
        way = stream.uniform(first.shape).astype(np.float32)
        way *= np.float32(1 + 2 * self.alpha)
        way -= np.float32(self.alpha)
        return np.add(first, way * (second - first), dtype=np.float32)


def _places(rows: Population) -> NDArray[np.int64]:
    return np.arange(rows.shape[1], dtype=np.int64)
