"""Tuned starts for known worlds: one table, with what each was measured to reach.

`benchmarks/presets.py --worlds ID --keep` measures a row anew: it runs the preset as a user would, for several seeds, and
keeps what every seed came to in `benchmarks/results/presets.json`, of which `measured` here is the summary. The page
`docs/presets.md` shows the table; a test holds all three together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a preset came to.

    Args:
        score: Mean over the seeds of the champion's mean return over 100 fresh episodes.
        seeds: How many runs that was, with the seeds 0, 1, ...
        solved: How many of them reached the world's threshold; None where it has none.
        training_steps: Steps that populations took until the run ended, the median of the runs.
        seconds: How long that took on the two cores of the machine that the results tell, the median of the runs [s].
    """

    score: float
    seeds: int
    solved: int | None
    training_steps: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """Settings tuned for one world.

    Args:
        settings: What differs from the defaults of `Config`.
        measured: What they came to; None as long as nobody has measured it.
    """

    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    measured: Measured | None = None


POLE = {  # odd functions, as the task is symmetric; its start is always the same, so that one episode tells all
    "activation": "tanh",
    "output_activation": "tanh",
    "biases": False,
    "initialiser": "zeros",
    "episodes": 1,
    "candidates": 2,
    "validation_episodes": 2,
}
LINEAR = {"hidden": (), "initialiser": "zeros", "episodes": 1}
LINEAR_NORMALISED = {**LINEAR, "normalise": True}  # the policies of ARS V2

