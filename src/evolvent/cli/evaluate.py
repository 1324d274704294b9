"""`evolvent evaluate POLICY`: scores a policy over fresh episodes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from evolvent.cli.flags import called, parse
from evolvent.cli.policies import find_policy, world_of
from evolvent.cli.summary import figures
from evolvent.cli.terminal import say
from evolvent.files import dump_json
from evolvent.training.config import Config, check_count, merge
from evolvent.training.engine_choice import make_engine
from evolvent.training.failures import Failures
from evolvent.training.scoring import score, test_seeds
from evolvent.training.worlds import arguments_for, default_form, env_spec, make_task

MAX_EPISODES = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Score a policy over fresh episodes.

    Args:
        policy: A policy file, or a run: its folder, its name, ENV/NAME, or latest.
        env: The world, where the policy does not name a known one.
        env_kwargs: Keyword arguments of the world; those that the policy was evolved with where there are none.
        world: Its compiled form or Gymnasium's own; compiled where there is one.
        episodes: How many episodes.
        max_steps: Steps after which an episode is truncated; the world's own limit where there is none.
        seed: Of the episodes; a run with this seed is tested on the same ones.
        fresh_env: Build Gymnasium's world anew for every episode.
        workers: Worker processes, or threads of a compiled world, 0 for one a core.
        runs_dir: Where runs are kept.
        json: Print one JSON object as the last line of stdout.
    """

    policy: Annotated[tyro.conf.Positional[str], called("[POLICY]")] = "latest"
    env: Annotated[str | None, called("ID")] = None
    env_kwargs: Annotated[tuple[str, ...] | None, called("NAME=VALUE")] = None
    world: Annotated[Literal["compiled", "gymnasium"] | None, called("{compiled,gymnasium}")] = None
    episodes: int = 100
    max_steps: Annotated[int | None, called("INT")] = None
    seed: int = 0
    fresh_env: tyro.conf.FlagCreatePairsOff[bool] = False
    workers: int = 0
    runs_dir: Path = Path("runs")
    json: tyro.conf.FlagCreatePairsOff[bool] = False


def command(arguments: Sequence[str]) -> int:
    """Run `evolvent evaluate` and return its exit code."""
    flags = parse(Evaluate, "evaluate", arguments)
    check_count("episodes", flags.episodes, at_least=2, at_most=MAX_EPISODES)
    if flags.max_steps is not None:
        check_count("max_steps", flags.max_steps, at_least=1)
    policy = find_policy(flags.policy, flags.runs_dir)
    env = world_of(policy, flags.env)
    world = flags.world or default_form(env)
    env_kwargs = arguments_for(policy, env, flags.env_kwargs)
    max_steps = flags.max_steps or env_spec(env, env_kwargs).max_episode_steps
    settings = {"action_rule": policy.action_rule, "normalise": policy.normaliser is not None}
    settings |= {"workers": flags.workers, "fresh_env": flags.fresh_env}
    config = merge(Config(world=world, env_kwargs=env_kwargs), settings, "evaluate")
    with closing(make_task(env, policy.network, config)) as task, closing(make_engine(config, task)) as engine:
        seeds = test_seeds(flags.seed, flags.episodes)
        result = score(engine, task, policy.row, seeds, max_steps, Failures(env), normaliser=policy.normaliser)
    say(f"{env}, {world} world: {figures(result)}, {result.episodes} episodes")
    say(f"{result.truncated or 'none'} of them ended by the limit of {max_steps:,} steps")
    if flags.json:
        content = {"env": env, "world": world, "seed": flags.seed, "mean": result.mean, "std": result.std}
        say(dump_json({**content, "margin": result.margin, "episodes": result.episodes, "truncated": result.truncated}))
    return 0
