"""Action rules: from a network's outputs to an action, over values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Actions
from evolvent.jit import bind
from evolvent.lanes import Value, as_tuple, buffer, clip, to_float64, where
from evolvent.spaces import Box, Discrete, Space

ActionRule = Callable[[tuple[Value, ...]], tuple[Value, ...]]

LOW: tuple[float, ...] = ()
HIGH: tuple[float, ...] = ()
SIZE = 0


def argmax(outputs: tuple[Value, ...]) -> tuple[Value, ...]:
    """Return the index of the largest output, the first of equals."""
    index, best = 0.0, outputs[0]
    for k in range(1, len(outputs)):
        better = outputs[k] > best
        index = where(better, float(k), index)
        best = where(better, outputs[k], best)
    return (index,)


def clipped(outputs: tuple[Value, ...]) -> tuple[Value, ...]:
    """Return each output, or the bound of the action space that it lies beyond."""
    actions = buffer(to_float64(outputs[0]), SIZE)
    for k in range(SIZE):
        actions[k] = clip(to_float64(outputs[k]), LOW[k], HIGH[k])
    return as_tuple(actions, SIZE)


def action_rule(space: Space) -> ActionRule:
    """Return the rule that makes actions of `space`: argmax for discrete ones, clipped outputs for a box."""
    if isinstance(space, Discrete):
        return argmax
    return bind(clipped, LOW=space.low, HIGH=space.high, SIZE=space.size)


def num_outputs(space: Space) -> int:
    """Return how many outputs a network needs for actions of `space`."""
    return space.n if isinstance(space, Discrete) else space.size


def for_environment(actions: Actions, space: Space) -> NDArray[np.int64] | NDArray[np.float32]:
    """Return rule-made actions `(n, size)` as Gymnasium has them: whole numbers `(n,)`, or float32 `(n, *shape)`."""
    if isinstance(space, Box):
        return actions.astype(np.float32).reshape(-1, *space.shape)
    return actions[:, 0].astype(np.int64) + space.start
