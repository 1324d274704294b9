"""What networks that remember have in common: sizes, the shape of their memory and its limit."""

from __future__ import annotations

from numbers import Integral

import numpy as np

from evolvent.errors import UsageError
from evolvent.networks.base import Memory
from evolvent.networks.layout import MAX_NEURONS

MAX_MEMORY = 256  # numbers: 8 s of compiling, 512 take 16 s, and tuples of 1,000 Numba refuses


def zeros(size: int) -> Memory:
    """Return the memory of nothing: so many zeros in float32."""
    return (np.float32(0.0),) * size


def checked_sizes(sizes: tuple[int, ...], numbers_a_unit: int = 1) -> tuple[int, int, int]:
    """Return inputs, hidden units and outputs.

    Args:
        sizes: As a user gives them.
        numbers_a_unit: How many numbers each hidden unit remembers.

    Raises:
        UsageError: They are not three, or not positive, or the units remember more than `MAX_MEMORY` numbers.
    """
    sizes = tuple(sizes)
    if len(sizes) != 3 or not all(isinstance(size, Integral) and size >= 1 for size in sizes):
        raise UsageError(f"sizes: expected inputs, hidden units and outputs, all positive, got {sizes}")
    if sizes[0] > MAX_NEURONS:
        raise UsageError(f"sizes: expected at most {MAX_NEURONS:,} inputs, got {sizes[0]:,}")
    refuse_long_memory("sizes", sizes[1], numbers_a_unit)
    inputs, hidden, outputs = (int(size) for size in sizes)
    return inputs, hidden, outputs


def refuse_long_memory(argument: str, units: int, numbers_a_unit: int) -> None:
    """Refuse more units than a memory has room for.

    Raises:
        UsageError: They remember more than `MAX_MEMORY` numbers.
    """
    if units * numbers_a_unit > MAX_MEMORY:
        each = "" if numbers_a_unit == 1 else f", which remember {numbers_a_unit} numbers each"
        raise UsageError(
            f"{argument}: expected at most {MAX_MEMORY // numbers_a_unit} units that remember{each}, got {units:,};"
            " a longer memory takes long to compile, and one of 1,000 numbers cannot be compiled"
        )
