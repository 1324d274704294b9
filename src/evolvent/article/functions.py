"""The article's small functions: relu, softmax, one-hot rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evolvent.arrays import as_numbers
from evolvent.errors import UsageError


def relu(x: ArrayLike) -> NDArray[Any]:
    """Return `x` where it is positive, else zero; NaN stays NaN."""
    return np.maximum(x, 0)


def softmax(x: ArrayLike) -> NDArray[np.float64]:
    """Return exp(x) over its sum along the last axis, without overflow: each row sums to one, however large its numbers."""
    values = np.asarray(x, np.float64)
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def one_hot(y: ArrayLike, num_classes: int | None = None) -> NDArray[np.float64]:
    """Return a row for each label of `y (n,)`: one in the label's place, zero elsewhere.

    Args:
        y: Labels 0, 1, ...
        num_classes: How long a row is; by default just long enough for the largest label.

    Raises:
        UsageError: A label is no whole number from 0 to `num_classes` - 1.

    Examples:
        >>> one_hot([1, 0])
        array([[0., 1.],
               [1., 0.]])
    """
    labels = as_numbers(y, "y", "(n,)").ravel()
    if not np.isfinite(labels).all():
        raise UsageError("y: expected labels 0, 1, ..., got NaN or infinity")
    classes = int(labels.max(initial=0)) + 1 if num_classes is None else num_classes
    return np.eye(classes)[labels_from(labels, len(labels), classes)]


def labels_from(y: ArrayLike, count: int, classes: int) -> NDArray[np.int64]:
    """Return the labels `(count,)` in `y`, which holds them or one-hot rows `(count, classes)`.

    Raises:
        UsageError: It holds another number of them, or one that is no class.
    """
    values = as_numbers(y, "y", f"({count},) or ({count}, {classes})")
    if values.shape == (count, classes) and classes > 1:
        values = values.argmax(axis=1)
    labels = values.ravel()
    if labels.shape != (count,) or not np.isin(labels, np.arange(classes)).all():
        raise UsageError(
            f"y: expected {count} labels from 0 to {classes - 1}, or one-hot rows ({count}, {classes}), got shape {np.shape(y)}"
            + ("" if labels.shape != (count,) else f" with labels from {labels.min()} to {labels.max()}")
        )
    return labels.astype(np.int64)
