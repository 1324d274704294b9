"""`evolvent runs`: lists the runs."""

from __future__ import annotations

import shutil
import sys
import textwrap
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.table import Column, Table
from rich.text import Text

from evolvent.cli.flags import parse
from evolvent.cli.progress import in_words
from evolvent.cli.run_rows import Row, row_of
from evolvent.cli.tables import show
from evolvent.cli.terminal import command_name, duration, in_one_line, say
from evolvent.files import dump_json
from evolvent.training import find_runs

MINUTES = len("2026-11-24T17:04")
NARROW = 70  # columns of a terminal, which are too few to tell when a run was started
NUM_NOTES = 5  # runs of which more is told than a line


@dataclass(frozen=True, kw_only=True)
class Runs:
    """List the runs, the newest first, and what became of each.

    Args:
        runs_dir: Where runs are kept.
        json: Print one JSON object as the last line of stdout.
    """

    runs_dir: Path = Path("runs")
    json: tyro.conf.FlagCreatePairsOff[bool] = False


def command(arguments: Sequence[str]) -> int:
    """Run `evolvent runs` and return its exit code."""
    flags = parse(Runs, "runs", arguments)
    rows = [row_of(folder) for folder in find_runs(flags.runs_dir)]
    elsewhere = "" if flags.runs_dir == Path("runs") else f" --runs-dir {flags.runs_dir}"
    if flags.json:
        say(dump_json({"runs": [row.as_json(f"evolvent {row.next_words}{elsewhere}") for row in rows]}))
    elif not rows:
        say(f"there are no runs in {flags.runs_dir}; a first one: evolvent train CartPole-v1")
    else:
        show(_table(rows, with_start=shutil.get_terminal_size().columns >= NARROW))
        for line in _notes(rows, elsewhere):
            say(line)
    return 0


def _table(rows: Sequence[Row], *, with_start: bool) -> Table:
    others = ["state", "gen", "score", *(["started"] if with_start else [])]
    table = Table(Column("run", overflow="fold"), *(Column(name, no_wrap=True) for name in others), box=None, pad_edge=False)
    for row in rows:
        started = row.started[:MINUTES].replace("T", " ")
        cells = (row.name, row.state.word, row.generations, _score(row), started)[: len(table.columns)]
        table.add_row(*(Text(in_one_line(str(cell))) for cell in cells))
    return table


def _score(row: Row) -> str:
    if row.test_mean is not None:
        return f"{row.test_mean:.6g}"
    return "–" if row.champion is None else f"{row.champion:.6g} so far"


def _notes(rows: Sequence[Row], elsewhere: str) -> list[str]:
    """Return what is to be known of the newest runs that are not done, and how to go on with each."""
    open_rows = [row for row in rows if row.state.word != "done"]
    lines: list[str] = []
    for row in open_rows[:NUM_NOTES]:
        if row.state.word == "running":
            lines.append(f"{row.name}: running{_sign_of_life(row)}")
        else:
            reason = f", {in_one_line(row.state.reason)}" if row.state.reason else ""
            lines += _in_terminal(f"{row.name}: {row.state.word}{reason}")
            lines.append(f"  {command_name()} {row.next_words}{elsewhere}")
    if len(open_rows) > NUM_NOTES:
        lines.append(f"{len(open_rows) - NUM_NOTES} more are not done: {command_name()} runs --json tells of each")
    return ["", *lines] if lines else []


def _sign_of_life(row: Row) -> str:
    seen = "" if row.saved_at is None else f", last saved {duration(max(time.time() - row.saved_at, 0.0))} ago"
    left = "" if row.left is None or not row.left.seconds > 0 else f", {in_words(row.left)} left"
    return f"{left}{seen}"


def _in_terminal(line: str) -> list[str]:
    """Return a line in as many as the terminal needs for it, as it is where there is no terminal."""
    if not sys.stdout.isatty():
        return [line]
    return textwrap.wrap(line, shutil.get_terminal_size().columns, subsequent_indent="  ", break_on_hyphens=False)
