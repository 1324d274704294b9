"""Supervised learning: networks measured on rows of data, by any loss or metric."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evolvent.arrays import Indices, Inputs, Outputs, Population, Row
from evolvent.envs import EnvSpec
from evolvent.errors import UsageError, did_you_mean
from evolvent.evaluation import Conditions, Evaluation, mean_return
from evolvent.networks import Network
from evolvent.policies.acting import compile_outputs, refuse_misfits
from evolvent.seeding import stream
from evolvent.spaces import Box, Discrete
from evolvent.tasks.base import refuse_odd_shapes
from evolvent.tasks.measured import Measured
from evolvent.tasks.objectives import LOSSES, METRICS, Objective, Targets, labels_of

Data = tuple[ArrayLike, ArrayLike]
Kind = Literal["classes", "numbers"]


class Supervised:
    """Data to be learnt, and what counts as having learnt it.

    Whole numbers as targets are classes 0, 1, ..., of which a network needs an output each; so are the rows of a one-hot
    array under a loss or metric of classes. Other numbers are to be met by the outputs themselves.

    Args:
        inputs: `(n, features)`.
        targets: `(n,)` labels or numbers, or `(n, m)` one-hot rows or numbers.
        loss: "cross_entropy" or "mean_squared_error"; smaller is better.
        metric: "accuracy", "f1", or a function of outputs `(n, m)` float32 and targets that returns a number; larger is
            better. It needs no derivative. Exactly one of `loss` and `metric` is given.
        batch_size: How many rows, drawn anew for every episode, an individual is measured on; None for all of them.
        validation: Inputs and targets on which the champion is chosen and scored; None for the data itself.
        name: Of the data, for the run's folder.

    Raises:
        UsageError: The data have odd shapes, are not finite numbers, or do not fit the loss or metric.

    Examples:
        >>> import evolvent as ev
        >>> xor = ev.Supervised([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0], loss="cross_entropy")
        >>> run = ev.evolve(xor, hidden=(4,), activation="tanh", generations=200, target=-0.1, runs_dir=None)
        >>> run.best.act([[0, 0], [0, 1], [1, 0], [1, 1]]).tolist()
        [0, 1, 1, 0]
    """

    def __init__(  # noqa: PLR0913 - the data, what counts, and three choices
        self,
        inputs: ArrayLike,
        targets: ArrayLike,
        *,
        loss: str | None = None,
        metric: str | Objective | None = None,
        batch_size: int | None = None,
        validation: Data | None = None,
        name: str = "data",
    ) -> None:
        """Check the data and the objective."""
        self._kind: Kind | None
        self.objective, self._kind = _objective(loss, metric)
        self.inputs, self.targets = _checked(inputs, targets, self._kind)
        self.classes = int(self.targets.max()) + 1 if self.targets.dtype.kind == "i" else None
        self.batch_size = _batch_size(batch_size, len(self.inputs))
        self.validation = None if validation is None else self._checked_validation(*validation)
        self.name = name
        self.spec = EnvSpec(
            id=name,
            observation_space=_unbounded(self.inputs.shape[1]),
            action_space=Discrete(n=max(self.classes, 2)) if self.classes else _unbounded(self.targets.shape[1]),
            max_episode_steps=1,
            reward_threshold=None,
        )

    def task(self, network: Network, *, threads: int = 1) -> SupervisedTask:
        """Return the task that measures rows of `network`, on batches where there is a batch size."""
        return SupervisedTask(self, network, (self.inputs, self.targets), self.batch_size, threads=threads)

    def judge(self, network: Network, *, threads: int = 1) -> SupervisedTask:
        """Return the task that champions are chosen and scored by: all validation data, or all data."""
        return SupervisedTask(self, network, self.validation or (self.inputs, self.targets), None, threads=threads)

    def settings(self) -> dict[str, Any]:
        """Return what a run of these data begins with: one measurement each, exact unless it is of a batch."""
        exact = self.batch_size is None and self.validation is None
        return {"episodes": 1, "validation_episodes": 0 if exact else 1, "test_episodes": 1, "max_steps": 1}

    def _checked_validation(self, inputs: ArrayLike, targets: ArrayLike) -> tuple[Inputs, Targets]:
        rows, aims = _checked(inputs, targets, self._kind)
        if (
            rows.shape[1:] != self.inputs.shape[1:]
            or aims.dtype != self.targets.dtype
            or aims.shape[1:] != self.targets.shape[1:]
        ):
            raise UsageError(
                f"validation: expected inputs and targets like the data, (n, {self.inputs.shape[1]}) and"
                f" {self.targets.dtype} {('n', *self.targets.shape[1:])}, got {rows.shape} and {aims.dtype} {aims.shape}"
            )
        if self.classes and aims.max() >= self.classes:
            raise UsageError(f"validation: the label {aims.max()} is not among the data's classes 0 to {self.classes - 1}")
        return rows, aims


class SupervisedTask:
    """Measures rows of a network on data; see `Supervised`, which makes it."""

    def __init__(
        self,
        problem: Supervised,
        network: Network,
        data: tuple[Inputs, Targets],
        batch_size: int | None,
        *,
        threads: int,
    ) -> None:
        """Compile the network's outputs, or find them compiled."""
        refuse_misfits(network, problem.spec.observation_space, problem.spec.action_space)
        self._network = network
        self._inputs, self._targets = data
        self._batch_size = batch_size
        self._outputs = compile_outputs(network)
        self._measured = Measured(f"the metric of {problem.spec.id}", problem.objective)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="evolvent-supervised")

    def evaluate(self, population: Population, conditions: Conditions) -> Evaluation:
        """Return what `population (pop, dim)` achieves; each row of data counts as a step."""
        refuse_odd_shapes(population, conditions, self._network.dim)
        shape = conditions.seeds.shape
        rows = np.ascontiguousarray(population, np.float32)
        returns = np.array(list(self._pool.map(self._one, rows, conditions.seeds))).reshape(shape)
        steps = np.full(shape, self._batch_size or len(self._inputs), np.int64)
        return mean_return(returns, steps, np.zeros(len(rows), np.bool_))

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def _one(self, row: Row, seeds: NDArray[np.uint64]) -> list[float]:
        return [self._measure(row, self._batch(int(seed))) for seed in seeds]

    def _measure(self, row: Row, batch: Indices | slice) -> float:
        inputs = self._inputs[batch]
        outputs: Outputs = np.empty((len(inputs), self._network.num_outputs), np.float32)
        self._outputs(row, inputs, outputs)
        return self._measured(outputs, self._targets[batch]) if np.isfinite(outputs).all() else float("nan")

    def _batch(self, seed: int) -> Indices | slice:
        if self._batch_size is None:
            return slice(None)
        drawn = stream(seed >> 1, "batch").uniform((len(self._inputs),))
        return np.argpartition(drawn, self._batch_size - 1)[: self._batch_size]


