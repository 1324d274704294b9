"""The search itself, a generation at a time, as functions from progress to progress."""

from __future__ import annotations

import hashlib
import math
import os
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evolvent.algorithms import Algorithm, Gaussian, Genetic, Truncation
from evolvent.arrays import Population, Row
from evolvent.engines import ENGINES, Engine
from evolvent.envs import ENVS, EnvSpec
from evolvent.errors import EnvironmentFailed, UsageError
from evolvent.evaluation import Conditions, Evaluation, best_first
from evolvent.networks import MLP
from evolvent.policies.actions import num_outputs
from evolvent.seeding import stream
from evolvent.tasks import CompiledEnv, Task
from evolvent.tasks.gym_env import GymEnv
from evolvent.training.callbacks import Generation
from evolvent.training.config import Config
from evolvent.training.presets import env_spec

MAX_FAILED = 0.2  # of a generation; more of it stops the run


@dataclass(frozen=True, slots=True)
class Score:
    """What a policy achieved over fresh episodes.

    Args:
        mean: Mean return.
        std: Standard deviation of the returns.
        episodes: How many there were.
    """

    mean: float
    std: float
    episodes: int

    @property
    def margin(self) -> float:
        """Half the width of the mean's 95 % confidence interval."""
        return 1.96 * self.std / math.sqrt(self.episodes)

    def reaches(self, target: float) -> bool:
        """Return whether the mean exceeds `target` by three standard errors, so that fresh episodes will say the same."""
        return self.mean - 3 * self.std / math.sqrt(self.episodes) >= target


@dataclass(frozen=True, slots=True)
class Search:
    """The parts of a search, made from its settings."""

    config: Config
    spec: EnvSpec
    network: MLP
    task: Task
    engine: Engine
    algorithm: Algorithm[Any]


@dataclass(frozen=True, slots=True)
class Progress:
    """All that the next generation depends on; a checkpoint is a copy of it.

    Args:
        generation: How many generations are done.
        algorithm: The algorithm's state.
        champion: `(dim,)`, the best confirmed row so far.
        score: What it achieved over the validation episodes.
        digest: A chain of hashes over every generation's population and returns.
        training_steps: Steps spent on measuring populations.
        validation_steps: Steps spent on confirming candidates.
        seconds: Time that the search has taken [s].
    """

    generation: int
    algorithm: Any
    champion: Row
    score: Score
    digest: str
    training_steps: int
    validation_steps: int
    seconds: float

    @property
    def env_steps(self) -> int:
        """All steps that the search has spent."""
        return self.training_steps + self.validation_steps


def prepare(config: Config) -> Search:
    """Return the parts of the search that `config` describes.

    Raises:
        UsageError: The settings do not fit the world.
        EnvironmentFailed: The world cannot be built.
    """
    spec = replace(env_spec(config.env), max_episode_steps=config.max_steps)
    sizes = (spec.observation_space.size, *config.hidden, num_outputs(spec.action_space))
    network = MLP(sizes=sizes, activation=config.activation, initialiser=config.initialiser)
    settings = config.genetic
    algorithm = Genetic(
        selection=Truncation(num_parents=settings.num_parents),
        mutation=Gaussian(strength=settings.mutation_strength),
        num_elites=settings.num_elites,
    )
    return Search(config, spec, network, make_task(config, network), ENGINES[config.engine](), algorithm)


def make_task(config: Config, network: MLP) -> Task:
    """Return the task that measures `network` in the world of `config`."""
    if config.world == "gymnasium":
        return GymEnv(config.env, network)
    if config.env not in ENVS:
        raise UsageError(f"world: {config.env} has no compiled form; use --world gymnasium. Compiled: {', '.join(ENVS)}")
    return CompiledEnv(ENVS[config.env], network, threads=config.workers or _cores())


def begin(search: Search) -> Progress:
    """Return the progress before the first generation."""
    config = search.config
    initial = search.network.initialise(config.population, stream(config.seed, "initial"))
    state = search.algorithm.init(initial, stream(config.seed, "init"))
    unscored = Score(-math.inf, 0.0, config.validation_episodes)
    return Progress(0, state, initial[0].copy(), unscored, hashlib.sha256(b"evolvent").hexdigest(), 0, 0, 0.0)


def advance(search: Search, progress: Progress) -> tuple[Progress, Generation]:
    """Return the progress after one more generation, and the record of it.

    Raises:
        EnvironmentFailed: More than a fifth of the population failed.
    """
    began = time.perf_counter()
    seed, number = search.config.seed, progress.generation
    population, state = search.algorithm.ask(progress.algorithm, stream(seed, number, "ask"))
    evaluation = _measure(search, population, (number, "training"), search.config.episodes)
    if (failed := int(evaluation.failed.sum())) > MAX_FAILED * len(population):
        raise EnvironmentFailed(
            f"{search.config.env}: {failed} of {len(population)} individuals failed in generation {number}"
            " (an error of the environment, or numbers that are not finite); more than a fifth stops a run"
        )
    state = search.algorithm.tell(state, population, evaluation)
    candidates = search.algorithm.candidates(state, search.config.candidates)
    confirmed = _measure(search, candidates, ("validation",), search.config.validation_episodes)
    progress = replace(
        progress,
        generation=number + 1,
        algorithm=search.algorithm.confirm(state, candidates, confirmed),
        digest=_chained(progress.digest, population, evaluation),
        training_steps=progress.training_steps + int(evaluation.steps.sum()),
        validation_steps=progress.validation_steps + int(confirmed.steps.sum()),
    )
    progress = _with_champion(progress, candidates, confirmed)
    progress = replace(progress, seconds=progress.seconds + time.perf_counter() - began)
    return progress, _record(progress, evaluation, failed)


def score(search: Search, row: Row) -> Score:
    """Return what `row (dim,)` achieves over the test episodes, which are used for nothing else."""
    return _score(_measure(search, row[np.newaxis], ("test",), search.config.test_episodes), 0)


def _measure(search: Search, population: Population, address: tuple[str | int, ...], episodes: int) -> Evaluation:
    seeds = stream(search.config.seed, *address).child("episodes").bits((episodes,))
    shared = np.broadcast_to(seeds, (len(population), episodes))
    return search.engine.evaluate(search.task, population, Conditions(seeds=shared, episode_cap=search.config.max_steps))


def _with_champion(progress: Progress, candidates: Population, confirmed: Evaluation) -> Progress:
    best = int(best_first(confirmed)[0])
    if not confirmed.fitness[best] > progress.score.mean:
        return progress
    return replace(progress, champion=candidates[best].copy(), score=_score(confirmed, best))


def _score(evaluation: Evaluation, individual: int) -> Score:
    returns = evaluation.returns[individual]
    return Score(float(evaluation.fitness[individual]), float(returns.std(ddof=1)), len(returns))


def _chained(digest: str, population: Population, evaluation: Evaluation) -> str:
    content = bytes.fromhex(digest) + population.tobytes() + evaluation.returns.tobytes()
    return hashlib.sha256(content).hexdigest()


def _record(progress: Progress, evaluation: Evaluation, failed: int) -> Generation:
    sound = evaluation.fitness[~evaluation.failed]
    return Generation(
        generation=progress.generation - 1,
        best=float(sound.max()),
        mean=float(sound.mean()),
        failed=failed,
        champion=progress.score.mean,
        champion_std=progress.score.std,
        training_steps=progress.training_steps,
        validation_steps=progress.validation_steps,
        seconds=progress.seconds,
    )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
