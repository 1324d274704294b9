# pyright: basic, reportCallIssue=false
"""A counter that threads share."""

from __future__ import annotations

from typing import Any

from evolvent import instructions
from evolvent.jit import primitive


def take_next(counter: Any) -> int:
    """Return `counter[0]` and add one to it, in one step that no other thread can come between."""
    taken = int(counter[0])
    counter[0] = taken + 1
    return taken


@primitive(take_next)
def _take_next(counter):
    return lambda counter: instructions.atomic_add_one(counter)
