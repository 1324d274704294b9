"""How much faster than C is the article's job on our engine, and than C that plays sixteen episodes side by side?

All contestants play the same episodes of CartPole with the same networks: same rows of parameters, same first states,
with strict arithmetic, so that episodes are equally long. There are two populations of 64: a first one, drawn at
random, whose episodes are short, and one whose individuals stand to the end of most of their 500 steps. Contestants take
turns in blocks of at least a second; a ratio is taken within a round, and the median over the rounds is reported.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from _article_job import EPISODE_CAP, EPISODES, NETWORK, POPULATION_SIZE, search
from _floor_c import PROGRAMS, NotBuilt, Program, build
from _harness import Bar, Report, block, conclude, flags, median_ratio, tell
from article import article_samples
from numpy.typing import NDArray

import evolvent as ev
from evolvent.arrays import Counts, Population, Seeds
from evolvent.seeding import Draw

CARTPOLE = ev.ENVS["CartPole-v1"]
CAP = 500
THREADS = (1, 2)
OURS = {"Evolvent, scalar": 1, "Evolvent, lanes": 16}  # and how many lanes
MOST_EPISODES = 150  # of a random individual: its episodes are short, and a call shall last milliseconds
ARTICLE, WHOLE = "article's loop", "Evolvent, whole"


class Games(NamedTuple):
    """Whom to play with, and from where."""

    population: Population
    seeds: Seeds
    first: NDArray[np.float64]


def games(name: str, network: ev.MLP) -> Games:
    """Return the population of this name with its seeds and the first states that we draw from them."""
    if name == "random":
        population, episodes = network.initialise(POPULATION_SIZE, ev.stream(0, "initial")), MOST_EPISODES
    else:
        population, episodes = evolved(network), EPISODES
    seeds = ev.stream(0, "floor", name).bits((POPULATION_SIZE, episodes))
    first = np.array([CARTPOLE.reset(Draw(int(seed), 0)) for seed in seeds.ravel()])
    return Games(population, seeds, first.reshape(*seeds.shape, -1))


def evolved(network: ev.MLP) -> Population:
    """Return individuals of the article's searches, one search after the other, that stand to the end of each episode."""
    task, found = ev.CompiledEnv(CARTPOLE, network), np.zeros((0, network.dim), np.float32)
    for seed in itertools.count():
        if len(found) >= POPULATION_SIZE:
            break
        population, seeds = search(task, seed, CAP)[-1]
        steps = task.evaluate(population, ev.Conditions(seeds=seeds, episode_cap=CAP)).steps
        found = np.concatenate([found, population[(steps == CAP).all(axis=1)]])
    task.close()
    return np.ascontiguousarray(found[:POPULATION_SIZE])


# --- the contestants ----------------------------------------------------------------------------------------------------

Contestant = Callable[[Games], Counts]


def ours(network: ev.MLP, lanes: int, threads: int) -> Contestant:
    """Return our engine with so many lanes and threads, called as a user calls it."""
    task = ev.CompiledEnv(CARTPOLE, network, threads=threads, lanes=lanes)

    def play(each: Games) -> Counts:
        return task.evaluate(each.population, ev.Conditions(seeds=each.seeds, episode_cap=CAP)).steps

    return play


def in_c(library: Path, threads: int) -> Contestant:
    """Return a C program on so many threads."""
    program = Program(library, threads)
    return lambda each: program.evaluate(each.population, each.first, CAP)


def contestants(network: ev.MLP, folder: Path) -> dict[str, Contestant]:
    """Return all that can be had on this machine, by name and number of threads."""
    found = {key(name, threads): ours(network, lanes, threads) for threads in THREADS for name, lanes in OURS.items()}
    try:
        libraries = {name: build(name, network.activation, folder) for name in PROGRAMS}
    except NotBuilt as problem:
        tell(f"only Evolvent is measured: {problem}")
        return found
    return found | {key(name, threads): in_c(each, threads) for threads in THREADS for name, each in libraries.items()}


def key(name: str, threads: int) -> str:
    """Return what a contestant is called."""
    return f"{name}, {threads} thread{'s' * (threads > 1)}"


# --- the measurement ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Contest:
    """What has been measured so far.

    Args:
        seconds: How long a contestant's turn is, at the least.
        speeds: Useful steps per second, by population and contestant, a number a round.
    """

    seconds: float
    speeds: dict[tuple[str, str], list[float]] = field(default_factory=dict[tuple[str, str], list[float]])

    def turn(self, population: str, name: str, work: Callable[[], int]) -> None:
        """Let a contestant work for a block."""
        steps, seconds = block(work, self.seconds)
        self.speeds.setdefault((population, name), []).append(steps / seconds)

    def ratio(self, population: str, a: str, b: str) -> float:
        """Return how many times faster `a` was than `b`."""
        return median_ratio(self.speeds[population, a], self.speeds[population, b])


def play_all(contest: Contest, name: str, each: Games, players: Mapping[str, Contestant]) -> None:
    """Let all contestants play the same games in turn."""
    for player, play in players.items():
        contest.turn(name, player, lambda play=play: int(play(each).sum()))


