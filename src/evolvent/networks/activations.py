"""Activation functions over values, each by the name that files and flags use."""

from __future__ import annotations

from collections.abc import Callable

from evolvent.lanes import Value, absolute, exp, log, maximum, tanh, to_float64, with_precision_of


def identity(x: Value) -> Value:
    """Return `x`."""
    return x


def relu(x: Value) -> Value:
    """Return `x` where it is positive, else zero (Fukushima 1969); NaN stays NaN."""
    return maximum(with_precision_of(x, 0.0), x)


def sigmoid(x: Value) -> Value:
    """Return 1 / (1 + exp(-x))."""
    y = to_float64(x)
    return with_precision_of(x, 1.0 / (1.0 + exp(-y)))


def softplus(x: Value) -> Value:
    """Return log(1 + exp(x)), without overflow (Dugas et al. 2001)."""
    y = to_float64(x)
    return with_precision_of(x, maximum(y, 0.0) + log(1.0 + exp(-absolute(y))))


def gelu(x: Value) -> Value:
    """Return the Gaussian error linear unit in its tanh form (Hendrycks and Gimpel 2016, https://arxiv.org/abs/1606.08415)."""
    y = to_float64(x)
    return with_precision_of(x, 0.5 * y * (1.0 + tanh(0.7978845608028654 * (y + 0.044715 * y * y * y))))


def silu(x: Value) -> Value:
    """Return x * sigmoid(x) (Elfwing et al. 2017, https://arxiv.org/abs/1702.03118)."""
    y = to_float64(x)
    return with_precision_of(x, y / (1.0 + exp(-y)))


def softsign(x: Value) -> Value:
    """Return x / (1 + |x|)."""
    y = to_float64(x)
    return with_precision_of(x, y / (1.0 + absolute(y)))


ACTIVATIONS: dict[str, Callable[[Value], Value]] = {
    "identity": identity,
    "relu": relu,
    "tanh": tanh,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "gelu": gelu,
    "silu": silu,
    "softsign": softsign,
}
