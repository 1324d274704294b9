"""Mutation: how a parent's row is changed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from evolvent.arrays import Population
from evolvent.errors import UsageError
from evolvent.seeding import Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaussian:
    """Adds normal noise to every parameter.

    Args:
        strength: Standard deviation of the noise, positive.

    References:
        Such et al. 2017, Deep neuroevolution. https://arxiv.org/abs/1712.06567
    """

    strength: float

    def __post_init__(self) -> None:
        """Refuse a strength that is not a positive number."""
        if not 0 < self.strength < math.inf:
            raise UsageError(f"strength: expected a positive number, got {self.strength}")

    def __call__(self, parents: Population, stream: Stream) -> Population:
        """Return `parents (n, dim)` with noise added, as new rows."""
        noise = stream.normal(parents.shape)
        noise *= np.float32(self.strength)
        return parents + noise
