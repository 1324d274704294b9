"""What was found wrong in a function over values: where, and what to write instead."""

from __future__ import annotations

import inspect
import linecache
import re
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evolvent import lanes, seeding

HERE = str(Path(__file__).parent)
OURS = (HERE, str(Path(lanes.__file__).parent), seeding.__file__)

BRANCHES = {
    r"\bbool\(": "leave bool() away",
    r"\bmax\(": "write maximum(a, maximum(b, c))",
    r"\bmin\(": "write minimum(a, minimum(b, c))",
    r"\bsorted\(": "write minimum(a, b) and maximum(a, b)",
    r"\bwhile\b": "write for _ in range(n) with a fixed n, and where(condition, next, same) in it",
    r"\b(and|or|not)\b": "write (a > 0) & (b > 0), | and logical_not(a) instead of and, or, not",
    r"[<>]=?[^<>=()&|]+[<>]=?": "write (low < x) & (x < high) instead of low < x < high",
}
SIDE_BY_SIDE = "it cannot be done with values side by side"
WHERE = "write where(condition, yes, no) instead of if"
CONVERSIONS = {
    r"\bint\(": "int() of a value: write floor(x)",
    r"\bround\(": "round() of a value: write floor(x + 0.5)",
    r"\bfloat\(": "float() of a value: leave it away, or write to_float64(x)",
    r"\brange\(": "range() of a value: write range(n) with a fixed n, and where(k < x, next, same) in the loop",
}
OTHER_NAMES = {"abs": "absolute", "fabs": "absolute", "fmax": "maximum", "fmin": "minimum", "max": "maximum", "min": "minimum"}


@dataclass
class Notes:
    """What was found in a call: places and reasons, each once; and how a branch is answered."""

    answer: bool = True
    branches: int = 0
    found: dict[tuple[str, int, str], str] = field(default_factory=dict[tuple[str, int, str], str])

    def note(self, reason: str | Callable[[str], str]) -> None:
        """Note a reason, or what it makes of the line, at the line of the user's code that is being run."""
        frame, inside = inspect.currentframe(), False
        while frame is not None and frame.f_code.co_filename.startswith(OURS):
            inside |= not frame.f_code.co_filename.startswith(HERE)
            frame = frame.f_back
        if frame is None:
            return
        file, line = frame.f_code.co_filename, frame.f_lineno
        if inside:
            reason = "call a function by its own name: from evolvent.lanes import sin, and sin(x), not lanes.sin(x)"
        elif callable(reason):
            reason = reason(linecache.getline(file, line))
        self.found[file, line, reason] = frame.f_code.co_name

    def stumble(self, function: Callable[..., Any], problem: BaseException) -> None:
        """Note that a function that was called with values side by side has raised."""
        theirs = [each for each in traceback.extract_tb(problem.__traceback__) if not each.filename.startswith(OURS)]
        file, line = (theirs[-1].filename, theirs[-1].lineno or 0) if theirs else ("?", 0)
        reason = f"{SIDE_BY_SIDE}: {type(problem).__name__}: {problem}"
        self.found[file, line, reason] = function.__name__

    def texts(self) -> list[str]:
        """Return a line for each that was found: function, file, line, reason."""
        return [f"{name}: {file}, line {line}: {reason}" for (file, line, reason), name in self.found.items()]


def _first(table: Mapping[str, str], line: str) -> str | None:
    return next((words for pattern, words in table.items() if re.search(pattern, line)), None)


def branch(line: str) -> str:
    """Return what to write instead of the branch in `line`."""
    return f"it branches on a value; {_first(BRANCHES, line) or WHERE}"


def conversion(line: str) -> str:
    """Return what to write instead of the conversion to a number of Python in `line`, or of a function of math."""
    names = re.findall(r"\b(?:math|np|numpy|cmath)\.(\w+)\(", line)
    return by_own_name(names[0]) if names else _first(CONVERSIONS, line) or "a value cannot be made a number of Python"


def index(line: str) -> str:
    """Return what to write instead of the index in `line`."""
    return _first(CONVERSIONS, line) or "an index that is a value: write a formula, or one where() inside another"


def by_own_name(name: str) -> str:
    """Return what to write instead of a function of another library."""
    ours = OTHER_NAMES.get(name, name)
    if ours in lanes.__all__:
        return f"{name}() of another library: write {ours}(...), with from evolvent.lanes import {ours}"
    functions = ", ".join(each for each in lanes.__all__ if each.islower())
    return f"{name}() of another library: write it with the functions of evolvent.lanes: {functions}"
