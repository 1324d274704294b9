"""What all code of a process shares, and what an environment has changed of it."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evolvent.testing.findings import Finding, finding

PROCESSES = Path("/proc")
MEGABYTE = 1e6  # bytes


class Surroundings(NamedTuple):
    """What there was at one time: the working directory, handlers of signals, threads, child processes."""

    folder: str
    handlers: dict[str, Any]
    threads: frozenset[threading.Thread]
    children: frozenset[int]


def surroundings() -> Surroundings:
    """Return what there is now."""
    folder = str(Path.cwd())
    handlers = {each.name: signal.getsignal(each) for each in signal.Signals if each in signal.valid_signals()}
    return Surroundings(folder, handlers, frozenset(threading.enumerate()), frozenset(_children()))


def changes(before: Surroundings) -> Iterator[Finding]:
    """Yield what is otherwise than it was `before`."""
    now = surroundings()
    if now.folder != before.folder:
        yield finding("changes_folder", found=now.folder)
    taken = [name for name, handler in now.handlers.items() if handler != before.handlers[name]]
    if taken:
        yield finding("takes_signals", found=", ".join(taken))
    if left := [each.name for each in now.threads - before.threads if each.is_alive()]:
        yield finding("leaves_threads", found=", ".join(sorted(set(left))))
    if children := now.children - before.children:
        yield finding("leaves_children", found=", ".join(sorted({_command(each) for each in children})))
    if not is_stdout_open():
        yield finding("closes_stdout")


def is_stdout_open() -> bool:
    """Return whether something can still be written to Python's stdout and to the descriptor 1."""
    try:
        os.fstat(1)
    except OSError:
        return False
    return not getattr(sys.stdout, "closed", True)


def scramble(number: int) -> None:
    """Seed the generators that all share otherwise than any run would, so that who draws from them is noticed."""
    random.seed(number)
    np.random.seed(number % 2**32)  # noqa: NPY002 - it is the one that is meant


def generators() -> dict[str, int]:
    """Return a number for the state of each generator that all share."""
    numpy_state = np.random.get_state(legacy=False)  # noqa: NPY002 - the same
    return {"Python": hash(random.getstate()), "NumPy": hash(repr(numpy_state) + str(_key(numpy_state)))}


def megabytes() -> float:
    """Return how much memory this process holds [MB]; NaN where the system does not tell."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int((PROCESSES / "self" / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MEGABYTE
    return float("nan")


def free_megabytes() -> float:
    """Return how much memory can still be had [MB]; infinity where the system does not tell."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        line = next(line for line in (PROCESSES / "meminfo").read_text().splitlines() if line.startswith("MemAvailable"))
        return int(line.split()[1]) * 1024 / MEGABYTE
    return float("inf")


def _key(state: Any) -> bytes:
    return state["state"]["key"].tobytes()


def _children() -> Iterator[int]:
    """Yield the child processes of this one, where the system has a folder of them."""
    for folder in PROCESSES.glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(parent) == os.getpid() and state != "Z":
                yield int(folder.name)


def _command(process: int) -> str:
    with contextlib.suppress(OSError):
        return (PROCESSES / str(process) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return str(process)
