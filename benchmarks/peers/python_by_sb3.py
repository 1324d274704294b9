# pyright: reportMissingImports=false
"""sb3-contrib in Gymnasium's own world: two processes of the AsyncEval of its augmented random search, an episode at a time."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from _job import Array
from _python_job import HIDDEN, PROCESSES, Play, World, serve, transposed
from sb3_contrib import ARS
from sb3_contrib.common.vec_env import AsyncEval
from stable_baselines3.common.env_util import make_vec_env


def envs(env_id: str) -> Any:
    """Return the environment as Stable-Baselines3 has it."""
    return make_vec_env(env_id, n_envs=1)


def make(world: World) -> Play:
    """Return what plays episodes with rows as candidates."""
    torch.set_num_threads(1)
    layers = {"net_arch": [HIDDEN], "activation_fn": torch.nn.Tanh}
    model = ARS("MlpPolicy", envs(world.id), policy_kwargs=layers)
    make_envs = [partial(envs, world.id)] * PROCESSES
    processes = AsyncEval(make_envs, model.policy, n_eval_episodes=world.episodes)

    def play(rows: Array, _: int) -> int:
        candidates = torch.from_numpy(transposed(rows, world))
        processes.send_jobs(candidates, len(candidates))
        return sum(int(np.sum(lengths)) for _, (_, lengths) in processes.get_results())

    return play


if __name__ == "__main__":
    serve("sb3", f"sb3-contrib {version('sb3-contrib')}, Stable-Baselines3 {version('stable-baselines3')}", make)
