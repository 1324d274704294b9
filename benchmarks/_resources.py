"""What a process and its workers hold of the machine, as Linux tells it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from evolvent.engines.worker import resident_bytes

PROCESSES = Path("/proc")
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where the system shows it


class Held(NamedTuple):
    """What is held.

    Args:
        main: Memory of the process [MB].
        workers: Memory of the largest of its workers [MB].
        files: How many files it has open.
        threads: How many threads it has.
        shared: How many pieces of shared memory there are on the machine.
    """

    main: float
    workers: float
    files: int
    threads: int
    shared: int


def held(pid: int) -> Held:
    """Return what a process and its workers hold."""
    return Held(
        main=megabytes(pid),
        workers=max(map(megabytes, workers_of(pid)), default=0.0),
        files=_entries(PROCESSES / str(pid) / "fd"),
        threads=_entries(PROCESSES / str(pid) / "task"),
        shared=_entries(SHARED_MEMORY),
    )


def megabytes(pid: int) -> float:
    """Return how much memory a process holds [MB]."""
    return resident_bytes(pid) / 1e6


def workers_of(pid: int) -> list[int]:
    """Return the worker processes that a process has started."""
    found: list[int] = []
    for path in (PROCESSES / str(pid) / "task").glob("*/children"):
        with suppress(OSError):
            found += map(int, path.read_text(encoding="ascii").split())
    return [child for child in found if b"evolvent.engines.worker" in _command_line(child)]


def _command_line(pid: int) -> bytes:
    with suppress(OSError):
        return (PROCESSES / str(pid) / "cmdline").read_bytes()
    return b""


def _entries(folder: Path) -> int:
    with suppress(OSError):
        return sum(1 for _ in folder.iterdir())
    return 0
