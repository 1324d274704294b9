"""Strength: how strongly children are mutated as a search goes on, as a multiple of what the mutation is set to."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from evolvent.algorithms.ranges import refuse_below, refuse_outside
from evolvent.arrays import Scales
from evolvent.seeding import Stream

LEAST, MOST = 1e-4, 1e4  # between which a scale that adapts itself stays


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """Mutates every child as strongly as the mutation is set to."""

    def __call__(self, scales: Scales, _generation: int, _stream: Stream, /) -> Scales:
        """Return ones `(n,)`."""
        return np.ones_like(scales)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decaying:
    """Lets mutation become weaker by the same factor each generation, down to a last strength that stays.

    Args:
        generations: After so many the last strength is reached.
        final: The last strength, as a multiple of the first, above 0 and at most 1.
    """

    generations: int = 100
    final: float = 0.1

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        refuse_below("generations", self.generations, 1)
        refuse_outside("final", self.final, LEAST, 1.0)

    def __call__(self, scales: Scales, generation: int, _stream: Stream, /) -> Scales:
        """Return the strength `(n,)` of this generation, the same for all."""
        return np.full_like(scales, self.final ** min(generation / self.generations, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfAdaptive:
    """Lets every individual carry its own strength, which it inherits with a random change and is mutated by.

    Strengths that make good children spread with them. A child of two parents inherits the first one's. They stay between
    0.0001 and 10,000.

    Args:
        learning_rate: Standard deviation of the change of a strength's logarithm, above 0 and at most 2.

    References:
        Baeck and Schwefel 1993, An overview of evolutionary algorithms for parameter optimization, section 2.1.
        https://doi.org/10.1162/evco.1993.1.1.1
    """

    learning_rate: float = 0.2

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        refuse_outside("learning_rate", self.learning_rate, 1e-6, 2.0)

    def __call__(self, scales: Scales, _generation: int, stream: Stream, /) -> Scales:
        """Return the parents' scales `(n,)`, each multiplied by a log-normal number."""
        noise = stream.normal(scales.shape).tolist()
        factors = np.array([math.exp(self.learning_rate * number) for number in noise])
        return np.clip(scales * factors, LEAST, MOST)
