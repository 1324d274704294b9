"""Evolvent through its public calls: CompiledEnv or GymEnv for fixed rows, `evolve` as it is for a search."""

from __future__ import annotations

import argparse
import importlib.metadata
from functools import partial

import numpy as np
from _job import EPISODE_CAP, SIZES, Array, Measured, Peer, Searched, serve

import evolvent as ev

ENV = "CartPole-v1"
NETWORK = ev.MLP(sizes=SIZES, activation="tanh")


class Rollout:
    """Plays episodes of fixed rows; each call has new ones.

    Args:
        task: Where they are played.
    """

    def __init__(self, task: ev.CompiledEnv | ev.GymEnv) -> None:
        """Begin with the first call's episodes."""
        self._task = task
        self._calls = 0

    def __call__(self, rows: Array, episodes: int) -> Measured:
        """Return what the rows achieve."""
        self._calls += 1
        seeds = np.broadcast_to(ev.stream(0, self._calls, "episodes").bits((episodes,)), (len(rows), episodes))
        evaluation = self._task.evaluate(rows, ev.Conditions(seeds=seeds, episode_cap=EPISODE_CAP))
        steps = int(evaluation.steps.sum())
        return Measured(evaluation.fitness, steps, steps)


def search(world: str, threads: int, seed: int, limit: float) -> Searched:
    """Run `evolve` without another setting; it confirms its champion over 100 episodes, and tests it over 100 more."""
    run = ev.evolve(ENV, world=world, workers=threads, activation="tanh", seed=seed, runs_dir=None, max_seconds=limit or 0.01)
    steps = run.progress.env_steps + int(run.score.mean * run.score.episodes)
    return Searched(run.score.mean, run.progress.generation, steps, steps)


def make(world: str, threads: int) -> Peer:
    """Return the peer in Evolvent's compiled world, or in Gymnasium's."""
    task = ev.CompiledEnv(ev.ENVS[ENV], NETWORK, threads=threads) if world == "compiled" else ev.GymEnv(ENV, NETWORK)
    parts = 1 if world == "compiled" else 8
    version = f"Evolvent {importlib.metadata.version('evolvent')}"
    return Peer(version=version, threads=threads, parts=parts, rollout=Rollout(task), search=partial(search, world, threads))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("populations")
    parser.add_argument("--world", default="compiled", choices=("compiled", "gymnasium"))
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    serve("evolvent", partial(make, options.world, options.threads))
