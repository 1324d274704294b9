# pyright: basic, reportCallIssue=false
"""Python's own `abs`, `max` and `min` of values in lanes, which mean there what they mean for floats."""

from __future__ import annotations

from numba.extending import overload

from evolvent.lanes.values import absolute, where
from evolvent.vectors import Vec


@overload(abs)
def _abs(x):
    return (lambda x: absolute(x)) if isinstance(x, Vec) else None


@overload(max)
def _max(x, y):
    return (lambda x, y: where(y > x, y, x)) if isinstance(x, Vec) or isinstance(y, Vec) else None


@overload(min)
def _min(x, y):
    return (lambda x, y: where(y < x, y, x)) if isinstance(x, Vec) or isinstance(y, Vec) else None
