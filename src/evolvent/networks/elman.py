"""Elman's networks: a hidden layer that sees what it was a step ago, and a layer of outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Indices, Population, Row
from evolvent.jit import bind
from evolvent.lanes import as_tuple, buffer
from evolvent.networks.activations import ACTIVATIONS
from evolvent.networks.base import Forward, Memory
from evolvent.networks.layers import adding, beginning, linear, reading
from evolvent.networks.layout import (
    Initialiser,
    Part,
    dim_of,
    groups_of,
    initialised,
    refuse_odd_names,
    refuse_too_many,
    starts_of,
    views_of,
)
from evolvent.networks.memories import checked_sizes, zeros
from evolvent.seeding import Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Elman:
    """A hidden layer with a memory of itself, and a layer of outputs.

    `h' = activation(x @ input_weights + h @ hidden_weights + hidden_biases)`, and the outputs are
    `output_activation(h' @ output_weights + output_biases)`. A row holds the weights, `(inputs, hidden)`, `(hidden, hidden)`,
    then the hidden biases, and likewise of the outputs `(hidden, outputs)` and `(outputs,)`; without biases, weights alone.

    Args:
        sizes: Inputs, hidden units (at most 256), outputs.
        activation: Of the hidden units, a name in `ACTIVATIONS`.
        output_activation: Of the outputs.
        biases: Whether hidden units and outputs have them.
        initialiser: Of the weights; biases begin at zero. "normal" is N(0, 1), "fan_in" N(0, 1 / (what is summed up)).

    Raises:
        UsageError: A size is not positive or too large, or a name is unknown.

    References:
        Elman 1990, Finding structure in time, https://doi.org/10.1207/s15516709cog1402_1

    Examples:
        >>> Elman(sizes=(3, 3, 1), biases=False).dim
        21
    """

    sizes: tuple[int, ...]
    activation: str = "tanh"
    output_activation: str = "identity"
    biases: bool = True
    initialiser: Initialiser = "normal"

    def __post_init__(self) -> None:
        """Refuse sizes and names that make no network."""
        object.__setattr__(self, "sizes", checked_sizes(self.sizes))
        refuse_odd_names(self.activation, self.output_activation, self.initialiser)
        refuse_too_many("sizes", self.sizes, outputs=self.num_outputs, dim=self.dim)

    @property
    def num_inputs(self) -> int:
        """How many values go in."""
        return self.sizes[0]

    @property
    def num_outputs(self) -> int:
        """How many values come out."""
        return self.sizes[2]

    @property
    def dim(self) -> int:
        """How many parameters a row holds."""
        return dim_of(self._parts())

    @property
    def initial_memory(self) -> Memory:
        """What the hidden units are before the first step: zeros."""
        return zeros(self.sizes[1])

    def forward(self) -> Forward:
        """Return the forward pass, bound to this network's sizes."""
        inputs, hidden, outputs = self.sizes
        starts = starts_of(self._parts())
        return bind(
            _forward,
            READ_INPUTS=reading(inputs),
            READ_HIDDEN=reading(hidden),
            BEGIN=beginning(hidden, starts.get("hidden_biases")),
            ADD_INPUTS=adding(inputs, hidden, starts["input_weights"]),
            ADD_HIDDEN=adding(hidden, hidden, starts["hidden_weights"]),
            ACTIVATION=ACTIVATIONS[self.activation],
            OUTPUT=linear(hidden, outputs, starts["output_weights"], starts.get("output_biases"), self.output_activation),
            INPUTS=inputs,
            HIDDEN=hidden,
        )

    def initialise(self, population_size: int, stream: Stream) -> Population:
        """Return first rows `(population_size, dim)`, weights drawn as `initialiser` says, biases zero."""
        return initialised(self._parts(), self.initialiser, population_size, stream)

    def named_views(self, row: Row) -> Mapping[str, NDArray[np.float32]]:
        """Return the parts of `row (dim,)`: `input_weights (inputs, hidden)`, `hidden_weights (hidden, hidden)`, ..."""
        return views_of(self._parts(), row)

    def groups(self) -> Indices:
        """Return for each parameter `(dim,)` the number of the hidden unit or output whose input weight or bias it is."""
        return groups_of(self._parts())

    def _parts(self) -> list[Part]:
        inputs, hidden, outputs = self.sizes
        seen = inputs + hidden
        parts = [
            Part("input_weights", (inputs, hidden), seen, 0, hidden),
            Part("hidden_weights", (hidden, hidden), seen, 0, hidden),
            Part("hidden_biases", (hidden,), seen, 0, hidden),
            Part("output_weights", (hidden, outputs), hidden, hidden, outputs),
            Part("output_biases", (outputs,), hidden, hidden, outputs),
        ]
        return [part for part in parts if self.biases or len(part.shape) == 2]


# --- the forward pass, over values; the names in capitals are bound by Elman.forward --------------------------------

INPUTS = HIDDEN = 0
READ_INPUTS: Any = None
READ_HIDDEN: Any = None
BEGIN: Any = None
ADD_INPUTS: Any = None
ADD_HIDDEN: Any = None
ACTIVATION: Any = None
OUTPUT: Any = None


def _forward(row: Any, memory: Memory, inputs: Any) -> tuple[tuple[Any, ...], Memory]:
    seen, before, hidden = buffer(row[0], INPUTS), buffer(row[0], HIDDEN), buffer(row[0], HIDDEN)
    READ_INPUTS(inputs, seen)
    READ_HIDDEN(memory, before)
    BEGIN(row, hidden)
    ADD_INPUTS(row, seen, hidden)
    ADD_HIDDEN(row, before, hidden)
    for j in range(HIDDEN):
        hidden[j] = ACTIVATION(hidden[j])
    return OUTPUT(row, hidden), as_tuple(hidden, HIDDEN)
