"""The search itself, a generation at a time, as functions from progress to progress."""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evolvent.algorithms import Algorithm, Genetic, operators
from evolvent.arrays import Indices, Population, Row
from evolvent.engines import ENGINES, Engine
from evolvent.envs import ENVS, EnvSpec
from evolvent.errors import EnvironmentFailed, UsageError
from evolvent.evaluation import Conditions, Evaluation, best_first
from evolvent.networks import MLP
from evolvent.policies.actions import num_outputs
from evolvent.seeding import Stream, stream
from evolvent.tasks import CompiledEnv, Function, Supervised, Task
from evolvent.tasks.gym_env import GymEnv
from evolvent.training.callbacks import Generation
from evolvent.training.config import Config
from evolvent.training.presets import Problem, env_spec
from evolvent.training.scoring import Score, episode_seeds, score_of

MAX_FAILED = 0.2  # of a generation; more of it stops the run


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """The parts of a search, made from its settings.

    Args:
        config: The settings.
        name: What is searched for: the world's id, or the name of the data or function.
        spec: The spaces of a policy; None where rows are no network's.
        network: What rows are the parameters of; None likewise.
        task: Measures populations.
        judge: Confirms candidates and gives the reported score: for a world the same task.
        engine: Where both are done.
        algorithm: What is searched with.
        initialise: Makes the first rows.
    """

    config: Config
    name: str
    spec: EnvSpec | None
    network: MLP | None
    task: Task
    judge: Task
    engine: Engine
    algorithm: Algorithm[Any]
    initialise: Callable[[int, Stream], Population]

    def close(self) -> None:
        """Give back what the tasks hold."""
        self.task.close()
        if self.judge is not self.task:
            self.judge.close()


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


def prepare(problem: Problem, config: Config) -> Search:
    """Return the parts of the search for an answer to `problem`, as `config` describes it.

    Raises:
        UsageError: The settings do not fit the problem, or need more memory than the machine has.
        EnvironmentFailed: The world cannot be built.
    """
    engine = ENGINES[config.engine]()
    if isinstance(problem, Function):
        _refuse_too_large(config, problem.dim)
        algorithm = _algorithm(config, None)
        return Search(
            config=config,
            name=problem.name,
            spec=None,
            network=None,
            task=problem,
            judge=problem,
            engine=engine,
            algorithm=algorithm,
            initialise=problem.initialise,
        )
    spec = problem.spec if isinstance(problem, Supervised) else replace(env_spec(problem), max_episode_steps=config.max_steps)
    sizes = (spec.observation_space.size, *config.hidden, num_outputs(spec.action_space))
    network = MLP(sizes=sizes, activation=config.activation, initialiser=config.initialiser)
    _refuse_too_large(config, network.dim)
    if isinstance(problem, Supervised):
        threads = config.workers or _cores()
        task, judge = problem.task(network, threads=threads), problem.judge(network, threads=threads)
    else:
        task = judge = make_task(problem, config.world, network, config.workers)
    return Search(
        config=config,
        name=spec.id,
        spec=spec,
        network=network,
        task=task,
        judge=judge,
        engine=engine,
        algorithm=_algorithm(config, network.groups()),
        initialise=network.initialise,
    )


def _algorithm(config: Config, groups: Indices | None) -> Algorithm[Any]:
    settings = config.genetic
    return Genetic(
        selection=operators.selection(settings.selection),
        crossover=operators.crossover(settings.crossover),
        crossover_rate=settings.crossover_rate,
        mutation=operators.mutation(settings.mutation),
        strength=operators.strength(settings.strength),
        num_elites=settings.num_elites,
        groups=groups,
    )


def make_task(env: str, world: str, network: MLP, workers: int = 0) -> Task:
    """Return the task that measures `network` in the world `env`, compiled or Gymnasium's own.

    Raises:
        UsageError: The world has no compiled form, or Gymnasium does not know it.
        EnvironmentFailed: Gymnasium cannot build it.
    """
    if world == "python":
        raise UsageError(
            f"{env!r} is the name of data or of a function in Python, not of a world; give them there:"
            " evolvent.evolve(problem, ...), or evolvent.resume(folder, env=problem)"
        )
    if world == "gymnasium":
        return GymEnv(env, network)
    if env not in ENVS:
        raise UsageError(f"world: {env} has no compiled form; use --world gymnasium. Compiled: {', '.join(ENVS)}")
    return CompiledEnv(ENVS[env], network, threads=workers or _cores())


