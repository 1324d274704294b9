"""How the command speaks: plain lines, nothing that a terminal would obey."""

from __future__ import annotations

import sys


def printable(text: str) -> str:
    r"""Return `text` with control characters written out, so that no file or name can command a terminal.

    Example:
        >>> printable("a\x1b[31mb")
        'a\\x1b[31mb'
    """
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def say(text: str = "") -> None:
    """Print a line to stdout."""
    print(printable(text), flush=True)


def complain(text: str) -> None:
    """Print a message to stderr."""
    print(f"evolvent: {printable(text)}", file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """Return a time span in a few characters.

    Example:
        >>> duration(0.42), duration(75), duration(7322)
        ('0.4 s', '1:15', '2:02:02')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def quantity(count: float) -> str:
    """Return a large number in a few characters.

    Example:
        >>> quantity(950), quantity(64200), quantity(21500000)
        ('950', '64.2 k', '21.5 M')
    """
    for limit, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if count >= limit:
            return f"{count / limit:.1f}{unit}"
    return f"{count:.0f}"
