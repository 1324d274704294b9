"""What workers import for a test: worlds that misbehave in ways that only they can, and functions of a module."""

import io
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from evolvent.engines import messages, worker
from evolvent.testing import FaultyEnv, faults

NEVER = threading.Event()


def impatient(seconds, **arguments):
    """Return a world whose worker reports whatever takes so many seconds: 0 makes it a report a job."""
    worker.SECONDS_A_REPORT = seconds
    return FaultyEnv(**arguments)


def dies_in_workers(**arguments):
    """Return a world in this process, and end any worker that wants one."""
    if worker.in_worker():
        os.abort()
    return FaultyEnv(**arguments)


def breaks_off(after, flag, *, dies, **arguments):
    """Return a world whose worker breaks off its first result after so many bytes, and then dies or lives on in silence."""
    if worker.in_worker() and _is_first(flag):

        def write(pipe, message):
            content: Any = io.BytesIO()
            messages.write(content, message)
            if message.word != "result":
                pipe.write(content.getvalue())
                return
            pipe.write(content.getvalue()[:after])
            if dies:
                os._exit(0)
            pipe.close()
            NEVER.wait()

        worker.write = write
    return FaultyEnv(**arguments)


class LeavesAFork(FaultyEnv):
    """A world whose worker dies in the first step of all, and leaves a copy of itself that holds its pipes open."""

    def __init__(self, flag, **arguments):
        super().__init__(**arguments)
        self._first_of_all = flag

    def step(self, action):
        """Return what a step returns, but for that one time."""
        if _is_first(self._first_of_all):
            if not os.fork():
                NEVER.wait()
            os._exit(0)
        return super().step(action)


def little_memory(megabytes, **arguments):
    """Return a world in whose worker there is only so much more memory to be had."""
    import resource  # noqa: PLC0415 - there is none on Windows

    if worker.in_worker() and resource.getrlimit(resource.RLIMIT_AS)[1] == resource.RLIM_INFINITY:
        used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (used + megabytes * 2**20,) * 2)
    return FaultyEnv(**arguments)


def hopeless(flag):
    """Return a world whose worker has a child, is deaf to SIGTERM, and waits in C with the interpreter lock held for ever."""
    if worker.in_worker():
        faults.spawns_child(None)
        faults.ignores_sigterm(None)
    return FaultyEnv("blocks", step=2, flag=flag)


def _is_first(flag):
    with suppress(FileExistsError):
        os.close(os.open(flag, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        return True
    return False


def parabola(row):
    """Return what a function of the user's, at the top level of a module, returns."""
    return -float(((row - 3) ** 2).sum())


def noisy_parabola(row, seed):
    """Return the same with something of the seed; a row in a few cannot be measured."""
    if row[0] > 1.0:
        raise ValueError("a row like this one cannot be measured")
    return parabola(row) + seed / 2**64