def _objective(loss: str | None, metric: str | Objective | None) -> tuple[Objective, Kind | None]:
    """Return the objective, and what its targets are; None where they may be either."""
    if (loss is None) == (metric is None):
        raise UsageError("expected one of loss=... and metric=..., " + ("got neither" if loss is None else "got both"))
    if callable(metric):
        return metric, None
    argument, name, known = ("loss", loss, LOSSES) if metric is None else ("metric", metric, METRICS)
    if name not in known:
        other = METRICS if known is LOSSES else LOSSES
        hint = f"; it is a {'metric' if known is LOSSES else 'loss'}" if name in other else did_you_mean(str(name), known)
        raise UsageError(f"{argument}: {name!r} is unknown{hint}; known: {', '.join(known)}")
    kind: Kind = "numbers" if name == "mean_squared_error" else "classes"
    return known[str(name)], kind


def _checked(inputs: ArrayLike, targets: ArrayLike, kind: Kind | None) -> tuple[Inputs, Targets]:
    rows, aims = np.asarray(inputs), np.asarray(targets)
    for argument, array in (("inputs", rows), ("targets", aims)):
        if array.dtype.kind not in "biuf" or not np.isfinite(array.astype(np.float64)).all():
            raise UsageError(
                f"{argument}: expected finite numbers, got an array of {array.dtype}"
                + (" with NaN or infinity in it" if array.dtype.kind in "biuf" else "")
            )
    if rows.ndim != 2 or not rows.size:
        raise UsageError(f"inputs: expected rows of numbers, (n, features), got shape {rows.shape}")
    if aims.ndim not in {1, 2} or len(aims) != len(rows):
        raise UsageError(f"targets: expected one for each of {len(rows)} rows, got shape {aims.shape}")
    return np.ascontiguousarray(rows, np.float64), _aims(aims, kind)


def _aims(targets: NDArray[Any], kind: Kind | None) -> Targets:
    """Return labels `(n,)` as int64, or numbers `(n, m)` as float64."""
    if targets.ndim == 2 and targets.shape[1] > 1 and kind == "classes":
        if not (np.isin(targets, (0, 1)).all() and (targets.sum(axis=1) == 1).all()):
            raise UsageError("targets: expected labels (n,), or one-hot rows with one 1 each")
        return labels_of(targets.astype(np.float64))
    if kind == "classes" or (kind is None and targets.dtype.kind in "biu" and targets.size == len(targets)):
        labels = targets.reshape(len(targets)).astype(np.int64)
        if (labels != targets.reshape(len(targets))).any() or labels.min() < 0:
            raise UsageError(
                "targets: expected labels 0, 1, ...; others become such by numpy.unique(targets, return_inverse=True)[1]"
            )
        return labels
    return np.ascontiguousarray(targets.reshape(len(targets), -1), np.float64)


def _batch_size(batch_size: int | None, rows: int) -> int | None:
    if batch_size is not None and not 1 <= batch_size <= rows:
        raise UsageError(f"batch_size: expected 1 to {rows}, the number of rows, got {batch_size}")
    return None if batch_size == rows else batch_size


def _unbounded(size: int) -> Box:
    return Box(low=(-np.inf,) * size, high=(np.inf,) * size, shape=(size,))
