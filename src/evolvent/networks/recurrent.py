"""Fully recurrent networks: one layer of units, each of which sees all inputs and what all units were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Indices, Population, Row
from evolvent.errors import UsageError
from evolvent.jit import bind
from evolvent.lanes import as_tuple, buffer
from evolvent.networks.activations import ACTIVATIONS
from evolvent.networks.base import Forward, Memory
from evolvent.networks.layers import adding, beginning, reading
from evolvent.networks.layout import (
    MAX_NEURONS,
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
from evolvent.networks.memories import refuse_long_memory, zeros
from evolvent.seeding import Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrent:
    """Units that see the inputs and each other: `h' = activation(x @ input_weights + h @ unit_weights + biases)`.

    The first units are the outputs; the others are hidden. With `n` units and `m` inputs a row holds the weights of the
    inputs `(m, n)`, those of the units `(n, n)`, and the biases `(n,)`, if there are any: without, n (n + m) numbers.

    Args:
        num_inputs: How many values go in.
        units: How many units there are, at most 256.
        num_outputs: How many of them are outputs.
        activation: Of every unit, a name in `ACTIVATIONS`.
        biases: Whether each unit has one.
        initialiser: Of the weights; biases begin at zero. "normal" is N(0, 1), "fan_in" N(0, 1 / (inputs + units)).

    Raises:
        UsageError: A size is not positive or too large, or a name is unknown.

    References:
        Gomez, Schmidhuber and Miikkulainen 2008, Accelerated neural evolution through cooperatively coevolved synapses, whose
        networks for pole balancing these are.

    Examples:
        >>> Recurrent(num_inputs=3, units=1, num_outputs=1, biases=False).dim
        4
    """

    num_inputs: int
    units: int
    num_outputs: int
    activation: str = "tanh"
    biases: bool = True
    initialiser: Initialiser = "normal"

    def __post_init__(self) -> None:
        """Refuse sizes and names that make no network."""
        if not 1 <= self.num_inputs <= MAX_NEURONS:
            raise UsageError(f"num_inputs: expected 1 to {MAX_NEURONS:,}, got {self.num_inputs:,}")
        if not 1 <= self.num_outputs <= self.units:
            raise UsageError(
                f"units: expected at least as many as outputs, which are some of them, got {self.units:,} units and"
                f" {self.num_outputs:,} outputs"
            )
        refuse_long_memory("units", self.units, 1)
        refuse_odd_names(self.activation, self.activation, self.initialiser)
        refuse_too_many("units", f"{self.num_inputs}-{self.units}", outputs=self.num_outputs, dim=self.dim)

    @property
    def dim(self) -> int:
        """How many parameters a row holds."""
        return dim_of(self._parts())

    @property
    def initial_memory(self) -> Memory:
        """What the units are before the first step: zeros."""
        return zeros(self.units)

    def forward(self) -> Forward:
        """Return the forward pass, bound to this network's sizes."""
        starts = starts_of(self._parts())
        return bind(
            _forward,
            READ_INPUTS=reading(self.num_inputs),
            READ_UNITS=reading(self.units),
            BEGIN=beginning(self.units, starts.get("biases")),
            ADD_INPUTS=adding(self.num_inputs, self.units, starts["input_weights"]),
            ADD_UNITS=adding(self.units, self.units, starts["unit_weights"]),
            ACTIVATION=ACTIVATIONS[self.activation],
            INPUTS=self.num_inputs,
            UNITS=self.units,
            OUTPUTS=self.num_outputs,
        )

    def initialise(self, population_size: int, stream: Stream) -> Population:
        """Return first rows `(population_size, dim)`, weights drawn as `initialiser` says, biases zero."""
        return initialised(self._parts(), self.initialiser, population_size, stream)

    def named_views(self, row: Row) -> Mapping[str, NDArray[np.float32]]:
        """Return `input_weights (inputs, units)`, `unit_weights (units, units)` and `biases (units,)` of `row`."""
        return views_of(self._parts(), row)

    def groups(self) -> Indices:
        """Return for each parameter `(dim,)` the number of the unit whose input weight or bias it is."""
        return groups_of(self._parts())

    def _parts(self) -> list[Part]:
        n, fan_in = self.units, self.num_inputs + self.units
        parts = [Part("input_weights", (self.num_inputs, n), fan_in, 0, n), Part("unit_weights", (n, n), fan_in, 0, n)]
        return [*parts, Part("biases", (n,), fan_in, 0, n)] if self.biases else parts


# --- the forward pass, over values; the names in capitals are bound by Recurrent.forward ----------------------------

INPUTS = UNITS = OUTPUTS = 0
READ_INPUTS: Any = None
READ_UNITS: Any = None
BEGIN: Any = None
ADD_INPUTS: Any = None
ADD_UNITS: Any = None
ACTIVATION: Any = None


def _forward(row: Any, memory: Memory, inputs: Any) -> tuple[tuple[Any, ...], Memory]:
    seen, before, units = buffer(row[0], INPUTS), buffer(row[0], UNITS), buffer(row[0], UNITS)
    READ_INPUTS(inputs, seen)
    READ_UNITS(memory, before)
    BEGIN(row, units)
    ADD_INPUTS(row, seen, units)
    ADD_UNITS(row, before, units)
    for j in range(UNITS):
        units[j] = ACTIVATION(units[j])
    return as_tuple(units, OUTPUTS), as_tuple(units, UNITS)
