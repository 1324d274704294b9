"""`evolvent runs`: lists the runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.table import Table
from rich.text import Text

from evolvent.cli.flags import parse
from evolvent.cli.tables import show
from evolvent.cli.terminal import printable, say
from evolvent.errors import EvolventError
from evolvent.files import JsonObject, dump_json
from evolvent.training import RunFolder, find_runs
from evolvent.training.run import read_manifest
from evolvent.training.run_lock import is_locked


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
        table = Table("run", "state", "generations", "score", "started", box=None, pad_edge=False)
        for row in rows:
            mean = row["test_mean"]
            score = f"{mean:.1f}" if isinstance(mean, float) else "–"
            cells = (row["run"], row["state"], row["generations"], score, row["started"])
            table.add_row(*(Text(printable(str(cell))) for cell in cells))
        show(table)
    return 0


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
        "run": folder.name,
        "state": state,
        "generations": checkpoints[0][0] if checkpoints else 0,
        "test_mean": result.get("test_mean") if isinstance(result, dict) else None,
        "started": str(manifest.get("started", "unknown"))[:19],
    }
