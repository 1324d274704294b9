"""What layers are made of, over values: sums that begin with biases or zeros, and to which weighted inputs are added.

Each sum is in float32, begins with its bias and adds the inputs in their order, product and sum rounded once
(`multiply_add`), so that its bits do not depend on how it is run. The loop over outputs is the inner one: alone, it is what
fills vector registers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evolvent.jit import bind
from evolvent.lanes import Value, as_tuple, buffer, multiply_add, to_float32, with_precision_of
from evolvent.networks.activations import ACTIVATIONS

Begin = Callable[[Any, Any], None]
Add = Callable[[Any, Any, Any], None]


def beginning(outputs: int, biases: int | None) -> Begin:
    """Return `begin(row, sums)`, which writes the biases that lie at `biases` in the row into sums, or zeros."""
    return bind(_zeros, OUTPUTS=outputs) if biases is None else bind(_biases, OUTPUTS=outputs, BIASES=biases)


def adding(inputs: int, outputs: int, weights: int, stride: int | None = None) -> Add:
    """Return `add(row, values, sums)`, which adds weighted values to sums.

    Args:
        inputs: How many values.
        outputs: How many sums.
        weights: Where in the row the first weight lies.
        stride: How far the weights of one input lie from those of the next; None for `outputs`.
    """
    return bind(_add, INPUTS=inputs, OUTPUTS=outputs, WEIGHTS=weights, STRIDE=stride or outputs)


def reading(size: int) -> Callable[[Any, Any], None]:
    """Return `read(values, room)`, which writes `size` values in float32 into a buffer, which is the caller's to make."""
    return bind(_read, SIZE=size)


def linear(inputs: int, outputs: int, weights: int, biases: int | None, activation: str) -> Callable[[Any, Any], Any]:
    """Return `layer(row, values)`, the tuple of a layer's outputs."""
    return bind(
        _linear,
        BEGIN=beginning(outputs, biases),
        ADD=adding(inputs, outputs, weights),
        OUTPUTS=outputs,
        ACTIVATION=ACTIVATIONS[activation],
    )


# --- the names in capitals are bound above --------------------------------------------------------------------------

INPUTS = OUTPUTS = WEIGHTS = STRIDE = BIASES = SIZE = 0
BEGIN: Any = None
ADD: Any = None
ACTIVATION: Any = None


def _zeros(row: Any, sums: Any) -> None:
    for j in range(OUTPUTS):
        sums[j] = with_precision_of(row[0], 0.0)


def _biases(row: Any, sums: Any) -> None:
    for j in range(OUTPUTS):
        sums[j] = row[BIASES + j]


def _add(row: Any, values: Any, sums: Any) -> None:
    for i in range(INPUTS):
        x = values[i]
        for j in range(OUTPUTS):
            sums[j] = multiply_add(x, row[WEIGHTS + i * STRIDE + j], sums[j])


def _read(values: Any, room: Any) -> None:
    for i in range(SIZE):
        room[i] = to_float32(values[i])


def _linear(row: Any, values: Any) -> tuple[Value, ...]:
    sums = buffer(row[0], OUTPUTS)
    BEGIN(row, sums)
    ADD(row, values, sums)
    for j in range(OUTPUTS):
        sums[j] = ACTIVATION(sums[j])
    return as_tuple(sums, OUTPUTS)
