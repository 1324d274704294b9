# pyright: basic
"""How wide the vectors are into which the compiler turns the loops of a function."""

from __future__ import annotations

from evolvent import instructions
from evolvent.jit import COMPILES


def _nothing() -> None:
    """Do nothing, as in plain Python there are no vectors."""


widest_vectors = instructions.widest_vectors if COMPILES else _nothing  # a call of its own would be another function
