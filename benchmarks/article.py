"""How much faster is the blog article's job on our engine than in the article's own loop, and than vectorised NumPy?

All contestants measure the same populations, with the same network: those that the article's search goes through on
our engine, for several seeds. What counts is useful steps, those that an episode takes before it ends; first states are
drawn by each contestant's own generator, so each is credited with the steps of its own episodes. Contestants take
turns in blocks of at least a second; a ratio is taken within a round, and the median over the rounds is reported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from _article_job import EPISODE_CAP, EPISODES, NETWORK, POPULATION_SIZE, Measured, search
from _harness import Bar, Report, block, conclude, flags, median_ratio, tell
from numpy.typing import NDArray

import evolvent as ev
from evolvent.arrays import Population, Row

ARTICLE, VECTOR, ONE, TWO = "article's loop", "Gymnasium vector", "Evolvent, 1 thread", "Evolvent, 2 threads"


# --- the article's loop: an env for every evaluation of an individual, a NumPy forward pass for every step ------------


class ArticleNetwork:
    """An individual as the article has it: lists of weights and biases, relu after every layer, then softmax."""

    def __init__(self, row: Row) -> None:
        """Take the weights and biases out of one of our rows."""
        parts = {name: part.astype(np.float64) for name, part in NETWORK.named_views(row).items()}
        self._weights = [parts["layer0.weights"], parts["layer1.weights"]]
        self._biases = [parts["layer0.biases"], parts["layer1.biases"]]

    def evaluate(self, episode_cap: int) -> int:
        """Return the steps of all episodes, in one environment made for them."""
        env = gymnasium.make("CartPole-v1", max_episode_steps=episode_cap)
        lengths: list[int] = []
        for _ in range(EPISODES):
            state, _ = env.reset()
            length, over = 0, False
            while not over:
                state, _, terminated, truncated, _ = env.step(self._act(np.array(state)))
                length += 1
                over = terminated or truncated
            lengths.append(length)
        env.close()
        return sum(lengths)

    def _act(self, state: NDArray[Any]) -> Any:
        values = state
        for weights, biases in zip(self._weights, self._biases, strict=True):
            values = relu(values @ weights + biases)
        return np.argmax(softmax(values))


def relu(values: NDArray[Any]) -> NDArray[Any]:
    """Return the positive parts, by selection as the article does it."""
    return np.where(values > 0, values, 0)


def softmax(values: NDArray[Any]) -> NDArray[Any]:
    """Return probabilities, none of them zero, as an array of their own."""
    powers = np.exp(values - np.max(values))
    powers[powers == 0] = 1e-15
    return np.array(powers / powers.sum())


def article_samples(generations: Sequence[Measured], seed: int) -> Iterator[list[ArticleNetwork]]:
    """Return one individual of each generation, drawn at random, again and again.

    The article's loop would take minutes for one search, so a block holds fair samples of it.
    """
    rng = np.random.default_rng(seed)
    while True:
        yield [ArticleNetwork(rng.choice(generation.population)) for generation in generations]


# --- Gymnasium's vectorised CartPole: every episode of a generation at once -------------------------------------------


def vector_generation(envs: Any, population: Population, seed: int) -> tuple[int, int]:
    """Return the useful steps of a population's episodes, and all that were computed until the last one ended."""
    views = [NETWORK.named_views(row) for row in population]
    stacked = {name: np.stack([view[name] for view in views]) for name in views[0]}
    first, second = stacked["layer0.weights"], stacked["layer1.weights"]
    first_bias, second_bias = stacked["layer0.biases"][:, None], stacked["layer1.biases"][:, None]
    observations, _ = envs.reset(seed=seed)
    running = np.ones(POPULATION_SIZE * EPISODES, np.bool_)
    useful = computed = 0
    while running.any():
        hidden = np.maximum(observations.reshape(POPULATION_SIZE, EPISODES, -1) @ first + first_bias, 0)
        outputs = np.maximum(hidden @ second + second_bias, 0)
        actions = np.argmax(outputs, axis=2).reshape(-1)
        observations, _, terminated, truncated, _ = envs.step(actions)
        useful += int(np.count_nonzero(running))
        computed += len(running)
        running &= ~(terminated | truncated)
    return useful, computed


# --- the measurement ---------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Tally:
    """What one contestant has done so far, and its speed in each round [useful steps/s]."""

    speeds: list[float] = field(default_factory=list[float])
    steps: int = 0
    episodes: int = 0
    seconds: float = 0.0
    computed: int = 0


