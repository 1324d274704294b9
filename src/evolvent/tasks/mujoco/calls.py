# pyright: basic, reportCallIssue=false
"""Calls of MuJoCo's C functions, which all take a model and its data."""

from __future__ import annotations

import ctypes
from typing import Any

from evolvent import instructions
from evolvent.jit import primitive

PROTOTYPE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)


def call(function: Any, model: Any, data: Any) -> None:
    """Call a C function on a model and its data, all three given as addresses, without the interpreter lock."""
    PROTOTYPE(function)(model, data)


@primitive(call)
def _call(function, model, data):
    return lambda function, model, data: instructions.call_with_two(function, model, data)
