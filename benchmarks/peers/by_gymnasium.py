# pyright: reportMissingImports=false
"""Gymnasium's vectorised CartPole with batched NumPy, in two processes that share the population."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial

import gymnasium
import numpy as np
from _genetic import search
from _job import EPISODE_CAP, Array, Measured, Peer, serve
from _lanes import World, play

PROCESSES = 2


@cache
def world(lanes: int) -> World:
    """Return a world of so many lanes, made once."""
    envs = gymnasium.make_vec(
        "CartPole-v1", num_envs=lanes, vectorization_mode="vector_entry_point", max_episode_steps=EPISODE_CAP
    )

    def step(actions: Array) -> tuple[Array, Array]:
        observations, _, terminated, truncated, _ = envs.step(actions)
        return observations, terminated | truncated

    return World(reset=lambda: envs.reset()[0], step=step)


def share(rows: Array, episodes: int) -> Measured:
    """Return what some rows achieve, all their episodes at once."""
    return play(world(len(rows) * episodes), rows, episodes, episodes)


def rollout(pool: ProcessPoolExecutor, rows: Array, episodes: int) -> Measured:
    """Return what rows achieve, half of them in each process."""
    if len(rows) == 1:
        return share(rows, episodes)
    parts = list(pool.map(share, np.array_split(rows, PROCESSES), [episodes] * PROCESSES))
    means, useful, computed = zip(*parts, strict=True)
    return Measured(np.concatenate(means), sum(useful), sum(computed))


if __name__ == "__main__":
    with ProcessPoolExecutor(PROCESSES) as executor:
        work = partial(rollout, executor)
        made = Peer(version=f"Gymnasium {gymnasium.__version__}", threads=PROCESSES, rollout=work, search=partial(search, work))
        serve("gymnasium", lambda: made)
