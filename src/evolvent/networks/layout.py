"""How a network's parameters lie in its row: parts by name, one after the other."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Indices, Population, Row
from evolvent.errors import UsageError, did_you_mean
from evolvent.networks.activations import ACTIVATIONS
from evolvent.seeding import Stream

Initialiser = Literal["normal", "fan_in", "zeros"]

MAX_PARAMETERS = 50_000_000
MAX_OUTPUTS = 512  # they are a tuple, which takes long to compile beyond
MAX_NEURONS = 65_536  # their values lie on the stack, and a thread's stack is small


class Part(NamedTuple):
    """Weights or biases.

    Args:
        name: Under which files and views have them.
        shape: `(inputs, outputs)` of weights, `(outputs,)` of biases.
        fan_in: How many numbers each output is the weighted sum of.
        first: Number of the neuron that the first output belongs to.
        neurons: How many neurons the outputs belong to; a neuron with several gates has an output of each.
    """

    name: str
    shape: tuple[int, ...]
    fan_in: int
    first: int
    neurons: int

    @property
    def size(self) -> int:
        """How many parameters these are."""
        return math.prod(self.shape)


def dim_of(parts: Sequence[Part]) -> int:
    """Return how many parameters a row holds."""
    return sum(part.size for part in parts)


def starts_of(parts: Sequence[Part]) -> dict[str, int]:
    """Return where in a row each part begins."""
    starts: dict[str, int] = {}
    start = 0
    for part in parts:
        starts[part.name] = start
        start += part.size
    return starts


def views_of(parts: Sequence[Part], row: Row) -> dict[str, NDArray[np.float32]]:
    """Return the parts of `row (dim,)` by name and in their shape, without a copy."""
    starts = starts_of(parts)
    return {part.name: row[starts[part.name] :][: part.size].reshape(part.shape) for part in parts}


def groups_of(parts: Sequence[Part]) -> Indices:
    """Return for each parameter `(dim,)` the number of the neuron whose input weight or bias it is."""
    numbers = [part.first + np.arange(part.size) % part.shape[-1] % part.neurons for part in parts]
    return np.concatenate(numbers).astype(np.int64)


def initialised(parts: Sequence[Part], initialiser: Initialiser, population_size: int, stream: Stream) -> Population:
    """Return first rows `(population_size, dim)`, weights drawn as `initialiser` says, biases zero.

    Args:
        parts: Of a row.
        initialiser: "normal" draws from N(0, 1), "fan_in" from N(0, 1 / fan_in), "zeros" draws nothing.
        population_size: How many rows.
        stream: From which they are drawn.
    """
    rows = np.zeros((population_size, dim_of(parts)), np.float32)
    noise = stream.normal(rows.shape) if initialiser != "zeros" else rows
    starts = starts_of(parts)
    for part in parts:
        if len(part.shape) == 2:
            weights = slice(starts[part.name], starts[part.name] + part.size)
            scale = 1 / math.sqrt(part.fan_in) if initialiser == "fan_in" else 1.0
            rows[:, weights] = noise[:, weights] * np.float32(scale)
    return rows


def refuse_odd_names(activation: str, output_activation: str, initialiser: str) -> None:
    """Refuse names that no activation or initialiser has.

    Raises:
        UsageError: One is unknown; the nearest known one is named.
    """
    refuse_unknown("activation", activation, ACTIVATIONS)
    refuse_unknown("output_activation", output_activation, ACTIVATIONS)
    refuse_unknown("initialiser", initialiser, get_args(Initialiser))


def refuse_unknown(argument: str, name: str, known: Collection[str]) -> None:
    """Refuse a name that is not one of those known.

    Raises:
        UsageError: It is not; the nearest known one is named.
    """
    if name not in known:
        raise UsageError(f"{argument}: {name!r} is unknown{did_you_mean(name, known)}; known: {', '.join(known)}")


def refuse_too_many(argument: str, sizes: object, *, outputs: int, dim: int) -> None:
    """Refuse more outputs or parameters than can be.

    Raises:
        UsageError: There are more.
    """
    if outputs > MAX_OUTPUTS:
        raise UsageError(f"{argument}: expected at most {MAX_OUTPUTS} outputs, got {outputs:,}")
    if dim > MAX_PARAMETERS:
        raise UsageError(f"{argument}: {sizes} makes {dim:,} parameters; at most {MAX_PARAMETERS:,} are possible")
