# pyright: basic, reportCallIssue=false
"""A few values in a row."""

from __future__ import annotations

from typing import Any

from evolvent import instructions
from evolvent.jit import primitive
from evolvent.lanes.values import Value


def buffer(like: Value, size: int) -> Any:
    """Return room for `size` values like `like`, to be filled; compiled, it lies in registers or on the stack."""
    return [like] * size


@primitive(buffer)
def _buffer(like, size):
    return lambda like, size: instructions.stack_buffer(like, size)


def as_tuple(values: Any, size: int) -> tuple[Value, ...]:
    """Return the `size` values of a buffer as a tuple."""
    return tuple(values[:size])


@primitive(as_tuple)
def _as_tuple(values, size):
    return lambda values, size: instructions.loaded_tuple(values, size)
