"""Action rules over values: from a network's outputs to an action.

`evolvent.policies.actions` binds the names in capitals, and knows which rule fits which space.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from evolvent.lanes import Value, as_tuple, buffer, clip, exp, floor, maximum, tanh, to_float32, to_float64, where
from evolvent.seeding import Draw, uniform

ActionRule = Callable[[tuple[Value, ...], Draw], tuple[Value, ...]]

KEY: Final = np.uint64(0x5DEECE66D1CE4E5B)  # so that an action's draws are others than the world's own
SIZE = 0
COUNTS: tuple[int, ...] = ()
MOST = 0
LOW: tuple[float, ...] = ()
HIGH: tuple[float, ...] = ()
SHOWN_LOW: tuple[float, ...] = ()
SHOWN_HIGH: tuple[float, ...] = ()
SQUASHED: tuple[bool, ...] = ()
ROUNDED: Any = None


def argmax(outputs: tuple[Value, ...], draw: Draw) -> tuple[Value, ...]:  # noqa: ARG001
    """Return the index of the largest output, the first of equals."""
    index, best = 0.0, outputs[0]
    for k in range(1, len(outputs)):
        better = outputs[k] > best
        index = where(better, float(k), index)
        best = where(better, outputs[k], best)
    return (index,)


def argmax_of_each(outputs: tuple[Value, ...], draw: Draw) -> tuple[Value, ...]:  # noqa: ARG001
    """Return for each component the index of the largest of its outputs, the first of equals."""
    choices = buffer(to_float64(outputs[0]), SIZE)
    first = 0
    for j in range(SIZE):
        index, best = 0.0, outputs[first]
        for i in range(1, COUNTS[j]):
            better = outputs[first + i] > best
            index = where(better, float(i), index)
            best = where(better, outputs[first + i], best)
        choices[j] = index
        first += COUNTS[j]
    return as_tuple(choices, SIZE)


def likelier_of_two(outputs: tuple[Value, ...], draw: Draw) -> tuple[Value, ...]:  # noqa: ARG001
    """Return 1 for each output that is positive, else 0."""
    bits = buffer(to_float64(outputs[0]), SIZE)
    for k in range(SIZE):
        bits[k] = where(to_float64(outputs[k]) > 0.0, 1.0, 0.0)
    return as_tuple(bits, SIZE)


def sampled(outputs: tuple[Value, ...], draw: Draw) -> tuple[Value, ...]:
    """Return for each component an index drawn with the probabilities that the softmax of its outputs gives.

    It is the first index at which the sum of the probabilities exceeds a number drawn evenly from [0, 1).
    """
    own = Draw(draw.key ^ KEY, draw.step)
    choices = buffer(to_float64(outputs[0]), SIZE)
    weights = buffer(to_float64(outputs[0]), MOST)
    first = 0
    for j in range(SIZE):
        largest = outputs[first]
        for i in range(1, COUNTS[j]):
            largest = maximum(outputs[first + i], largest)
        total = 0.0
        for i in range(COUNTS[j]):
            weights[i] = to_float64(exp(outputs[first + i] - largest))
            total = total + weights[i]
        threshold = uniform(own, j) * total
        index, reached = 0.0, 0.0
        for i in range(COUNTS[j] - 1):
            reached = reached + weights[i]
            index = where(reached <= threshold, float(i + 1), index)
        choices[j] = index
        first += COUNTS[j]
    return as_tuple(choices, SIZE)


def sampled_bits(outputs: tuple[Value, ...], draw: Draw) -> tuple[Value, ...]:
    """Return for each output 1 with the probability that its logistic function gives, else 0."""
    own = Draw(draw.key ^ KEY, draw.step)
    bits = buffer(to_float64(outputs[0]), SIZE)
    for k in range(SIZE):
        probability = 1.0 / (1.0 + to_float64(exp(-outputs[k])))
        bits[k] = where(uniform(own, k) < probability, 1.0, 0.0)
    return as_tuple(bits, SIZE)


def clipped(outputs: tuple[Value, ...], draw: Draw) -> tuple[Value, ...]:  # noqa: ARG001
    """Return each output, or the bound of the action space that it lies beyond."""
    actions = buffer(to_float64(outputs[0]), SIZE)
    for k in range(SIZE):
        actions[k] = clip(ROUNDED(to_float64(outputs[k])), LOW[k], HIGH[k])
    return as_tuple(actions, SIZE)


def squashed(outputs: tuple[Value, ...], draw: Draw) -> tuple[Value, ...]:  # noqa: ARG001
    """Return the hyperbolic tangent of each output, stretched from -1, 1 to the bounds; clipped where one is missing.

    The result is a bound, or a float32, as Gymnasium's environments are handed; their bounds are float32, too.
    """
    actions = buffer(to_float64(outputs[0]), SIZE)
    for k in range(SIZE):
        share = 0.5 * (to_float64(tanh(outputs[k])) + 1.0)
        stretched = to_float64(to_float32(SHOWN_LOW[k] * (1.0 - share) + SHOWN_HIGH[k] * share))
        value = ROUNDED(where(SQUASHED[k], stretched, to_float64(outputs[k])))
        actions[k] = where(value <= SHOWN_LOW[k], LOW[k], where(value >= SHOWN_HIGH[k], HIGH[k], value))
    return as_tuple(actions, SIZE)


def as_it_is(x: Value) -> Value:
    """Return `x`."""
    return x


def nearest_whole(x: Value) -> Value:
    """Return the nearest whole number, the larger of two."""
    return floor(x + 0.5)
