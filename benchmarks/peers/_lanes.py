"""All episodes of a population side by side in a vectorised world, with one batched matrix product a layer.

A world goes on until its last episode has ended. What the other lanes compute meanwhile is wasted. Fewer lanes, which
play several episodes one after the other, waste less and were slower: NumPy then works on shorter arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import numpy as np
from _job import Array, Measured, actions_of, layers_of

PROCESSES = 2


class World(NamedTuple):
    """A vectorised world.

    Args:
        reset: Begin new episodes; returns observations `(lanes, inputs)`.
        step: Take actions `(lanes,)`; returns observations and which episodes have ended `(lanes,)`.
    """

    reset: Callable[[], Array]
    step: Callable[[Array], tuple[Array, Array]]


def play(world: World, rows: Array, episodes: int) -> Measured:
    """Play so many episodes with each of `rows (pop, dim)`, in a world of `pop * episodes` lanes."""
    layers, shape = layers_of(rows), (len(rows), episodes, -1)
    observations = world.reset()
    steps = np.zeros(len(rows) * episodes, np.int64)
    running = np.ones(len(steps), np.bool_)
    computed = 0
    while running.any():
        actions = actions_of(layers, observations.reshape(shape)).reshape(-1)
        observations, ended = world.step(actions)
        computed += len(steps)
        steps += running
        running &= ~ended
    return Measured(steps.reshape(len(rows), episodes).mean(axis=1), int(steps.sum()), computed)


def divided(pool: ProcessPoolExecutor, share: Callable[[Array, int], Measured], rows: Array, episodes: int) -> Measured:
    """Return what `rows (pop, dim)` achieve, part of them in each process; a single row stays in this one."""
    if len(rows) == 1:
        return share(rows, episodes)
    parts = list(pool.map(share, np.array_split(rows, PROCESSES), [episodes] * PROCESSES))
    means, useful, computed = zip(*parts, strict=True)
    return Measured(np.concatenate(means), sum(useful), sum(computed))
