"""The job in an environment written in Python: fixed rows of 64 networks play in Gymnasium's own world, by two processes.

It is imported in the environments of all peers, so it needs NumPy and the standard library only. Rows are drawn anew in each
process from the same numbers, so that everybody has the same.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from _job import Array, only_for_json, tell

PROCESSES = 2
POPULATION_SIZE = 64
HIDDEN = 16


class World(NamedTuple):
    """A world.

    Args:
        id: Of Gymnasium's.
        inputs: Numbers in an observation.
        outputs: Actions to choose from.
        episodes: Of each row.
        parts: Into how many parts a turn divides the rows.
    """

    id: str
    inputs: int
    outputs: int
    episodes: int
    parts: int


WORLDS = {each.id: each for each in (World("CartPole-v1", 4, 2, 15, 2), World("LunarLander-v3", 8, 4, 3, 4))}

Play = Callable[[Array, int], int]  # of rows and episodes: the useful steps


def rows_of(world: World) -> Array:
    """Return rows `(64, dim)`: weights `(inputs, outputs)`, then biases, layer by layer."""
    rng, parts = np.random.default_rng(0), list[Array]()
    for above, below in ((world.inputs, HIDDEN), (HIDDEN, world.outputs)):
        weights = rng.normal(size=(POPULATION_SIZE, above * below)) / np.sqrt(above)
        parts += [weights, np.zeros((POPULATION_SIZE, below))]
    return np.concatenate(parts, axis=1).astype(np.float32)


def transposed(rows: Array, world: World) -> Array:
    """Return rows in PyTorch's order: weights `(outputs, inputs)`."""
    begin, parts = 0, list[Array]()
    for above, below in ((world.inputs, HIDDEN), (HIDDEN, world.outputs)):
        weights = rows[:, begin : begin + above * below].reshape(-1, above, below).swapaxes(1, 2)
        begin += above * below
        parts += [weights.reshape(len(rows), -1), rows[:, begin : begin + below]]
        begin += below
    return np.concatenate(parts, axis=1)


def serve(name: str, version: str, make: Callable[[World], Play]) -> None:
    """Make the peer for the world that the command line names, and take turns until the runner closes the input."""
    parser = argparse.ArgumentParser()
    parser.add_argument("populations", help="not read: everybody draws the same rows")
    parser.add_argument("--world", choices=sorted(WORLDS), default="CartPole-v1")
    world = WORLDS[parser.parse_args().world]
    with only_for_json() as out:
        rows, play = rows_of(world), make(world)
        play(rows[:: world.parts], world.episodes)
        tell(out, {"peer": name, "version": version, "threads": PROCESSES, "kinds": ["random"]})
        for line in sys.stdin:
            seconds, steps, number, began = json.loads(line)["seconds"], 0, 0, time.perf_counter()
            while (elapsed := time.perf_counter() - began) < seconds or not steps:
                steps, number = steps + play(rows[number % world.parts :: world.parts], world.episodes), number + 1
            done = {"useful_steps": steps, "wall_s": elapsed, "wasted_share": 0.0, "searches": []}
            tell(out, {"peer": name, "kind": "random", **done})
