"""`evolvent demo`: evolves, draws and films a first policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from evolvent import reporting
from evolvent.cli.flags import parse
from evolvent.cli.progress import Output, carry_out, heading
from evolvent.cli.summary import result_lines
from evolvent.cli.terminal import command_name, short
from evolvent.training import Run, start
from evolvent.training.beginning import default_config

ENV = "CartPole-v1"


@dataclass(frozen=True, kw_only=True)
class Demo:
    """Evolve a policy for CartPole, draw its learning curve and film it.

    Args:
        runs_dir: Where runs are kept.
    """

    runs_dir: Path = Path("runs")


def command(arguments: Sequence[str]) -> int:
    """Run `evolvent demo` and return its exit code."""
    flags = parse(Demo, "demo", arguments)
    plot, record = reporting.plot, reporting.record  # what is not installed is told before anything is evolved
    config = default_config(ENV)
    return carry_out(
        lambda callbacks, on_begin: start(ENV, config, callbacks=callbacks, runs_dir=flags.runs_dir, on_begin=on_begin),
        config=config,
        heading=heading(ENV, config),
        output=Output(quiet=False, json=False),
        closing=lambda run: _closing(run, plot, record),
    )


def _closing(run: Run, plot: Callable[..., Path], record: Callable[..., reporting.Recording]) -> list[str]:
    """Make the pictures and return the last lines."""
    if run.folder is None:
        return result_lines(run)
    picture = plot(run, run.folder.path / "learning-curve.png")
    film = record(run.best, ENV, run.folder.path / "video.mp4")
    program = command_name()
    return [
        *result_lines(run),
        f"picture {short(picture)}",
        f"video   {short(film.path)} (return {film.episodes[0].total_reward:g})",
        "next:",
        f"  {program} play latest                         in a window",
        f"  {program} evaluate latest --world gymnasium   in Gymnasium's world",
        f"  {program} train Pendulum-v1 --generations 20  another world",
    ]
