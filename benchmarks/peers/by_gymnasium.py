# pyright: reportMissingImports=false
"""Gymnasium's vectorised CartPole with batched NumPy, in two processes that share the population."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial

import gymnasium
from _genetic import search
from _job import EPISODE_CAP, Array, Measured, Peer, serve
from _lanes import PROCESSES, World, divided, play


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
    """Return what some rows achieve."""
    return play(world(len(rows) * episodes), rows, episodes)


if __name__ == "__main__":
    with ProcessPoolExecutor(PROCESSES) as executor:
        rollout = partial(divided, executor, share)
        peer = Peer(
            version=f"Gymnasium {gymnasium.__version__}", threads=PROCESSES, rollout=rollout, search=partial(search, rollout)
        )
        serve("gymnasium", lambda: peer)
