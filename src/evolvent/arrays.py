"""The arrays that travel through the library, by name and shape, and the door through which a user's arrays come in.

A shape in a comment is a promise of every function that takes or returns the alias.
"""

from __future__ import annotations

from numbers import Real
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evolvent.errors import UsageError

Row: TypeAlias = NDArray[np.float32]  # (dim,) one individual's parameters
Population: TypeAlias = NDArray[np.float32]  # (pop, dim)
Fitness: TypeAlias = NDArray[np.float64]  # (pop,) larger is better
Returns: TypeAlias = NDArray[np.float64]  # (pop, episodes)
Counts: TypeAlias = NDArray[np.int64]  # (pop, episodes)
Flags: TypeAlias = NDArray[np.bool_]  # (pop,)
EpisodeFlags: TypeAlias = NDArray[np.bool_]  # (pop, episodes)
Seeds: TypeAlias = NDArray[np.uint64]  # (pop, episodes)
Descriptors: TypeAlias = NDArray[np.float64]  # (pop, episodes, n) what an episode ended as
Indices: TypeAlias = NDArray[np.int64]  # (n,)
Scales: TypeAlias = NDArray[np.float64]  # (pop,) how strongly each child is mutated, 1 as set
Observations: TypeAlias = NDArray[np.float64]  # (n, observation size)
Inputs: TypeAlias = NDArray[np.float64]  # (n, features)
Outputs: TypeAlias = NDArray[np.float32]  # (n, num_outputs)
Actions: TypeAlias = NDArray[np.float64]  # (n, action size)

KINDS_OF_NUMBERS = "biuf"  # booleans, integers with and without a sign, floats


def as_numbers(values: Any, argument: str, shape: str) -> NDArray[Any]:
    """Return an array of numbers made of lists, tuples, NumPy arrays, PyTorch tensors, pandas rows and their like.

    Args:
        values: Whatever NumPy can read. A tensor that is part of a gradient's computation is read as it stands.
        argument: What to call them in an error.
        shape: What is expected, in words.

    Raises:
        UsageError: They are no numbers, or not of one shape; complex numbers, text and missing values are refused.

    Examples:
        >>> as_numbers([1, 2.5], "observation", "(2,)")
        array([1. , 2.5])
    """
    try:
        if hasattr(values, "detach"):
            values = values.detach().cpu()
        array: NDArray[Any] = np.asarray(values)
        if array.dtype == object and all(isinstance(item, Real | np.bool_) for item in array.flat):
            array = array.astype(np.float64)
    except (TypeError, ValueError, RuntimeError, OverflowError) as problem:
        raise UsageError(f"{argument}: expected numbers of shape {shape}, got {type(values).__name__}: {problem}") from None
    if array.dtype.kind not in KINDS_OF_NUMBERS:
        raise UsageError(f"{argument}: expected numbers of shape {shape}, got an array of {array.dtype}")
    return array
