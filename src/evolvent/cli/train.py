"""`evolvent train ENV`: evolves a policy for a world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any

import tyro

from evolvent.cli.flags import called, parse
from evolvent.cli.progress import Output, carry_out, heading
from evolvent.env_kwargs import as_text, refuse_text
from evolvent.errors import UsageError
from evolvent.files import read_bytes
from evolvent.training import Config, start
from evolvent.training.algorithm_choice import GENETIC, short_algorithm
from evolvent.training.beginning import default_config
from evolvent.training.config import GeneticConfig, merge, read_toml
from evolvent.training.worlds import full_id

IN_PYTHON = "python"


@dataclass(frozen=True, kw_only=True)
class Train:
    """Evolve a policy for a world; evolvent envs tells which have tuned settings.

    Args:
        env: Gymnasium id of the world, evolvent envs lists them; or module:function of one that makes an environment.
        env_factory: Such a function, in the place of ENV.
        config: A TOML file of settings, such as a run's run.toml, which also names the world; flags win over it.
        recipe: A published way of searching to begin from: article, or deep_ga.
        name: Of the run; the time of day where there is none.
        runs_dir: Where runs are kept.
        quiet: Show no progress.
        json: Print one JSON object as the last line of stdout.
    """

    env: Annotated[tyro.conf.Positional[str | None], called("[ENV]")] = None
    env_factory: Annotated[str | None, called("MODULE:FUNCTION")] = None
    config: Annotated[Path | None, called("FILE")] = None
    recipe: Annotated[str | None, called("NAME")] = None
    name: Annotated[str | None, called("NAME")] = None
    runs_dir: Path = Path("runs")
    quiet: tyro.conf.FlagCreatePairsOff[bool] = False
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    settings: Annotated[Config, tyro.conf.OmitArgPrefixes] = field(default_factory=Config)


def command(arguments: Sequence[str]) -> int:
    """Run `evolvent train` and return its exit code."""
    words = [word for each in arguments for word in (["--target", "None"] if each == "--no-target" else [each])]
    env, flags = _resolve(words)
    return carry_out(
        lambda callbacks, on_begin: start(
            env, flags.settings, callbacks=callbacks, name=flags.name, runs_dir=flags.runs_dir, on_begin=on_begin
        ),
        config=flags.settings,
        heading=heading(env, flags.settings, flags.recipe),
        output=Output(quiet=flags.quiet, json=flags.json),
    )


def _resolve(words: Sequence[str]) -> tuple[str, Train]:
    """Return the world and the flags over the file over the recipe over the preset over the defaults."""
    without_help = [word for word in words if word not in {"-h", "--help"}]
    first = parse(Train, "train", without_help)
    from_file: dict[str, Any] = {}
    if first.config is not None:
        from_file = read_toml(read_bytes(first.config).decode("utf-8-sig", errors="replace"), str(first.config))
    chosen = _chosen(first)
    env = full_id(chosen) if chosen else from_file.get("env")
    if not chosen:
        _refuse_to_trust(env, from_file, first.config)
    if not first.settings.env_kwargs:
        refuse_text(as_text(from_file.get("env_kwargs", ())), str(first.config))
    if not isinstance(env, str):
        if len(without_help) < len(words):
            parse(Train, "train", ["--help"])
        raise UsageError("which world? evolvent train ENV, for example: evolvent train CartPole-v1 (evolvent envs lists them)")
    env_kwargs = first.settings.env_kwargs or as_text(from_file.get("env_kwargs", ()))
    from_file.pop("env", None)
    settings = merge(default_config(env, first.recipe, env_kwargs), from_file, str(first.config))
    flags = parse(Train, "train", words, Train(settings=settings))
    _refuse_unused(flags.settings, settings.genetic)
    if flags.settings.world == IN_PYTHON:
        raise UsageError(
            f"world: data and functions run as {IN_PYTHON}, from Python: evolvent.evolve(problem, ...);"
            f" {env} is a world: --world compiled, or gymnasium"
        )
    return env, flags


def _refuse_unused(settings: Config, before: GeneticConfig) -> None:
    """Refuse flags of the genetic algorithm where another one searches, which would not look at them."""
    if settings.algorithm == GENETIC:
        return
    for each in fields(GeneticConfig):
        if (given := getattr(settings.genetic, each.name)) != getattr(before, each.name):
            raise UsageError(
                f"--{each.name.replace('_', '-')}: belongs to the genetic algorithm, got {given} for"
                f" {short_algorithm(settings.algorithm)}; leave it out, or search with --algorithm {GENETIC}"
            )


def _chosen(flags: Train) -> str | None:
    """Return the world that the user named, as ENV or by --env-factory."""
    if flags.env_factory is None:
        return flags.env
    if flags.env is not None:
        raise UsageError(f"--env-factory: expected alone, got {flags.env} besides; both name the world")
    if ":" not in flags.env_factory:
        raise UsageError(f"--env-factory: expected module:function, such as my_worlds:make_env, got {flags.env_factory!r}")
    return flags.env_factory


def _refuse_to_trust(env: Any, from_file: Mapping[str, Any], file: Path | None) -> None:
    """Refuse a file that names what no file holds, or that would decide what is imported."""
    if from_file.get("world") == IN_PYTHON or "<" in str(env):
        raise UsageError(
            f"{file} is of {env!r}, the name of data or of a function, which no file holds;"
            " begin in Python: evolvent.evolve(problem, ...)"
        )
    if isinstance(env, str) and ":" in env:
        raise UsageError(
            f"{file} names the world {env!r}, whose module would be imported; if you trust it, give it:"
            f" evolvent train {env} --config {file}"
        )
