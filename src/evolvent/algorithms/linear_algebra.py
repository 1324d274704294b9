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

from evolvent.crew import memory
from evolvent.errors import UsageError


@contextmanager
def one_blas_thread() -> Generator[None]:
    """Give BLAS one thread while the block runs, and then as many as it had.

    It costs 20 us. The number belongs to the whole process: no other thread may count on having more meanwhile. Apple's
    Accelerate, which can not be told, keeps its own number.
    """
    with _controller().limit(limits=1, user_api="blas"):
        yield


def refuse_too_large(dim: int, matrices: int, algorithm: str, instead: str) -> None:
    """Refuse rows of so many parameters that the machine cannot hold how they vary together.

    Args:
        dim: How many parameters.
        matrices: How many matrices `(dim, dim)` of float64 an update holds at once.
        algorithm: The name of the one that does.
        instead: The name of one that holds none.

    Raises:
        UsageError: It cannot.
    """
    needed, there = matrices * 8 * dim**2, memory()
    if there is not None and needed > there:
        raise UsageError(
            f"algorithm: {algorithm} learns how {dim:,} parameters vary together, for which it needs about"
            f" {needed / 1e9:,.1f} GB of memory; this machine has {there / 1e9:,.1f}. {instead} learns how each varies alone"
        )


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
