"""The entry point: chooses the command, and makes every end a clear one."""

from __future__ import annotations

import errno
import importlib
import io
import logging
import os
import re
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from evolvent.cli.signals import code_while_stopping, exit_code_of, install_handlers, leave
from evolvent.cli.terminal import Complaints, complain, printable, show_traceback, silence, silence_dead_terminals
from evolvent.errors import EXIT_TERMINATED, EngineFailed, EvolventError, StorageFailed, UsageError, did_you_mean

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # all but the streams tell it as a StorageFailed before
COLOURS = re.compile(r"\x1b\[[0-9;]*m")

COMMANDS = {
    "train": "evolve a policy for a world",
    "resume": "go on with a run",
    "evaluate": "score a policy over fresh episodes",
    "play": "watch a policy in a window",
    "record": "make a video of a policy (mp4 or gif)",
    "plot": "draw the learning curve of a run",
    "runs": "list the runs",
    "envs": "list the worlds",
    "check-env": "say what will go wrong with a world of your own",
    "demo": "evolve, draw and film a first policy for CartPole",
}


def main() -> None:
    """Run the command that the arguments of this process name, and exit with its code."""
    _prepare_streams()
    try:
        install_handlers()
        logging.getLogger("evolvent").addHandler(Complaints(logging.WARNING))
        warnings.showwarning = _show_warning
        code = run(sys.argv[1:])
    except KeyboardInterrupt as interrupt:
        complain("stopped")
        code = exit_code_of(interrupt)
    leave(code)


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; see `evolvent.errors` for their meaning."""
    rest = [each for each in arguments if each != "--debug"]
    debug = len(rest) < len(arguments)
    try:
        code = _dispatch(rest)
        sys.stdout.flush()
    except EvolventError as error:
        if debug:
            show_traceback(error)
        complain(str(error))
        code = error.exit_code
    except KeyboardInterrupt as interrupt:
        complain("stopped")
        code = exit_code_of(interrupt)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except Exception as problem:  # noqa: BLE001 - the last line of defence
        code = _unforeseen(problem)
    return code


def _unforeseen(problem: Exception) -> int:
    """Return the exit code for what nobody foresaw, or 0 where only the reader of our output has gone."""
    if (code := code_while_stopping()) is not None:
        complain("stopped")
        return code
    if isinstance(problem, BrokenPipeError):
        silence()
        return 0
    if isinstance(problem, OSError) and problem.errno == errno.EIO and silence_dead_terminals():
        return EXIT_TERMINATED
    if isinstance(problem, OSError) and problem.errno in NO_ROOM:
        silence([1])
        complain(f"cannot write what there is to say: {problem.strerror}")
        return StorageFailed.exit_code
    if isinstance(problem, MemoryError):
        complain(f"out of memory: {problem}; make the population, its episodes or the network smaller")
        return EngineFailed.exit_code
    show_traceback(problem)
    complain("this is a bug of Evolvent; please report it with the lines above")
    return 1


def _show_warning(message: Warning | str, *_circumstances: object) -> None:
    """Print a library's warning as a message; Gymnasium colours its own."""
    complain(COLOURS.sub("", str(message)))


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
    _refuse_lost_folder()
    command = importlib.import_module(f"evolvent.cli.{name.replace('-', '_')}").command
    return command(list(arguments[1:]))


def _refuse_lost_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError:
        raise UsageError("the working directory is gone; change to another one") from None


def _overview() -> str:
    lines = [f"  {name:<10}{what}" for name, what in COMMANDS.items()]
    head = "usage: evolvent COMMAND ...\n\nEvolves neural-network policies with forward passes only.\n"
    tail = "\nevolvent COMMAND --help tells the flags of one.\nA first try: evolvent train CartPole-v1"
    return "\n".join([head, *lines, tail])


def _prepare_streams() -> None:
    """Make both streams take any text, also where they were closed or understand ASCII only."""
    for name in ("stdout", "stderr"):
        if (stream := getattr(sys, name)) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - open for good, like the original
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
