"""The worlds of benchmarks/algorithms.py, and what a run of each algorithm comes to in them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import evolvent as ev

POPULATION = 64
PLAIN: Mapping[str, Any] = {  # whatever a world's preset or the defaults say
    "network": "mlp",
    "hidden": (16,),
    "output_activation": "identity",
    "biases": True,
    "initialiser": "fan_in",
    "restarts": "none",
    "normalise": False,
    "fitness": "return",
    "alive_bonus": 0.0,
    "action_noise": 0.0,
    "first_cap": None,
    "candidates": 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is trained in, and how.

    Args:
        settings: Of all runs.
        algorithms: Text of each algorithm.
        mutation: Of the genetic one.
        threshold: The mean return that counts as reached.
        generations: After so many a run ends.
    """

    settings: Mapping[str, Any]
    algorithms: Mapping[str, str]
    mutation: str
    threshold: float
    generations: int


WORLDS: Mapping[str, World] = {
    "CartPole-v1": World(
        settings={
            "activation": "relu",
            "episodes": 3,
            "validation_episodes": 100,
            "validation_every": 1,
            "target": 475.0,
        },
        algorithms={
            "genetic": "genetic",
            "openai_es": "openai_es:sigma=0.1,learning_rate=0.05",
            "ars": "ars:sigma=0.3,learning_rate=0.3,num_top=16",
            "pgpe": "pgpe:max_speed=0.3",
            "snes": "snes",
            "sep_cma_es": "sep_cma_es",
            "xnes": "xnes",
            "cma_es": "cma_es",
            "cosyne": "cosyne:start_range=1",
            "random_search": "random_search:scale=1",
        },
        mutation="gaussian:strength=0.5",
        threshold=475.0,
        generations=200,
    ),
    "Pendulum-v1": World(
        settings={
            "activation": "tanh",
            "episodes": 4,
            "validation_episodes": 30,
            "validation_every": 5,
            "target": None,
        },
        algorithms={
            "genetic": "genetic",
            "openai_es": "openai_es:sigma=0.3,learning_rate=0.3,weight_decay=0",
            "ars": "ars:sigma=0.3,learning_rate=0.3,num_top=8",
            "pgpe": "pgpe:max_speed=0.5",
            "snes": "snes",
            "sep_cma_es": "sep_cma_es",
            "xnes": "xnes",
            "cma_es": "cma_es",
            "cosyne": "cosyne:start_range=2,mutation_rate=0.1,mutation_strength=0.1",
            "random_search": "random_search:scale=2",
        },
        mutation="gaussian:strength=0.3",
        threshold=-200.0,
        generations=100,
    ),
}


class Trained(NamedTuple):
    """What one run came to.

    Args:
        score: Mean return over 100 test episodes.
        reached: Whether that is at least the threshold, and a target that the world has was surely reached in training.
        training_steps: Spent on populations.
        validation_steps: Spent on confirming candidates.
        curve: Training steps, and the champion's mean return over the validation episodes, after each generation
            that knows one.
    """

    score: float
    reached: bool
    training_steps: int
    validation_steps: int
    curve: list[tuple[int, float]]


def train(name: str, algorithm: str, seed: int, generations: int | None = None) -> Trained:
    """Return what the run with this seed comes to."""
    world, curve = WORLDS[name], list[tuple[int, float]]()

    def remember(generation: ev.Generation) -> None:
        if math.isfinite(generation.champion):  # none is confirmed yet, otherwise
            curve.append((generation.training_steps, round(generation.champion, 2)))

    run = ev.evolve(
        name,
        seed=seed,
        algorithm=world.algorithms[algorithm],
        genetic={
            "selection": "truncation:num_parents=8",
            "crossover": "none",
            "mutation": world.mutation,
            "strength": "constant",
            "num_elites": 1,
        },
        population=POPULATION,
        generations=generations or world.generations,
        runs_dir=None,
        callbacks=[remember],
        **PLAIN,
        **world.settings,
    )
    reached = run.score.mean >= world.threshold and (world.settings["target"] is None or run.reason == "target reached")
    return Trained(run.score.mean, reached, run.progress.training_steps, run.progress.validation_steps, curve)
