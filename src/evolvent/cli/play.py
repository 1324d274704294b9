"""`evolvent play POLICY`: shows a policy in a window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from evolvent.cli.flags import called, parse
from evolvent.cli.policies import find_policy, world_of
from evolvent.cli.terminal import command_name, say
from evolvent.errors import UsageError
from evolvent.reporting.stage import Stage, has_display
from evolvent.training.config import check_count


@dataclass(frozen=True, kw_only=True)
class Play:
    """Watch a policy in a window; Ctrl-C ends it.

    Args:
        policy: A policy file, or a run: its folder, its name, ENV/NAME, or latest.
        env: The world, where the policy does not name a known one.
        env_kwargs: Keyword arguments of the world; those that the policy was evolved with where there are none.
        episodes: How many episodes.
        max_steps: Steps after which an episode ends; the world's own limit where there is none.
        seed: Of the episodes.
        runs_dir: Where runs are kept.
    """

    policy: Annotated[tyro.conf.Positional[str], called("[POLICY]")] = "latest"
    env: Annotated[str | None, called("ID")] = None
    env_kwargs: Annotated[tuple[str, ...] | None, called("NAME=VALUE")] = None
    episodes: int = 3
    max_steps: Annotated[int | None, called("INT")] = None
    seed: int = 0
    runs_dir: Path = Path("runs")


def command(arguments: Sequence[str]) -> int:
    """Run `evolvent play` and return its exit code."""
    flags = parse(Play, "play", arguments)
    check_count("episodes", flags.episodes, at_least=1)
    policy = find_policy(flags.policy, flags.runs_dir)
    env = world_of(policy, flags.env)
    if not has_display():
        raise UsageError(f"there is no display to open a window on; make a video: {command_name()} record {flags.policy}")
    with Stage(policy, env, "human", env_kwargs=flags.env_kwargs, max_steps=flags.max_steps, seed=flags.seed) as stage:
        for number in range(flags.episodes):
            *_, last = stage.episode(number)
            say(f"episode {number + 1}: return {last.total_reward:.1f} in {last.steps} steps")
    return 0
