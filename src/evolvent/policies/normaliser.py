"""Observations normalised: the one place that says with which operations, over values and in NumPy alike."""

from __future__ import annotations

from evolvent.arrays import Observations
from evolvent.lanes import Value, to_float64
from evolvent.moments import Moments


def deviation_from(x: Value, centre: Value) -> Value:
    """Return how far a number of an observation lies from the mean."""
    return to_float64(x) - centre


def scaled(deviation: Value, scale: Value) -> Value:
    """Return what the network is shown of a deviation."""
    return deviation * scale


def normalised(observations: Observations, moments: Moments | None) -> Observations:
    """Return observations `(n, size)` as the network is shown them: those themselves where there are no moments."""
    if moments is None:
        return observations
    return scaled(deviation_from(observations, moments.mean), moments.scale)
