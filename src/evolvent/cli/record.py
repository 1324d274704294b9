"""`evolvent record POLICY`: makes a video of a policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from evolvent import reporting
from evolvent.cli.flags import called, parse
from evolvent.cli.policies import find_policy, world_of
from evolvent.cli.terminal import say
from evolvent.errors import UsageError
from evolvent.reporting.stage import LONGEST_FILM
from evolvent.training import open_run


@dataclass(frozen=True, kw_only=True)
class Record:
    """Make a video of a policy; no display is needed.

    Args:
        policy: A policy file, or a run: its folder, its name, ENV/NAME, or latest.
        env: The world, where the policy does not name a known one.
        env_kwargs: Keyword arguments of the world; those that the policy was evolved with where there are none.
        out: Where to, a name that ends in .mp4 or .gif; video.mp4 in the run's folder, or beside the policy file.
        episodes: How many episodes.
        max_steps: Steps after which an episode ends; the world's own limit where there is none, of which 3,000 are filmed.
        seed: Of the episodes.
        random: Film an agent that acts at random instead; --env and --out say where it acts and where the film goes.
        runs_dir: Where runs are kept.
    """

    policy: Annotated[tyro.conf.Positional[str], called("[POLICY]")] = "latest"
    env: Annotated[str | None, called("ID")] = None
    env_kwargs: Annotated[tuple[str, ...] | None, called("NAME=VALUE")] = None
    out: Annotated[Path | None, called("FILE")] = None
    episodes: int = 1
    max_steps: Annotated[int | None, called("INT")] = None
    seed: int = 0
    random: tyro.conf.FlagCreatePairsOff[bool] = False
    runs_dir: Path = Path("runs")


def command(arguments: Sequence[str]) -> int:
    """Run `evolvent record` and return its exit code."""
    flags = parse(Record, "record", arguments)
    if flags.random:
        if flags.env is None or flags.out is None:
            raise UsageError("--random: say where it acts and where the film goes: --env CartPole-v1 --out random.gif")
        policy, env, out = None, flags.env, flags.out
    else:
        policy = find_policy(flags.policy, flags.runs_dir)
        env, out = world_of(policy, flags.env), flags.out or _beside(flags.policy, flags.runs_dir)
    recording = reporting.record(
        policy, env, out, env_kwargs=flags.env_kwargs, episodes=flags.episodes, max_steps=flags.max_steps, seed=flags.seed
    )
    for number, episode in enumerate(recording.episodes, 1):
        is_cut = flags.max_steps is None and episode.steps == LONGEST_FILM
        rest = f", the first of it; --max-steps films another length than {LONGEST_FILM:,}" if is_cut else ""
        say(f"episode {number}: return {episode.total_reward:.1f} in {episode.steps} steps{rest}")
    say(f"{recording.path} shows {env}, at random" if policy is None else f"{recording.path} shows {env}")
    return 0


def _beside(what: str, runs_dir: Path) -> Path:
    if what.endswith(".safetensors"):
        return Path(what).with_suffix(".mp4")
    return open_run(what, runs_dir).path / "video.mp4"
