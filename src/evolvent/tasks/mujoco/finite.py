# pyright: basic
"""Numbers that are numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def are_finite(values: NDArray[np.float64]) -> bool:
    """Return whether all of `values (n,)` are finite."""
    finite = True
    for k in range(len(values)):
        finite = finite and values[k] - values[k] == 0.0
    return finite
