"""The article's search."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import closing

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evolvent.algorithms import Gaussian, Genetic, Truncation
from evolvent.algorithms.genetic import GeneticState
from evolvent.arrays import Population, Row
from evolvent.article.limits import at_least_one, seed_or_any, shortened
from evolvent.article.neural_net import NeuralNet, mlp, task_of
from evolvent.article.stage import can_show, filmed, shown
from evolvent.errors import EnvironmentFailed, UsageError
from evolvent.evaluation import Conditions, Evaluation, best_first
from evolvent.seeding import stream
from evolvent.tasks import Task


class GeneticNetworks:
    """A population of networks, and the article's search: mutated copies of the best make up the next generation.

    Args:
        architecture: Sizes of the layers, inputs and outputs included.
        population_size: How many networks, at least 2.
        generations: How many `fit` adds.
        render_env: Show the best network of each generation in a window, an episode long; without a display this is said
            once and left out.
        record: Film that episode to `recording/generation-1.mp4`, -2 and so on.
        mutation_variance: What the article's code makes of it: a standard deviation.
        verbose: Print a line a generation.
        print_every: After how many generations.
        episodes: How many each network plays in a generation, the same ones for all, others in the next.
        max_episode_length: After how many steps an episode ends, 100,000 at most.
        env: Gymnasium id of the world.
        seed: All randomness follows from it; None takes another one each time, kept in `seed`.

    Attributes:
        networks: Those of the last generation, as they were measured.
        best_network: The best of them.
        fitness: The best mean return of each generation.
        average_fitness: The mean of all networks' mean returns, of each generation.

    Raises:
        UsageError: A number is out of range.

    Examples:
        >>> population = GeneticNetworks(population_size=16, generations=3, render_env=False, mutation_variance=0.1, seed=0)
        >>> population.fit()
        >>> len(population.fitness)
        3
        >>> population.predict([0.0, 0.1, 0.0, -0.1]).shape
        (2,)
    """

    def __init__(
        self,
        architecture: Sequence[int] = (4, 16, 2),
        population_size: int = 50,
        generations: int = 500,
        render_env: bool = True,
        record: bool = False,
        mutation_variance: float = 0.02,
        verbose: bool = False,
        print_every: int = 1,
        episodes: int = 10,
        max_episode_length: int = 200,
        *,
        env: str = "CartPole-v1",
        seed: int | None = None,
    ) -> None:
        """Draw the first networks."""
        self.architecture = tuple(architecture)
        self.population_size = at_least_one("population_size", population_size, at_least=2)
        self.generations = at_least_one("generations", generations)
        self.render_env = render_env
        self.record = record
        if not 0 < mutation_variance < math.inf:
            raise UsageError(f"mutation_variance: expected a positive number, got {mutation_variance}")
        self.mutation_variance = mutation_variance
        self.verbose = verbose
        self.print_every = at_least_one("print_every", print_every)
        self.episodes = at_least_one("episodes", episodes)
        self.max_episode_length = at_least_one("max_episode_length", max_episode_length)
        self.env = env
        self.seed = seed_or_any(seed)
        self.fitness: list[float] = []
        self.average_fitness: list[float] = []
        self._best: NeuralNet | None = None
        self._state: GeneticState | None = None
        rows = mlp(self.architecture).initialise(self.population_size, stream(self.seed, "initial"))
        self.networks = self._as_networks(rows)

    @property
    def best_network(self) -> NeuralNet:
        """The best network of the last generation.

        Raises:
            UsageError: No generation has been measured.
        """
        if self._best is None:
            raise UsageError("best_network: there is none before fit()")
        return self._best

    def fit(self) -> None:
        """Measure and breed for so many generations; a second call goes on from the last one.

        Raises:
            UsageError: The networks do not fit the world, or the world is unknown.
            EnvironmentFailed: All networks failed. The generations before are kept.
        """
        mutation = Gaussian(strength=self.mutation_variance)
        algorithm = Genetic(selection=Truncation(num_parents=1), mutation=mutation, num_elites=1)
        rows = np.stack([network.row for network in self.networks])
        state = self._state
        if state is None or not np.array_equal(rows, state.population):
            state = algorithm.init(rows, stream(self.seed, "init"))
        longest = shortened(self.max_episode_length)
        with closing(task_of(self.architecture, self.env)) as task:
            for place in range(self.generations):
                number = len(self.fitness)
                rows, state = algorithm.ask(state, stream(self.seed, number, "ask"))
                evaluation = self._measure(task, rows, number, longest)
                self._state = state = algorithm.tell(state, rows, evaluation)
                self._keep(rows, evaluation)
                if self.verbose and place % self.print_every == 0:
                    print(_progress(place, self.fitness[-1], self.average_fitness[-1]))
                self._show(number, longest)

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the probabilities that the best network gives each class; see `NeuralNet.predict`."""
        return self.best_network.predict(X)

    def _measure(self, task: Task, rows: Population, number: int, longest: int) -> Evaluation:
        seeds = stream(self.seed, number, "episodes").bits((1, self.episodes))
        shared = np.broadcast_to(seeds, (len(rows), self.episodes))
        evaluation = task.evaluate(rows, Conditions(seeds=shared, episode_cap=longest))
        if evaluation.failed.all():
            raise EnvironmentFailed(f"{self.env}: all networks failed in generation {number + 1}; what is done is kept")
        return evaluation

    def _keep(self, rows: Population, evaluation: Evaluation) -> None:
        best = int(best_first(evaluation)[0])
        self.networks = self._as_networks(rows)
        self._best = self.networks[best]
        self.fitness.append(float(evaluation.fitness[best]))
        self.average_fitness.append(float(evaluation.fitness[~evaluation.failed].mean()))

    def _as_networks(self, rows: Population) -> list[NeuralNet]:
        return [self._as_network(row) for row in rows]

    def _as_network(self, row: Row) -> NeuralNet:
        network = NeuralNet(
            self.architecture,
            episodes=self.episodes,
            max_episode_length=self.max_episode_length,
            env=self.env,
            seed=self.seed,
        )
        network.row = row
        return network

    def _show(self, number: int, longest: int) -> None:
        if self.record:
            filmed(self.best_network.policy, "generation", episodes=1, longest=longest, seed=self.seed + number)
        elif self.render_env and can_show():
            shown(self.best_network.policy, episodes=1, longest=longest, seed=self.seed + number)


def _progress(place: int, best: float, average: float) -> str:
    return f"Generation: {place + 1} | Highest Reward: {best:.1f} | Average Reward: {average:.1f}"
