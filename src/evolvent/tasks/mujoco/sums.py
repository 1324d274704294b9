# pyright: basic
"""Sums whose last bits are those of NumPy's, so that rewards equal those that Gymnasium computes with it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evolvent.lanes import buffer, to_float64


def sum_of_squares(values: NDArray[Any]) -> Any:
    """Return what `numpy.sum(numpy.square(values))` does, in the precision of `values (n,)`.

    It adds up to 128 numbers in NumPy's order: one after the other where they are fewer than eight, else in eight sums.
    """
    size = len(values)
    total = values.dtype.type(0.0)
    if size < 8:
        for k in range(size):
            total = total + values[k] * values[k]
        return total
    parts = buffer(total, 8)
    for k in range(8):
        parts[k] = values[k] * values[k]
    whole = size - size % 8
    for start in range(8, whole, 8):
        for k in range(8):
            parts[k] = parts[k] + values[start + k] * values[start + k]
    total = ((parts[0] + parts[1]) + (parts[2] + parts[3])) + ((parts[4] + parts[5]) + (parts[6] + parts[7]))
    for k in range(whole, size):
        total = total + values[k] * values[k]
    return total


def cost_of(controls: NDArray[np.float32], weight: np.float32) -> Any:
    """Return what controls cost, as Gymnasium computes it of actions in float32: in float32."""
    return to_float64(weight * sum_of_squares(controls))
