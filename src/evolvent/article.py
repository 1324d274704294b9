"""The two classes of the blog article that Evolvent began from, on its engine and put right.

The calls of the article run as they are written there. What is different, and why, stands in the documentation under
"The article, then and now".

References:
    Gursky 2019, Gradient-free reinforcement learning: neuroevolution using NumPy.
    https://towardsdatascience.com/gradient-free-reinforcement-learning-neuroevolution-using-numpy-7377d6f6c3ea
"""

from __future__ import annotations

import functools
import logging
import secrets
from collections.abc import Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evolvent.algorithms import Gaussian, Genetic, Truncation
from evolvent.arrays import Outputs, Population, Row, as_numbers
from evolvent.envs import ENVS
from evolvent.errors import EnvironmentFailed, UsageError
from evolvent.evaluation import Conditions, Evaluation, best_first
from evolvent.networks import MLP
from evolvent.policies import Policy
from evolvent.reporting import Stage, record
from evolvent.reporting.stage import has_display
from evolvent.seeding import MAX_SEED, stream
from evolvent.spaces import Box, Discrete
from evolvent.tasks import CompiledEnv, Task
from evolvent.tasks.gym_env import GymEnv
from evolvent.tasks.objectives import minus_cross_entropy

log = logging.getLogger("evolvent")

LONGEST_EPISODE = 100_000  # steps, what the literature of pole balancing calls solved
RECORDINGS = Path("recording")


Params = dict[str, list[NDArray[Any]]]  # weights (inputs, outputs) and biases (outputs,) of each layer


