"""The entry point: chooses the command, and makes every end a clear one."""

from __future__ import annotations

import importlib
import io
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType

from evolvent.cli.terminal import complain, printable
from evolvent.errors import EXIT_INTERRUPTED, EXIT_TERMINATED, EvolventError, UsageError, did_you_mean

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


class Terminated(KeyboardInterrupt):
    """Raised when the system asks the process to end."""


def main() -> None:
    """Run the command that the arguments of this process name, and exit with its code."""
    _prepare_streams()
    _install_signal_handlers()
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_stdout()
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; see `evolvent.errors` for their meaning."""
    rest = [each for each in arguments if each != "--debug"]
    debug = len(rest) < len(arguments)
    try:
        code = _dispatch(rest)
    except EvolventError as error:
        if debug:
            traceback.print_exc()
        complain(str(error))
        code = error.exit_code
    except KeyboardInterrupt as interrupt:
        complain("stopped")
        code = EXIT_TERMINATED if isinstance(interrupt, Terminated) else EXIT_INTERRUPTED
    except BrokenPipeError:
        _silence_stdout()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except Exception:  # noqa: BLE001 - the last line of defence
        traceback.print_exc()
        complain("this is a bug of Evolvent; please report it with the lines above")
        code = 1
    return code


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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _install_signal_handlers() -> None:
    """Turn the first signal into an exception; a second Ctrl-C leaves at once, since what is saved is safe."""
    interrupts = 0

    def on_interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        nonlocal interrupts
        interrupts += 1
        if interrupts > 1:
            os._exit(EXIT_INTERRUPTED)
        raise KeyboardInterrupt

    def on_terminate(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        raise Terminated

    signal.signal(signal.SIGINT, on_interrupt)
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), on_terminate)


def _silence_stdout() -> None:
    """Point stdout at nothing, so that nothing is said about a reader who has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
