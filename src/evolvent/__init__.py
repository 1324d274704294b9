"""Evolvent evolves neural-network policies with forward passes only.

    >>> import evolvent as ev
    >>> run = ev.evolve("CartPole-v1", generations=2, validation_episodes=5, runs_dir=None)
    >>> run.best.act([0.0, 0.0, 0.05, 0.0]) in (0, 1)
    True

A name is imported when it is first asked for, so that acting with a saved policy loads neither Gymnasium nor a search.
Gymnasium learns the ids of our own worlds once it is imported, by whomever.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from evolvent.own_ids import announce

if TYPE_CHECKING:
    from evolvent.algorithms import (
        BlendCrossover,
        Cauchy,
        Constant,
        Decaying,
        Gaussian,
        Genetic,
        InTurn,
        Multiplicative,
        NeuronCrossover,
        OnePointCrossover,
        Rank,
        Replacement,
        Roulette,
        SelfAdaptive,
        SignFlip,
        Tournament,
        Truncation,
        TwoPointCrossover,
        Uniform,
        UniformCrossover,
    )
    from evolvent.engines import Inline, Processes
    from evolvent.envs import ENVS, Env, EnvSpec, make_env
    from evolvent.errors import EvolventError
    from evolvent.evaluation import Conditions, Evaluation, best_first
    from evolvent.moments import Moments
    from evolvent.networks import GRU, LSTM, MLP, Elman, Recurrent, make_network
    from evolvent.policies import Policy, load_policy
    from evolvent.reporting import plot, record
    from evolvent.seeding import Stream, stream
    from evolvent.tasks import CompiledEnv, Function, Supervised
    from evolvent.tasks.gym_env import GymEnv
    from evolvent.tasks.gym_view import as_gymnasium
    from evolvent.tasks.mujoco import MujocoEnv
    from evolvent.tasks.registration import register
    from evolvent.training import Callback, Config, Generation, Run, Score, Stop, evolve, open_run, resume

_HOMES = {
    "ENVS": "envs",
    "GRU": "networks",
    "LSTM": "networks",
    "MLP": "networks",
    "BlendCrossover": "algorithms",
    "Callback": "training",
    "Cauchy": "algorithms",
    "CompiledEnv": "tasks",
    "Conditions": "evaluation",
    "Config": "training",
    "Constant": "algorithms",
    "Decaying": "algorithms",
    "Elman": "networks",
    "Env": "envs",
    "EnvSpec": "envs",
    "Evaluation": "evaluation",
    "EvolventError": "errors",
    "Function": "tasks",
    "Gaussian": "algorithms",
    "Generation": "training",
    "Genetic": "algorithms",
    "GymEnv": "tasks.gym_env",
    "InTurn": "algorithms",
    "Inline": "engines",
    "Moments": "moments",
    "MujocoEnv": "tasks.mujoco",
    "Multiplicative": "algorithms",
    "NeuronCrossover": "algorithms",
    "OnePointCrossover": "algorithms",
    "Policy": "policies",
    "Processes": "engines",
    "Rank": "algorithms",
    "Recurrent": "networks",
    "Replacement": "algorithms",
    "Roulette": "algorithms",
    "Run": "training",
    "Score": "training",
    "SelfAdaptive": "algorithms",
    "SignFlip": "algorithms",
    "Stop": "training",
    "Stream": "seeding",
    "Supervised": "tasks",
    "Tournament": "algorithms",
    "Truncation": "algorithms",
    "TwoPointCrossover": "algorithms",
    "Uniform": "algorithms",
    "UniformCrossover": "algorithms",
    "as_gymnasium": "tasks.gym_view",
    "best_first": "evaluation",
    "evolve": "training",
    "load_policy": "policies",
    "make_env": "envs",
    "make_network": "networks",
    "open_run": "training",
    "plot": "reporting",
    "record": "reporting",
    "register": "tasks.registration",
    "resume": "training",
    "stream": "seeding",
}

__all__ = [
    "ENVS",
    "GRU",
    "LSTM",
    "MLP",
    "BlendCrossover",
    "Callback",
    "Cauchy",
    "CompiledEnv",
    "Conditions",
    "Config",
    "Constant",
    "Decaying",
    "Elman",
    "Env",
    "EnvSpec",
    "Evaluation",
    "EvolventError",
    "Function",
    "Gaussian",
    "Generation",
    "Genetic",
    "GymEnv",
    "InTurn",
    "Inline",
    "Moments",
    "MujocoEnv",
    "Multiplicative",
    "NeuronCrossover",
    "OnePointCrossover",
    "Policy",
    "Processes",
    "Rank",
    "Recurrent",
    "Replacement",
    "Roulette",
    "Run",
    "Score",
    "SelfAdaptive",
    "SignFlip",
    "Stop",
    "Stream",
    "Supervised",
    "Tournament",
    "Truncation",
    "TwoPointCrossover",
    "Uniform",
    "UniformCrossover",
    "as_gymnasium",
    "best_first",
    "evolve",
    "load_policy",
    "make_env",
    "make_network",
    "open_run",
    "plot",
    "record",
    "register",
    "resume",
    "stream",
]

announce()


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'evolvent' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"evolvent.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
