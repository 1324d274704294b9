"""Observation and action spaces as plain records, so that acting needs no Gymnasium."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evolvent.errors import UsageError

MAX_SIZE = 1_000_000
MAX_START = 2**62  # room for n more in a 64-bit integer


@dataclass(frozen=True, slots=True)
class Discrete:
    """The whole numbers `start`, ..., `start + n - 1`.

    Examples:
        >>> Discrete(n=2).size
        1
    """

    n: int
    start: int = 0

    def __post_init__(self) -> None:
        """Refuse an empty space, and more choices than a network can have outputs."""
        if not 1 <= self.n <= MAX_SIZE:
            raise UsageError(f"n: a discrete space has 1 to {MAX_SIZE:,} elements, got {self.n}")
        if abs(self.start) > MAX_START:
            raise UsageError(f"start: expected at most {MAX_START:,} either way, got {self.start}")

    @property
    def size(self) -> int:
        """How many values an element is made of."""
        return 1


@dataclass(frozen=True, slots=True)
class Box:
    """Arrays of one shape whose elements lie between two bounds.

    Args:
        low: Lower bound of each element, in C order; -infinity where there is none.
        high: Upper bound of each element.
        shape: Of an element of the space.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse shapes that the bounds do not fit, empty ones, and bounds the wrong way round."""
        if not self.shape or min(self.shape) < 1 or self.size > MAX_SIZE:
            raise UsageError(f"shape: expected positive sizes, {MAX_SIZE:,} elements at most, got {self.shape}")
        if len(self.low) != self.size or len(self.high) != self.size:
            raise UsageError(f"bounds: {self.size} elements need as many, got {len(self.low)} and {len(self.high)}")
        if not all(low <= high for low, high in zip(self.low, self.high, strict=True)):
            raise UsageError("bounds: each lower one must be at most the upper one")

    @staticmethod
    def symmetric(high: Sequence[float]) -> Box:
        """Return the box of vectors between `-high` and `high`."""
        return Box(low=tuple(-bound for bound in high), high=tuple(high), shape=(len(high),))

    @property
    def size(self) -> int:
        """How many values an element is made of."""
        return math.prod(self.shape)


Space = Discrete | Box
