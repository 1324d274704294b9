# pyright: reportMissingImports=false
"""EnvPool's CartPole, stepped in C++, with batched NumPy, in two processes that share the population.

Tried and slower: one process with two of EnvPool's threads, where NumPy works on one core.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial

import envpool
import numpy as np
from _genetic import search
from _job import EPISODE_CAP, Array, Measured, Peer, serve
from _lanes import PROCESSES, World, divided, play


@cache
def world(lanes: int) -> World:
    """Return a world of so many lanes, made once, with first states of its own."""
    seed = int(np.random.default_rng().integers(2**31))
    envs = envpool.make(
        "CartPole-v1", env_type="gymnasium", num_envs=lanes, num_threads=1, max_episode_steps=EPISODE_CAP, seed=seed
    )

    def step(actions: Array) -> tuple[Array, Array]:
        observations, _, terminated, truncated, _ = envs.step(actions.astype(np.int32))
        return observations, terminated | truncated

    return World(reset=lambda: envs.reset()[0], step=step)


def share(rows: Array, episodes: int) -> Measured:
    """Return what some rows achieve."""
    return play(world(len(rows) * episodes), rows, episodes)


if __name__ == "__main__":
    with ProcessPoolExecutor(PROCESSES) as executor:
        rollout = partial(divided, executor, share)
        version = f"EnvPool {envpool.__version__}"
        peer = Peer(version=version, threads=PROCESSES, rollout=rollout, search=partial(search, rollout))
        serve("envpool", lambda: peer)
