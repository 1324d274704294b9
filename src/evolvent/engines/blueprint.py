"""A task on its way to our own workers: the one place where objects are made of bytes, which come from this very program.

What is sent is the user's own code by name, over a pipe that the worker inherits. Nothing from a file or a network gets here.
"""

from __future__ import annotations

import multiprocessing.spawn
import sys
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from typing import Any

from evolvent.errors import UsageError
from evolvent.tasks import Task


def pack(task: Task) -> bytes:
    """Return a task as the bytes that `unpack` makes it of.

    Raises:
        UsageError: It holds what only this process has: a function in a function, a lambda, a class made on the way.
    """
    try:
        content = bytes(ForkingPickler.dumps(task))
    except Exception as problem:
        raise UsageError(
            f"engine: worker processes cannot be sent this task: {problem}; define classes and functions at the top level of a"
            " module, or take engine='inline', which needs no other process"
        ) from problem
    if needs_main(content) and not main_module():
        raise UsageError(
            "engine: worker processes cannot import what is defined in a notebook or an interactive session; put it in a"
            " module of its own, or take engine='inline', which needs no other process"
        )
    return content


def unpack(content: bytes) -> Task:
    """Return the task that `pack` made bytes of."""
    loads: Callable[[bytes], Task] = ForkingPickler.__dict__["loads"]
    return loads(content)


def needs_main(content: bytes) -> bool:
    """Return whether a packed task names something that is defined in the script that was started."""
    return b"__main__" in content


def main_module() -> dict[str, Any]:
    """Return how a worker imports the script that was started; nothing where it cannot."""
    there = multiprocessing.spawn.get_preparation_data("worker")
    found = {name: there[name] for name in ("init_main_from_name", "init_main_from_path") if name in there}
    return found if hasattr(sys.modules["__main__"], "__file__") or "init_main_from_name" in found else {}
