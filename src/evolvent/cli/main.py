"""The entry point: chooses the command, and makes every end a clear one."""

from __future__ import annotations

import errno
import importlib
import io
import logging
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import ClassVar

from evolvent.cli.terminal import Complaints, complain, printable, show_cursor, silence, silence_dead_terminals
from evolvent.errors import EXIT_INTERRUPTED, EXIT_TERMINATED, EngineFailed, EvolventError, UsageError, did_you_mean

COMMANDS = {
    "train": "evolve a policy for a world",
    "resume": "go on with a run",
    "evaluate": "score a policy over fresh episodes",
    "play": "watch a policy in a window",
    "record": "make a video of a policy (mp4 or gif)",
    "plot": "draw the learning curve of a run",
    "runs": "list the runs",
    "envs": "list the worlds",
    "demo": "evolve, draw and film a first policy for CartPole",
}
SIGNALS = [signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Terminated(KeyboardInterrupt):
    """Raised when the system asks the process to end."""

    exit_code: ClassVar[int] = EXIT_TERMINATED


def main() -> None:
    """Run the command that the arguments of this process name, and exit with its code."""
    _prepare_streams()
    try:
        _install_signal_handlers(SIGNALS)
        logging.getLogger("evolvent").addHandler(Complaints(logging.WARNING))
        code = run(sys.argv[1:])
    except KeyboardInterrupt as interrupt:
        code = _code_of(interrupt)
    for number in SIGNALS:
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; see `evolvent.errors` for their meaning."""
    rest = [each for each in arguments if each != "--debug"]
    debug = len(rest) < len(arguments)
    try:
        code = _dispatch(rest)
        sys.stdout.flush()
    except EvolventError as error:
        if debug:
            traceback.print_exc()
        complain(str(error))
        code = error.exit_code
    except KeyboardInterrupt as interrupt:
        complain("stopped")
        code = _code_of(interrupt)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except Exception as problem:  # noqa: BLE001 - the last line of defence
        code = _unforeseen(problem)
    return code


def _code_of(interrupt: KeyboardInterrupt) -> int:
    return interrupt.exit_code if isinstance(interrupt, Terminated) else EXIT_INTERRUPTED


def _unforeseen(problem: Exception) -> int:
    """Return the exit code for what nobody foresaw, or 0 where only the reader of our output has gone."""
    if isinstance(problem, BrokenPipeError):
        silence()
        return 0
    if isinstance(problem, OSError) and problem.errno == errno.EIO and silence_dead_terminals():
        return EXIT_TERMINATED
    if isinstance(problem, MemoryError):
        complain(f"out of memory: {problem}; make the population, its episodes or the network smaller")
        return EngineFailed.exit_code
    traceback.print_exception(problem)
    complain("this is a bug of Evolvent; please report it with the lines above")
    return 1


def _dispatch(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        print(_overview())
        return 0
    if arguments[0] == "--version":
        print(f"evolvent {importlib.import_module('evolvent.training.manifest').version()}")
        return 0
    name = arguments[0]
    if name not in COMMANDS:
        raise UsageError(f"{printable(name)!r} is not a command{did_you_mean(name, COMMANDS)}; evolvent --help lists them")
    command = importlib.import_module(f"evolvent.cli.{name}").command
    return command(list(arguments[1:]))


def _overview() -> str:
    lines = [f"  {name:<10}{what}" for name, what in COMMANDS.items()]
    head = "usage: evolvent COMMAND ...\n\nEvolves neural-network policies with forward passes only.\n"
    tail = "\nevolvent COMMAND --help tells the flags of one. A first try: evolvent train CartPole-v1"
    return "\n".join([head, *lines, tail])


def _prepare_streams() -> None:
    """Make both streams take any text, also where they were closed or understand ASCII only."""
    for name in ("stdout", "stderr"):
        if (stream := getattr(sys, name)) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - open for good, like the original
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _install_signal_handlers(numbers: Sequence[signal.Signals]) -> None:
    """Turn the first signal into an exception; a second one leaves at once, since what is saved is safe.

    A signal that is ignored stays so: that is what nohup, and a shell that starts a job in the background, ask for.
    """
    stopping = False

    def on_signal(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        nonlocal stopping
        if stopping:
            show_cursor()
            os._exit(EXIT_INTERRUPTED if number == signal.SIGINT else EXIT_TERMINATED)
        stopping = True
        silence_dead_terminals()
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated

    for number in numbers:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, on_signal)
