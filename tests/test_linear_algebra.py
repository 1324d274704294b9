"""Linear algebra that does not depend on the number of threads."""

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

from evolvent.algorithms.linear_algebra import eigendecomposition, one_blas_thread
from evolvent.seeding import stream


def symmetric(size):
    half = stream(1, "matrix").normal((size, size)).astype(np.float64)
    return half @ half.T + np.eye(size)


def blas_threads():
    return [library["num_threads"] for library in ThreadpoolController().info() if library["user_api"] == "blas"]


def test_blas_has_one_thread_inside_and_as_many_as_before_afterwards():
    with ThreadpoolController().limit(limits=2, user_api="blas"):
        before = blas_threads()
        with one_blas_thread():
            assert set(blas_threads()) <= {1}
        assert blas_threads() == before
        with pytest.raises(ZeroDivisionError), one_blas_thread():
            _ = 1 / 0
        assert blas_threads() == before


@pytest.mark.parametrize("size", [3, 30, 400])  # at 400 OpenBLAS shares the work out, and adds up in another order
def test_a_decomposition_has_the_same_bits_whatever_the_number_of_threads(size):
    matrix = symmetric(size)
    with ThreadpoolController().limit(limits=1, user_api="blas"):
        alone = eigendecomposition(matrix)
    with ThreadpoolController().limit(limits=2, user_api="blas"):
        shared = eigendecomposition(matrix)
    assert [part.tobytes() for part in alone] == [part.tobytes() for part in shared]


@pytest.mark.parametrize("size", [1, 2, 30])
def test_a_decomposition_is_one(size):
    matrix = symmetric(size)
    values, vectors = eigendecomposition(matrix)
    assert (np.diff(values) >= 0).all()
    np.testing.assert_allclose(vectors * values @ vectors.T, matrix, atol=1e-12 * values.max())
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(size), atol=1e-12)


def test_the_sign_of_an_eigenvector_is_that_of_its_largest_number():
    _, vectors = eigendecomposition(symmetric(30))
    assert (vectors[np.abs(vectors).argmax(axis=0), np.arange(30)] > 0).all()


def test_numbers_that_are_not_finite_are_no_matrix():
    with pytest.raises(np.linalg.LinAlgError):
        eigendecomposition(np.full((3, 3), np.nan))
