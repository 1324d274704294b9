"""`evolvent runs`: lists the runs."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.table import Column, Table
from rich.text import Text

from evolvent.cli.flags import parse
from evolvent.cli.tables import show
from evolvent.cli.terminal import in_one_line, say
from evolvent.errors import EvolventError
from evolvent.files import JsonObject, dump_json
from evolvent.training import RunFolder, find_runs
from evolvent.training.run import read_manifest
from evolvent.training.run_lock import is_locked

MINUTES = len("2026-11-24T17:04")
NARROW = 60  # columns of a terminal, which are too few to tell when a run was started


@dataclass(frozen=True, kw_only=True)
class Runs:
    """List the runs, the newest first.

    Args:
        runs_dir: Where runs are kept.
        json: Print one JSON object as the last line of stdout.
    """

    runs_dir: Path = Path("runs")
    json: tyro.conf.FlagCreatePairsOff[bool] = False


def command(arguments: Sequence[str]) -> int:
    """Run `evolvent runs` and return its exit code."""
    flags = parse(Runs, "runs", arguments)
    rows = [_row(folder) for folder in find_runs(flags.runs_dir)]
    if flags.json:
        say(dump_json({"runs": [dict(row) for row in rows]}))
    elif not rows:
        say(f"there are no runs in {flags.runs_dir}; a first one: evolvent train CartPole-v1")
    else:
        show(_table(rows, with_start=shutil.get_terminal_size().columns >= NARROW))
    return 0


def _table(rows: Sequence[JsonObject], *, with_start: bool) -> Table:
    others = ["state", "gen", "score", *(["started"] if with_start else [])]
    table = Table(Column("run", overflow="fold"), *(Column(name, no_wrap=True) for name in others), box=None, pad_edge=False)
    for row in rows:
        mean = row["test_mean"]
        score = f"{mean:.5g}" if isinstance(mean, float) else "–"
        started = str(row["started"])[:MINUTES].replace("T", " ")
        cells = (row["run"], row["state"], row["generations"], score, started)[: len(table.columns)]
        table.add_row(*(Text(in_one_line(str(cell))) for cell in cells))
    return table


def _row(folder: RunFolder) -> JsonObject:
    """Return what is known of a run; a manifest that cannot be read is no reason to hide the run."""
    try:
        manifest = read_manifest(folder)
    except EvolventError:
        manifest = {}
    result = manifest.get("result")
    checkpoints = folder.checkpoints()
    state = "running" if is_locked(folder) else "done" if isinstance(result, dict) else "stopped"
    return {
        "run": folder.name.encode(errors="backslashreplace").decode(),
        "state": state,
        "generations": checkpoints[0][0] if checkpoints else 0,
        "test_mean": result.get("test_mean") if isinstance(result, dict) else None,
        "started": str(manifest.get("started", "unknown"))[:19],
    }
