# pyright: basic, reportCallIssue=false
"""Exponential, logarithm and hyperbolic tangent, in the precision of their argument."""

from __future__ import annotations

from evolvent.jit import primitive
from evolvent.lanes.exponentials32 import exp32, log32, tanh32
from evolvent.lanes.exponentials64 import exp64, log64, tanh64
from evolvent.lanes.values import Value, in_float32, is_float32, to_float64


def exp(x: Value) -> Value:
    """Return e**x, within 1.5 ulp in float64 and 1.1 ulp in float32.

    Args:
        x: Any value. In float64 the result is 0 below -745.2 and infinity above 709.8, in float32 below -103.98 and above
            88.73; NaN stays NaN.

    Examples:
        >>> float(exp(0.0))
        1.0
    """
    return exp32(x) if in_float32(x) else exp64(to_float64(x))


@primitive(exp)
def _exp(x):
    return (lambda x: exp32(x)) if is_float32(x) else (lambda x: exp64(to_float64(x)))


def log(x: Value) -> Value:
    """Return the natural logarithm of `x`, within 1.5 ulp in float64 and 1.0 ulp in float32.

    Args:
        x: Any value. The result is -infinity at zero and NaN below.

    Examples:
        >>> float(log(1.0))
        0.0
    """
    return log32(x) if in_float32(x) else log64(to_float64(x))


@primitive(log)
def _log(x):
    return (lambda x: log32(x)) if is_float32(x) else (lambda x: log64(to_float64(x)))


def tanh(x: Value) -> Value:
    """Return the hyperbolic tangent of `x`, within 2 ulp in float64 and 1.5 ulp in float32.

    Args:
        x: Any value; NaN stays NaN.

    Examples:
        >>> float(tanh(100.0))
        1.0
    """
    return tanh32(x) if in_float32(x) else tanh64(to_float64(x))


@primitive(tanh)
def _tanh(x):
    return (lambda x: tanh32(x)) if is_float32(x) else (lambda x: tanh64(to_float64(x)))