def begin(search: Search) -> Progress:
    """Return the progress before the first generation."""
    config = search.config
    initial = search.initialise(config.population, stream(config.seed, "initial"))
    state = search.algorithm.init(initial, stream(config.seed, "init"))
    unscored = Score(-math.inf, 0.0, config.validation_episodes or config.episodes)
    return Progress(0, state, initial[0].copy(), unscored, hashlib.sha256(b"evolvent").hexdigest(), 0, 0, 0.0)


def advance(search: Search, progress: Progress) -> tuple[Progress, Generation]:
    """Return the progress after one more generation, and the record of it.

    Raises:
        EnvironmentFailed: More than a fifth of the population failed.
    """
    began = time.perf_counter()
    seed, number = search.config.seed, progress.generation
    population, state = search.algorithm.ask(progress.algorithm, stream(seed, number, "ask"))
    evaluation = _measure(search, search.task, population, (number, "training"), search.config.episodes)
    if (failed := int(evaluation.failed.sum())) > MAX_FAILED * len(population):
        raise EnvironmentFailed(
            f"{search.name}: {failed} of {len(population)} individuals failed in generation {number}"
            " (an error of the environment, or numbers that are not finite); more than a fifth stops a run"
        )
    state = search.algorithm.tell(state, population, evaluation)
    progress = replace(
        progress,
        generation=number + 1,
        algorithm=state,
        digest=_chained(progress.digest, population, evaluation),
        training_steps=progress.training_steps + int(evaluation.steps.sum()),
    )
    if search.config.validation_episodes:
        progress = _confirmed(search, progress)
    else:
        progress = _with_champion(progress, population, evaluation)
    progress = replace(progress, seconds=progress.seconds + time.perf_counter() - began)
    return progress, _record(progress, evaluation, failed)


def _confirmed(search: Search, progress: Progress) -> Progress:
    """Return the progress once the algorithm's candidates have been measured over the validation episodes."""
    candidates = search.algorithm.candidates(progress.algorithm, search.config.candidates)
    confirmed = _measure(search, search.judge, candidates, ("validation",), search.config.validation_episodes)
    progress = replace(
        progress,
        algorithm=search.algorithm.confirm(progress.algorithm, candidates, confirmed),
        validation_steps=progress.validation_steps + int(confirmed.steps.sum()),
    )
    return _with_champion(progress, candidates, confirmed)


def _measure(search: Search, task: Task, population: Population, address: tuple[str | int, ...], episodes: int) -> Evaluation:
    seeds = episode_seeds(search.config.seed, *address, episodes=episodes)
    shared = np.broadcast_to(seeds, (len(population), episodes))
    return search.engine.evaluate(task, population, Conditions(seeds=shared, episode_cap=search.config.max_steps))


def _with_champion(progress: Progress, candidates: Population, confirmed: Evaluation) -> Progress:
    best = int(best_first(confirmed)[0])
    if not confirmed.fitness[best] > progress.score.mean:
        return progress
    return replace(progress, champion=candidates[best].copy(), score=score_of(confirmed, best))


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


def _refuse_too_large(config: Config, dim: int) -> None:
    """Refuse what cannot fit: four copies of a population, and the returns and lengths of its episodes."""
    episodes = config.population * config.episodes + config.candidates * config.validation_episodes + config.test_episodes
    needed, there = 16 * config.population * dim + 40 * episodes, _memory()
    if there is not None and needed > there:
        raise UsageError(
            f"population: {config.population:,} rows of {dim:,} parameters and {episodes:,} episodes need about"
            f" {needed / 1e9:,.1f} GB of memory, this machine has {there / 1e9:,.1f}"
        )


def _memory() -> int | None:
    """Return the size of the machine's memory [bytes], or None where the system does not tell."""
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return None
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
