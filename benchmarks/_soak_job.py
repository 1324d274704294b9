"""A process of its own that evolves a tiny world in worker processes and looks at what it holds, again and again.

Started on its own, this script prints one JSON object: the samples, the run's digest, and how many workers were replaced.
"""

from __future__ import annotations

import json
import os
import sys
import time

import evolvent as ev
from benchmarks._resources import Held, held, workers_of

ENV = "evolvent.testing:FaultyEnv"  # seven steps an episode, and no fault


class Watch:
    """Is told of each generation.

    Args:
        every: How many generations pass between two samples.
    """

    def __init__(self, every: int) -> None:
        """Begin with no sample."""
        self._every = every
        self.samples: list[tuple[int, Held]] = []
        self.pids: set[int] = set()

    def __call__(self, generation: ev.Generation) -> None:
        """Look at the process and its workers."""
        self.pids.update(workers_of(os.getpid()))
        if generation.generation % self._every == 0:
            self.samples.append((generation.generation, held(os.getpid())))


def main(generations: int, every: int, workers: int, nice: int) -> None:
    """Evolve, and print what was seen."""
    os.nice(nice)
    watch, began = Watch(every), time.perf_counter()
    run = ev.evolve(
        ENV,
        world="gymnasium",
        engine="processes",
        workers=workers,
        population=8,
        episodes=1,
        validation_episodes=1,
        test_episodes=2,
        generations=generations,
        target=None,
        runs_dir=None,
        callbacks=[watch],
    )
    seconds = time.perf_counter() - began
    samples = [[number, *each] for number, each in watch.samples]
    replaced = len(watch.pids) - workers
    print(json.dumps({"samples": samples, "digest": run.progress.digest, "replaced": replaced, "seconds": seconds}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
