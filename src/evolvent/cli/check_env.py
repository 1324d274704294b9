"""`evolvent check-env ENV`: says what will go wrong with a Gymnasium environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import tyro
from rich.table import Column, Table
from rich.text import Text

from evolvent.cli.flags import called, parse
from evolvent.cli.tables import show
from evolvent.cli.terminal import in_one_line, quantity, say
from evolvent.errors import EnvironmentFailed, UsageError
from evolvent.files import dump_json
from evolvent.testing.check_gym_env import check_gym_env
from evolvent.testing.findings import Finding, Report


@dataclass(frozen=True, kw_only=True)
class CheckEnv:
    """Say what will go wrong with a Gymnasium environment, and what it costs.

    Args:
        env: A registered id, module:Id, or module:function of one that makes an environment.
        env_kwargs: Keyword arguments of the environment.
        episodes: How many episodes of random actions are played.
        time_limit: Seconds after which what has not come back hangs.
        json: Print one JSON object as the last line of stdout.
    """

    env: Annotated[tyro.conf.Positional[str | None], called("[ENV]")] = None
    env_kwargs: Annotated[tuple[str, ...], called("NAME=VALUE")] = ()
    episodes: int = 20
    time_limit: Annotated[float, called("SECONDS")] = 60.0
    json: tyro.conf.FlagCreatePairsOff[bool] = False


def command(arguments: Sequence[str]) -> int:
    """Run `evolvent check-env` and return its exit code."""
    flags = parse(CheckEnv, "check-env", arguments)
    if flags.env is None:
        raise UsageError("which environment? evolvent check-env ENV, for example: evolvent check-env FrozenLake-v1")
    report = check_gym_env(flags.env, flags.env_kwargs, episodes=flags.episodes, time_limit=flags.time_limit)
    _tell(report)
    if flags.json:
        findings: list[Any] = [asdict(each) for each in report.findings]
        say(dump_json({"env": report.env_id, "trains": report.trains, "findings": findings, "figures": report.figures}))
    return 0 if report.trains else EnvironmentFailed.exit_code


def _tell(report: Report) -> None:
    say(f"{report.env_id} {'will train' if report.trains else 'will not train'}")
    if rows := list(_figures(report.figures)):
        say()
        table = Table(Column(no_wrap=True), Column(overflow="fold"), box=None, show_header=False, pad_edge=False)
        for name, value in rows:
            table.add_row(name, Text(in_one_line(value)))
        show(table)
    for found in report.findings:
        say()
        show(_in_words(found))


def _figures(figures: Any) -> Any:
    """Yield what was measured, a name and a text each."""
    for name, key in (("observations", "observation_space"), ("actions", "action_space")):
        if key in figures:
            yield name, figures[key]
    if "steps_an_episode" in figures:
        mean, most = figures["steps_an_episode"], figures["max_episode_steps"]
        yield "episodes", f"{mean:.0f} steps with random actions, {most:,} at most"
    if "seconds_a_step" in figures:
        yield "a step", f"{1e6 * figures['seconds_a_step']:.1f} us"
    if "steps_a_second" in figures:
        one, workers = figures["steps_a_second"], figures["workers"]
        many = f", about {quantity(one * workers)} with {workers}" if workers > 1 else ""
        yield "a run", f"{quantity(one)} steps/s with one worker{many}"
        yield "memory", f"{figures['megabytes_a_worker']:.0f} MB a worker, {figures['megabytes_a_copy']:.1f} MB a further copy"


def _in_words(found: Finding) -> Table:
    columns = Column(no_wrap=True, width=len("warning")), Column(overflow="fold")
    table = Table(*columns, box=None, show_header=False, pad_edge=False)
    table.add_row(found.kind, Text(in_one_line(found.headline)))
    for text in filter(None, (found.meaning, found.mend)):
        table.add_row("", Text(in_one_line(text)))
    return table
