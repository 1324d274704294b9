"""A worker process as its supervisor sees it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from io import RawIOBase
from queue import SimpleQueue
from typing import Final

from evolvent.engines.messages import Message, read, write

COMMAND: Final = (
    "import sys; sys.path[:] = sys.argv[3:]; del sys.argv[3:];"
    "from evolvent.lifeline import die_with_supervisor; die_with_supervisor(int(sys.argv[1]));"
    "from evolvent.engines.worker import main; main()"
)
ONE_THREAD: Final = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"),
    *("NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
)
KEPT_OUTPUT: Final = 64 * 1024  # bytes of what a worker printed last
PATIENCE: Final = 2.0  # seconds that a worker has to end by itself

Event = tuple["WorkerProcess", Message | None]


class WorkerProcess:
    """A process that measures jobs; what it says is put in a queue, and None once it is gone.

    It leads a process group of its own: a Ctrl-C in the terminal does not reach it, and all that an environment starts can be
    ended with it. Of what it prints the end is kept.

    Args:
        events: Where what it says is put, together with the worker.
        memory_limit: What it may hold before it asks to be replaced [bytes].

    Raises:
        OSError: The system starts no further process.
    """

    def __init__(self, events: SimpleQueue[Event], memory_limit: float) -> None:
        """Start the process."""
        self.pid: int
        self._printed: deque[bytes] = deque()
        self._group_lives = True
        inner, lifeline = os.pipe()
        self._lifeline: int | None = lifeline
        try:
            self._process = _started(inner, memory_limit)
        except BaseException:
            os.close(lifeline)
            raise
        finally:
            os.close(inner)
        self.pid = self._process.pid
        self._commands: SimpleQueue[Message | None] = SimpleQueue()
        stdin, stdout, stderr = (self._pipe(name) for name in ("stdin", "stdout", "stderr"))
        self._threads = {
            stdin: threading.Thread(target=_send, args=(self._commands, stdin), daemon=True),
            stdout: threading.Thread(target=_forward, args=(self, stdout, events), daemon=True),
            stderr: threading.Thread(target=_keep_last, args=(stderr, self._printed), daemon=True),
        }
        try:
            for thread in self._threads.values():
                thread.start()
        except BaseException as problem:
            self.kill()
            if isinstance(problem, RuntimeError):
                raise OSError(str(problem)) from problem
            raise

    def tell(self, message: Message) -> None:
        """Send a message, without waiting for the process to read it; if it is gone, the queue will say so."""
        self._commands.put(message)

    def printed(self) -> str:
        """Return the end of what the process printed."""
        return b"".join(self._printed).decode(errors="replace").strip()

    def end_of_life(self) -> str:
        """Return how the process ended, in words; to be asked once it is gone."""
        try:
            code = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return "it closed its pipes"
        if code >= 0:
            return f"it left with exit code {code}"
        return f"it was ended by {signal.Signals(-code).name if -code in set(signal.Signals) else f'signal {-code}'}"

    def is_gone(self) -> bool:
        """Return whether the process has ended."""
        return self._process.poll() is not None

    def was_killed(self) -> bool:
        """Return whether it was ended from outside, which is nobody's fault that works in it."""
        return self._process.poll() in {-signal.SIGTERM, -getattr(signal, "SIGKILL", signal.SIGTERM)}

    def ask_to_leave(self) -> None:
        """Tell the process to close its environments and to end."""
        self.tell(Message("close"))
        if sys.platform != "win32":  # where it would end at once
            with contextlib.suppress(OSError):
                self._process.terminate()

    def strike(self) -> None:
        """End the process and all that belong to its group, without waiting for that."""
        if self._group_lives and hasattr(os, "killpg"):
            with contextlib.suppress(OSError):
                os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self._process.kill()

    def kill(self) -> None:
        """End the process and its group, and give back what was held of it; what was interrupted can be done again."""
        self.strike()
        with contextlib.suppress(subprocess.TimeoutExpired):  # a process may hang in the kernel, on a disk that is gone
            self._process.wait(PATIENCE)
            self._group_lives = False  # its number may be that of others now
        self._commands.put(None)
        until = time.monotonic() + PATIENCE
        for pipe, thread in self._threads.items():
            if thread.ident is not None:
                thread.join(max(until - time.monotonic(), 0.0))
            if not thread.is_alive():  # else something that escaped from the group holds the other end
                pipe.close()
        lifeline, self._lifeline = self._lifeline, None
        if lifeline is not None:
            os.close(lifeline)

    def wait(self, until: float) -> bool:
        """Wait for the process to end by itself, not longer than `until` on the monotonic clock, and return whether it did."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(until - time.monotonic(), 0.0))
            return True
        return False

    def _pipe(self, name: str) -> RawIOBase:
        return getattr(self._process, name)


def places_of_modules() -> list[str]:
    """Return where this process looks for modules; what is no text there, such as a Path, Python itself passes over."""
    return [each for each in sys.path if isinstance(each, str)]  # pyright: ignore[reportUnnecessaryIsInstance]


def _started(lifeline: int, memory_limit: float) -> subprocess.Popen[bytes]:
    """Start a worker in a process group of its own, which inherits its end of the lifeline and is told to use one thread."""
    return subprocess.Popen(  # noqa: S603 - this very program
        [sys.executable, "-c", COMMAND, str(lifeline), str(memory_limit), *places_of_modules()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
        env={**dict.fromkeys(ONE_THREAD, "1"), **os.environ},
        pass_fds=() if sys.platform == "win32" else (lifeline,),
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


def _send(commands: SimpleQueue[Message | None], pipe: RawIOBase) -> None:
    with contextlib.suppress(OSError, ValueError):
        while (message := commands.get()) is not None:
            write(pipe, message)
            del message  # it may hold many rows, and the next one may take long to come


def _forward(worker: WorkerProcess, answers: RawIOBase, events: SimpleQueue[Event]) -> None:
    try:
        with contextlib.suppress(OSError, ValueError):
            while (message := read(answers)) is not None:
                events.put((worker, message))
    finally:
        events.put((worker, None))


def _keep_last(printed_pipe: RawIOBase, printed: deque[bytes]) -> None:
    size = 0
    with contextlib.suppress(OSError, ValueError):
        while part := os.read(printed_pipe.fileno(), KEPT_OUTPUT):
            printed.append(part)
            size += len(part)
            while size > KEPT_OUTPUT:
                size -= len(printed.popleft())
