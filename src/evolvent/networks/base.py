"""What a network is: a forward pass over one flat parameter row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Indices, Population, Row
from evolvent.seeding import Stream

Memory = tuple[Any, ...]
Forward = Callable[[Any, Memory, Any], tuple[tuple[Any, ...], Memory]]


class Network(Protocol):
    """A function from parameters, memory and inputs to outputs and memory.

    A network is hashable and never changes; two with equal fields compute the same function. `forward` is text over values
    (see `evolvent.lanes`): `forward(row, memory, inputs) -> (outputs, memory)`; a network that remembers nothing carries an
    empty memory.
    """

    @property
    def num_inputs(self) -> int:
        """How many values go in."""
        ...

    @property
    def num_outputs(self) -> int:
        """How many values come out."""
        ...

    @property
    def dim(self) -> int:
        """How many parameters a row holds."""
        ...

    @property
    def initial_memory(self) -> Memory:
        """The memory with which an episode begins, float32 values."""
        ...

    def forward(self) -> Forward:
        """Return the forward pass, bound to this network's sizes."""
        ...

    def initialise(self, population_size: int, stream: Stream) -> Population:
        """Return first rows `(population_size, dim)`."""
        ...

    def named_views(self, row: Row) -> Mapping[str, NDArray[np.float32]]:
        """Return the parts of `row` by name and in their natural shape, without a copy."""
        ...

    def groups(self) -> Indices:
        """Return for each parameter `(dim,)` the number of the neuron that it belongs to."""
        ...
