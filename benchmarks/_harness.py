"""What the benchmarks share: their flags, alternating blocks, bars, the table for people and the JSON for programs."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACKAGES = ("evolvent", "numpy", "numba", "llvmlite", "gymnasium")
REPOSITORY = Path(__file__).resolve().parent.parent

USUAL_SEARCH: dict[str, Any] = {  # in CartPole-v1, by 64 networks of 4-16-2; what presets are tuned to changes no figure
    "algorithm": "genetic",
    "hidden": (16,),
    "biases": True,
    "population": 64,
    "episodes": 3,
    "target": 475.0,
    "candidates": 1,
    "validation_episodes": 100,
    "validation_every": 1,
    "genetic": {"selection": "truncation:num_parents=8", "mutation": "gaussian:strength=0.5"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A claim: a measured value and what it must be.

    Args:
        value: What was measured.
        bound: What it is held to.
        unit: Of both, for the reader.
        at_least: Whether the value must be at least the bound; it must be below it otherwise.
        or_equal: Whether a value equal to an upper bound will do.
    """

    value: float
    bound: float
    unit: str = ""
    at_least: bool = True
    or_equal: bool = False

    @property
    def met(self) -> bool:
        """Whether the claim holds."""
        if self.at_least:
            return self.value >= self.bound
        return self.value <= self.bound if self.or_equal else self.value < self.bound

    @property
    def demand(self) -> str:
        """What is asked for, in words."""
        word = "at least" if self.at_least else "at most" if self.or_equal else "below"
        return f"{word} {quantity(self.bound)}{self.unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a benchmark found.

    Args:
        name: Of the benchmark.
        headings: Of the table's columns.
        rows: Of the table; numbers, words or None.
        bars: The claims by name.
        details: What else the JSON holds.
        notes: Lines under the table.
    """

    name: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Any]]
    bars: Mapping[str, Bar]
    details: Mapping[str, Any]
    notes: Sequence[str] = ()


def flags(description: str | None) -> argparse.ArgumentParser:
    """Return a parser that knows the flags of every benchmark."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a shorter form that ends within 50 seconds")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line of stdout, no table")
    return parser


def tell(line: str) -> None:
    """Say on stderr how far a benchmark is."""
    print(line, file=sys.stderr, flush=True)


def block(work: Callable[[], int], seconds: float) -> tuple[int, float]:
    """Do `work` again and again for at least so many seconds; return what it counted and the time it took [s]."""
    count = 0
    began = time.perf_counter()
    while (elapsed := time.perf_counter() - began) < seconds or not count:
        count += work()
    return count, elapsed


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median over the rounds of how many times faster ours was in the same round."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def conclude(report: Report, options: argparse.Namespace) -> int:
    """Print a report as its flags ask and return the exit code: 1 if a bar is missed."""
    missed = [f"missed: {name} is {_measured(bar)}, wanted {bar.demand}" for name, bar in report.bars.items() if not bar.met]
    if options.json:
        for line in missed:
            tell(line)
        print(json.dumps(_as_json(report, quick=options.quick), allow_nan=False))
    else:
        _print_table(report.headings, report.rows)
        for line in ["", *report.notes, ""]:
            print(line)
        claims = [(name, _measured(bar), bar.demand, "met" if bar.met else "MISSED") for name, bar in report.bars.items()]
        _print_table(("claim", "measured", "wanted", ""), claims)
        for line in ["", *missed]:
            print(line)
    return 1 if missed else 0


def quantity(value: float) -> str:
    """Return a number as a person reads it: about three digits, thousands with commas."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def circumstances() -> dict[str, Any]:
    """Return the machine, the versions and the commit that a figure belongs to."""
    return {
        "machine": {"processor": _processor(), "cores": os.cpu_count() or 1, "system": _system()},
        "versions": {"python": platform.python_version(), **{each: importlib.metadata.version(each) for each in PACKAGES}},
        "commit": _commit(),
    }


def _as_json(report: Report, *, quick: bool) -> dict[str, Any]:
    bars = {
        name: {"value": bar.value, "wanted": bar.demand, "bound": bar.bound, "met": bar.met}
        for name, bar in report.bars.items()
    }
    rows = [dict(zip(report.headings, row, strict=True)) for row in report.rows]
    return {"benchmark": report.name, "quick": quick, "bars": bars, **report.details, "rows": rows, **circumstances()}


def _measured(bar: Bar) -> str:
    return quantity(bar.value) + bar.unit


def _print_table(headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    cells = [list(headings), *([_cell(each) for each in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    for row in cells:
        first, *others = (f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
        print("  ".join([f"{first.strip():<{widths[0]}}", *others]).rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return quantity(value) if isinstance(value, (int, float)) else str(value)


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    """Return the commit of the source tree, with "-dirty" where it was changed, or "unknown" outside a repository."""
    git = shutil.which("git")
    if git is None or not (REPOSITORY / ".git").exists():
        return "unknown"
    command = [git, "-C", str(REPOSITORY), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def _system() -> str:
    return f"{platform.system()} {platform.machine()}"
