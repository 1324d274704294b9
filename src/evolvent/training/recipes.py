"""Recipes: whole ways of searching that others have published, as settings of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evolvent.errors import UsageError, did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A named way of searching.

    Args:
        settings: What differs from a problem's own start, a world's preset included.
        source: Who published it.
    """

    settings: Mapping[str, Any]
    source: str


# What training may add to a search; none of it is in either paper, and no preset or default is to bring it in.
_PLAIN: Mapping[str, Any] = {
    "restarts": "none",
    "normalise": False,
    "fitness": "return",
    "alive_bonus": 0.0,
    "action_noise": 0.0,
    "first_cap": None,
    "cap_generations": None,
    "validation_every": 1,
}

RECIPES: dict[str, Recipe] = {
    "article": Recipe(
        settings={
            **_PLAIN,
            "algorithm": "genetic",
            "network": "mlp",
            "hidden": (16,),
            "activation": "relu",
            "output_activation": "identity",
            "biases": True,
            "initialiser": "normal",
            "population": 64,
            "generations": 5,
            "episodes": 15,
            "max_steps": 10_000,
            "target": None,
            "validation_episodes": 0,
            "genetic": {
                "selection": "truncation:num_parents=1",
                "crossover": "none",
                "mutation": "gaussian:strength=0.1",
                "strength": "constant",
                "num_elites": 1,
            },
        },
        source="Gursky 2019, Gradient-free reinforcement learning: neuroevolution using NumPy, its own run on CartPole",
    ),
    "deep_ga": Recipe(
        settings={
            **_PLAIN,
            "algorithm": "genetic",
            "initialiser": "fan_in",
            "population": 1000,
            "episodes": 1,
            "candidates": 10,
            "validation_episodes": 30,
            "test_episodes": 200,
            "genetic": {
                "selection": "truncation:num_parents=20",
                "crossover": "none",
                "mutation": "gaussian:strength=0.002",
                "strength": "constant",
                "num_elites": 1,
            },
        },
        source="Such et al. 2017, Deep neuroevolution, settings for Atari: https://arxiv.org/abs/1712.06567",
    ),
}


def recipe_settings(name: str) -> Mapping[str, Any]:
    """Return the settings of a recipe.

    Raises:
        UsageError: There is none of this name; the nearest is suggested.
    """
    if not isinstance(name, str) or name not in RECIPES:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(f"recipe: {name!r} is unknown{did_you_mean(str(name), RECIPES)}; known: {', '.join(RECIPES)}")
    return RECIPES[name].settings
