"""From a command's arguments to a record of its flags."""

from __future__ import annotations

import contextlib
import functools
import io
import re
from collections.abc import Sequence
from typing import Any, TypeVar

import tyro

from evolvent.errors import UsageError, did_you_mean

T = TypeVar("T")

BOX = re.compile(r"[╭╮╰╯│─┃━]+")


def called(metavar: str) -> Any:
    """Return the mark that makes the help call a flag's value `metavar`, instead of after its type."""
    return tyro.conf.arg(metavar=metavar)


def parse(record: type[T], command: str, arguments: Sequence[str], default: T | None = None) -> T:
    """Return the record that `arguments` describe.

    Args:
        record: A dataclass; its fields are the flags, its docstring is their help.
        command: For the usage line.
        arguments: What stands behind the command.
        default: A record whose values the flags default to, instead of those of the class.

    Raises:
        UsageError: A flag is unknown (the nearest is suggested), misses its value or has a wrong one.
        SystemExit: The help was asked for and has been printed.
    """
    complaint = io.StringIO()
    defaults = {} if default is None else {"default": default}
    parser = functools.partial(tyro.cli, record, **defaults)
    try:
        with contextlib.redirect_stderr(complaint):
            return parser(prog=f"evolvent {command}", args=list(arguments))
    except SystemExit as end:
        if not end.code:
            raise
        message = _in_one_line(complaint.getvalue())
    raise UsageError(f"{message}{_nearest_flag(message, record, command)} (evolvent {command} --help)")


def _in_one_line(boxed: str) -> str:
    """Return what a message, framed or with lines of dashes where only ASCII can be shown, says above its first rule."""
    body: list[str] = []
    for line in boxed.splitlines()[1:]:
        text = BOX.sub(" ", line).strip()
        if text.strip("-"):
            body.append(text)
        elif body:
            break
    message = " ".join(body).rstrip(". ") or "the arguments cannot be understood"
    return message[0].lower() + message[1:]


def _nearest_flag(message: str, record: type[Any], command: str) -> str:
    unknown = re.match(r"unrecognized options: (--[\w.-]+)", message)
    return did_you_mean(unknown[1].partition("=")[0], _known_flags(record, command)) if unknown else ""


def _known_flags(record: type[Any], command: str) -> list[str]:
    help_text = io.StringIO()
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(help_text):
        tyro.cli(record, prog=f"evolvent {command}", args=["--help"])
    return re.findall(r"--[a-z][\w.-]*", help_text.getvalue())
