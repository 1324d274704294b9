"""Long short-term memory: cells with gates, and a layer of outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Indices, Population, Row
from evolvent.jit import bind
from evolvent.lanes import as_tuple, buffer, tanh
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
class LSTM:
    """Cells whose gates decide what is let in, kept and let out, and a layer of outputs.

    Of the inputs `x`, the last hidden state `h` and the last cell state `c` each cell makes four sums, those of
    `x @ input_weights + h @ hidden_weights + gate_biases`, in the order and with the equations of `torch.nn.LSTMCell`:

    `i = sigmoid(.)`, `f = sigmoid(.)`, `g = tanh(.)`, `o = sigmoid(.)`, `c' = f * c + i * g`, `h' = o * tanh(c')`.

    The outputs are `output_activation(h' @ output_weights + output_biases)`. The weights are those of `torch` transposed,
    `(inputs, 4 * cells)` and `(cells, 4 * cells)`; the gates' biases `(4 * cells,)` are the sum of its two.

    Args:
        sizes: Inputs, cells (at most 128, for each remembers two numbers), outputs.
        output_activation: Of the outputs, a name in `ACTIVATIONS`.
        biases: Whether gates and outputs have them.
        initialiser: Of the weights; biases begin at zero. "normal" is N(0, 1), "fan_in" N(0, 1 / (what is summed up)).

    Raises:
        UsageError: A size is not positive or too large, or a name is unknown.

    References:
        Hochreiter and Schmidhuber 1997, Long short-term memory, https://doi.org/10.1162/neco.1997.9.8.1735, with the forget
        gate of Gers, Schmidhuber and Cummins 2000, https://doi.org/10.1162/089976600300015015

    Examples:
        >>> LSTM(sizes=(1, 2, 1)).dim
        35
    """

    sizes: tuple[int, ...]
    output_activation: str = "identity"
    biases: bool = True
    initialiser: Initialiser = "normal"

    def __post_init__(self) -> None:
        """Refuse sizes and names that make no network."""
        object.__setattr__(self, "sizes", checked_sizes(self.sizes, numbers_a_unit=2))
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
        """The hidden state and then the cell state before the first step: zeros."""
        return zeros(2 * self.sizes[1])

    def forward(self) -> Forward:
        """Return the forward pass, bound to this network's sizes."""
        inputs, cells, outputs = self.sizes
        starts = starts_of(self._parts())
        return bind(
            _forward,
            READ_INPUTS=reading(inputs),
            READ_STATE=reading(2 * cells),
            BEGIN=beginning(4 * cells, starts.get("gate_biases")),
            ADD_INPUTS=adding(inputs, 4 * cells, starts["input_weights"]),
            ADD_HIDDEN=adding(cells, 4 * cells, starts["hidden_weights"]),
            OUTPUT=linear(cells, outputs, starts["output_weights"], starts.get("output_biases"), self.output_activation),
            INPUTS=inputs,
            CELLS=cells,
            GATES=4 * cells,
            REMEMBERED=2 * cells,
        )

    def initialise(self, population_size: int, stream: Stream) -> Population:
        """Return first rows `(population_size, dim)`, weights drawn as `initialiser` says, biases zero."""
        return initialised(self._parts(), self.initialiser, population_size, stream)

    def named_views(self, row: Row) -> Mapping[str, NDArray[np.float32]]:
        """Return the parts of `row (dim,)`: `input_weights (inputs, 4 * cells)`, `hidden_weights (cells, 4 * cells)`, ..."""
        return views_of(self._parts(), row)

    def groups(self) -> Indices:
        """Return for each parameter `(dim,)` the number of its cell, with all gates, or of its output."""
        return groups_of(self._parts())

    def _parts(self) -> list[Part]:
        inputs, cells, outputs = self.sizes
        seen = inputs + cells
        parts = [
            Part("input_weights", (inputs, 4 * cells), seen, 0, cells),
            Part("hidden_weights", (cells, 4 * cells), seen, 0, cells),
            Part("gate_biases", (4 * cells,), seen, 0, cells),
            Part("output_weights", (cells, outputs), cells, cells, outputs),
            Part("output_biases", (outputs,), cells, cells, outputs),
        ]
        return [part for part in parts if self.biases or len(part.shape) == 2]


# --- the forward pass, over values; the names in capitals are bound by LSTM.forward ---------------------------------

INPUTS = CELLS = GATES = REMEMBERED = 0
READ_INPUTS: Any = None
READ_STATE: Any = None
BEGIN: Any = None
ADD_INPUTS: Any = None
ADD_HIDDEN: Any = None
OUTPUT: Any = None


def _forward(row: Any, memory: Memory, inputs: Any) -> tuple[tuple[Any, ...], Memory]:
    seen, state, gates = buffer(row[0], INPUTS), buffer(row[0], REMEMBERED), buffer(row[0], GATES)
    READ_INPUTS(inputs, seen)
    READ_STATE(memory, state)
    BEGIN(row, gates)
    ADD_INPUTS(row, seen, gates)
    ADD_HIDDEN(row, state, gates)
    for j in range(CELLS):
        let_in, kept = sigmoid(gates[j]), sigmoid(gates[CELLS + j])
        new, let_out = tanh(gates[2 * CELLS + j]), sigmoid(gates[3 * CELLS + j])
        cell = kept * state[CELLS + j] + let_in * new
        state[CELLS + j] = cell
        state[j] = let_out * tanh(cell)
    return OUTPUT(row, state), as_tuple(state, REMEMBERED)
