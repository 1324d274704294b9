# pyright: basic, reportCallIssue=false
"""Sine, cosine and tangent, in the precision of their argument."""

from __future__ import annotations

from evolvent.jit import primitive
from evolvent.lanes.trigonometry32 import cos32, sin32, tan32
from evolvent.lanes.trigonometry64 import cos64, sin64, tan64
from evolvent.lanes.values import Value, in_float32, is_float32, to_float64


def sin(x: Value) -> Value:
    """Return the sine of `x`, within 2.5 ulp in float64 and 1.7 ulp in float32.

    Args:
        x: An angle [rad] from -1e4 to 1e4; beyond, and for NaN, the result is NaN.

    Examples:
        >>> float(sin(0.0))
        0.0
    """
    return sin32(x) if in_float32(x) else sin64(to_float64(x))


@primitive(sin)
def _sin(x):
    return (lambda x: sin32(x)) if is_float32(x) else (lambda x: sin64(to_float64(x)))


def cos(x: Value) -> Value:
    """Return the cosine of `x`, within 2.5 ulp in float64 and 1.7 ulp in float32.

    Args:
        x: An angle [rad] from -1e4 to 1e4; beyond, and for NaN, the result is NaN.

    Examples:
        >>> float(cos(0.0))
        1.0
    """
    return cos32(x) if in_float32(x) else cos64(to_float64(x))


@primitive(cos)
def _cos(x):
    return (lambda x: cos32(x)) if is_float32(x) else (lambda x: cos64(to_float64(x)))


def tan(x: Value) -> Value:
    """Return the tangent of `x`, within 4 ulp in float64 and 3.5 ulp in float32.

    Args:
        x: An angle [rad] from -1e4 to 1e4; beyond, and for NaN, the result is NaN.

    Examples:
        >>> float(tan(0.0))
        0.0
    """
    return tan32(x) if in_float32(x) else tan64(to_float64(x))


@primitive(tan)
def _tan(x):
    return (lambda x: tan32(x)) if is_float32(x) else (lambda x: tan64(to_float64(x)))
