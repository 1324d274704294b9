"""`evolvent plot RUN`: draws the learning curve of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from evolvent import reporting
from evolvent.cli.flags import called, parse
from evolvent.cli.terminal import say
from evolvent.training import open_run


@dataclass(frozen=True, kw_only=True)
class Plot:
    """Draw the learning curve of a run.

    Args:
        run: The run: its folder, its name, ENV/NAME, or latest.
        out: Where to, a name that ends in .png, .svg or .pdf; learning-curve.png in the run's folder.
        runs_dir: Where runs are kept.
    """

    run: Annotated[tyro.conf.Positional[str], called("[RUN]")] = "latest"
    out: Annotated[Path | None, called("FILE")] = None
    runs_dir: Path = Path("runs")


def command(arguments: Sequence[str]) -> int:
    """Run `evolvent plot` and return its exit code."""
    flags = parse(Plot, "plot", arguments)
    folder = open_run(flags.run, flags.runs_dir, prefer=lambda run: bool(run.checkpoints()))
    say(str(reporting.plot(folder, flags.out or folder.path / "learning-curve.png")))
    return 0
