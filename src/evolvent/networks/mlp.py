"""Multilayer perceptrons of any depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Indices, Population, Row
from evolvent.errors import UsageError
from evolvent.jit import bind
from evolvent.lanes import as_tuple, buffer, multiply_add, to_float32, with_precision_of
from evolvent.networks.activations import ACTIVATIONS
from evolvent.networks.base import Forward, Memory
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
from evolvent.seeding import Stream

__all__ = ["MAX_LAYERS", "MAX_NEURONS", "MLP", "Initialiser"]

MAX_LAYERS = 32  # each calls the next, and the compiler's depth of recursion is limited


@dataclass(frozen=True, slots=True, kw_only=True)
class MLP:
    """A multilayer perceptron: each layer is `activation(inputs @ weights + biases)`.

    A row holds, layer by layer, the weights `(inputs, outputs)` in C order and then the biases `(outputs,)`, if there are any.
    A sum begins with the bias and adds the inputs in order, in float32, product and sum rounded once (`multiply_add`), so
    its bits do not depend on how it is run.

    Args:
        sizes: Inputs, hidden layers, outputs: `(4, 16, 2)` is the network of one hidden layer of 16.
        activation: Of the hidden layers, a name in `ACTIVATIONS`.
        output_activation: Of the last layer.
        biases: Whether each sum has one; without, a row has only weights.
        initialiser: Of the weights; biases begin at zero. "normal" is N(0, 1), "fan_in" N(0, 1 / inputs), "zeros" zero.

    Raises:
        UsageError: A size is not positive, or a name is unknown.

    Examples:
        >>> network = MLP(sizes=(4, 16, 2))
        >>> network.dim
        114
    """

    sizes: tuple[int, ...]
    activation: str = "relu"
    output_activation: str = "identity"
    biases: bool = True
    initialiser: Initialiser = "normal"

    def __post_init__(self) -> None:
        """Refuse sizes and names that make no network."""
        object.__setattr__(self, "sizes", tuple(self.sizes))
        if len(self.sizes) < 2 or min(self.sizes) < 1:
            raise UsageError(f"sizes: expected inputs, hidden layers and outputs, all positive, got {self.sizes}")
        if len(self.sizes) > MAX_LAYERS or sum(self.sizes) > MAX_NEURONS:
            raise UsageError(
                f"sizes: expected at most {MAX_LAYERS} layers and {MAX_NEURONS:,} neurons in all,"
                f" got {len(self.sizes):,} and {sum(self.sizes):,}"
            )
        refuse_too_many("sizes", self.sizes, outputs=self.num_outputs, dim=self.dim)
        refuse_odd_names(self.activation, self.output_activation, self.initialiser)

    @property
    def num_inputs(self) -> int:
        """How many values go in."""
        return self.sizes[0]

    @property
    def num_outputs(self) -> int:
        """How many values come out."""
        return self.sizes[-1]

    @property
    def dim(self) -> int:
        """How many parameters a row holds."""
        return dim_of(self._parts())

    @property
    def initial_memory(self) -> Memory:
        """Nothing is remembered."""
        return ()

    def forward(self) -> Forward:
        """Return the forward pass, bound to this network's sizes."""
        through = bind(_outputs, WIDTH=self.num_outputs)
        starts = starts_of(self._parts())
        last = len(self.sizes) - 2
        for index in reversed(range(last + 1)):
            inputs, outputs = self.sizes[index : index + 2]
            layer = bind(
                _layer if self.biases else _unbiased_layer,
                INPUTS=inputs,
                OUTPUTS=outputs,
                WEIGHTS=starts[f"layer{index}.weights"],
                ACTIVATION=ACTIVATIONS[self.output_activation if index == last else self.activation],
                **({"BIASES": starts[f"layer{index}.biases"]} if self.biases else {}),
            )
            through = bind(_through, WIDTH=outputs, LAYER=layer, REST=through)
        return bind(_forward, WIDTH=self.num_inputs, LAYERS=through)

    def initialise(self, population_size: int, stream: Stream) -> Population:
        """Return first rows `(population_size, dim)`, weights drawn as `initialiser` says, biases zero."""
        return initialised(self._parts(), self.initialiser, population_size, stream)

    def named_views(self, row: Row) -> dict[str, NDArray[np.float32]]:
        """Return the parts of `row (dim,)` as `layer0.weights (inputs, outputs)`, `layer0.biases (outputs,)`, ..."""
        return views_of(self._parts(), row)

    def groups(self) -> Indices:
        """Return for each parameter `(dim,)` the number of the neuron whose input weight or bias it is."""
        return groups_of(self._parts())

    def _parts(self) -> list[Part]:
        parts: list[Part] = []
        first = 0
        for index, (inputs, outputs) in enumerate(zip(self.sizes, self.sizes[1:], strict=False)):
            parts.append(Part(f"layer{index}.weights", (inputs, outputs), inputs, first, outputs))
            if self.biases:
                parts.append(Part(f"layer{index}.biases", (outputs,), inputs, first, outputs))
            first += outputs
        return parts


# --- the forward pass, over values; the names in capitals are bound by MLP.forward ---------------------------------

INPUTS = OUTPUTS = WEIGHTS = BIASES = WIDTH = 0
ACTIVATION: Any = None
LAYER: Any = None
LAYERS: Any = None
REST: Any = None


def _forward(row: Any, memory: Memory, inputs: Any) -> tuple[tuple[Any, ...], Memory]:
    values = buffer(row[0], WIDTH)
    for i in range(WIDTH):
        values[i] = to_float32(inputs[i])
    return LAYERS(row, values), memory


def _through(row: Any, inputs: Any) -> tuple[Any, ...]:
    outputs = buffer(row[0], WIDTH)
    LAYER(row, inputs, outputs)
    return REST(row, outputs)


def _outputs(row: Any, values: Any) -> tuple[Any, ...]:  # noqa: ARG001
    return as_tuple(values, WIDTH)


def _layer(row: Any, inputs: Any, outputs: Any) -> None:
    for j in range(OUTPUTS):
        outputs[j] = row[BIASES + j]
    for i in range(INPUTS):
        x = inputs[i]
        for j in range(OUTPUTS):
            outputs[j] = multiply_add(x, row[WEIGHTS + i * OUTPUTS + j], outputs[j])
    for j in range(OUTPUTS):
        outputs[j] = ACTIVATION(outputs[j])


def _unbiased_layer(row: Any, inputs: Any, outputs: Any) -> None:
    for j in range(OUTPUTS):
        outputs[j] = with_precision_of(row[0], 0.0)
    for i in range(INPUTS):
        x = inputs[i]
        for j in range(OUTPUTS):
            outputs[j] = multiply_add(x, row[WEIGHTS + i * OUTPUTS + j], outputs[j])
    for j in range(OUTPUTS):
        outputs[j] = ACTIVATION(outputs[j])
