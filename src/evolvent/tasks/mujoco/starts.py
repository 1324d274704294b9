# pyright: basic
"""First states: noise around the initial positions and velocities, from the addressed numbers of an episode."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evolvent.lanes import cos, log, sqrt
from evolvent.seeding import Draw, uniform

Values = NDArray[np.float64]


def between(low: float, high: float, draw: Draw, k: int) -> Any:
    """Return the k-th number of an episode's start, drawn evenly from `low` to `high`."""
    return low + (high - low) * uniform(draw, k)


def add_uniform(values: Values, scale: float, draw: Draw, first: int) -> None:
    """Add to each of `values (n,)` a number drawn evenly from -`scale` to `scale`, the episode's from the `first` on."""
    for k in range(len(values)):
        values[k] += between(-scale, scale, draw, first + k)


def add_normal(values: Values, scale: float, draw: Draw, first: int) -> None:
    """Add to each of `values (n,)` a normal number of deviation `scale`, made of two of the episode's from the `first` on.

    References:
        Box and Muller 1958, A note on the generation of random normal deviates. https://doi.org/10.1214/aoms/1177706645
    """
    for k in range(len(values)):
        radius = sqrt(-2.0 * log(1.0 - uniform(draw, first + 2 * k)))
        values[k] += scale * (radius * cos(2.0 * np.pi * uniform(draw, first + 2 * k + 1)))
