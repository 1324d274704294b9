"""What Ctrl-C, SIGTERM and SIGHUP do: the first becomes an exception, a second leaves at once, since what is saved is safe."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from types import FrameType
from typing import ClassVar

from evolvent.cli.terminal import show_cursor, silence_dead_terminals
from evolvent.errors import EXIT_INTERRUPTED, EXIT_TERMINATED

ENDED = "the system ended its process"
GRACE = 20.0  # seconds within which a process that was asked to end does so, whatever holds it up

_SIGNALS = [signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_received: list[int] = []


class Terminated(KeyboardInterrupt):
    """Raised when the system asks the process to end."""

    exit_code: ClassVar[int] = EXIT_TERMINATED


def install_handlers() -> None:
    """Look after signals from now on.

    A signal that is ignored stays so: that is what nohup, and a shell that starts a job in the background, ask for.
    """
    sys.unraisablehook = _tell_unless_stopping
    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _on_signal)


def exit_code_of(interrupt: BaseException | None) -> int:
    """Return the exit code that belongs to what was raised for a signal."""
    return interrupt.exit_code if isinstance(interrupt, Terminated) else EXIT_INTERRUPTED


def code_while_stopping() -> int | None:
    """Return the exit code where a signal came before, or None: what it interrupted may end in an error of any kind."""
    return exit_code_of(_exception_for(_received[0])) if _received else None


def raise_again(generation: object) -> None:  # noqa: ARG001 - a callback of a run
    """Raise what was raised for a signal once more, if the run goes on: C code that called back swallowed it."""
    if _received:
        raise _exception_for(_received[0])


def leave(code: int) -> None:
    """End the process.

    After a signal this is done without the interpreter's own cleaning up. It would complain of what was interrupted half
    made, and CPython ends with the signal instead of the code where the interrupt passed through `exec`.
    """
    if _received:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        os._exit(code)
    for number in _SIGNALS:
        if callable(signal.getsignal(number)):
            signal.signal(number, lambda _number, _frame: os._exit(code))
    sys.exit(code)


def _on_signal(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    if _received:
        show_cursor()
        os._exit(exit_code_of(_exception_for(number)))
    _received.append(number)
    _leave_after(GRACE, exit_code_of(_exception_for(number)))
    silence_dead_terminals()
    raise _exception_for(number)


def _leave_after(seconds: float, code: int) -> None:
    """End the process after a while, should it then still be there: what is saved is safe, and what hangs helps nobody."""
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, lambda _number, _frame: os._exit(code))
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _exception_for(number: int) -> KeyboardInterrupt:
    return KeyboardInterrupt() if number == signal.SIGINT else Terminated(ENDED)


def _tell_unless_stopping(unraisable: sys.UnraisableHookArgs) -> None:
    if not _received:
        sys.__unraisablehook__(unraisable)
