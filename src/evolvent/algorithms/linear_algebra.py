"""Linear algebra whose bits depend on its input alone.

NumPy's matrix products and decompositions are those of a BLAS library, which shares the work out among as many threads as
the machine has, or as some variable says: sums are then added up in another order, and a run in a worker process or on
another number of cores would not be the same run. One thread keeps them the same.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController  # pyright: ignore[reportMissingTypeStubs]


@contextmanager
def one_blas_thread() -> Generator[None]:
    """Give BLAS one thread while the block runs, and then as many as it had.

    It costs 20 us. The number belongs to the whole process: no other thread may count on having more meanwhile. Apple's
    Accelerate, which can not be told, keeps its own number.
    """
    with _controller().limit(limits=1, user_api="blas"):
        yield


def eigendecomposition(matrix: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Part a symmetric matrix into its eigenvalues and eigenvectors, on one BLAS thread.

    An eigenvector is one either way round; here its largest number is positive, the first of them where several are as
    large, so that no library decides the sign.

    Args:
        matrix: `(n, n)`, symmetric and finite; its lower half is read.

    Returns:
        The eigenvalues `(n,)`, smallest first, and the orthonormal eigenvectors `(n, n)`, one a column.

    Raises:
        numpy.linalg.LinAlgError: The eigenvalues were not found, as where a number is not finite.

    Examples:
        >>> values, vectors = eigendecomposition(np.array([[2.0, 0.0], [0.0, 1.0]]))
        >>> values
        array([1., 2.])
        >>> vectors
        array([[0., 1.],
               [1., 0.]])
    """
    with one_blas_thread():
        values, vectors = np.linalg.eigh(matrix)
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.where(vectors[largest, np.arange(len(values))] < 0, -1.0, 1.0)
    return values, vectors * signs


@cache
def _controller() -> Any:
    """Return what knows this process's BLAS; made once, for finding the libraries takes half a millisecond."""
    return ThreadpoolController()
