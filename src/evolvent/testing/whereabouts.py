"""Where a process is: noted at every call in memory that outlives it, for it may die of the call."""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

METHODS = ("the start", "__init__()", "reset()", "step()", "close()", "a run")
FORMAT = struct.Struct("<BII")

PACKAGE = str(Path(__file__).parents[1])
FAULTY = str(Path(__file__).with_name("fault"))
INSTALLED = str(Path(os.__file__).parent)


class Place(NamedTuple):
    """A call: of which method, in which episode, counted from 1, and in which step."""

    method: str
    episode: int
    step: int

    def __str__(self) -> str:
        """Return it in words."""
        if self.method not in {"reset()", "step()"}:
            return self.method
        where = f" of episode {self.episode}"
        return f"step() in step {self.step}{where}" if self.method == "step()" else f"reset(){where}"


class Whereabouts:
    """Notes the place in a file.

    Args:
        path: The file, which is created.
    """

    def __init__(self, path: Path) -> None:
        """Map the file into memory: a note costs less than a microsecond."""
        path.write_bytes(bytes(FORMAT.size))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), FORMAT.size)
        self.episode = 0

    def note(self, method: str, step: int = 0) -> None:
        """Note that a method is about to be called."""
        FORMAT.pack_into(self._memory, 0, METHODS.index(method), self.episode, step)


def read_place(path: Path) -> Place:
    """Return the last place that was noted."""
    try:
        method, episode, step = FORMAT.unpack(path.read_bytes())
    except (OSError, struct.error):
        return Place(METHODS[0], 0, 0)
    return Place(METHODS[method], episode, step)


def of_the_user(frames: Iterable[tuple[str, int, str]]) -> str:
    """Return the line that a user can mend, in words, of frames whose innermost is the first; "" where there is none.

    Their own code comes first, then that of an environment that was installed, then what that calls.
    """
    theirs = [each for each in frames if each[0].startswith(FAULTY) or not each[0].startswith((PACKAGE, "<frozen"))]
    outside = [each for each in theirs if not each[0].startswith(INSTALLED)]
    envs = [each for each in theirs if not any(f"/{name}/" in each[0] for name in ("numpy", "gymnasium"))]
    chosen = (outside or envs or theirs)[:1]
    return "".join(f"{file}, line {line}, in {name}" for file, line, name in chosen)
