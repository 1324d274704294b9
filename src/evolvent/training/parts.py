"""The parts of a search, made from its settings."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from evolvent.algorithms import Algorithm, Genetic, operators
from evolvent.arrays import Indices, Population
from evolvent.crew import cores, memory
from evolvent.engines import Engine
from evolvent.envs import EnvSpec
from evolvent.errors import UsageError
from evolvent.networks import Network, make_network
from evolvent.networks.mlp import MAX_NEURONS
from evolvent.policies.actions import num_outputs
from evolvent.seeding import Stream
from evolvent.tasks import Function, Supervised, Task
from evolvent.training.algorithm_choice import largest_population, make_algorithm, restarting
from evolvent.training.config import Config, GeneticConfig
from evolvent.training.engine_choice import make_engine
from evolvent.training.failures import Failures
from evolvent.training.problem import Problem
from evolvent.training.worlds import env_spec, make_task

log = logging.getLogger("evolvent")

OF_WORLDS = ("action_rule", "fresh_env", "normalise", "fitness", "alive_bonus", "action_noise", "first_cap", "cap_generations")


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
        failures: Tells of episodes that fail.
    """

    config: Config
    name: str
    spec: EnvSpec | None
    network: Network | None
    task: Task
    judge: Task
    engine: Engine
    algorithm: Algorithm[Any]
    initialise: Callable[[int, Stream], Population]
    failures: Failures

    def close(self) -> None:
        """End what the engine has started, and give back what the tasks hold."""
        self.engine.close()
        self.task.close()
        if self.judge is not self.task:
            self.judge.close()


def prepare(problem: Problem, config: Config) -> Search:
    """Return the parts of the search for an answer to `problem`, as `config` describes it.

    Raises:
        UsageError: The settings do not fit the problem, or need more memory than the machine has.
        EnvironmentFailed: The world cannot be built.
    """
    if not isinstance(problem, str):
        _refuse_what_worlds_have(problem.name, config)
    if isinstance(problem, str) and config.world == "python":
        raise UsageError(
            f"{problem!r} is the name of data or of a function in Python, not of a world; give them there:"
            " evolvent.evolve(problem, ...), or evolvent.resume(folder, env=problem)"
        )
    if isinstance(problem, str) or (isinstance(problem, Function) and problem.noisy):
        _refuse_certainty(config)
    if isinstance(problem, Function):
        return _for_function(problem, config)
    if isinstance(problem, Supervised):
        return _for_data(problem, config)
    return _for_world(problem, config)


def _refuse_what_worlds_have(name: str, config: Config) -> None:
    """Refuse settings of a world where there is none."""
    if config.world != "python":
        raise UsageError(f"world: expected none, for {name} is data or a function in Python; got {config.world!r}")
    if config.env_kwargs:
        raise UsageError(f"env_kwargs: expected none, for {name} is no world; got {', '.join(config.env_kwargs)}")
    none = Config()
    for setting in OF_WORLDS:
        if (got := getattr(config, setting)) != (expected := getattr(none, setting)):
            raise UsageError(f"{setting}: expected {expected}, for {name} is no world; got {got}")


def _refuse_certainty(config: Config) -> None:
    """Refuse to call sure what one noisy episode says."""
    if config.test_episodes < 2:
        raise UsageError(f"test_episodes: expected at least 2 where episodes differ, got {config.test_episodes}")
    confirming = "validation_episodes" if config.validation_episodes else "episodes"
    if config.target is not None and getattr(config, confirming) < 2:
        raise UsageError(f"{confirming}: expected at least 2, to tell when the target is reached, got 1; or set no target")


def _for_function(function: Function, config: Config) -> Search:
    _refuse_too_large(config, function.dim)
    return Search(
        config=config,
        name=function.name,
        spec=None,
        network=None,
        task=function,
        judge=function,
        engine=make_engine(config, function),
        algorithm=_algorithm(config, None),
        initialise=function.initialise,
        failures=Failures(function.name),
    )


def _for_data(data: Supervised, config: Config) -> Search:
    network = _network(data.spec, config)
    threads = config.workers or cores()
    return _for_network(config, data.spec, network, data.task(network, threads=threads), data.judge(network, threads=threads))


def _for_world(env: str, config: Config) -> Search:
    spec = replace(env_spec(env, config.env_kwargs), max_episode_steps=config.max_steps)
    network = _network(spec, config)
    task = make_task(env, network, config, training=True)
    judge = make_task(env, network, config) if config.action_noise else task
    return _for_network(config, spec, network, task, judge)


def _for_network(config: Config, spec: EnvSpec, network: Network, task: Task, judge: Task) -> Search:
    return Search(
        config=config,
        name=spec.id,
        spec=spec,
        network=network,
        task=task,
        judge=judge,
        engine=make_engine(config, task),
        algorithm=_algorithm(config, network.groups()),
        initialise=network.initialise,
        failures=Failures(spec.id),
    )


def _network(spec: EnvSpec, config: Config) -> Network:
    shown = spec.observation_space
    if shown.width > MAX_NEURONS:
        raise UsageError(
            f"{spec.id}: an observation in {shown!s:.200} is {shown.width:,} inputs, more than a network can have here; show"
            " less of it, with gymnasium.wrappers.ResizeObservation or GrayscaleObservation in a function that makes the world"
        )
    network = make_network(
        config.network,
        shown.width,
        config.hidden,
        num_outputs(spec.action_space),
        activation=config.activation,
        output_activation=config.output_activation,
        biases=config.biases,
        initialiser=config.initialiser,
    )
    _refuse_too_large(config, network.dim)
    return network


def _algorithm(config: Config, groups: Indices | None) -> Algorithm[Any]:
    return restarting(make_algorithm(config.algorithm, partial(_genetic, config.genetic), groups), config.restarts)


def _genetic(settings: GeneticConfig, groups: Indices | None) -> Genetic:
    return Genetic(
        selection=operators.selection(settings.selection),
        crossover=operators.crossover(settings.crossover),
        crossover_rate=settings.crossover_rate,
        mutation=operators.mutation(settings.mutation),
        strength=operators.strength(settings.strength),
        num_elites=settings.num_elites,
        groups=groups,
    )


def _refuse_too_large(config: Config, dim: int) -> None:
    """Refuse what cannot fit: four copies of a population, and the returns and lengths of its episodes."""
    population = largest_population(config.population, config.restarts)
    episodes = population * config.episodes + config.candidates * config.validation_episodes + config.test_episodes
    needed, there = 16 * population * dim + 40 * episodes, memory()
    if there is not None and needed > there:
        raise UsageError(
            f"population: {population:,} rows of {dim:,} parameters and {episodes:,} episodes need about"
            f" {needed / 1e9:,.1f} GB of memory, this machine has {there / 1e9:,.1f}"
            + (f"; so many may come of restarts: {config.restarts}" if population > config.population else "")
        )
