"""Does `evolvent train CartPole-v1`, without any setting, solve it for every seed, and does Gymnasium agree?

Each seed is one run of `evolvent.evolve`, which is what the command calls, in this process and without a folder. A run
is solved if its champion's mean return over 100 test episodes, used for nothing else, is at least 475. Then the
champion plays Gymnasium's own CartPole in a plain loop; the two scores agree if their 95 % intervals overlap. Where
nothing is wrong, a champion that rarely fails may still disagree by chance, so 95 % of the seeds have to agree.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from _harness import USUAL_SEARCH, Bar, Report, conclude, flags, tell

import evolvent as ev

TARGET = 475.0
MUST_AGREE = 0.95  # of the seeds


class Outcome(NamedTuple):
    """What one seed came to."""

    run: ev.Run
    seconds: float
    gymnasium_score: ev.Score

    @property
    def solved_in_gymnasium(self) -> bool:
        """Whether the mean in Gymnasium's CartPole is the target, give or take three standard errors."""
        return self.gymnasium_score.mean >= TARGET - 3 * self.gymnasium_score.margin / 1.96

    @property
    def agrees(self) -> bool:
        """Whether the 95 % intervals of the two scores overlap."""
        ours, theirs = self.run.score, self.gymnasium_score
        return abs(ours.mean - theirs.mean) <= ours.margin + theirs.margin

    def row(self) -> tuple[Any, ...]:
        """Return the outcome as a row of the table."""
        progress, score, theirs = self.run.progress, self.run.score, self.gymnasium_score
        return (
            self.run.config.seed,
            progress.generation,
            progress.training_steps,
            progress.validation_steps,
            progress.env_steps,
            self.seconds,
            score.mean,
            score.margin,
            theirs.mean,
            theirs.margin,
            self.run.solved,
            self.agrees,
        )


HEADINGS = (
    "seed",
    "generations",
    "training_steps",
    "validation_steps",
    "env_steps",
    "seconds",
    "test_mean",
    "test_margin",
    "gymnasium_mean",
    "gymnasium_margin",
    "solved",
    "agrees",
)


def play(policy: ev.Policy, episodes: int, seed: int) -> ev.Score:
    """Return what a policy achieves in Gymnasium's own CartPole with its own time limit."""
    env = gymnasium.make("CartPole-v1")
    returns = np.zeros(episodes)
    for episode in range(episodes):
        observation, _ = env.reset(seed=seed * 1_000_000 + episode)
        over = False
        while not over:
            observation, reward, terminated, truncated, _ = env.step(policy.act(observation))
            returns[episode] += float(reward)
            over = terminated or truncated
    env.close()
    return ev.Score(float(returns.mean()), float(returns.std(ddof=1)), episodes)


def outcome(seed: int, episodes: int) -> Outcome:
    """Return what the run with this seed comes to."""
    began = time.perf_counter()
    run = ev.evolve("CartPole-v1", seed=seed, runs_dir=None, **USUAL_SEARCH)
    return Outcome(run, time.perf_counter() - began, play(run.best, episodes, seed))


def report(outcomes: list[Outcome]) -> Report:
    """Return the rows and bars of all seeds."""
    count = len(outcomes)
    training = statistics.median(each.run.progress.training_steps for each in outcomes)
    both = statistics.median(each.run.progress.env_steps for each in outcomes)
    solved = sum(each.run.solved and each.run.score.mean >= TARGET for each in outcomes)
    solved_in_gymnasium = sum(each.solved_in_gymnasium for each in outcomes)
    difference = statistics.mean(each.gymnasium_score.mean - each.run.score.mean for each in outcomes)
    agree = sum(each.agrees for each in outcomes)
    bars = {
        "solved": Bar(value=solved, bound=count, unit=f" of {count}"),
        "solved_in_gymnasium": Bar(value=solved_in_gymnasium, bound=count, unit=f" of {count}"),
        "agree_with_gymnasium": Bar(value=agree, bound=math.ceil(MUST_AGREE * count), unit=f" of {count}"),
        "median_env_steps": Bar(value=both, bound=300_000, unit=" steps", at_least=False, or_equal=True),
    }
    details = {
        "ratios": {
            "solved": solved / count,
            "solved_in_gymnasium": solved_in_gymnasium / count,
            "agree_with_gymnasium": agree / count,
        },
        "seeds": count,
        "median_training_steps": training,
        "median_env_steps": both,
        "median_seconds": statistics.median(each.seconds for each in outcomes),
        "mean_difference": difference,
        "median_generations": statistics.median(each.run.progress.generation for each in outcomes),
    }
    return Report(
        name="cartpole",
        headings=HEADINGS,
        rows=[each.row() for each in outcomes],
        bars=bars,
        details=details,
        notes=[
            f"median steps: {training:,.0f} to measure populations; {both:,.0f} with those to confirm champions (env_steps)",
            f"Gymnasium's score less ours, mean over the seeds: {difference:+.2f}",
            "a margin is half of a 95 % interval; a champion agrees where the two intervals overlap",
        ],
    )


def main() -> int:
    """Measure and return the exit code."""
    parser = flags(__doc__)
    parser.add_argument("--seeds", type=int, help="how many runs, with the seeds 0, 1, ... (50, quick 20)")
    parser.add_argument("--gymnasium-episodes", type=int, default=100, help="episodes in Gymnasium's CartPole (100)")
    options = parser.parse_args()
    seeds = options.seeds or (20 if options.quick else 50)
    ev.evolve("CartPole-v1", generations=1, runs_dir=None, **USUAL_SEARCH)  # compiles, so that no seed is charged for it
    outcomes: list[Outcome] = []
    for seed in range(seeds):
        outcomes.append(outcome(seed, options.gymnasium_episodes))
        if (seed + 1) % 10 == 0:
            tell(f"{seed + 1} of {seeds} seeds")
    return conclude(report(outcomes), options)


if __name__ == "__main__":
    sys.exit(main())