class NeuralNet:
    """A network that acts in a world; relu after the hidden layers, and none after the last.

    Args:
        n_units: Sizes of the layers, inputs and outputs included.
        copy_network: A network to make a mutated copy of, instead.
        var: Standard deviation of that mutation, whatever its name says; 0 copies exactly.
        episodes: How many `evaluate` plays if it is not told.
        max_episode_length: After how many steps it ends an episode if it is not told.
        env: Gymnasium id of the world.
        seed: All randomness of this network follows from it; None takes another one each time, kept in `seed`.

    Raises:
        UsageError: Neither sizes nor a network were given, or a number is out of range.

    Examples:
        >>> network = NeuralNet((4, 16, 2), seed=0)
        >>> network.predict([0.0, 0.1, 0.0, -0.1]).shape
        (2,)
        >>> network.act([0.0, 0.1, 0.0, -0.1]) in (0, 1)
        True
    """

    def __init__(
        self,
        n_units: Sequence[int] | None = None,
        copy_network: NeuralNet | None = None,
        var: float = 0.02,
        episodes: int = 50,
        max_episode_length: int = 200,
        *,
        env: str = "CartPole-v1",
        seed: int | None = None,
    ) -> None:
        """Draw the parameters, or copy and mutate them."""
        if copy_network is None and n_units is None:
            raise UsageError("n_units: expected the sizes of the layers, such as (4, 16, 2), or a copy_network")
        self.seed = _seed(seed)
        self.episodes = _count("episodes", episodes)
        self.max_episode_length = _count("max_episode_length", max_episode_length)
        self.env = env if copy_network is None else copy_network.env
        self.n_units = tuple(n_units or ()) if copy_network is None else copy_network.n_units
        network = _network(self.n_units)
        if copy_network is None:
            row = network.initialise(1, stream(self.seed, "initial"))[0]
        else:
            row = _mutated(copy_network.row, var, self.seed)
        self.params = _params(network, row)

    @property
    def row(self) -> Row:
        """All parameters in one row, `(dim,)`, a copy.

        Raises:
            UsageError: The shapes in `params` are not those of `n_units`.
        """
        network = _network(self.n_units)
        row = np.empty(network.dim, np.float32)
        own = [*self.params["weights"], *self.params["biases"]]
        theirs = _params(network, row)
        for array, place in zip(own, [*theirs["weights"], *theirs["biases"]], strict=True):
            if np.shape(array) != place.shape:
                raise UsageError(f"params: expected arrays for the sizes {self.n_units}, got a shape {np.shape(array)}")
            place[...] = array
        return row

    @property
    def policy(self) -> Policy:
        """The network as a policy, to be saved, recorded or played."""
        network = _network(self.n_units)
        actions = Discrete(n=network.num_outputs)
        return Policy(
            network, self.row, observation_space=_unbounded(network.num_inputs), action_space=actions, env_id=self.env
        )

    def act(self, X: ArrayLike) -> Any:
        """Return the action with the largest output, an int, or `(n,)` of them for rows `X (n, inputs)`.

        Raises:
            UsageError: `X` has another shape, or is not made of finite numbers.
        """
        return self.policy.act(X)

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of each class, softmax of the outputs: `(classes,)`, or `(n, classes)` for rows `X`.

        Raises:
            UsageError: `X` has another shape, or is not made of numbers.
        """
        return softmax(self._outputs(X))

    def cross_entropy(self, X: ArrayLike, y: ArrayLike) -> float:
        """Return the mean categorical cross-entropy [nats] of `predict(X)` for labels `y (n,)` or one-hot `(n, classes)`.

        Raises:
            UsageError: `y` does not have a label for each row of `X`, or one that is no class.
        """
        outputs = np.atleast_2d(self._outputs(X))
        labels = _labels(y, *outputs.shape)
        return -minus_cross_entropy(outputs, labels)

    def evaluate(
        self,
        episodes: int | None = None,
        max_episode_length: int | None = None,
        render_env: bool = False,
        record: bool = False,
    ) -> float:
        """Return the mean return over episodes; one that reaches its longest counts as much as any other.

        Args:
            episodes: How many; what the network was made with if None. With the same seed they are the same episodes.
            max_episode_length: After how many steps an episode ends, 100,000 at most.
            render_env: Show them in a window, in Gymnasium's own world; without a display this is said and left out.
            record: Film them to `recording/evaluation-1.mp4`, -2 and so on, in Gymnasium's own world.

        Raises:
            UsageError: The network does not fit the world, or the world is unknown.
            EnvironmentFailed: The world raised an error, or paid something that is not a finite number.
        """
        number = _count("episodes", self.episodes if episodes is None else episodes)
        longest = _shortened(self.max_episode_length if max_episode_length is None else max_episode_length)
        if record:
            return _filmed(self.policy, self.env, _unused("evaluation"), number, longest, self.seed)
        if render_env and _can_show():
            return _shown(self.policy, self.env, number, longest, self.seed)
        seeds = stream(self.seed, "evaluate").bits((1, number))
        with closing(_task(self.n_units, self.env)) as task:
            evaluation = task.evaluate(self.row[np.newaxis], Conditions(seeds=seeds, episode_cap=longest))
        if evaluation.failed[0]:
            raise EnvironmentFailed(f"{self.env}: an episode failed: an error, or numbers that are not finite")
        return float(evaluation.fitness[0])

    def _outputs(self, X: ArrayLike) -> Outputs:
        return self.policy.outputs(X)


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
        self.population_size = _count("population_size", population_size, at_least=2)
        self.generations = _count("generations", generations)
        self.render_env = render_env
        self.record = record
        self.mutation_variance = mutation_variance
        self.verbose = verbose
        self.print_every = _count("print_every", print_every)
        self.episodes = _count("episodes", episodes)
        self.max_episode_length = _count("max_episode_length", max_episode_length)
        self.env = env
        self.seed = _seed(seed)
        self.fitness: list[float] = []
        self.average_fitness: list[float] = []
        self._best: NeuralNet | None = None
        rows = _network(self.architecture).initialise(self.population_size, stream(self.seed, "initial"))
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
        state = algorithm.init(rows, stream(self.seed, "init"))
        longest = _shortened(self.max_episode_length)
        with closing(_task(self.architecture, self.env)) as task:
            for place in range(self.generations):
                number = len(self.fitness)
                rows, state = algorithm.ask(state, stream(self.seed, number, "ask"))
                evaluation = self._measure(task, rows, number, longest)
                state = algorithm.tell(state, rows, evaluation)
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
        return [_of_row(self.architecture, row, self) for row in rows]

    def _show(self, number: int, longest: int) -> None:
        if self.record:
            _filmed(self.best_network.policy, self.env, _unused("generation"), 1, longest, self.seed)
        elif self.render_env and _can_show():
            _shown(self.best_network.policy, self.env, 1, longest, self.seed + number)


def relu(x: ArrayLike) -> NDArray[Any]:
    """Return `x` where it is positive, else zero; NaN stays NaN."""
    return np.maximum(x, 0)


def softmax(x: ArrayLike) -> NDArray[np.float64]:
    """Return exp(x) over its sum along the last axis, without overflow: each row sums to one, however large its numbers."""
    values = np.asarray(x, np.float64)
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def one_hot(y: ArrayLike, num_classes: int | None = None) -> NDArray[np.float64]:
    """Return a row for each label of `y (n,)`: one in the label's place, zero elsewhere.

    Args:
        y: Labels 0, 1, ...
        num_classes: How long a row is; by default just long enough for the largest label.

    Raises:
        UsageError: A label is no whole number from 0 to `num_classes` - 1.

    Examples:
        >>> one_hot([1, 0])
        array([[0., 1.],
               [1., 0.]])
    """
    labels = as_numbers(y, "y", "(n,)").ravel()
    classes = int(labels.max(initial=0)) + 1 if num_classes is None else num_classes
    return np.eye(classes)[_labels(labels, len(labels), classes)]


def _seed(seed: int | None) -> int:
    return secrets.randbelow(MAX_SEED) if seed is None else seed


def _count(name: str, value: int, *, at_least: int = 1) -> int:
    if value != int(value) or value < at_least:
        raise UsageError(f"{name}: expected a whole number of at least {at_least}, got {value}")
    return int(value)


def _shortened(longest: int) -> int:
    if _count("max_episode_length", longest) > LONGEST_EPISODE:
        _say_once(f"max_episode_length: episodes end after {LONGEST_EPISODE:,} steps, which counts as solved")
    return min(longest, LONGEST_EPISODE)


def _can_show() -> bool:
    if not has_display():
        _say_once("render_env: there is no display to open a window on; going on without one")
    return has_display()


@functools.cache
def _say_once(message: str) -> None:
    log.warning(message)


def _network(n_units: Sequence[int]) -> MLP:
    return MLP(sizes=tuple(int(size) for size in n_units))


def _task(n_units: tuple[int, ...], env: str) -> Task:
    network = _network(n_units)
    return CompiledEnv(ENVS[env], network) if env in ENVS else GymEnv(env, network)


def _params(network: MLP, row: Row) -> Params:
    views = network.named_views(row)
    layers = range(len(network.sizes) - 1)
    return {
        "weights": [views[f"layer{index}.weights"] for index in layers],
        "biases": [views[f"layer{index}.biases"] for index in layers],
    }


def _mutated(row: Row, var: float, seed: int) -> Row:
    if var == 0:
        return row
    return Gaussian(strength=var)(row[np.newaxis], np.ones(1), stream(seed, "mutation"))[0]


def _of_row(n_units: tuple[int, ...], row: Row, population: GeneticNetworks) -> NeuralNet:
    network = NeuralNet.__new__(NeuralNet)
    network.seed = population.seed
    network.episodes = population.episodes
    network.max_episode_length = population.max_episode_length
    network.env = population.env
    network.n_units = n_units
    network.params = _params(_network(n_units), row.copy())
    return network


def _labels(y: ArrayLike, count: int, classes: int) -> NDArray[np.int64]:
    values = as_numbers(y, "y", f"({count},) or ({count}, {classes})")
    if values.shape == (count, classes) and classes > 1:
        values = values.argmax(axis=1)
    labels = values.ravel()
    if labels.shape != (count,) or not np.isin(labels, np.arange(classes)).all():
        raise UsageError(
            f"y: expected {count} labels from 0 to {classes - 1}, or one-hot rows ({count}, {classes}), got shape {np.shape(y)}"
            + ("" if labels.shape != (count,) else f" with labels from {labels.min()} to {labels.max()}")
        )
    return labels.astype(np.int64)


def _unbounded(size: int) -> Box:
    return Box(low=(-np.inf,) * size, high=(np.inf,) * size, shape=(size,))


def _progress(place: int, best: float, average: float) -> str:
    return f"Generation: {place + 1} | Highest Reward: {best:.1f} | Average Reward: {average:.1f}"


def _unused(name: str) -> Path:
    return next(path for number in count(1) if not (path := RECORDINGS / f"{name}-{number}.mp4").exists())


def _filmed(policy: Policy, env: str, path: Path, episodes: int, longest: int, seed: int) -> float:
    RECORDINGS.mkdir(exist_ok=True)
    film = record(policy, env, path, episodes=episodes, max_steps=longest, seed=seed)
    return float(np.mean([episode.total_reward for episode in film.episodes]))


def _shown(policy: Policy, env: str, episodes: int, longest: int, seed: int) -> float:
    with Stage(policy, env, "human", max_steps=longest, seed=seed) as stage:
        return float(np.mean([[*stage.episode(number)][-1].total_reward for number in range(episodes)]))
