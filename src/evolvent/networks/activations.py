"""Activation functions over values, each by the name that files and flags use."""

from __future__ import annotations

from collections.abc import Callable

from evolvent.lanes import Value, absolute, exp, log, maximum, tanh, where, with_precision_of


def identity(x: Value) -> Value:
    """Return `x`."""
    return x


def relu(x: Value) -> Value:
    """Return `x` where it is positive, else zero (Fukushima 1969); NaN stays NaN."""
    return maximum(with_precision_of(x, 0.0), x)


def sigmoid(x: Value) -> Value:
    """Return 1 / (1 + exp(-x))."""
    one = with_precision_of(x, 1.0)
    return one / (one + exp(-x))


def softplus(x: Value) -> Value:
    """Return log(1 + exp(x)), without overflow (Dugas et al. 2001).

    References:
        Goldberg 1991, What every computer scientist should know about floating-point arithmetic, theorem 4: what rounding
        takes from 1 + e it takes from its logarithm in the same proportion. https://doi.org/10.1145/103162.103163
    """
    one = with_precision_of(x, 1.0)
    e = exp(-absolute(x))
    total = one + e
    kept = total - one
    lost = kept == with_precision_of(x, 0.0)  # all of e
    logarithm = where(lost, e, log(total) * (e / where(lost, one, kept)))
    return maximum(x, with_precision_of(x, 0.0)) + logarithm


def gelu(x: Value) -> Value:
    """Return the Gaussian error linear unit in its tanh form (Hendrycks and Gimpel 2016, https://arxiv.org/abs/1606.08415).

    As (1 + tanh(u)) / 2 = 1 / (1 + exp(-2u)), nothing cancels where x is negative.
    """
    one, cubic = with_precision_of(x, 1.0), with_precision_of(x, 0.044715)
    u = with_precision_of(x, 0.7978845608028654) * (x + cubic * x * x * x)
    return x / (one + exp(-(u + u)))


def silu(x: Value) -> Value:
    """Return x * sigmoid(x) (Elfwing et al. 2017, https://arxiv.org/abs/1702.03118)."""
    return x / (with_precision_of(x, 1.0) + exp(-x))


def softsign(x: Value) -> Value:
    """Return x / (1 + |x|)."""
    return x / (with_precision_of(x, 1.0) + absolute(x))


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
