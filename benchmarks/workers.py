"""What are worker processes worth, and what do they cost?

Whole generations of 64 networks, an episode each, are measured in Gymnasium's worlds by an engine with one worker process
and by one with two, in alternating blocks; episodes are as long as they happen to be, up to a limit. Their share of time at
work is the engine's own figure. Then a process of its own evolves CartPole with two workers, says when the first generation was
there and how much memory everybody holds, and kills workers to see how long it takes until another one is there.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from _harness import REPOSITORY, Bar, Report, block, conclude, flags, median_ratio, tell

import evolvent as ev
from evolvent.engines import Processes
from evolvent.policies.actions import num_outputs
from evolvent.tasks.gym_env import GymEnv, describe

POPULATION_SIZE = 64
ONE, TWO = 1, 2
WORTH = 1.85  # times one worker's speed
FIRST_S, MAIN_MB, WORKER_MB = 2.0, 300.0, 150.0


class World(NamedTuple):
    """A world.

    Args:
        hidden: Sizes of the network's hidden layers.
        cap: Steps after which an episode is over.
    """

    hidden: tuple[int, ...]
    cap: int


WORLDS = {"CartPole-v1": World((16,), 500), "LunarLander-v3": World((32,), 1000), "HalfCheetah-v5": World((32, 32), 200)}
CLAIMED = ("LunarLander-v3", "HalfCheetah-v5")


class Contest:
    """One worker and two in one world.

    Args:
        env_id: The world.
        seconds: How long a turn is, at the least.
    """

    def __init__(self, env_id: str, seconds: float) -> None:
        """Start the workers."""
        world, spec = WORLDS[env_id], describe(env_id)
        sizes = (spec.observation_space.width, *world.hidden, num_outputs(spec.action_space))
        network = ev.MLP(sizes=sizes, activation="tanh", initialiser="fan_in")
        self._population = network.initialise(POPULATION_SIZE, ev.stream(0, "networks"))
        self._cap, self._generation = world.cap, 0
        self._stack, self._seconds = ExitStack(), seconds
        self._task = self._stack.enter_context(closing(GymEnv(env_id, network)))
        self._engines = {count: self._stack.enter_context(closing(Processes(count))) for count in (ONE, TWO)}
        for count in self._engines:
            self._turn(count)
        self.speeds: dict[int, list[float]] = {ONE: [], TWO: []}
        self.utilisation: list[float] = []

    def round(self) -> None:
        """Let both have their turn, and keep their speeds [steps/s] and how busy the two were."""
        for count, speeds in self.speeds.items():
            self._generation = 1000 * len(speeds)
            steps, seconds = block(lambda count=count: self._turn(count), self._seconds)
            speeds.append(steps / seconds)
        self.utilisation.append(self._engines[TWO].utilisation)

    def close(self) -> None:
        """End the workers."""
        self._stack.close()

    def _turn(self, count: int) -> int:
        self._generation += 1
        one_for_all = ev.stream(0, self._generation, "episodes").bits((1,))
        seeds = np.broadcast_to(one_for_all, (POPULATION_SIZE, 1))
        conditions = ev.Conditions(seeds=seeds, episode_cap=self._cap)
        return int(self._engines[count].evaluate(self._task, self._population, conditions).steps.sum())


def missing(env_id: str) -> str:
    """Return why a world cannot be measured here; nothing if it can."""
    try:
        describe(env_id)
    except ev.EvolventError as problem:
        return str(problem)
    return ""


def row(env_id: str, rounds: int, seconds: float) -> tuple[Any, ...]:
    """Return a line of the table; the last cell but one is what two workers are worth."""
    with closing(Contest(env_id, seconds)) as contest:
        for _ in range(rounds):
            contest.round()
        tell(f"{env_id}: {rounds} rounds")
        one, two = contest.speeds[ONE], contest.speeds[TWO]
        busy = statistics.median(contest.utilisation)
        return env_id, statistics.median(one), statistics.median(two), median_ratio(two, one), busy


def started(times: int, kills: int) -> list[dict[str, Any]]:
    """Return what processes of their own tell; see `_workers_job.py`. The first run compiles, and is not among them."""
    command = [sys.executable, "-m", "benchmarks._workers_job"]
    found: list[dict[str, Any]] = []
    for number in range(times + 1):
        done = subprocess.run(
            [*command, str(kills if number else 0)], cwd=REPOSITORY, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}")
        found.append(json.loads(done.stdout.splitlines()[-1]))
        tell(f"started {number} of {times}: the first generation after {found[-1]['first']:.2f} s")
    return found[1:]


def report(lines: list[tuple[Any, ...]], runs: list[dict[str, Any]]) -> Report:
    """Return the table and the claims."""
    worth = {f"two_over_one_{line[0]}": line[3] for line in lines}
    middle = {name: statistics.median(run[name] for run in runs) for name in ("first", "main", "worker")}
    replaced = [seconds for run in runs for seconds in run["replaced"]]
    bars = {
        **{name: Bar(value=worth[name], bound=WORTH, unit=" ×") for name in worth if name.endswith(CLAIMED)},
        "first_generation": Bar(value=middle["first"], bound=FIRST_S, unit=" s", at_least=False),
        "memory_main": Bar(value=middle["main"], bound=MAIN_MB, unit=" MB", at_least=False),
        "memory_worker": Bar(value=middle["worker"], bound=WORKER_MB, unit=" MB", at_least=False),
    }
    details = {
        "ratios": worth,
        **middle,
        "replaced": {"median": statistics.median(replaced), "slowest": max(replaced), "kills": len(replaced)},
        "load_before": os.getloadavg()[0],
    }
    return Report(
        name="workers",
        headings=("world, steps/s", "one worker", "two workers", "two over one", "share of time at work"),
        rows=lines,
        bars=bars,
        details=details,
        notes=[
            f"whole generations of {POPULATION_SIZE}, an episode each, by worker processes",
            f"a killed worker: another one is there after {statistics.median(replaced):.3f} s, at most {max(replaced):.3f} s",
            "first_generation: from evolve() to the first Generation, CartPole-v1 with two workers; medians of processes",
        ],
    )


def main() -> int:
    """Measure and return the exit code."""
    parser = flags(__doc__)
    parser.add_argument("--worlds", nargs="+", choices=sorted(WORLDS), default=CLAIMED, help="which ones (those of the claims)")
    parser.add_argument("--rounds", type=int, help="how many turns each has (9, quick 3)")
    parser.add_argument("--block-seconds", type=float, help="how long a turn is, at the least (3, quick 0.5)")
    parser.add_argument("--starts", type=int, help="how many processes are started (5, quick 1)")
    parser.add_argument("--kills", type=int, help="how many workers each of them kills (4, quick 2)")
    options: argparse.Namespace = parser.parse_args()
    if not Path("/proc/self/task").is_dir():
        tell("skipped: what processes hold can only be told on Linux")
        return 0
    rounds, seconds = options.rounds or (3 if options.quick else 9), options.block_seconds or (0.5 if options.quick else 3.0)
    starts, kills = options.starts or (1 if options.quick else 5), options.kills or (2 if options.quick else 4)
    lines: list[tuple[Any, ...]] = []
    for env_id in options.worlds:
        if reason := missing(env_id):
            tell(f"skipped: {reason}")
            continue
        lines.append(row(env_id, rounds, seconds))
    return conclude(report(lines, started(starts, kills)), options)


if __name__ == "__main__":
    sys.exit(main())
