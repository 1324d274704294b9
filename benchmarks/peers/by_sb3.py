# pyright: reportMissingImports=false
"""sb3-contrib's augmented random search: 64 candidates, two processes of its AsyncEval, episodes side by side in each."""

from __future__ import annotations

import contextlib
import time
from functools import cache, partial
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from _job import HELD_OUT, POPULATION_SIZE, SEARCH_EPISODES, Array, Measured, Peer, Searched, has_solved, layers_of, serve
from sb3_contrib import ARS
from sb3_contrib.common.vec_env import AsyncEval
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env

PROCESSES = 2


def worlds(count: int) -> Any:
    """Return so many environments, stepped one after the other for a policy that sees all of them at once."""
    return make_vec_env("CartPole-v1", n_envs=count)


@cache
def evaluator(episodes: int) -> AsyncEval:
    """Return two processes, made once, that measure candidates over so many episodes."""
    model = searcher(0, episodes)
    return AsyncEval([partial(worlds, episodes)] * PROCESSES, model.policy, n_eval_episodes=episodes)


def searcher(seed: int, episodes: int) -> ARS:
    """Return a search with a network of ours and the best settings that we found."""
    return ARS(
        "MlpPolicy",
        worlds(1),
        n_delta=POPULATION_SIZE // 2,
        n_top=8,
        delta_std=0.5,
        learning_rate=0.5,
        n_eval_episodes=episodes,
        policy_kwargs={"net_arch": [16], "activation_fn": torch.nn.Tanh},
        seed=seed,
    )


def measure(candidates: torch.Tensor, episodes: int) -> Measured:
    """Return what candidates `(pop, dim)` achieve."""
    processes = evaluator(episodes)
    processes.send_jobs(candidates, len(candidates))
    means, steps = np.zeros(len(candidates)), 0
    for index, (returns, lengths) in processes.get_results():
        means[index], steps = np.mean(returns), steps + int(np.sum(lengths))
    return Measured(means, steps, steps)


def as_parameters(rows: Array) -> torch.Tensor:
    """Return rows in PyTorch's order: weights `(outputs, inputs)`."""
    layers, count = layers_of(rows), len(rows)
    parts = [layers.first.swapaxes(1, 2), layers.first_bias, layers.second.swapaxes(1, 2), layers.second_bias]
    return torch.from_numpy(np.concatenate([part.reshape(count, -1) for part in parts], axis=1))


def rollout(rows: Array, episodes: int) -> Measured:
    """Return what rows achieve as candidates."""
    return measure(as_parameters(rows), episodes)


class UntilSolved(BaseCallback):
    """Ends a search by an exception, the only way out of ARS between two updates, where its network has solved the world."""

    def __init__(self, ends: float) -> None:
        """Begin with nothing tried."""
        super().__init__()
        self.ends = ends
        self.held_out = 0.0
        self.generations = 0
        self.tried_steps = 0

    def _on_rollout_start(self) -> None:
        if self.generations and has_solved(self._mean_return(SEARCH_EPISODES)):
            self.held_out = self._mean_return(HELD_OUT // PROCESSES)
        if has_solved(self.held_out) or (self.generations and time.perf_counter() > self.ends):
            raise StopIteration
        self.generations += 1

    def _mean_return(self, episodes: int) -> float:
        tried = measure(self.model.weights.repeat(PROCESSES, 1), episodes)
        self.tried_steps += tried.useful
        return float(tried.means.mean())

    def _on_step(self) -> bool:
        return True


def search(seed: int, limit: float) -> Searched:
    """Search with ARS; each update's network is tried over a few episodes first, as ARS itself does not measure it."""
    model, until = searcher(seed, SEARCH_EPISODES), UntilSolved(time.perf_counter() + limit)
    with contextlib.suppress(StopIteration):
        model.learn(10**9, callback=until, async_eval=evaluator(SEARCH_EPISODES), log_interval=None)
    steps = model.num_timesteps + until.tried_steps
    return Searched(until.held_out, until.generations, steps, steps)


def make() -> Peer:
    """Return the peer, with its processes started."""
    torch.set_num_threads(1)
    evaluator(HELD_OUT // PROCESSES)
    names = {"sb3-contrib": "sb3-contrib", "Stable-Baselines3": "stable-baselines3", "PyTorch": "torch"}
    said = ", ".join(f"{name} {version(package)}" for name, package in names.items())
    return Peer(version=said, threads=PROCESSES, parts=8, rollout=rollout, search=search)


if __name__ == "__main__":
    serve("sb3", make)
