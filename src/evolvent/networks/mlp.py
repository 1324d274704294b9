"""Multilayer perceptrons of any depth."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Indices, Population, Row
from evolvent.errors import UsageError, did_you_mean
from evolvent.jit import bind
from evolvent.lanes import as_tuple, buffer, multiply_add, to_float32
from evolvent.networks.activations import ACTIVATIONS
from evolvent.networks.base import Forward, Memory
from evolvent.seeding import Stream

Initialiser = Literal["normal", "fan_in", "zeros"]

MAX_PARAMETERS = 50_000_000
MAX_OUTPUTS = 512  # they are a tuple, which takes long to compile beyond
MAX_NEURONS = 65_536  # their values lie on the stack, and a thread's stack is small
MAX_LAYERS = 32  # each calls the next, and the compiler's depth of recursion is limited


@dataclass(frozen=True, slots=True, kw_only=True)
class MLP:
    """A multilayer perceptron: each layer is `activation(inputs @ weights + biases)`.

    A row holds, layer by layer, the weights `(inputs, outputs)` in C order and then the biases `(outputs,)`.
    A sum begins with the bias and adds the inputs in order, in float32, product and sum rounded once (`multiply_add`), so
    its bits do not depend on how it is run.

    Args:
        sizes: Inputs, hidden layers, outputs: `(4, 16, 2)` is the network of one hidden layer of 16.
        activation: Of the hidden layers, a name in `ACTIVATIONS`.
        output_activation: Of the last layer.
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
        if self.num_outputs > MAX_OUTPUTS:
            raise UsageError(f"sizes: expected at most {MAX_OUTPUTS} outputs, got {self.num_outputs:,}")
        if self.dim > MAX_PARAMETERS:
            raise UsageError(f"sizes: {self.sizes} makes {self.dim:,} parameters; at most {MAX_PARAMETERS:,} are possible")
        _refuse_unknown("activation", self.activation, ACTIVATIONS)
        _refuse_unknown("output_activation", self.output_activation, ACTIVATIONS)
        _refuse_unknown("initialiser", self.initialiser, get_args(Initialiser))

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
        return sum((inputs + 1) * outputs for inputs, outputs in self._layers())

    @property
    def initial_memory(self) -> Memory:
        """Nothing is remembered."""
        return ()

    def forward(self) -> Forward:
        """Return the forward pass, bound to this network's sizes."""
        through = bind(_outputs, WIDTH=self.num_outputs)
        start = self.dim
        last = len(self.sizes) - 2
        for index, (inputs, outputs) in reversed(list(enumerate(self._layers()))):
            start -= (inputs + 1) * outputs
            name = self.output_activation if index == last else self.activation
            sizes = {"INPUTS": inputs, "OUTPUTS": outputs, "WEIGHTS": start, "BIASES": start + inputs * outputs}
            layer = bind(_layer, **sizes, ACTIVATION=ACTIVATIONS[name])
            through = bind(_through, WIDTH=outputs, LAYER=layer, REST=through)
        return bind(_forward, WIDTH=self.num_inputs, LAYERS=through)

    def initialise(self, population_size: int, stream: Stream) -> Population:
        """Return first rows `(population_size, dim)`, weights drawn as `initialiser` says, biases zero."""
        rows = np.zeros((population_size, self.dim), np.float32)
        noise = stream.normal(rows.shape) if self.initialiser != "zeros" else rows
        start = 0
        for inputs, outputs in self._layers():
            weights = slice(start, start + inputs * outputs)
            scale = 1 / math.sqrt(inputs) if self.initialiser == "fan_in" else 1.0
            rows[:, weights] = noise[:, weights] * np.float32(scale)
            start += (inputs + 1) * outputs
        return rows

    def named_views(self, row: Row) -> dict[str, NDArray[np.float32]]:
        """Return the parts of `row (dim,)` as `layer0.weights (inputs, outputs)`, `layer0.biases (outputs,)`, ..."""
        views: dict[str, NDArray[np.float32]] = {}
        start = 0
        for index, (inputs, outputs) in enumerate(self._layers()):
            middle, end = start + inputs * outputs, start + (inputs + 1) * outputs
            views[f"layer{index}.weights"] = row[start:middle].reshape(inputs, outputs)
            views[f"layer{index}.biases"] = row[middle:end]
            start = end
        return views

    def groups(self) -> Indices:
        """Return for each parameter `(dim,)` the number of the neuron whose input weight or bias it is."""
        groups: list[NDArray[np.int64]] = []
        first = 0
        for inputs, outputs in self._layers():
            neurons = np.arange(first, first + outputs)
            groups += [np.tile(neurons, inputs), neurons]
            first += outputs
        return np.concatenate(groups)

    def _layers(self) -> list[tuple[int, int]]:
        return list(zip(self.sizes, self.sizes[1:], strict=False))


def _refuse_unknown(argument: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise UsageError(f"{argument}: {name!r} is unknown{did_you_mean(name, known)}; known: {', '.join(known)}")


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
