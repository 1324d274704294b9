"""Objectives of supervised learning: from a network's outputs and the targets to one number, larger is better.

None of them needs a derivative, so a loss, an accuracy and any metric of a user's own are on the same footing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Indices, Outputs

Targets = NDArray[np.int64] | NDArray[np.float64]
Objective = Callable[[Outputs, Targets], float]


def minus_cross_entropy(outputs: Outputs, labels: Targets) -> float:
    """Return minus the mean categorical cross-entropy [nats] of softmax(outputs), `(n, classes)`, for labels `(n,)`."""
    exact = outputs.astype(np.float64)
    exact -= exact.max(axis=1, keepdims=True)
    own = exact[np.arange(len(exact)), labels.astype(np.int64)]
    normaliser: NDArray[np.float64] = np.log(np.exp(exact).sum(axis=1))
    return float((own - normaliser).mean())


def minus_mean_squared_error(outputs: Outputs, targets: Targets) -> float:
    """Return minus the mean squared difference between outputs `(n, m)` and targets `(n, m)`."""
    with np.errstate(over="ignore"):  # minus infinity fails the individual
        return -float(np.mean((outputs - targets) ** 2))


def accuracy(outputs: Outputs, labels: Targets) -> float:
    """Return the share of rows whose largest output, the first of equals, is that of their label."""
    return np.count_nonzero(outputs.argmax(axis=1) == labels) / len(labels)


def f1(outputs: Outputs, labels: Targets) -> float:
    """Return the F1 score: of class 1 where there are two classes, else the mean over all classes.

    F1 is twice the true positives over twice the true positives plus both kinds of errors; 0 for a class that is neither
    there nor predicted.

    References:
        van Rijsbergen 1979, Information retrieval, chapter 7.
    """
    predicted = outputs.argmax(axis=1)
    classes = outputs.shape[1]
    scores = [_f1_of(predicted == each, labels == each) for each in range(classes)]
    return scores[1] if classes == 2 else float(np.mean(scores))


def _f1_of(predicted: NDArray[np.bool_], actual: NDArray[np.bool_]) -> float:
    hits = 2.0 * float((predicted & actual).sum())
    asked = float(predicted.sum() + actual.sum())
    return hits / asked if asked else 0.0


LOSSES: dict[str, Objective] = {
    "cross_entropy": minus_cross_entropy,
    "mean_squared_error": minus_mean_squared_error,
}
METRICS: dict[str, Objective] = {"accuracy": accuracy, "f1": f1}


def labels_of(targets: NDArray[np.float64]) -> Indices:
    """Return the labels `(n,)` of one-hot rows `(n, classes)`."""
    return targets.argmax(axis=1).astype(np.int64)
