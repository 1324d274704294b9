"""How often does the article's job return a network that solves CartPole: as published, put right, and our own way?

The job is the article's run: 4-16-2 networks, 64 individuals, 5 generations, 15 episodes of at most 10,000 steps, which
makes 4,800 episodes. Everybody has as many. A run is solved if the network that it returns has a mean return of at least
475 over 100 fresh episodes of CartPole-v1.

- As published: relu after the last layer too; an episode that reaches the longest length is dropped, and a network whose
  episodes all do scores 0; a length is counted less one; what is returned is the network that stands, once the population
  has been replaced, where the best one stood before.
- Put right: `evolvent.article.GeneticNetworks`, called as the article calls it.
- Our own: `evolvent.evolve("CartPole-v1")` with 64 networks too; a third of its episodes goes to confirming champions.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from _harness import USUAL_SEARCH, Bar, Report, conclude, flags, tell

import evolvent as ev
from evolvent.arrays import Row
from evolvent.article import GeneticNetworks

POPULATION = 64
GENERATIONS = 5
EPISODES = 15
LONGEST = 10_000
STRENGTH = 0.1
BUDGET = POPULATION * GENERATIONS * EPISODES
TARGET = 475.0
FIRST = 50  # seeds, reported apart
WITH_RELU = ev.MLP(sizes=(4, 16, 2), output_activation="relu")
WITHOUT = ev.MLP(sizes=(4, 16, 2))


def as_published(seed: int, task: ev.CompiledEnv) -> tuple[Row, bool]:
    """Return what the article's code returns, mistakes included, and whether that is a child that nobody has measured."""
    population = WITH_RELU.initialise(POPULATION, ev.stream(seed, "initial"))
    mutation = ev.Gaussian(strength=STRENGTH)
    best = 0
    for generation in range(GENERATIONS):
        seeds = ev.stream(seed, generation, "episodes").bits((POPULATION, EPISODES))
        steps = task.evaluate(population, ev.Conditions(seeds=seeds, episode_cap=LONGEST)).steps
        ended = steps < LONGEST
        scores = np.where(ended, steps - 1, 0).sum(axis=1) / np.maximum(ended.sum(axis=1), 1)
        best = int(scores.argmax())
        copies = np.repeat(population[best : best + 1], POPULATION - 1, axis=0)
        children = mutation(copies, ev.stream(seed, generation, "mutation"))
        population = np.concatenate([population[best : best + 1], children])
    return population[best], best > 0


def put_right(seed: int) -> Row:
    """Return the best network of the article's call."""
    networks = GeneticNetworks(
        architecture=(4, 16, 2),
        population_size=POPULATION,
        generations=GENERATIONS,
        episodes=EPISODES,
        mutation_variance=STRENGTH,
        max_episode_length=LONGEST,
        render_env=False,
        seed=seed,
    )
    networks.fit()
    return networks.best_network.row


def our_own(seed: int) -> Row:
    """Return the champion of the usual search, within the article's number of episodes."""
    limits = {"seed": seed, "generations": affordable_generations(), "test_episodes": 2, "runs_dir": None}
    return ev.evolve("CartPole-v1", **{**USUAL_SEARCH, **limits}).row


@functools.cache
def affordable_generations() -> int:
    """Return how many generations of the usual search, with their confirmations, the article's episodes pay for."""
    usual = ev.Config(**USUAL_SEARCH)
    return BUDGET // (usual.population * usual.episodes + usual.candidates * usual.validation_episodes)


def measured(seeds: int) -> tuple[dict[str, list[float]], float]:
    """Return by contestant the mean return of each seed's network over fresh episodes, and how often it is unmeasured."""
    unmeasured: list[bool] = []

    def published(seed: int) -> Row:
        row, is_child = as_published(seed, relu)
        unmeasured.append(is_child)
        return row

    relu, plain = (ev.CompiledEnv(ev.ENVS["CartPole-v1"], each, threads=2) for each in (WITH_RELU, WITHOUT))
    contestants: dict[str, tuple[Callable[[int], Row], ev.CompiledEnv]] = {
        "as published": (published, relu),
        "put right": (put_right, plain),
        "our own": (our_own, plain),
    }
    scores: dict[str, list[float]] = {name: [] for name in contestants}
    for seed in range(seeds):
        fresh = ev.stream(seed, "fresh").bits((1, 100))
        for name, (search, task) in contestants.items():
            scores[name].append(float(task.evaluate(search(seed)[np.newaxis], ev.Conditions(seeds=fresh)).fitness[0]))
        if (seed + 1) % 100 == 0:
            tell(f"{seed + 1} of {seeds} seeds")
    relu.close()
    plain.close()
    return scores, float(np.mean(unmeasured))


def report(scores: dict[str, list[float]], unmeasured: float) -> Report:
    """Return the rows and bars of all contestants."""
    solved = {name: np.array(means) >= TARGET for name, means in scores.items()}
    shares = {name: float(each.mean()) for name, each in solved.items()}
    rows: list[tuple[Any, ...]] = [
        (name, len(means), 100 * shares[name], 100 * float(solved[name][:FIRST].mean()), float(np.mean(means)))
        for name, means in scores.items()
    ]
    return Report(
        name="champions",
        headings=("contestant", "seeds", "solved_percent", f"of_the_first_{FIRST}", "mean_return"),
        rows=rows,
        bars={
            "put_right": Bar(value=100 * shares["put right"], bound=44, unit=" %"),
            "our_own": Bar(value=100 * shares["our own"], bound=85, unit=" %"),
        },
        details={
            "ratios": {
                **{name.replace(" ", "_"): share for name, share in shares.items()},
                "as_published_returns_a_child": unmeasured,
            },
            "episodes": BUDGET,
        },
        notes=[
            f"each returned network is measured over 100 fresh episodes of CartPole-v1; solved is at least {TARGET:g}",
            f"as published, {100 * unmeasured:.0f} % of runs return a child that nobody has measured",
        ],
    )


def main() -> int:
    """Measure and return the exit code."""
    parser = flags(__doc__)
    parser.add_argument("--seeds", type=int, help="how many runs each, with the seeds 0, 1, ... (500, quick 100)")
    options = parser.parse_args()
    return conclude(report(*measured(options.seeds or (100 if options.quick else 500))), options)


if __name__ == "__main__":
    sys.exit(main())
