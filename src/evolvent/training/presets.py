"""Tuned starts for known worlds, and the settings that a world begins with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evolvent.training.config import Config, merge
from evolvent.training.problem import Problem
from evolvent.training.recipes import recipe_settings
from evolvent.training.worlds import default_form, env_spec


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
            "genetic": {"selection": "truncation:num_parents=8", "mutation": "gaussian:strength=0.5"},
        },
        score=500.0,
    ),
}


def default_config(problem: Problem, recipe: str | None = None, env_kwargs: Sequence[str] = ()) -> Config:
    """Return the settings that a run begins with: the defaults, the problem's own, a world's preset, then a recipe's.

    Args:
        problem: What is searched for.
        recipe: A published way of searching.
        env_kwargs: Keyword arguments that the world is built with, as texts `name=value`; they are not in the settings.

    Raises:
        UsageError: The world or the recipe is unknown.
        EnvironmentFailed: The world cannot be built.
    """
    config = _own_config(problem, env_kwargs)
    return config if recipe is None else merge(config, recipe_settings(recipe), f"recipe {recipe}")


def _own_config(problem: Problem, env_kwargs: Sequence[str] = ()) -> Config:
    if not isinstance(problem, str):
        return merge(Config(world="python"), problem.settings(), "problem")
    env_id = problem
    spec = env_spec(env_id, env_kwargs)
    config = Config(
        world=default_form(env_id),
        max_steps=spec.max_episode_steps,
        target=spec.reward_threshold,
    )
    preset = PRESETS.get(env_id)
    return merge(config, preset.settings, f"preset {env_id}") if preset else config
