"""A process of its own, in which CartPole is evolved by two workers: when the first generation is there, who holds what.

Then a worker is killed in the middle of a population, again and again. Started on its own, this script prints one JSON object.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import evolvent as ev
from benchmarks._resources import held, workers_of
from evolvent.engines import Processes
from evolvent.tasks.gym_env import GymEnv

WORKERS = 2
LONGEST = 10.0  # seconds that a worker may take to be replaced
SLOW = {"mode": "slow", "value": 0.02, "step": 1}  # an episode of the population in which a worker is killed


def evolved() -> dict[str, float]:
    """Return how long the first generation took from the call on [s], and what everybody holds after the third [MB]."""
    times: list[float] = []
    memory: dict[str, float] = {}
    began = time.perf_counter()

    def told(_: ev.Generation) -> None:
        times.append(time.perf_counter() - began)
        now = held(os.getpid())
        memory.update(main=now.main, worker=now.workers)

    ev.evolve(
        "CartPole-v1",
        world="gymnasium",
        engine="processes",
        workers=WORKERS,
        population=8,
        episodes=1,
        validation_episodes=1,
        test_episodes=2,
        generations=3,
        target=None,
        runs_dir=None,
        callbacks=[told],
    )
    return {"first": times[0], **memory}


def replaced(kills: int) -> list[float]:
    """Return how long it took, kill by kill, until another worker was there [s]."""
    network = ev.MLP(sizes=(2, 2))
    task = GymEnv("evolvent.testing:FaultyEnv", network, env_kwargs=SLOW)
    rows, seeds = network.initialise(64, ev.stream(0, "first")), ev.stream(0, "episodes").bits((64, 1))
    times: list[float] = []
    with closing(Processes(WORKERS)) as engine:
        before = engine.evaluate(task, rows, ev.Conditions(seeds=seeds)).returns
        for _ in range(kills):
            with ThreadPoolExecutor(1) as beside:
                measured = beside.submit(engine.evaluate, task, rows, ev.Conditions(seeds=seeds))
                times.append(_until_replaced())
            if not (measured.result().returns == before).all():
                raise SystemExit("a killed worker changed a result")
    return times


def _until_replaced() -> float:
    victim, *others = workers_of(os.getpid())
    os.kill(victim, signal.SIGKILL)
    began = time.perf_counter()
    while (elapsed := time.perf_counter() - began) < LONGEST:
        if len(there := [pid for pid in workers_of(os.getpid()) if pid != victim]) == WORKERS and set(others) <= set(there):
            return elapsed
        time.sleep(0.002)
    raise SystemExit(f"a killed worker was not replaced within {LONGEST:g} s")


if __name__ == "__main__":
    print(json.dumps({**evolved(), "replaced": replaced(int(sys.argv[1]))}))
