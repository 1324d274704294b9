"""What an environment costs in a run: time, memory, and what a compiled world would cost."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import numpy as np

from evolvent.envs import CARTPOLE, EnvSpec
from evolvent.evaluation import Conditions, Evaluation
from evolvent.networks import MLP
from evolvent.policies.actions import num_outputs
from evolvent.seeding import stream
from evolvent.tasks import CompiledEnv, Task
from evolvent.tasks.gym_env import GymEnv
from evolvent.testing.gym_episode_check import Played

HIDDEN = 16  # units: a small network, as most presets have
LONG_ENOUGH = 0.2  # seconds that an evaluation has to take for its time to mean something


def seconds_a_step(episodes: Sequence[Played]) -> float:
    """Return the usual cost of a step, NaN where none was made; the first one of a process is left out."""
    seconds = [each for played in episodes for each in played.seconds[1:]]
    return statistics.median(seconds[1:] or seconds) if seconds else float("nan")


def in_a_run(env_id: str, env_kwargs: dict[str, Any], spec: EnvSpec, cap: int) -> tuple[float, Evaluation]:
    """Return how many steps a second one process makes in a run with a small network, and the last evaluation."""
    network = MLP(sizes=(spec.observation_space.width, HIDDEN, num_outputs(spec.action_space)))
    with closing(GymEnv(env_id, network, env_kwargs=env_kwargs)) as task:
        return _rate(task, network, rows=1, cap=cap)


def compiled() -> float:
    """Return how many steps a second one thread makes in the compiled CartPole."""
    network = MLP(sizes=(4, HIDDEN, 2))
    with closing(CompiledEnv(CARTPOLE, network, threads=1)) as task:
        return _rate(task, network, rows=256, cap=500)[0]


def _rate(task: Task, network: MLP, rows: int, cap: int) -> tuple[float, Evaluation]:
    """Measure more and more episodes until that takes long enough; what is compiled is compiled before."""
    population, episodes = network.initialise(rows, stream(0, "rows")), 1
    while True:
        seeds = np.tile(stream(episodes, "episodes").bits((1, episodes)), (rows, 1))
        began = time.perf_counter()
        evaluation = task.evaluate(population, Conditions(seeds=seeds, episode_cap=cap))
        seconds = time.perf_counter() - began
        if evaluation.failed.any() or (seconds > LONG_ENOUGH and episodes > 1):
            return float(evaluation.steps.sum()) / seconds, evaluation
        episodes *= 2
