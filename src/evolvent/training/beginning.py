"""The settings that a run begins with, before its user's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evolvent.spaces import Box, Space
from evolvent.training.config import Config, merge
from evolvent.training.presets import PRESETS
from evolvent.training.problem import Problem
from evolvent.training.recipes import recipe_settings
from evolvent.training.worlds import default_form, env_spec


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


def described(env: str, config: Config, recipe: str | None = None) -> str:
    """Return where the settings of a run in the world `env` come from, in words.

    Examples:
        >>> described("CartPole-v1", Config()), described("Maze-v0", Config(normalise=True))
        ('preset', 'no preset: defaults, normalised observations')
    """
    if recipe:
        return f"recipe {recipe}"
    if env in PRESETS:
        return "preset"
    return f"no preset: defaults{', normalised observations' if config.normalise else ''}"


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
    if preset is None:
        return merge(config, usual_settings(spec.observation_space), "defaults")
    return merge(config, preset.settings, f"preset {env_id}")


def usual_settings(observation_space: Space) -> Mapping[str, Any]:
    """Return what differs from the defaults of `Config` in a world without a preset.

    Discrete actions and those of a box begin with the same search, the genetic algorithm, which needs no scale of rewards and
    no step size, and in worlds of both kinds came as far as any or farther with the first million steps. What mattered more
    was that observations are normalised: in some worlds one number is a hundred times as large as another, and MountainCar-v0
    is not solved without. Left as they are: choices, of which a rare one would become very large, and bytes.
    """
    is_measured = isinstance(observation_space, Box) and observation_space.dtype in {"float32", "float64"}
    return {"normalise": True} if is_measured else {}
