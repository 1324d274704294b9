"""Optimizers: how far to go, given the direction in which fitness rises. They climb; nothing here descends."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from evolvent.algorithms.ranges import refuse_not_positive, refuse_outside, refuse_unknown

Vector = NDArray[np.float64]  # (dim,)
OptimizerName = Literal["sgd", "momentum", "adam", "clipup"]


@dataclass(frozen=True, slots=True)
class OptimizerState:
    """What an optimizer remembers.

    Args:
        velocity: `(dim,)`, the mean of the gradients so far, or of the steps; empty where nothing is averaged.
        squares: `(dim,)`, the mean of their squares; empty likewise.
        steps: How many were taken.
    """

    velocity: Vector
    squares: Vector
    steps: int


class Optimizer(Protocol):
    """Turns gradients into steps."""

    def init(self, dim: int) -> OptimizerState:
        """Return what is remembered before the first step."""
        ...

    def step(self, state: OptimizerState, gradient: Vector) -> tuple[Vector, OptimizerState]:
        """Return what to add to the parameters `(dim,)`, and what is to be remembered."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SGD:
    """Goes along the gradient, `learning_rate` times as far."""

    learning_rate: float

    def init(self, dim: int) -> OptimizerState:  # noqa: ARG002 - others remember something
        """Return nothing to remember but the number of steps."""
        return OptimizerState(np.zeros(0), np.zeros(0), 0)

    def step(self, state: OptimizerState, gradient: Vector) -> tuple[Vector, OptimizerState]:
        """Return the step, and the state with one more."""
        return self.learning_rate * gradient, OptimizerState(state.velocity, state.squares, state.steps + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Momentum:
    """Goes on in the direction of the last step, less and less, and along the gradient.

    References:
        Polyak 1964, Some methods of speeding up the convergence of iteration methods.
        https://doi.org/10.1016/0041-5553(64)90137-5
    """

    learning_rate: float
    momentum: float = 0.9

    def init(self, dim: int) -> OptimizerState:
        """Return that nothing moves yet."""
        return OptimizerState(np.zeros(dim), np.zeros(0), 0)

    def step(self, state: OptimizerState, gradient: Vector) -> tuple[Vector, OptimizerState]:
        """Return the step, which is the new velocity too."""
        velocity = self.momentum * state.velocity + self.learning_rate * gradient
        return velocity, OptimizerState(velocity, state.squares, state.steps + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adam:
    """Divides each parameter's mean gradient by its root mean square: steps of about `learning_rate`, whatever the scale.

    Args:
        learning_rate: About how far a parameter goes in a step.
        beta1: The share of the mean gradient that is kept at a step.
        beta2: That of the mean square.
        epsilon: Added to the root mean square.

    References:
        Kingma and Ba 2015, Adam, algorithm 1. https://arxiv.org/abs/1412.6980
    """

    learning_rate: float
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def init(self, dim: int) -> OptimizerState:
        """Return means of nothing."""
        return OptimizerState(np.zeros(dim), np.zeros(dim), 0)

    def step(self, state: OptimizerState, gradient: Vector) -> tuple[Vector, OptimizerState]:
        """Return the step and the new means."""
        steps = state.steps + 1
        first = self.beta1 * state.velocity + (1 - self.beta1) * gradient
        second = self.beta2 * state.squares + (1 - self.beta2) * np.square(gradient)
        unbiased, squares = first / (1 - self.beta1**steps), second / (1 - self.beta2**steps)
        step = self.learning_rate * unbiased / (np.sqrt(squares) + self.epsilon)
        return step, OptimizerState(first, second, steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipUp:
    """Adds the gradient's direction, not its length, to a velocity that has a greatest length.

    Args:
        learning_rate: The length of what a gradient adds.
        max_speed: The greatest length of a step.
        momentum: The share of the velocity that is kept at a step.

    References:
        Toklu, Liskowski and Srivastava 2020, ClipUp, algorithm 1. https://arxiv.org/abs/2008.02387

    Examples:
        >>> optimizer = ClipUp(learning_rate=0.5, max_speed=0.7)
        >>> state = optimizer.init(2)
        >>> for _ in range(2):
        ...     step, state = optimizer.step(state, np.array([0.0, 1000.0]))
        ...     print(step)
        [0.  0.5]
        [0.  0.7]
    """

    learning_rate: float
    max_speed: float
    momentum: float = 0.9

    def init(self, dim: int) -> OptimizerState:
        """Return that nothing moves yet."""
        return OptimizerState(np.zeros(dim), np.zeros(0), 0)

    def step(self, state: OptimizerState, gradient: Vector) -> tuple[Vector, OptimizerState]:
        """Return the step, which is the new velocity too."""
        length = _length(gradient)
        direction = gradient / length if length > 0 else np.zeros_like(gradient)
        velocity = self.momentum * state.velocity + self.learning_rate * direction
        speed = _length(velocity)
        if speed > self.max_speed:
            velocity *= self.max_speed / speed
        return velocity, OptimizerState(velocity, state.squares, state.steps + 1)


def make_optimizer(name: OptimizerName, learning_rate: float, momentum: float, max_speed: float | None) -> Optimizer:
    """Return the optimizer of a name.

    Args:
        name: Which.
        learning_rate: Its own.
        momentum: Of momentum and ClipUp, and Adam's beta1.
        max_speed: ClipUp's; None for twice its learning rate.
    """
    if name == "sgd":
        return SGD(learning_rate=learning_rate)
    if name == "momentum":
        return Momentum(learning_rate=learning_rate, momentum=momentum)
    if name == "adam":
        return Adam(learning_rate=learning_rate, beta1=momentum)
    return ClipUp(
        learning_rate=learning_rate, max_speed=2 * learning_rate if max_speed is None else max_speed, momentum=momentum
    )


def refuse_optimizer(name: str, learning_rate: float, momentum: float, max_speed: float | None) -> None:
    """Refuse settings that make no optimizer.

    Raises:
        UsageError: The name is unknown, or a setting out of range.
    """
    refuse_unknown("optimizer", name, get_args(OptimizerName))
    if max_speed is not None:
        refuse_not_positive("max_speed", max_speed)
    refuse_not_positive("learning_rate", learning_rate)
    refuse_outside("momentum", momentum, 0.0, 0.9999)


def _length(vector: Vector) -> float:
    return math.sqrt(np.square(vector).sum())  # numpy.linalg.norm is BLAS's, whose bits depend on the number of its threads
