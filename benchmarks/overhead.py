"""What does Evolvent add to an environment written in Python, for one worker?

The reference is the barest loop that there is: `env.step` with the very actions that the policies took, from the same seeds,
so that the episodes are the same; with the same wrappers and no network, no check, no sum of rewards. Beside it the
same episodes are measured in this process (`GymEnv.evaluate`) and by an engine with one worker process (`Processes(1)`).
The first states of all episodes are drawn anew each time, on all sides.

All take turns in blocks; a ratio is taken within a round, and the median over the rounds is reported.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from contextlib import ExitStack, closing
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from _harness import Bar, Report, block, conclude, flags, tell
from _replay import Replay

import evolvent as ev
from evolvent.arrays import Population
from evolvent.engines import Engine, Inline, Processes
from evolvent.policies.actions import num_outputs
from evolvent.tasks.gym_env import GymEnv, describe

BARE, HERE, PROCESS = "bare loop", "in this process", "one worker process"


class World(NamedTuple):
    """A world and its bar.

    Args:
        bar: How many times the bare loop's time may be taken.
        env_kwargs: Of its environment.
        hidden: Sizes of the network's hidden layers.
        cap: Steps after which an episode is over.
        population: How many networks play, an episode each.
    """

    bar: float
    env_kwargs: dict[str, Any]
    hidden: tuple[int, ...]
    cap: int
    population: int


WORLDS = {
    "CartPole-v1": World(1.25, {}, (16,), 500, 256),
    "LunarLander-v3": World(1.10, {}, (32,), 1000, 32),
    "HalfCheetah-v5": World(1.10, {}, (32, 32), 300, 8),
    "ALE/Pong-v5": World(1.05, {"obs_type": "ram"}, (32,), 300, 2),
}


class Contest:
    """The three ways in one world.

    Args:
        env_id: The world.
        seconds: How long a turn is, at the least.
    """

    def __init__(self, env_id: str, seconds: float) -> None:
        """Record the episodes, start the worker and compile all."""
        world = WORLDS[env_id]
        spec = describe(env_id, world.env_kwargs)
        sizes = (spec.observation_space.width, *world.hidden, num_outputs(spec.action_space))
        network = ev.MLP(sizes=sizes, activation="tanh", initialiser="fan_in")
        population = network.initialise(world.population, ev.stream(0, "networks"))
        seeds = np.tile(ev.stream(0, "episodes").bits((1, 1)), (world.population, 1))
        conditions = ev.Conditions(seeds=seeds, episode_cap=world.cap)
        self._stack, self._seconds = ExitStack(), seconds
        task = self._stack.enter_context(closing(GymEnv(env_id, network, env_kwargs=world.env_kwargs)))
        replay = Replay(spec, world.env_kwargs, network, population, conditions)
        engine = self._stack.enter_context(closing(Processes(1)))
        self._stack.enter_context(closing(replay))
        self.episodes = len(replay.episodes)
        self.steps = replay.steps
        self._work = {
            BARE: replay,
            HERE: partial(evaluate, Inline(), task, population, conditions),
            PROCESS: partial(evaluate, engine, task, population, conditions),
        }
        for name, work in self._work.items():
            if work() != replay.steps:
                raise SystemExit(f"{env_id}: {name} has other episodes: nothing can be compared")
        self.seconds: dict[str, list[float]] = {name: [] for name in self._work}

    def round(self) -> None:
        """Let each have its turn, and keep the time of a step [s]."""
        for name, work in self._work.items():
            steps, seconds = block(work, self._seconds)
            self.seconds[name].append(seconds / steps)

    def over_bare(self, name: str) -> float:
        """Return how many times the bare loop's time one takes: the median of the rounds."""
        return statistics.median(a / b for a, b in zip(self.seconds[name], self.seconds[BARE], strict=True))

    def close(self) -> None:
        """End the worker and close the environments."""
        self._stack.close()


def evaluate(engine: Engine, task: GymEnv, population: Population, conditions: ev.Conditions) -> int:
    """Return how many steps an engine's evaluation had."""
    return int(engine.evaluate(task, population, conditions).steps.sum())


def missing(env_id: str) -> str:
    """Return why a world cannot be measured here; nothing if it can."""
    try:
        describe(env_id, WORLDS[env_id].env_kwargs)
    except ev.EvolventError as problem:
        return str(problem)
    return ""


def row(env_id: str, rounds: int, seconds: float) -> tuple[tuple[Any, ...], dict[str, float]]:
    """Return a line of the table, and the ratios of a world."""
    with closing(Contest(env_id, seconds)) as contest:
        for _ in range(rounds):
            contest.round()
        here, process = contest.over_bare(HERE), contest.over_bare(PROCESS)
        microseconds = [1e6 * statistics.median(each) for each in contest.seconds.values()]
        tell(f"{env_id}: {rounds} rounds")
        line = (env_id, contest.episodes, contest.steps / contest.episodes, *microseconds, here, process)
        return line, {f"here_{env_id}": here, f"process_{env_id}": process}


def report(lines: list[tuple[Any, ...]], ratios: dict[str, float]) -> Report:
    """Return the table and the claims."""
    bars = {
        name: Bar(value=value, bound=WORLDS[name.partition("_")[2]].bar, unit=" ×", at_least=False, or_equal=True)
        for name, value in ratios.items()
    }
    names = [f"{name}, µs a step" for name in (BARE, HERE, PROCESS)]
    return Report(
        name="overhead",
        headings=("world", "episodes", "steps each", *names, "here over bare", "process over bare"),
        rows=lines,
        bars=bars,
        details={"ratios": ratios, "load_before": os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0},
        notes=[
            "the bare loop: reset, and env.step with the actions that the policies took; the same wrappers, the same episodes"
        ],
    )


def main() -> int:
    """Measure and return the exit code."""
    parser = flags(__doc__)
    parser.add_argument("--worlds", nargs="+", choices=sorted(WORLDS), default=list(WORLDS), help="which ones (all four)")
    parser.add_argument("--rounds", type=int, help="how many turns each way has (15, quick 5)")
    parser.add_argument("--block-seconds", type=float, help="how long a turn is, at the least (1, quick 0.2)")
    options: argparse.Namespace = parser.parse_args()
    rounds, seconds = options.rounds or (5 if options.quick else 15), options.block_seconds or (0.2 if options.quick else 1.0)
    lines: list[tuple[Any, ...]] = []
    ratios: dict[str, float] = {}
    for env_id in options.worlds:
        if reason := missing(env_id):
            tell(f"skipped: {reason}")
            continue
        line, found = row(env_id, rounds, seconds)
        lines.append(line)
        ratios.update(found)
    return conclude(report(lines, ratios), options)


if __name__ == "__main__":
    sys.exit(main())
