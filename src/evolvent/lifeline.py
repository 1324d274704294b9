"""The tie between a worker process and its supervisor: a pipe, at whose end the kernel ends the worker.

It is the first thing that a worker imports, and needs nothing else: what takes long is imported when the tie is there.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Final

if sys.platform == "linux":
    import fcntl
    import select

    F_SETSIG: Final = 10  # which Python has no name for

    def die_with_supervisor(lifeline: int) -> None:
        """Have the kernel end this process and those that it starts as soon as the supervisor's end of a pipe is closed.

        Nothing that an environment does can delay that: neither C that holds the interpreter's lock nor blocked signals.
        """
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(lifeline, F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
        ends = select.poll()
        ends.register(lifeline, 0)
        if ends.poll(0):
            end_group()
else:

    def die_with_supervisor(lifeline: int) -> None:
        """Leave it to the thread that listens to the supervisor, which does the same unless it is held up."""


def end_group() -> None:
    """End this process, and all that were started by it and stayed in its group."""
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
