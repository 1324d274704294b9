"""How the command speaks: plain lines, nothing that a terminal would obey."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import stat
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO


def printable(text: str) -> str:
    r"""Return `text` with control characters written out, so that no file or name can command a terminal.

    Examples:
        >>> printable("a\x1b[31mb")
        'a\\x1b[31mb'
    """
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def in_one_line(text: str) -> str:
    r"""Return `text` with line breaks written out as well, so that no name can feign a line of its own.

    Examples:
        >>> in_one_line("a\nb\x07")
        'a\\nb\\x07'
    """
    return printable(text).replace("\n", "\\n")


def say(text: str = "", stream: TextIO | None = None) -> None:
    """Print a line to stdout, or to `stream`."""
    print(in_one_line(text), file=stream, flush=True)


def complain(text: str) -> None:
    """Print a message to stderr; if nobody can read that, nobody can be told."""
    with contextlib.suppress(OSError):
        say(f"evolvent: {text}", sys.stderr)


class Complaints(logging.Handler):
    """Prints what the library warns of, as messages to stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a warning, below it its traceback where there is one."""
        complain(record.getMessage())
        if record.exc_info and record.exc_info[1]:
            show_traceback(record.exc_info[1])
        elif record.exc_text:
            _show_lines(record.exc_text)


def show_traceback(problem: BaseException) -> None:
    """Print an exception with its traceback to stderr."""
    _show_lines("".join(traceback.format_exception(problem)))


def _show_lines(text: str) -> None:
    with contextlib.suppress(OSError):
        for line in text.splitlines():
            say(line, sys.stderr)


def show_cursor() -> None:
    """Bring back the cursor, which a line that is always up to date hides."""
    for descriptor in (1, 2):
        if os.isatty(descriptor):
            os.write(descriptor, b"\x1b[?25h")


def silence(descriptors: Sequence[int] = (1, 2)) -> None:
    """Point stdout and stderr at nothing, so that nothing more is said about a reader who has gone."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    for descriptor in descriptors:
        os.dup2(nothing, descriptor)
    os.close(nothing)


def silence_dead_terminals() -> bool:
    """Point whichever of stdout and stderr was a terminal that is no more at nothing, and return whether one was."""
    dead = [descriptor for descriptor in (1, 2) if _is_dead_terminal(descriptor)]
    silence(dead)
    return bool(dead)


def _is_dead_terminal(descriptor: int) -> bool:
    status = os.fstat(descriptor)
    is_device = stat.S_ISCHR(status.st_mode) and status.st_rdev != Path(os.devnull).stat().st_rdev
    return is_device and not os.isatty(descriptor)


def duration(seconds: float) -> str:
    """Return a time span in a few characters.

    Examples:
        >>> duration(0.042), duration(7.5), duration(75), duration(7322)
        ('0.04 s', '7.5 s', '1:15', '2:02:02')
    """
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def quantity(count: float) -> str:
    """Return a large number in a few characters.

    Examples:
        >>> quantity(950), quantity(64200), quantity(21500000)
        ('950', '64.2 k', '21.5 M')
    """
    for limit, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if count >= limit:
            return f"{count / limit:.1f}{unit}"
    return f"{count:.0f}"


def short(path: Path) -> Path:
    """Return `path` as seen from the working directory, where it lies below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def command_name() -> str:
    """Return how the user can call this command again: its name, or its path where the shell does not find the name."""
    invoked = Path(sys.argv[0])
    if invoked.name == "__main__.py":
        return "python -m evolvent"
    found = shutil.which(invoked.name)
    if not invoked.exists() or (found and Path(found).samefile(invoked)):
        return invoked.stem
    return str(short(invoked.absolute()))
