"""Episodes side by side in a vectorised world, with one batched matrix product a layer.

A world of `lanes` episodes gives each individual as many lanes; a lane plays its share of the individual's episodes one
after the other, and the world goes on until the last lane is done. What the others compute meanwhile is wasted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from _job import Array, Measured, actions_of, layers_of


class World(NamedTuple):
    """A vectorised world whose lanes begin a new episode in the step after one has ended.

    Args:
        reset: Begin new episodes; returns observations `(lanes, inputs)`.
        step: Take actions `(lanes,)`; returns observations and which episodes have ended `(lanes,)`.
    """

    reset: Callable[[], Array]
    step: Callable[[Array], tuple[Array, Array]]


def play(world: World, rows: Array, lanes: int, episodes: int) -> Measured:
    """Play so many episodes with each of `rows (pop, dim)`, over so many lanes each.

    Args:
        world: Of `pop * lanes` lanes.
        rows: The individuals.
        lanes: Of each individual; they divide the episodes.
        episodes: Of each individual.
    """
    layers, shape = layers_of(rows), (len(rows), lanes, -1)
    observations = world.reset()
    steps = np.zeros(len(rows) * lanes, np.int64)
    left = np.full(len(steps), episodes // lanes)
    begins = np.zeros(len(steps), np.bool_)  # the step that only begins an episode is none of it
    computed = 0
    while left.any():
        actions = actions_of(layers, observations.reshape(shape)).reshape(-1)
        observations, ended = world.step(actions)
        computed += len(steps)
        steps += (left > 0) & ~begins
        left -= ended & (left > 0)
        begins = ended
    means = steps.reshape(len(rows), lanes).sum(axis=1) / episodes
    return Measured(means, int(steps.sum()), computed)
