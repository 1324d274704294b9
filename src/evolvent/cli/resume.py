"""`evolvent resume RUN`: goes on with a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import tyro

from evolvent.cli.flags import called, parse
from evolvent.cli.policies import in_python
from evolvent.cli.progress import Output, carry_out, heading
from evolvent.cli.terminal import in_one_line
from evolvent.errors import UsageError
from evolvent.training import Config, GeneticConfig, RunFolder, open_run, resume
from evolvent.training.config import merge
from evolvent.training.run import CHANGEABLE, LIMITS, read_config
from evolvent.training.run_state import state_of


@dataclass(frozen=True, kw_only=True)
class Resume:
    """Go on with a run, to the same result as if it had never stopped.

    Args:
        run: The run: its folder, its name, ENV/NAME, or latest: the newest that was not finished or, with a new limit, that
            nobody works on.
        env: The run's world, needed where its id names a module.
        env_kwargs: The arguments of the run's world, needed where one is text.
        generations: New limit of generations.
        target: New mean return to stop at.
        no_target: Stop at no mean return.
        max_env_steps: New limit of environment steps.
        max_seconds: New limit of time.
        population: From the next generation on, so many individuals: bred from the last generation as always, more or
            fewer of them.
        engine: Where populations are measured from now on.
        workers: New number of worker processes or threads, 0 for one a core.
        eval_timeout: How long an episode may take in a worker process from now on [s].
        worker_memory: What a worker process may hold from now on [MB].
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
    population: Annotated[int | None, called("INT")] = None
    engine: Annotated[str | None, called("NAME")] = None
    workers: Annotated[int | None, called("INT")] = None
    eval_timeout: Annotated[float | None, called("FLOAT")] = None
    worker_memory: Annotated[float | None, called("FLOAT")] = None
    runs_dir: Path = Path("runs")
    quiet: tyro.conf.FlagCreatePairsOff[bool] = False
    json: tyro.conf.FlagCreatePairsOff[bool] = False


def command(arguments: Sequence[str]) -> int:
    """Run `evolvent resume` and return its exit code."""
    _refuse_what_is_fixed(arguments)
    flags = parse(Resume, "resume", arguments)
    changes = {name: value for name in CHANGEABLE if (value := getattr(flags, name)) is not None}
    if flags.no_target:
        changes["target"] = None
    folder = open_run(flags.run, flags.runs_dir, prefer=_has_to_be_done(with_new_limit=not changes.keys().isdisjoint(LIMITS)))
    world, config = read_config(folder)
    if config.world == "python":
        raise UsageError(f"the run {folder.name} is of {world!r}, {in_python(folder)}")
    config = merge(config, changes, "resume")
    return carry_out(
        lambda callbacks, on_begin: resume(
            folder, callbacks=callbacks, changes=changes, env=flags.env, env_kwargs=flags.env_kwargs, on_begin=on_begin
        ),
        config=config,
        heading=f"{heading(world, config)}, {in_one_line(folder.path.name)} resumed",
        output=Output(quiet=flags.quiet, json=flags.json),
    )


def _refuse_what_is_fixed(arguments: Sequence[str]) -> None:
    """Say of a flag that `train` has why there is no such one here."""
    settings = {each.name for kind in (Config, GeneticConfig) for each in fields(kind)} - {each.name for each in fields(Resume)}
    for argument in arguments:
        name = argument.removeprefix("--").partition("=")[0].replace("-", "_")
        if argument.startswith("--") and name.removeprefix("no_") in settings:
            raise UsageError(f"{argument}: a run that has begun keeps it; to be changed are {', '.join(CHANGEABLE)}")


def _has_to_be_done(*, with_new_limit: bool) -> Callable[[RunFolder], bool]:
    if with_new_limit:
        return lambda run: state_of(run).word != "running"
    return lambda run: state_of(run).is_unfinished
