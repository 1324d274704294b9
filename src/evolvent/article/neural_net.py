"""The article's network."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evolvent.algorithms import Gaussian
from evolvent.arrays import Outputs, Row
from evolvent.article.functions import labels_from, softmax
from evolvent.article.limits import at_least_one, seed_or_any, shortened
from evolvent.article.stage import can_show, filmed, shown
from evolvent.errors import EnvironmentFailed, UsageError
from evolvent.evaluation import Conditions
from evolvent.networks import MLP
from evolvent.policies import Policy
from evolvent.seeding import stream
from evolvent.spaces import Box, Discrete
from evolvent.tasks import Task
from evolvent.tasks.objectives import minus_cross_entropy
from evolvent.training.config import Config
from evolvent.training.worlds import default_form, env_spec, make_task

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
        self.seed = seed_or_any(seed)
        self.episodes = at_least_one("episodes", episodes)
        self.max_episode_length = at_least_one("max_episode_length", max_episode_length)
        self.env = env if copy_network is None else copy_network.env
        self.n_units = tuple(() if n_units is None else n_units) if copy_network is None else copy_network.n_units
        network = mlp(self.n_units)
        if copy_network is None:
            row = network.initialise(1, stream(self.seed, "initial"))[0]
        else:
            row = _mutated(copy_network.row, var, self.seed)
        self.params = _params(network, row)

    def __repr__(self) -> str:
        """Return the sizes and the world, in a line."""
        return f"NeuralNet({'-'.join(map(str, self.n_units))}, for {self.env!r}, seed {self.seed})"

    @property
    def row(self) -> Row:
        """All parameters in one row, `(dim,)`, a copy.

        Raises:
            UsageError: The shapes in `params` are not those of `n_units`.
        """
        network = mlp(self.n_units)
        row = np.empty(network.dim, np.float32)
        own = [*self.params["weights"], *self.params["biases"]]
        theirs = _params(network, row)
        for array, place in zip(own, [*theirs["weights"], *theirs["biases"]], strict=True):
            if np.shape(array) != place.shape:
                raise UsageError(f"params: expected arrays for the sizes {self.n_units}, got a shape {np.shape(array)}")
            place[...] = array
        return row

    @row.setter
    def row(self, row: Row) -> None:
        self.params = _params(mlp(self.n_units), np.array(row, np.float32))

    @property
    def policy(self) -> Policy:
        """The network as a policy, to be saved, recorded or played."""
        network = mlp(self.n_units)
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
        labels = labels_from(y, *outputs.shape)
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
        number = at_least_one("episodes", self.episodes if episodes is None else episodes)
        longest = shortened(self.max_episode_length if max_episode_length is None else max_episode_length)
        if record:
            return filmed(self.policy, "evaluation", episodes=number, longest=longest, seed=self.seed)
        if render_env and can_show():
            return shown(self.policy, episodes=number, longest=longest, seed=self.seed)
        seeds = stream(self.seed, "evaluate").bits((1, number))
        with closing(task_of(self.n_units, self.env)) as task:
            evaluation = task.evaluate(self.row[np.newaxis], Conditions(seeds=seeds, episode_cap=longest))
        if evaluation.failed[0]:
            raise EnvironmentFailed(f"{self.env}: an episode failed: an error, or numbers that are not finite")
        return float(evaluation.fitness[0])

    def _outputs(self, X: ArrayLike) -> Outputs:
        return self.policy.outputs(X)


def mlp(n_units: Sequence[int]) -> MLP:
    """Return the network of these sizes."""
    return MLP(sizes=tuple(at_least_one("n_units", size) for size in n_units))


def task_of(n_units: tuple[int, ...], env: str) -> Task:
    """Return the task that measures networks of these sizes in the world `env`, compiled where it can be.

    Raises:
        UsageError: The world is unknown, its actions are not discrete, or the sizes do not fit it.
    """
    network = mlp(n_units)
    if not isinstance(env_spec(env).action_space, Discrete):
        raise UsageError(f"env: {env} has continuous actions, and these networks choose one of several; use evolvent.evolve")
    return make_task(env, network, Config(world=default_form(env), workers=1))


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
    return Gaussian(strength=var)(row[np.newaxis], stream(seed, "mutation"))[0]


def _unbounded(size: int) -> Box:
    return Box(low=(-np.inf,) * size, high=(np.inf,) * size, shape=(size,))
