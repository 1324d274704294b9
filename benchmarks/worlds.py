"""How much faster is each compiled world with sixteen episodes side by side than with one at a time?

Both kernels play the same episodes with the same random networks of one hidden layer, on one thread, and must write the same
bits. What counts is useful steps, those that an episode takes before it ends. The two take turns in blocks; a ratio is
taken within a round, and the median over the rounds is reported.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from _harness import Bar, Report, block, conclude, flags, median_ratio, tell

import evolvent as ev
from evolvent.arrays import Population, Seeds
from evolvent.policies.actions import num_outputs
from evolvent.tasks.jobs import Jobs, Results
from evolvent.tasks.rollout import Rollout, compile_rollout, empty_results

WORLDS = ("Acrobot-v1", "CartPole-v1", "MountainCar-v0", "MountainCarContinuous-v0", "Pendulum-v1")
BOUNDS = {"Acrobot-v1": 4.0, "Pendulum-v1": 6.0}
LANES = 16
HIDDEN = 16
POPULATION_SIZE = 256
EPISODES = 4


@dataclass(slots=True)
class Contestant:
    """One form of a world's rollout, and its speed in each round [useful steps/s].

    Args:
        rollout: The compiled kernel.
        compiled_in: The time that it took to compile, or to find compiled [s].
        results: What it last wrote.
    """

    rollout: Rollout
    compiled_in: float
    results: Results
    speeds: list[float] = field(default_factory=list[float])


class Contest:
    """A world, played side by side and one at a time.

    Args:
        env_id: Of the world.
        block_seconds: How long a turn is, at the least.
    """

    def __init__(self, env_id: str, block_seconds: float) -> None:
        """Compile both forms, or find them compiled."""
        self.env_id = env_id
        self._env = ev.ENVS[env_id]
        spec = self._env.spec
        self._network = ev.MLP(sizes=(spec.observation_space.width, HIDDEN, num_outputs(spec.action_space)))
        self._block_seconds = block_seconds
        self.lanes, self.alone = (self._contestant(lanes) for lanes in (LANES, 1))
        self.steps_per_episode = 0.0

    def round(self, number: int) -> None:
        """Let both play the same episodes; refuse to go on where their results differ."""
        population = self._network.initialise(POPULATION_SIZE, ev.stream(number, "initial"))
        seeds = ev.stream(number, "episodes").bits((POPULATION_SIZE, EPISODES))
        for contestant in (self.lanes, self.alone):
            steps, seconds = block(lambda each=contestant: self._play(each, population, seeds), self._block_seconds)
            contestant.speeds.append(steps / seconds)
        ours, theirs = self.lanes.results, self.alone.results
        if any(one.tobytes() != other.tobytes() for one, other in zip(ours, theirs, strict=True)):
            raise SystemExit(f"{self.env_id}: lanes gave other results than one episode at a time")
        self.steps_per_episode = float(ours.steps.mean())

    @property
    def ratio(self) -> float:
        """How many times faster lanes are."""
        return median_ratio(self.lanes.speeds, self.alone.speeds)

    def _contestant(self, lanes: int) -> Contestant:
        began = time.perf_counter()
        rollout = compile_rollout(self._env, self._network, lanes)
        return Contestant(rollout, time.perf_counter() - began, empty_results(self._env, (POPULATION_SIZE, EPISODES)))

    def _play(self, contestant: Contestant, population: Population, seeds: Seeds) -> int:
        nothing, cap = np.zeros(0), self._env.spec.max_episode_steps
        contestant.rollout(Jobs(population, seeds, cap, nothing, nothing, np.zeros(1, np.int64)), contestant.results)
        return int(contestant.results.steps.sum())


def report(contests: Sequence[Contest]) -> Report:
    """Return the rows, ratios and bars of all worlds."""
    rows = [
        (
            each.env_id,
            float(np.median(each.lanes.speeds)),
            float(np.median(each.alone.speeds)),
            each.ratio,
            each.steps_per_episode,
            each.lanes.compiled_in,
            each.alone.compiled_in,
        )
        for each in contests
    ]
    ratios = {each.env_id: each.ratio for each in contests}
    return Report(
        name="worlds",
        headings=("world", "lanes", "one", "ratio", "per_episode", "compile_lanes", "compile_one"),
        rows=rows,
        bars={name: Bar(value=ratios[name], bound=bound, unit=" times") for name, bound in BOUNDS.items() if name in ratios},
        details={"ratios": ratios, "speeds": {each.env_id: [each.lanes.speeds, each.alone.speeds] for each in contests}},
        notes=[
            f"lanes ({LANES} side by side) and one (at a time) are useful steps per second, the median over the rounds",
            "compiling, or finding what an earlier run has compiled, is in seconds",
        ],
    )


def measured(options: argparse.Namespace) -> list[Contest]:
    """Return the contests of the worlds that were asked for, once all their rounds are over."""
    seconds = options.block_seconds or (0.2 if options.quick else 1.0)
    contests: list[Contest] = []
    for env_id in options.worlds:
        contests.append(contest := Contest(env_id, seconds))
        tell(f"{env_id}: compiled in {contest.lanes.compiled_in:.1f} s and {contest.alone.compiled_in:.1f} s")
    for number in range(options.rounds or (3 if options.quick else 15)):
        for contest in contests:
            contest.round(number)
        tell(f"round {number + 1}: " + ", ".join(f"{each.env_id} {each.ratio:.3g} times" for each in contests))
    return contests


def main() -> int:
    """Measure and return the exit code."""
    parser = flags(__doc__)
    parser.add_argument("--worlds", nargs="+", choices=WORLDS, default=WORLDS, help="which worlds (all)")
    parser.add_argument("--rounds", type=int, help="how many rounds (15, quick 3)")
    parser.add_argument("--block-seconds", type=float, help="a turn, at the least [s] (1, quick 0.2)")
    options = parser.parse_args()
    return conclude(report(measured(options)), options)


if __name__ == "__main__":
    sys.exit(main())