def play_article(contest: Contest, seed: int, whole: ev.CompiledEnv, cap: int) -> None:
    """Let the article's loop and our engine measure the generations of the article's search."""
    generations = search(whole, seed, cap)
    samples = article_samples(generations, seed)
    contest.turn("article", ARTICLE, lambda: sum(network.evaluate(cap) for network in next(samples)))

    def measured() -> int:
        conditions = [ev.Conditions(seeds=each.seeds, episode_cap=cap) for each in generations]
        pairs = zip(generations, conditions, strict=True)
        return sum(int(whole.evaluate(each.population, condition).steps.sum()) for each, condition in pairs)

    contest.turn("article", WHOLE, measured)


def agreement(each: Games, players: Mapping[str, Contestant]) -> dict[str, float]:
    """Return the share of episodes in which a C program takes as many steps as our lanes do."""
    reference = players[key("Evolvent, lanes", 1)](each)
    names = [key(name, 1) for name in PROGRAMS if key(name, 1) in players]
    return {name: float(np.mean(players[name](each) == reference)) for name in names}


# --- what was found -----------------------------------------------------------------------------------------------------


def ratios_of(contest: Contest, populations: Mapping[str, Games], *, with_c: bool) -> dict[str, float]:
    """Return every ratio by name."""
    ratios = {"whole2_over_article": contest.ratio("article", WHOLE, ARTICLE)}
    pairs = {
        "lanes_over_c_lanes": ("Evolvent, lanes", "C, lanes"),
        "lanes_over_c_tuned": ("Evolvent, lanes", "C, lanes, tuned"),
        "lanes_over_c_tuned_float32": ("Evolvent, lanes", "C, lanes, tuned, float32"),
        "lanes_over_c_scalar": ("Evolvent, lanes", "C, scalar"),
        "scalar_over_c_scalar": ("Evolvent, scalar", "C, scalar"),
    }
    for name, threads in itertools.product(populations, THREADS) if with_c else ():
        for pair, (a, b) in pairs.items():
            ratios[f"{name}_{pair}_{threads}"] = contest.ratio(name, key(a, threads), key(b, threads))
    return ratios


def bars_of(ratios: Mapping[str, float], equal: Mapping[str, Mapping[str, float]]) -> dict[str, Bar]:
    """Return the claims."""
    bars = {"whole2_over_article": Bar(value=ratios["whole2_over_article"], bound=4000, unit=" times")}
    bounds = {"lanes_over_c_lanes": 1.5, "scalar_over_c_scalar": 0.8}
    for name, value in ratios.items():
        bound = bounds.get(name.partition("_")[2].rpartition("_")[0])
        if bound is not None:
            bars[name] = Bar(value=value, bound=bound, unit=" times")
    for population, shares in equal.items():
        for name, share in shares.items():
            if "float32" not in name:
                bars[f"equally long episodes, {population}, {name}"] = Bar(value=100 * share, bound=95, unit=" %")
    return bars


def report(contest: Contest, populations: Mapping[str, Games], equal: Mapping[str, Mapping[str, float]]) -> Report:
    """Return the table, ratios and claims."""
    ratios = ratios_of(contest, populations, with_c=any(equal.values()))
    speeds = {" | ".join(names): each for names, each in contest.speeds.items()}
    return Report(
        name="floor",
        headings=("contestant", "population", "useful", "equal"),
        rows=[
            (name, population, float(np.median(each)), equal.get(population, {}).get(name))
            for (population, name), each in contest.speeds.items()
        ],
        bars=bars_of(ratios, equal) if any(equal.values()) else {},
        details={"ratios": ratios, "equal": equal, "speeds": speeds},
        notes=[
            "useful: environment steps per second before an episode ended, the median over the rounds",
            "equal: the share of episodes as long as in our lanes",
        ],
    )


def measure(options: argparse.Namespace, folder: Path) -> Report:
    """Play all rounds."""
    network = replace(NETWORK, activation=options.activation, output_activation=options.activation)
    players = contestants(network, folder)
    populations = {name: games(name, network) for name in ("random", "evolved")}
    equal = {name: agreement(each, players) for name, each in populations.items()}
    contest = Contest(options.block_seconds)
    whole = ev.CompiledEnv(CARTPOLE, NETWORK, threads=2)
    rounds = options.rounds or (1 if options.quick else 12)
    for number in range(rounds):
        for name, each in populations.items():
            play_all(contest, name, each, players)
        play_article(contest, number, whole, options.episode_cap)
        last = ", ".join(f"{player} {contest.speeds['evolved', player][-1] / 1e6:.4g} M/s" for player in players)
        tell(f"round {number + 1} of {rounds}: {last}")
    return report(contest, populations, equal)


def main() -> int:
    """Measure and return the exit code."""
    parser = flags(__doc__)
    parser.add_argument("--rounds", type=int, help="how many (12, quick 1)")
    parser.add_argument("--block-seconds", type=float, default=1.0, help="a contestant's turn, at the least [s]")
    parser.add_argument("--activation", choices=("relu", "tanh"), default="relu", help="of both layers; the article's: relu")
    parser.add_argument("--episode-cap", type=int, default=EPISODE_CAP, help="of the article's search")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return conclude(measure(options, Path(folder)), options)


if __name__ == "__main__":
    sys.exit(main())