PRESETS: dict[str, Preset] = {
    "CartPole-v1": Preset(
        settings={
            "algorithm": "genetic",
            "hidden": (),
            "biases": False,
            "population": 16,
            "episodes": 1,
            "target": 500.0,
            "candidates": 2,
            "validation_episodes": 200,
            "validation_every": 3,
            "genetic": {"selection": "truncation:num_parents=2", "mutation": "gaussian:strength=0.5"},
        },
        measured=Measured(score=500.0, seeds=5, solved=5, training_steps=23600, seconds=0.023),
    ),
    "Acrobot-v1": Preset(
        settings={
            "algorithm": "genetic",
            "hidden": (8, 8),
            "activation": "relu",
            "normalise": True,
            "population": 64,
            "generations": 1600,
            "episodes": 8,
            "target": None,
            "candidates": 5,
            "validation_episodes": 200,
            "validation_every": 20,
            "genetic": {"selection": "truncation:num_parents=8", "mutation": "gaussian:strength=0.5,rate=0.05"},
        },
        measured=Measured(score=-70.066, seeds=5, solved=None, training_steps=68000000, seconds=22.0),
    ),
    "MountainCar-v0": Preset(
        settings={
            "algorithm": "genetic",
            "hidden": (4,),
            "activation": "tanh",
            "normalise": True,
            "population": 64,
            "generations": 200,
            "episodes": 2,
            "target": None,
            "candidates": 5,
            "validation_episodes": 200,
            "validation_every": 10,
            "genetic": {"selection": "truncation:num_parents=4", "mutation": "gaussian:strength=1.0"},
        },
        measured=Measured(score=-98.266, seeds=5, solved=None, training_steps=3220000, seconds=1.1),
    ),
    "MountainCarContinuous-v0": Preset(
        settings={
            "algorithm": "openai_es:sigma=0.3,learning_rate=0.1,weight_decay=0",
            "hidden": (8,),
            "activation": "tanh",
            "initialiser": "zeros",
            "action_rule": "tanh",
            "normalise": True,
            "population": 128,
            "generations": 200,
            "episodes": 2,
            "target": None,
            "candidates": 2,
            "validation_episodes": 200,
            "validation_every": 10,
        },
        measured=Measured(score=97.712, seeds=5, solved=None, training_steps=9880000, seconds=2.3),
    ),
    "Pendulum-v1": Preset(
        settings={
            "algorithm": "cma_es:sigma=0.5",
            "hidden": (16,),
            "activation": "tanh",
            "initialiser": "fan_in",
            "action_rule": "tanh",
            "population": 64,
            "generations": 300,
            "episodes": 4,
            "candidates": 2,
            "validation_episodes": 200,
            "validation_every": 10,
        },
        measured=Measured(score=-147.3, seeds=5, solved=None, training_steps=15400000, seconds=4.2),
    ),
    "CartPoleNoVel-v1": Preset(
        settings={
            "algorithm": "snes:sigma=0.3",
            "network": "elman",
            "hidden": (4,),
            "initialiser": "zeros",
            "normalise": True,
            "population": 64,
            "generations": 300,
            "episodes": 4,
            "target": 500.0,
            "validation_episodes": 100,
            "validation_every": 10,
        },
        measured=Measured(score=500.0, seeds=5, solved=5, training_steps=374000, seconds=0.1),
    ),
    "MountainCarContinuousNoVel-v0": Preset(
        settings={
            "algorithm": "openai_es:sigma=0.3,learning_rate=0.1,weight_decay=0",
            "network": "gru",
            "hidden": (4,),
            "initialiser": "fan_in",
            "action_rule": "tanh",
            "normalise": True,
            "population": 128,
            "generations": 200,
            "episodes": 2,
            "target": None,
            "candidates": 2,
            "validation_episodes": 100,
            "validation_every": 10,
        },
        measured=Measured(score=98.535, seeds=5, solved=None, training_steps=21700000, seconds=3.1),
    ),
    "PendulumNoVel-v1": Preset(
        settings={
            "algorithm": "genetic",
            "restarts": "ipop:growth=1,patience=300",
            "network": "gru",
            "hidden": (8,),
            "action_rule": "tanh",
            "normalise": True,
            "population": 64,
            "generations": 6000,
            "episodes": 8,
            "candidates": 5,
            "validation_episodes": 200,
            "validation_every": 20,
            "genetic": {
                "selection": "truncation:num_parents=8",
                "mutation": "gaussian:strength=0.7,rate=0.1",
                "strength": "decaying:generations=1200,final=0.3",
            },
        },
        measured=Measured(score=-216.7, seeds=5, solved=None, training_steps=614000000, seconds=45.0),
    ),
    "SinglePole-v0": Preset(
        settings={
            **POLE,
            "algorithm": "cma_es:sigma=3",
            "network": "mlp",
            "hidden": (),
            "population": 8,
            "generations": 200,
        },
        measured=Measured(score=100000.0, seeds=5, solved=5, training_steps=108000, seconds=0.33),
    ),
    "SinglePoleNoVelocity-v0": Preset(
        settings={
            **POLE,
            "algorithm": "cma_es:sigma=3",
            "network": "recurrent",
            "hidden": (),
            "population": 7,
            "generations": 200,
        },
        measured=Measured(score=100000.0, seeds=5, solved=5, training_steps=26300, seconds=0.15),
    ),
    "DoublePole-v0": Preset(
        settings={
            **POLE,
            "algorithm": "cma_es:sigma=0.3",
            "network": "mlp",
            "hidden": (6,),
            "population": 15,
            "generations": 200,
        },
        measured=Measured(score=100000.0, seeds=5, solved=5, training_steps=126000, seconds=0.85),
    ),
    "DoublePoleNoVelocity-v0": Preset(
        settings={
            **POLE,
            "algorithm": "snes:sigma=1",
            "network": "recurrent",
            "hidden": (),
            "population": 8,
            "generations": 300,
        },
        measured=Measured(score=100000.0, seeds=5, solved=5, training_steps=110000, seconds=0.58),
    ),
    "DoublePoleNoVelocityDamping-v0": Preset(
        settings={
            **POLE,
            "algorithm": "cma_es:sigma=0.3,min_step=0.05",
            "network": "elman",
            "hidden": (3,),
            "population": 13,
            "generations": 300,
            "restarts": "ipop",
        },
        measured=Measured(score=1.0086, seeds=5, solved=None, training_steps=2310000, seconds=4.3),
    ),
    "BipedalWalker-v3": Preset(
        settings={
            "algorithm": "openai_es:sigma=0.07,optimizer=clipup,learning_rate=0.1,max_speed=0.2,weight_decay=0",
            "hidden": (16,),
            "activation": "tanh",
            "initialiser": "fan_in",
            "action_rule": "tanh",
            "normalise": True,
            "episodes": 1,
            "population": 40,
            "generations": 700,
            "first_cap": 400,
            "cap_generations": 250,
            "validation_episodes": 20,
            "validation_every": 20,
        },
        measured=Measured(score=300.22, seeds=1, solved=1, training_steps=10800000, seconds=4400.0),
    ),
    "HalfCheetah-v5": Preset(
        settings={
            **LINEAR_NORMALISED,
            "algorithm": "ars:learning_rate=0.02,sigma=0.03,num_top=4",
            "population": 64,
            "validation_episodes": 20,
            "validation_every": 10,
            "generations": 180,
            "max_env_steps": 12_000_000,
        },
        measured=Measured(score=4933.8, seeds=3, solved=3, training_steps=11500000, seconds=480.0),
    ),
    "Hopper-v5": Preset(
        settings={
            **LINEAR_NORMALISED,
            "algorithm": "ars:learning_rate=0.01,sigma=0.025,num_top=4",
            "alive_bonus": 1.0,
            "population": 16,
            "validation_episodes": 20,
            "validation_every": 10,
            "generations": 2000,
            "max_env_steps": 7_000_000,
        },
        measured=Measured(score=3446.1, seeds=3, solved=0, training_steps=6060000, seconds=1100.0),
    ),
    "InvertedDoublePendulum-v5": Preset(
        settings={
            **LINEAR_NORMALISED,
            "algorithm": "openai_es:sigma=0.1,learning_rate=0.05,weight_decay=0",
            "population": 32,
            "validation_episodes": 100,
            "validation_every": 5,
            "generations": 1000,
            "max_env_steps": 5_000_000,
        },
        measured=Measured(score=9176.7, seeds=5, solved=3, training_steps=2250000, seconds=400.0),
    ),
    "InvertedPendulum-v5": Preset(
        settings={
            **LINEAR_NORMALISED,
            "algorithm": "openai_es:sigma=0.1,learning_rate=0.05,weight_decay=0",
            "population": 16,
            "validation_episodes": 10,
            "validation_every": 5,
            "generations": 500,
        },
        measured=Measured(score=1000.0, seeds=5, solved=5, training_steps=88500, seconds=8.3),
    ),
    "LunarLander-v3": Preset(
        settings={
            **LINEAR,
            "algorithm": "openai_es:sigma=0.3,optimizer=clipup,learning_rate=0.075,max_speed=0.15,weight_decay=0",
            "population": 100,
            "episodes": 2,
            "validation_episodes": 30,
            "validation_every": 5,
            "generations": 500,
        },
        measured=Measured(score=191.2, seeds=5, solved=4, training_steps=10200000, seconds=660.0),
    ),
    "LunarLanderContinuous-v3": Preset(
        settings={
            **LINEAR,
            "algorithm": "openai_es:sigma=0.3,optimizer=clipup,learning_rate=0.15,max_speed=0.3,weight_decay=0",
            "population": 100,
            "validation_episodes": 20,
            "validation_every": 3,
            "generations": 300,
        },
        measured=Measured(score=238.18, seeds=5, solved=5, training_steps=702000, seconds=88.0),
    ),
    "Swimmer-v5": Preset(
        settings={
            **LINEAR,
            "algorithm": "openai_es:sigma=0.05,learning_rate=0.02,weight_decay=0",
            "population": 4,
            "validation_episodes": 5,
            "validation_every": 20,
            "generations": 500,
            "max_env_steps": 2_000_000,
        },
        measured=Measured(score=312.22, seeds=5, solved=0, training_steps=1890000, seconds=88.0),
    ),
    "Walker2d-v5": Preset(
        settings={
            **LINEAR_NORMALISED,
            "algorithm": "ars:learning_rate=0.03,sigma=0.025,num_top=30",
            "alive_bonus": 1.0,
            "population": 80,
            "validation_episodes": 20,
            "validation_every": 10,
            "generations": 2000,
            "max_env_steps": 20_000_000,
        },
    ),
}
