"""Gated recurrent units, and a layer of outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Indices, Population, Row
from evolvent.jit import bind
from evolvent.lanes import as_tuple, buffer, tanh, with_precision_of
from evolvent.networks.activations import sigmoid
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
class GRU:
    """Units whose gates decide what is forgotten and what is renewed, and a layer of outputs.

    With the inputs `x` and the last state `h`, each unit makes three sums of either, in the order and with the equations of
    `torch.nn.GRUCell`; `x.` and `h.` are the parts of `x @ input_weights + gate_biases` and of `h @ hidden_weights`:

    `r = sigmoid(x. + h.)`, `z = sigmoid(x. + h.)`, `n = tanh(x. + r * (h. + hidden_biases))`, `h' = (1 - z) * n + z * h`.

    The outputs are `output_activation(h' @ output_weights + output_biases)`. The weights are those of `torch` transposed,
    `(inputs, 3 * units)` and `(units, 3 * units)`; the gates' biases `(3 * units,)` are the sum of its two for r and z and the
    first for n, of which `hidden_biases (units,)` are the second.

    Args:
        sizes: Inputs, units (at most 256), outputs.
        output_activation: Of the outputs, a name in `ACTIVATIONS`.
        biases: Whether gates and outputs have them.
        initialiser: Of the weights; biases begin at zero. "normal" is N(0, 1), "fan_in" N(0, 1 / (what is summed up)).

    Raises:
        UsageError: A size is not positive or too large, or a name is unknown.

    References:
        Cho et al. 2014, Learning phrase representations using RNN encoder-decoder for statistical machine translation,
        https://arxiv.org/abs/1406.1078; the reset gate acts after the weights, as in its first version and in cuDNN.

    Examples:
        >>> GRU(sizes=(1, 2, 1)).dim
        29
    """

    sizes: tuple[int, ...]
    output_activation: str = "identity"
    biases: bool = True
    initialiser: Initialiser = "normal"

    def __post_init__(self) -> None:
        """Refuse sizes and names that make no network."""
        object.__setattr__(self, "sizes", checked_sizes(self.sizes))
        refuse_odd_names("tanh", self.output_activation, self.initialiser)
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
        """The state before the first step: zeros."""
        return zeros(self.sizes[1])

    def forward(self) -> Forward:
        """Return the forward pass, bound to this network's sizes."""
        inputs, units, outputs = self.sizes
        starts = starts_of(self._parts())
        hidden = starts["hidden_weights"]
        return bind(
            _forward,
            READ_INPUTS=reading(inputs),
            READ_STATE=reading(units),
            BEGIN=beginning(3 * units, starts.get("gate_biases")),
            ADD_INPUTS=adding(inputs, 3 * units, starts["input_weights"]),
            ADD_HIDDEN=adding(units, 2 * units, hidden, stride=3 * units),
            BEGIN_NEW=beginning(units, starts.get("hidden_biases")),
            ADD_NEW=adding(units, units, hidden + 2 * units, stride=3 * units),
            OUTPUT=linear(units, outputs, starts["output_weights"], starts.get("output_biases"), self.output_activation),
            INPUTS=inputs,
            UNITS=units,
            GATES=3 * units,
        )

    def initialise(self, population_size: int, stream: Stream) -> Population:
        """Return first rows `(population_size, dim)`, weights drawn as `initialiser` says, biases zero."""
        return initialised(self._parts(), self.initialiser, population_size, stream)

    def named_views(self, row: Row) -> Mapping[str, NDArray[np.float32]]:
        """Return the parts of `row (dim,)`: `input_weights (inputs, 3 * units)`, `hidden_weights (units, 3 * units)`, ..."""
        return views_of(self._parts(), row)

    def groups(self) -> Indices:
        """Return for each parameter `(dim,)` the number of its unit, with all gates, or of its output."""
        return groups_of(self._parts())

    def _parts(self) -> list[Part]:
        inputs, units, outputs = self.sizes
        seen = inputs + units
        parts = [
            Part("input_weights", (inputs, 3 * units), seen, 0, units),
            Part("hidden_weights", (units, 3 * units), seen, 0, units),
            Part("gate_biases", (3 * units,), seen, 0, units),
            Part("hidden_biases", (units,), seen, 0, units),
            Part("output_weights", (units, outputs), units, units, outputs),
            Part("output_biases", (outputs,), units, units, outputs),
        ]
        return [part for part in parts if self.biases or len(part.shape) == 2]


# --- the forward pass, over values; the names in capitals are bound by GRU.forward ----------------------------------

INPUTS = UNITS = GATES = 0
READ_INPUTS: Any = None
READ_STATE: Any = None
BEGIN: Any = None
ADD_INPUTS: Any = None
ADD_HIDDEN: Any = None
BEGIN_NEW: Any = None
ADD_NEW: Any = None
OUTPUT: Any = None


def _forward(row: Any, memory: Memory, inputs: Any) -> tuple[tuple[Any, ...], Memory]:
    seen, state = buffer(row[0], INPUTS), buffer(row[0], UNITS)
    gates, remembered = buffer(row[0], GATES), buffer(row[0], UNITS)
    READ_INPUTS(inputs, seen)
    READ_STATE(memory, state)
    BEGIN(row, gates)
    ADD_INPUTS(row, seen, gates)
    ADD_HIDDEN(row, state, gates)
    BEGIN_NEW(row, remembered)
    ADD_NEW(row, state, remembered)
    one = with_precision_of(row[0], 1.0)
    for j in range(UNITS):
        reset, kept = sigmoid(gates[j]), sigmoid(gates[UNITS + j])
        new = tanh(gates[2 * UNITS + j] + reset * remembered[j])
        state[j] = (one - kept) * new + kept * state[j]
    return OUTPUT(row, state), as_tuple(state, UNITS)
