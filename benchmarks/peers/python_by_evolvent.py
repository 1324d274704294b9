"""Evolvent in Gymnasium's own world: `GymEnv` measured by two worker processes."""

from __future__ import annotations

import importlib.metadata

import numpy as np
from _job import Array
from _python_job import HIDDEN, PROCESSES, Play, World, serve

import evolvent as ev
from evolvent.engines import Processes
from evolvent.tasks.gym_env import GymEnv


def make(world: World) -> Play:
    """Return what plays episodes with rows; each call has new ones."""
    network = ev.MLP(sizes=(world.inputs, HIDDEN, world.outputs), activation="tanh")
    task, engine, calls = GymEnv(world.id, network), Processes(PROCESSES), iter(range(2**62))

    def play(rows: Array, episodes: int) -> int:
        one_for_all = ev.stream(0, next(calls), "episodes").bits((episodes,))
        conditions = ev.Conditions(seeds=np.broadcast_to(one_for_all, (len(rows), episodes)))
        return int(engine.evaluate(task, rows, conditions).steps.sum())

    return play


if __name__ == "__main__":
    serve("evolvent", f"Evolvent {importlib.metadata.version('evolvent')}", make)
