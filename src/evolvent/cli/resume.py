"""`evolvent resume RUN`: goes on with a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from evolvent.cli.flags import called, parse
from evolvent.cli.policies import in_python
from evolvent.cli.progress import Output, carry_out, heading
from evolvent.errors import UsageError
from evolvent.training import open_run, resume
from evolvent.training.config import merge
from evolvent.training.run import CHANGEABLE, read_config


@dataclass(frozen=True, kw_only=True)
class Resume:
    """Go on with a run, to the same result as if it had never stopped.

    Args:
        run: The run: its folder, its name, ENV/NAME, or latest.
        env: The run's world, needed where its id names a module.
        env_kwargs: The arguments of the run's world, needed where one is text.
        generations: New limit of generations.
        target: New mean return to stop at.
        no_target: Stop at no mean return.
        max_env_steps: New limit of environment steps.
        max_seconds: New limit of time.
        workers: New number of threads, 0 for one a core.
        runs_dir: Where runs are kept.
        quiet: Show no progress.
        json: Print one JSON object as the last line of stdout.
    """

    run: Annotated[tyro.conf.Positional[str], called("[RUN]")] = "latest"
    env: Annotated[str | None, called("ID")] = None
    env_kwargs: Annotated[tuple[str, ...] | None, called("NAME=VALUE")] = None
    generations: Annotated[int | None, called("INT")] = None
    target: Annotated[float | None, called("FLOAT")] = None
    no_target: tyro.conf.FlagCreatePairsOff[bool] = False
    max_env_steps: Annotated[int | None, called("INT")] = None
    max_seconds: Annotated[float | None, called("FLOAT")] = None
    workers: Annotated[int | None, called("INT")] = None
    runs_dir: Path = Path("runs")
    quiet: tyro.conf.FlagCreatePairsOff[bool] = False
    json: tyro.conf.FlagCreatePairsOff[bool] = False


def command(arguments: Sequence[str]) -> int:
    """Run `evolvent resume` and return its exit code."""
    flags = parse(Resume, "resume", arguments)
    folder = open_run(flags.run, flags.runs_dir)
    changes = {name: value for name in CHANGEABLE if (value := getattr(flags, name)) is not None}
    if flags.no_target:
        changes["target"] = None
    world, config = read_config(folder)
    if config.world == "python":
        raise UsageError(f"the run {folder.name} is of {world!r}, {in_python(folder)}")
    config = merge(config, changes, "resume")
    return carry_out(
        lambda callbacks: resume(folder, callbacks=callbacks, changes=changes, env=flags.env, env_kwargs=flags.env_kwargs),
        config=config,
        heading=f"{heading(world, config)}, resumed",
        output=Output(quiet=flags.quiet, json=flags.json),
    )