class Contest:
    """All contestants, ready to measure the generations of a search.

    Args:
        episode_cap: After so many steps an episode is truncated.
        block_seconds: How long a contestant's turn is, at the least.
    """

    def __init__(self, episode_cap: int, block_seconds: float) -> None:
        """Make the tasks and the vectorised environment, and compile what will be compiled."""
        self._cap = episode_cap
        self._block_seconds = block_seconds
        self._one, self._two = (ev.CompiledEnv(ev.ENVS["CartPole-v1"], NETWORK, threads=threads) for threads in (1, 2))
        self._envs = gymnasium.make_vec(
            "CartPole-v1",
            num_envs=POPULATION_SIZE * EPISODES,
            vectorization_mode="vector_entry_point",
            max_episode_steps=episode_cap,
        )
        self.tallies = {name: Tally() for name in (ARTICLE, VECTOR, ONE, TWO)}
        search(self._one, seed=0, episode_cap=10)

    def round(self, seed: int) -> None:
        """Let every contestant measure the search with this seed."""
        generations = search(self._two, seed, self._cap)
        samples = article_samples(generations, seed)
        self._turn(ARTICLE, lambda: self._article(samples))
        self._turn(ONE, lambda: self._ours(ONE, self._one, generations))
        self._turn(TWO, lambda: self._ours(TWO, self._two, generations))
        self._turn(VECTOR, lambda: self._vector(generations))

    def _turn(self, name: str, work: Callable[[], int]) -> None:
        steps, seconds = block(work, self._block_seconds)
        tally = self.tallies[name]
        tally.speeds.append(steps / seconds)
        tally.steps += steps
        tally.seconds += seconds

    def _article(self, samples: Iterator[list[ArticleNetwork]]) -> int:
        lengths = [network.evaluate(self._cap) for network in next(samples)]
        self.tallies[ARTICLE].episodes += len(lengths) * EPISODES
        self.tallies[ARTICLE].computed += sum(lengths)
        return sum(lengths)

    def _vector(self, generations: Sequence[Measured]) -> int:
        counts = [vector_generation(self._envs, each.population, seed) for seed, each in enumerate(generations)]
        self.tallies[VECTOR].episodes += len(generations) * POPULATION_SIZE * EPISODES
        self.tallies[VECTOR].computed += sum(computed for _, computed in counts)
        return sum(useful for useful, _ in counts)

    def _ours(self, name: str, task: ev.CompiledEnv, generations: Sequence[Measured]) -> int:
        steps = 0
        for population, seeds in generations:
            evaluation = task.evaluate(population, ev.Conditions(seeds=seeds, episode_cap=self._cap))
            steps += int(evaluation.steps.sum())
            self.tallies[name].episodes += seeds.size
        self.tallies[name].computed += steps
        return steps


def job_memory(cache: str) -> float | None:
    """Return the peak memory of one search in a process of its own [MB], with its compiled kernels kept in `cache`."""
    script = Path(__file__).with_name("_article_job.py")
    environment = {**os.environ, "EVOLVENT_CACHE_DIR": cache}
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["peak_memory"]


def report(contest: Contest, memory: float | None, memory_compiling: float | None) -> Report:
    """Return the rows, ratios and bars of a contest."""
    tallies = contest.tallies
    speeds = {name: tally.speeds for name, tally in tallies.items()}
    ratios = {
        "ours1_over_article": median_ratio(speeds[ONE], speeds[ARTICLE]),
        "ours2_over_article": median_ratio(speeds[TWO], speeds[ARTICLE]),
        "ours1_over_vector": median_ratio(speeds[ONE], speeds[VECTOR]),
        "ours2_over_vector": median_ratio(speeds[TWO], speeds[VECTOR]),
        "ours2_over_ours1": median_ratio(speeds[TWO], speeds[ONE]),
    }
    bars = {
        "ours1_over_article": Bar(value=ratios["ours1_over_article"], bound=500, unit=" times"),
        "ours2_over_article": Bar(value=ratios["ours2_over_article"], bound=800, unit=" times"),
        "ours1_over_vector": Bar(value=ratios["ours1_over_vector"], bound=15, unit=" times"),
    }
    if memory is not None:
        bars["peak_memory"] = Bar(value=memory, bound=300, unit=" MB", at_least=False)
    rows = [
        (name, float(np.median(tally.speeds)), tally.computed / tally.seconds, tally.steps / tally.episodes, tally.steps)
        for name, tally in tallies.items()
    ]
    notes = ["useful and computed are steps per second, useful the median over the rounds; per_episode and steps are useful"]
    if memory_compiling is not None:
        notes.append(f"peak memory of the very first start, which compiles: {memory_compiling:.0f} MB")
    return Report(
        name="article",
        headings=("contestant", "useful", "computed", "per_episode", "steps"),
        rows=rows,
        bars=bars,
        details={"ratios": ratios, "speeds": speeds, "peak_memory": memory, "peak_memory_compiling": memory_compiling},
        notes=notes,
    )


def main() -> int:
    """Measure and return the exit code."""
    parser = flags(__doc__)
    parser.add_argument("--seeds", type=int, help="how many searches, a round each (12, quick 2)")
    parser.add_argument("--block-seconds", type=float, help="a contestant's turn, at the least [s] (3, quick 1)")
    parser.add_argument("--episode-cap", type=int, default=EPISODE_CAP, help="steps after which an episode is truncated")
    options = parser.parse_args()
    seeds = options.seeds or (2 if options.quick else 12)
    with tempfile.TemporaryDirectory() as cache:
        memory_compiling, memory = job_memory(cache), job_memory(cache)
    contest = Contest(options.episode_cap, options.block_seconds or (1.0 if options.quick else 3.0))
    for seed in range(seeds):
        contest.round(seed)
        last = ", ".join(f"{name} {tally.speeds[-1] / 1e6:.4g} M/s" for name, tally in contest.tallies.items())
        tell(f"round {seed + 1} of {seeds}: {last}")
    return conclude(report(contest, memory, memory_compiling), options)


if __name__ == "__main__":
    sys.exit(main())
