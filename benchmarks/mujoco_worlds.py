"""How much faster are MuJoCo's worlds stepped from compiled code than through Gymnasium, and what is left to gain?

All contestants play the same networks. Ours is `MujocoEnv` on one thread and on two; Gymnasium's is `GymEnv`, and also
the barest loop that one could write over `env.step`, with the network's compiled step and without any check: the
stricter of the two, it is what our claim is held to. The floor is MuJoCo itself: for our very episodes, the calls of its
functions that cannot be left out, from compiled code, with the controls recorded beforehand and nothing else.

What counts is steps of the environment, each of several steps of the simulation; first states are drawn by each
contestant's own generator. Contestants take turns in blocks; a ratio is taken within a round, and the median over the
rounds is reported.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from typing import Any

import numpy as np
from _harness import Bar, Report, block, conclude, flags, median_ratio, tell
from _mujoco_floor import Floor

import evolvent as ev
from evolvent.arrays import Row
from evolvent.policies.acting import compile_act
from evolvent.tasks.gym_env import GymEnv, make
from evolvent.tasks.mujoco import MujocoEnv, library, unavailable

WORLDS = ("HalfCheetah-v5", "Hopper-v5", "Swimmer-v5", "Walker2d-v5")
HIDDEN = (32, 32)
POPULATION_SIZE = 16
EPISODE_CAP = 300
ONE, TWO, TASK, LOOP, FLOOR = "Evolvent, 1 thread", "Evolvent, 2 threads", "GymEnv", "loop over env.step", "MuJoCo alone"
RATIOS = {"over_task": (ONE, TASK), "over_loop": (ONE, LOOP), "floor": (FLOOR, ONE), "two_over_one": (TWO, ONE)}
BARS = {"over_loop": 1.8, "floor": 1.25, "two_over_one": 1.8}


class Contest:
    """All contestants in one world.

    Args:
        env_id: The world.
        seconds: How long a contestant's turn is, at the least.
    """

    def __init__(self, env_id: str, seconds: float) -> None:
        """Make the tasks, record what the networks do, and compile all."""
        self._stack = ExitStack()
        self._seconds = seconds
        with library.quiet():
            self._env = self._stack.enter_context(closing(make(env_id)))
            inputs, outputs = self._env.observation_space.shape[0], self._env.action_space.shape[0]
            network = ev.MLP(sizes=(inputs, *HIDDEN, outputs), activation="tanh", initialiser="fan_in")
            one, two = (self._stack.enter_context(closing(MujocoEnv(env_id, network, threads=count))) for count in (1, 2))
            gymnasiums = self._stack.enter_context(closing(GymEnv(env_id, network)))
        self._act = compile_act(network, one.spec.action_space)
        self._population = network.initialise(POPULATION_SIZE, ev.stream(0, "networks"))
        self._seeds = np.tile(ev.stream(0, "episodes").bits((1, 1)), (POPULATION_SIZE, 1))
        self._work: dict[str, Callable[[], int]] = {
            ONE: partial(self._evaluate, one),
            TWO: partial(self._evaluate, two),
            TASK: partial(self._evaluate, gymnasiums),
            LOOP: self._loop,
            FLOOR: Floor(self._env.unwrapped, one, self._population, self._seeds, EPISODE_CAP).repeat,
        }
        self.speeds: dict[str, list[float]] = {name: [] for name in self._work}

    def round(self) -> None:
        """Let every contestant have its turn."""
        for name, work in self._work.items():
            with library.quiet():
                steps, seconds = block(work, self._seconds)
            self.speeds[name].append(steps / seconds)

    def ratios(self) -> dict[str, float]:
        """Return the median ratios; `floor` is our time over MuJoCo's own."""
        return {name: median_ratio(self.speeds[ours], self.speeds[theirs]) for name, (ours, theirs) in RATIOS.items()}

    def close(self) -> None:
        """Close the tasks and environments."""
        self._stack.close()

    def _evaluate(self, task: Any) -> int:
        conditions = ev.Conditions(seeds=self._seeds, episode_cap=EPISODE_CAP)
        return int(task.evaluate(self._population, conditions).steps.sum())

    def _loop(self) -> int:
        return sum(self._play(row, int(seed) >> 33) for row, seed in zip(self._population, self._seeds[:, 0], strict=True))

    def _play(self, row: Row, seed: int) -> int:
        env, act = self._env, self._act
        values, actions = np.zeros((1, env.observation_space.shape[0])), np.zeros((1, env.action_space.shape[0]))
        values[0], _ = env.reset(seed=seed)
        length, terminated = 0, False
        while length < EPISODE_CAP and not terminated:
            act(row, values, actions)
            values[0], _, terminated, _, _ = env.step(actions[0].astype(np.float32))
            length += 1
        return length


def measured(env_id: str, rounds: int, seconds: float) -> tuple[dict[str, float], dict[str, float]]:
    """Return the median speed of each contestant [steps/s], and the ratios."""
    with closing(Contest(env_id, seconds)) as contest:
        for _ in range(rounds):
            contest.round()
        tell(f"{env_id}: {rounds} rounds")
        return {name: statistics.median(speeds) for name, speeds in contest.speeds.items()}, contest.ratios()


def report(found: dict[str, tuple[dict[str, float], dict[str, float]]]) -> Report:
    """Return the table and the claims."""
    ratios = {f"{name}_{env_id}": value for env_id, (_, each) in found.items() for name, value in each.items()}
    bars = {
        f"{name}_{env_id}": Bar(
            value=ratios[f"{name}_{env_id}"], bound=bound, unit=" ×", at_least=name != "floor", or_equal=name == "floor"
        )
        for env_id in found
        for name, bound in BARS.items()
    }
    return Report(
        name="mujoco_worlds",
        headings=("world, steps/s", ONE, TWO, TASK, LOOP, FLOOR, *RATIOS),
        rows=[(env_id, *speeds.values(), *each.values()) for env_id, (speeds, each) in found.items()],
        bars=bars,
        details={"ratios": ratios, "mujoco": str(library.mujoco.__version__)},
        notes=[
            f"networks of {HIDDEN} tanh, {POPULATION_SIZE} episodes of at most {EPISODE_CAP} steps",
            "over_task and over_loop: how many times faster one thread is; floor: its time over that of MuJoCo alone",
        ],
    )


def main() -> int:
    """Measure and return the exit code."""
    parser = flags(__doc__)
    parser.add_argument("--worlds", nargs="+", choices=WORLDS, default=WORLDS, help="which ones (all four)")
    parser.add_argument("--rounds", type=int, help="how many turns each contestant has (15, quick 3)")
    parser.add_argument("--block-seconds", type=float, help="how long a turn is, at the least (1, quick 0.3)")
    options: argparse.Namespace = parser.parse_args()
    if reason := unavailable(WORLDS[0]):
        tell(f"skipped: {reason}")
        return 0
    rounds, seconds = options.rounds or (3 if options.quick else 15), options.block_seconds or (0.3 if options.quick else 1.0)
    return conclude(report({env_id: measured(env_id, rounds, seconds) for env_id in options.worlds}), options)


if __name__ == "__main__":
    sys.exit(main())
