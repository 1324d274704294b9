"""Tuned starts for known worlds, and the settings that a world begins with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evolvent.errors import UsageError
from evolvent.tasks import Function, Supervised
from evolvent.training.config import Config, merge
from evolvent.training.recipes import recipe_settings
from evolvent.training.worlds import default_form, env_spec, full_id

Problem = str | Supervised | Function


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


def problem_in_file(named: str, chosen: Problem | None, source: str) -> Problem:
    """Return what a file's run searches for, unless building it would import a module that the user has not named too.

    Args:
        named: The id in the file, or the name of data or of a function.
        chosen: What the user gave, None for nothing.
        source: What to call the file in an error.

    Raises:
        UsageError: The user gave another world, or none where the file names one as `module:id`.
    """
    if chosen is None:
        if ":" not in named:
            return named
        raise UsageError(
            f"{source} names the world {named!r}, whose module would be imported; if you trust it, give it: --env {named}"
        )
    name = problem_name(chosen)
    if named not in {name, name.rpartition(":")[2]}:
        raise UsageError(f"env: {source} is of {named!r}, got {name!r}")
    return name if isinstance(chosen, str) else chosen


def problem_name(problem: Problem) -> str:
    """Return the id of a world, or the name of data or of a function."""
    _refuse_no_problem(problem)
    return full_id(problem) if isinstance(problem, str) else problem.name


def default_config(problem: Problem, recipe: str | None = None) -> Config:
    """Return the settings that a run begins with: the defaults, the problem's own, a world's preset, then a recipe's.

    Raises:
        UsageError: The world or the recipe is unknown.
        EnvironmentFailed: The world cannot be built.
    """
    config = _own_config(problem)
    return config if recipe is None else merge(config, recipe_settings(recipe), f"recipe {recipe}")


def _refuse_no_problem(problem: object) -> None:
    if not isinstance(problem, (str, Supervised, Function)):
        raise UsageError(
            f"env: expected the id of a world, a Supervised or a Function, got {type(problem).__name__};"
            " an environment of your own is registered first: gymnasium.register(id, entry_point=...)"
        )


def _own_config(problem: Problem) -> Config:
    _refuse_no_problem(problem)
    if not isinstance(problem, str):
        return merge(Config(world="python"), problem.settings(), "problem")
    env_id = problem
    spec = env_spec(env_id)
    config = Config(
        world=default_form(env_id),
        max_steps=spec.max_episode_steps,
        target=spec.reward_threshold,
    )
    preset = PRESETS.get(env_id)
    return merge(config, preset.settings, f"preset {env_id}") if preset else config
