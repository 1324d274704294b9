"""Supervised learning: networks measured on rows of data, by any loss or metric."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evolvent.arrays import KINDS_OF_NUMBERS, Indices, Inputs, Outputs, Population, Row, as_numbers
from evolvent.crew import Crew
from evolvent.envs import EnvSpec
from evolvent.errors import UsageError, did_you_mean
from evolvent.evaluation import Conditions, Evaluation, mean_return
from evolvent.networks import Network, in_words
from evolvent.policies.acting import compile_last_outputs, compile_outputs, refuse_misfits
from evolvent.seeding import stream
from evolvent.spaces import MAX_SIZE, Box, Discrete
from evolvent.tasks.base import refuse_odd_shapes
from evolvent.tasks.measured import Measured, checked_name
from evolvent.tasks.objectives import LOSSES, METRICS, Objective, Targets, labels_of

Data = tuple[ArrayLike, ArrayLike]
Kind = Literal["classes", "numbers"]


class Supervised:
    """Data to be learnt, and what counts as having learnt it.

    Whole numbers as targets are classes 0, 1, ..., of which a network needs an output each; so are the rows of a one-hot
    array under a loss or metric of classes. Other numbers are to be met by the outputs themselves. The data are copied.

    Inputs may be sequences, for a network that remembers: it reads each from its first step to its last, beginning with nothing
    remembered, and its outputs after the last are what counts. Rows without steps are to such a network sequences of one.

    Args:
        inputs: `(n, features)`, or sequences `(n, time, features)`, all of one length.
        targets: `(n,)` labels or numbers, or `(n, m)` one-hot rows or numbers.
        loss: "cross_entropy" or "mean_squared_error"; smaller is better.
        metric: "accuracy", "f1", or a function of outputs `(n, m)` float32 and targets, which are labels `(n,)` int64 or
            numbers `(n, m)` float64 and cannot be written to, that returns a number; larger is better. It needs no
            derivative. What raises, or returns no finite number, ranks last, and a generation with more than a fifth of such
            individuals stops the run. It may be called from several threads at once. Exactly one of `loss` and `metric` is
            given.
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
        self.classes = _classes(self.targets, np.shape(targets))
        self.batch_size = _batch_size(batch_size, len(self.inputs))
        self.validation = None if validation is None else self._checked_validation(validation)
        self.name = checked_name(name)
        self.measured = Measured(f"the {'metric' if loss is None else 'loss'} of {name}", self.objective)
        self.spec = EnvSpec(
            id=name,
            observation_space=_unbounded(self.inputs.shape[-1]),
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

    def _checked_validation(self, validation: Data) -> tuple[Inputs, Targets]:
        if not isinstance(validation, (tuple, list)) or len(validation) != 2:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise UsageError(f"validation: expected a pair (inputs, targets), got {_counted(validation)}")
        rows, aims = _checked(*validation, self._kind, "validation ")
        if (
            rows.shape[1:] != self.inputs.shape[1:]
            or aims.dtype != self.targets.dtype
            or aims.shape[1:] != self.targets.shape[1:]
        ):
            raise UsageError(
                f"validation: expected inputs and targets like the data, {_like(self.inputs)} and"
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
        if threads < 1:
            raise UsageError(f"threads: expected at least 1, got {threads}")
        refuse_misfits(network, problem.spec.observation_space, problem.spec.action_space)
        self._network = network
        self._inputs, self._targets = _as_read(data[0], network), data[1]
        self._batch_size = batch_size
        self._outputs = compile_last_outputs(network) if network.initial_memory else compile_outputs(network)
        self._measured = problem.measured
        self._crew = Crew(threads, "evolvent-supervised")

    def evaluate(self, population: Population, conditions: Conditions) -> Evaluation:
        """Return what `population (pop, dim)` achieves; each row or step of a sequence counts as a step, once."""
        refuse_odd_shapes(population, conditions, self._network.dim)
        shape = conditions.seeds.shape
        asked = conditions.seeds if self._batch_size else conditions.seeds[:, :1]
        rows = np.ascontiguousarray(population, np.float32)
        batches = {seed: self._batch(seed) for seed in map(int, np.unique(asked))}
        returns, steps = np.empty(shape), np.zeros(shape, np.int64)
        jobs = [partial(self._one, batches, row, seeds) for row, seeds in zip(rows, asked, strict=True)]
        returns[:] = np.array(self._crew.do(jobs)).reshape(asked.shape)
        time = self._inputs.shape[1] if self._inputs.ndim == 3 else 1
        steps[:, : asked.shape[1]] = (self._batch_size or len(self._inputs)) * time
        return mean_return(returns, steps, np.zeros(len(rows), np.bool_))

    def close(self) -> None:
        """End the threads; the next run tells its own first failure."""
        self._crew.close()
        self._measured.forget()

    def _one(self, batches: Mapping[int, Indices | slice], row: Row, seeds: NDArray[np.uint64]) -> list[float]:
        return [self._measure(row, batches[int(seed)]) for seed in seeds]

    def _measure(self, row: Row, batch: Indices | slice) -> float:
        inputs, targets = self._inputs[batch], self._targets[batch]
        targets.flags.writeable = False
        outputs: Outputs = np.empty((len(inputs), self._network.num_outputs), np.float32)
        self._outputs(row, inputs, outputs)
        return self._measured(outputs, targets) if np.isfinite(outputs).all() else math.nan

    def _batch(self, seed: int) -> Indices | slice:
        if self._batch_size is None:
            return slice(None)
        drawn = stream(seed >> 1, "batch").uniform((len(self._inputs),))
        return np.sort(np.argpartition(drawn, self._batch_size - 1)[: self._batch_size])


def _objective(loss: str | None, metric: str | Objective | None) -> tuple[Objective, Kind | None]:
    """Return the objective, and what its targets are; None where they may be either."""
    if (loss is None) == (metric is None):
        raise UsageError("expected one of loss=... and metric=..., " + ("got neither" if loss is None else "got both"))
    if callable(metric):
        return metric, None
    argument, name, known = ("loss", loss, LOSSES) if metric is None else ("metric", metric, METRICS)
    if not isinstance(name, str) or name not in known:
        other = METRICS if known is LOSSES else LOSSES
        hint = f"; it is a {'metric' if known is LOSSES else 'loss'}" if str(name) in other else did_you_mean(str(name), known)
        raise UsageError(f"{argument}: {name!r} is unknown{hint}; known: {', '.join(known)}")
    kind: Kind = "numbers" if name == "mean_squared_error" else "classes"
    return known[name], kind


def _checked(inputs: ArrayLike, targets: ArrayLike, kind: Kind | None, whose: str = "") -> tuple[Inputs, Targets]:
    rows, aims = _finite(inputs, f"{whose}inputs"), _finite(targets, f"{whose}targets")
    if rows.ndim not in {2, 3} or not rows.size:
        expected = "rows of numbers, (n, features), or sequences of them, (n, time, features)"
        raise UsageError(f"{whose}inputs: expected {expected}, got shape {rows.shape}")
    if aims.ndim not in {1, 2} or len(aims) != len(rows) or not aims.size:
        raise UsageError(f"{whose}targets: expected one for each of {len(rows)} rows, got shape {aims.shape}")
    return np.array(rows, np.float64, order="C"), _aims(aims, kind, f"{whose}targets")


def _as_read(inputs: Inputs, network: Network) -> Inputs:
    """Return inputs as a network reads them: sequences `(n, time, features)` where it remembers, else `(n, features)`.

    Raises:
        UsageError: They are sequences, and the network remembers nothing.
    """
    if network.initial_memory:
        return inputs if inputs.ndim == 3 else inputs[:, np.newaxis]
    if inputs.ndim == 3:
        raise UsageError(
            f"inputs: sequences, (n, time, features), need a network that remembers, such as lstm; {in_words(network)} would"
            " see each step alone"
        )
    return inputs


def _finite(given: ArrayLike, argument: str) -> NDArray[Any]:
    try:
        array = np.asarray(as_numbers(given, argument, "(n, ...)") if hasattr(given, "detach") else given)
    except ValueError as problem:
        raise UsageError(f"{argument}: expected an array of numbers: {problem}") from None
    if array.dtype.kind not in KINDS_OF_NUMBERS:
        raise UsageError(f"{argument}: expected finite numbers, got an array of {array.dtype}")
    with np.errstate(over="ignore"):
        if not np.isfinite(array.astype(np.float64)).all():
            raise UsageError(f"{argument}: expected finite numbers, got an array of {array.dtype} with NaN or infinity in it")
    return array


def _aims(targets: NDArray[Any], kind: Kind | None, argument: str) -> Targets:
    """Return labels `(n,)` as int64, or numbers `(n, m)` as float64."""
    if targets.ndim == 2 and targets.shape[1] > 1 and kind == "classes":
        if not (np.isin(targets, (0, 1)).all() and (targets.sum(axis=1) == 1).all()):
            raise UsageError(f"{argument}: expected labels (n,), or one-hot rows with one 1 each")
        return labels_of(targets.astype(np.float64))
    if kind == "classes" or (kind is None and targets.dtype.kind in "biu" and targets.size == len(targets)):
        labels = targets.reshape(len(targets))
        if not ((labels >= 0) & (labels < MAX_SIZE) & (labels == np.floor(labels))).all():
            numbers_instead = "" if kind else "; numbers that are no labels are given as floats"
            raise UsageError(
                f"{argument}: expected labels 0, 1, ... below {MAX_SIZE:,}; others become such by"
                f" numpy.unique(targets, return_inverse=True)[1]{numbers_instead}"
            )
        return labels.astype(np.int64)
    return np.array(targets.reshape(len(targets), -1), np.float64, order="C")


def _classes(targets: Targets, given: tuple[int, ...]) -> int | None:
    """Return how many classes there are: those of one-hot rows, or labels up to the largest; None for numbers."""
    if targets.dtype.kind != "i":
        return None
    return given[1] if len(given) == 2 and given[1] > 1 else int(targets.max()) + 1


def _batch_size(batch_size: int | None, rows: int) -> int | None:
    if batch_size is None:
        return None
    if not isinstance(batch_size, numbers.Integral) or not 1 <= batch_size <= rows:
        raise UsageError(f"batch_size: expected a whole number from 1 to {rows}, that of the rows, got {batch_size!r}")
    return None if batch_size == rows else int(batch_size)


def _counted(given: Any) -> str:
    kind = type(given).__name__
    return f"a {kind} of {len(given)}" if isinstance(given, (tuple, list)) else f"a {kind}"  # pyright: ignore[reportUnknownArgumentType]


def _like(array: NDArray[Any]) -> str:
    return f"({', '.join(map(str, ('n', *array.shape[1:])))})"


def _unbounded(size: int) -> Box:
    return Box(low=(-np.inf,) * size, high=(np.inf,) * size, shape=(size,))
