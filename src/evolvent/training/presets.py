"""Tuned starts for known worlds, and the settings that a world begins with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evolvent.envs import ENVS, EnvSpec
from evolvent.errors import UsageError
from evolvent.tasks import gym_env
from evolvent.training.config import Config, merge


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """Settings tuned for one world.

    Args:
        settings: What differs from the defaults of `Config`.
        score: The mean return over test episodes that they were measured to reach.
    """

    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    score: float


PRESETS: dict[str, Preset] = {
    "CartPole-v1": Preset(
        settings={
            "hidden": (16,),
            "population": 64,
            "episodes": 3,
            "validation_episodes": 100,
            "genetic": {"num_parents": 8, "mutation_strength": 0.5},
        },
        score=500.0,
    ),
}


def env_spec(env_id: str) -> EnvSpec:
    """Return what is known of a world, without building it where it is compiled.

    Raises:
        UsageError: Neither we nor Gymnasium know the id.
        EnvironmentFailed: Gymnasium knows it but cannot build it.
    """
    return ENVS[env_id].spec if env_id in ENVS else gym_env.describe(env_id)


def world_in_file(named: str, chosen: str | None, source: str) -> str:
    """Return the world that a file names, unless building it would import a module that the user has not named too.

    Args:
        named: The id in the file.
        chosen: The id that the user gave, None for none.
        source: What to call the file in an error.

    Raises:
        UsageError: The user gave another world, or none where the file names one as `module:id`.
    """
    if chosen is None and ":" in named:
        raise UsageError(
            f"{source} names the world {named!r}, whose module would be imported; if you trust it, give it: --env ID"
        )
    if chosen is not None and chosen != named:
        raise UsageError(f"env: {source} is of {named!r}, got {chosen!r}")
    return named


def default_config(env_id: str) -> Config:
    """Return the settings that a run of `env_id` begins with: the defaults, the world's limits, then its preset."""
    spec = env_spec(env_id)
    config = Config(
        world="compiled" if env_id in ENVS else "gymnasium",
        max_steps=spec.max_episode_steps,
        target=spec.reward_threshold,
    )
    preset = PRESETS.get(env_id)
    return merge(config, preset.settings, f"preset {env_id}") if preset else config
