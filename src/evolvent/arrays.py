"""The arrays that travel through the library, by name and shape.

A shape in a comment is a promise of every function that takes or returns the alias.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Row: TypeAlias = NDArray[np.float32]  # (dim,) one individual's parameters
Population: TypeAlias = NDArray[np.float32]  # (pop, dim)
Fitness: TypeAlias = NDArray[np.float64]  # (pop,) larger is better
Returns: TypeAlias = NDArray[np.float64]  # (pop, episodes)
Counts: TypeAlias = NDArray[np.int64]  # (pop, episodes)
Flags: TypeAlias = NDArray[np.bool_]  # (pop,)
Seeds: TypeAlias = NDArray[np.uint64]  # (pop, episodes)
Indices: TypeAlias = NDArray[np.int64]  # (n,)
Scales: TypeAlias = NDArray[np.float64]  # (pop,) how strongly each child is mutated, 1 as set
Observations: TypeAlias = NDArray[np.float64]  # (n, observation size)
Inputs: TypeAlias = NDArray[np.float64]  # (n, features)
Outputs: TypeAlias = NDArray[np.float32]  # (n, num_outputs)
Actions: TypeAlias = NDArray[np.float64]  # (n, action size)
