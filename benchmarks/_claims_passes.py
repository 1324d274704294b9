"""Claim 1: forward passes alone are needed, and the backward pass costs the most."""

from __future__ import annotations

import itertools
import statistics
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from _claims_searches import GRADIENT, Outcome, Problem, Vector, descent, median, within
from _harness import block, tell
from numpy.typing import NDArray

import evolvent as ev

Values = NDArray[Any]
Sizes = tuple[int, ...]
Layers = list[tuple[Values, Values]]

CASES: tuple[tuple[Sizes, int], ...] = (
    ((4, 16, 2), 1),
    ((4, 16, 2), 256),
    ((64, 64, 64, 8), 1),
    ((64, 64, 64, 8), 256),
    ((784, 256, 256, 10), 1),
    ((784, 256, 256, 10), 256),
)
AT_ONCE = 10  # calls between two looks at the clock
LEARNT = 0.1  # of the loss that it began with
ROWS = 500
BUDGET = 20_000
BREEDING = {
    "population": 10,
    "genetic": {
        "selection": "truncation:num_parents=1",
        "mutation": "gaussian:strength=0.1",
        "strength": "self_adaptive:learning_rate=0.3",
    },
}


# --- a network in NumPy, with a backward pass written by hand ---------------------------------------------------------


def layers_of(row: Values, sizes: Sizes) -> Layers:
    """Return the weights and biases of each layer, as views of a row laid out as `evolvent.MLP` has it."""
    layers: Layers = []
    for inputs, outputs in itertools.pairwise(sizes):
        weights, biases, row = np.split(row, [inputs * outputs, (inputs + 1) * outputs])
        layers.append((weights.reshape(inputs, outputs), biases))
    return layers


def forward(layers: Layers, inputs: Values, labels: NDArray[np.int64]) -> float:
    """Return the mean cross-entropy [nats]; relu after each layer but the last. Nothing is kept."""
    values = inputs
    for weights, biases in layers[:-1]:
        values = values @ weights
        values += biases
        np.maximum(values, 0, out=values)
    return _cross_entropy(values @ layers[-1][0] + layers[-1][1], labels)[0]


def forward_and_backward(layers: Layers, inputs: Values, labels: NDArray[np.int64], gradient: Layers) -> float:
    """Return the mean cross-entropy [nats], and put its gradient into arrays like the weights and biases."""
    kept = [inputs]  # what each layer was given: the backward pass needs all of it
    for weights, biases in layers[:-1]:
        values = kept[-1] @ weights
        values += biases
        np.maximum(values, 0, out=values)
        kept.append(values)
    loss, slope = _cross_entropy(kept[-1] @ layers[-1][0] + layers[-1][1], labels)
    slope[np.arange(len(labels)), labels] -= 1
    slope /= len(labels)
    for index in reversed(range(len(layers))):
        weights, biases = gradient[index]
        np.matmul(kept[index].T, slope, out=weights)
        np.sum(slope, axis=0, out=biases)
        if index:
            slope = slope @ layers[index][0].T
            slope *= kept[index] > 0
    return loss


def gradient_of(row: Values, sizes: Sizes, inputs: Values, labels: NDArray[np.int64]) -> Values:
    """Return the gradient of the mean cross-entropy [nats], laid out like the row."""
    gradient = np.empty_like(row)
    forward_and_backward(layers_of(row, sizes), inputs, labels, layers_of(gradient, sizes))
    return gradient


def _cross_entropy(outputs: Values, labels: NDArray[np.int64]) -> tuple[float, Values]:
    """Return the mean cross-entropy [nats], and softmax of the outputs in their place."""
    outputs -= outputs.max(axis=1, keepdims=True)
    own = outputs[np.arange(len(labels)), labels]
    np.exp(outputs, out=outputs)
    sums = outputs.sum(axis=1, keepdims=True)
    outputs /= sums
    return float((np.log(sums[:, 0]) - own).mean()), outputs


# --- what a pass costs ------------------------------------------------------------------------------------------------


def passes(rounds: int, block_seconds: float) -> list[dict[str, Any]]:
    """Return what the passes of each network cost."""
    return [timed(*case, rounds, block_seconds) for case in CASES]


def timed(sizes: Sizes, batch: int, rounds: int, block_seconds: float) -> dict[str, Any]:
    """Return the time of a forward pass, and with the backward pass, in turns, and the memory of both."""
    rng = np.random.default_rng(0)
    row = ev.MLP(sizes=sizes, initialiser="fan_in").initialise(1, ev.stream(0, "initial"))[0]
    layers = layers_of(row, sizes)
    inputs = rng.normal(size=(batch, sizes[0])).astype(np.float32)
    labels = rng.integers(0, sizes[-1], batch)
    gradient = np.empty_like(row)
    into = layers_of(gradient, sizes)
    turns = [lambda: forward(layers, inputs, labels), lambda: forward_and_backward(layers, inputs, labels, into)]
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for turn, times in zip(turns, seconds, strict=True):
            count, elapsed = block(lambda turn=turn: _again(turn), block_seconds)
            times.append(elapsed / count)
    return {
        "network": "-".join(map(str, sizes)),
        "parameters": len(row),
        "batch": batch,
        "forward_seconds": statistics.median(seconds[0]),
        "both_seconds": statistics.median(seconds[1]),
        "both_over_forward": statistics.median(both / one for one, both in zip(*seconds, strict=True)),
        "forward_bytes": _peak(turns[0]),
        "both_bytes": _peak(turns[1]) + gradient.nbytes,
    }


def _again(turn: Callable[[], Any]) -> int:
    for _ in range(AT_ONCE):
        turn()
    return AT_ONCE


def _peak(turn: Callable[[], Any]) -> int:
    """Return the most memory that a turn asks for at once [bytes]."""
    turn()
    tracemalloc.start()
    try:
        turn()
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        turn()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


# --- how many passes are needed in exchange ---------------------------------------------------------------------------


class Data(NamedTuple):
    """Rows to be told apart, and the network that learns it."""

    name: str
    inputs: Vector
    labels: NDArray[np.int64]
    sizes: Sizes


def moons(seed: int) -> Data:
    """Return two half circles that reach into one another."""
    rng = np.random.default_rng(seed)
    angles, labels = rng.uniform(0, np.pi, ROWS), np.arange(ROWS) % 2
    upper = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    inputs = np.where(labels[:, np.newaxis] == 0, upper, [1.0, 0.5] - upper) + 0.1 * rng.normal(size=(ROWS, 2))
    return Data("moons", inputs, labels, (2, 16, 2))


def clusters(features: int, classes: int, seed: int) -> Data:
    """Return round clusters, two of each class."""
    rng = np.random.default_rng(seed)
    centres, which = rng.normal(size=(2 * classes, features)), np.arange(ROWS) % (2 * classes)
    inputs = centres[which] + 0.3 * rng.normal(size=(ROWS, features))
    return Data(f"{2 * classes} clusters", inputs, which % classes, (features, features // 2, classes))


def learn(seeds: int) -> list[dict[str, Any]]:
    """Return how many forward passes over all rows both searches need until the loss is a tenth of the first."""
    makers: tuple[Callable[[int], Data], ...] = (
        moons,
        lambda seed: clusters(16, 4, seed),
        lambda seed: clusters(64, 10, seed),
    )
    found: list[dict[str, Any]] = []
    for make in makers:
        runs = [_learnt(make(seed), seed) for seed in range(seeds)]
        evolved, descended = (median(outcomes) for outcomes in zip(*runs, strict=True))
        sizes = make(0).sizes
        network = ev.MLP(sizes=sizes)
        found.append(
            {
                "data": make(0).name,
                "network": "-".join(map(str, sizes)),
                "parameters": network.dim,
                "evolution": evolved,
                "descent": descended,
            }
        )
        tell(f"{found[-1]['data']}: {evolved} passes by evolution, {descended} by gradient descent")
    return found


def _learnt(data: Data, seed: int) -> tuple[Outcome, Outcome]:
    network = ev.MLP(sizes=data.sizes, initialiser="fan_in")
    start = network.initialise(1, ev.stream(seed, "initial"))[0].astype(np.float64)
    target = LEARNT * forward(layers_of(start, data.sizes), data.inputs, data.labels)
    problem = Problem(
        lambda row: forward(layers_of(row, data.sizes), data.inputs, data.labels),
        lambda row: gradient_of(row, data.sizes, data.inputs, data.labels),
        network.dim,
        target,
    )
    run = ev.evolve(
        ev.Supervised(data.inputs, data.labels, loss="cross_entropy"),
        hidden=data.sizes[1:-1],
        initialiser="fan_in",
        generations=BUDGET // BREEDING["population"],
        target=-target,
        seed=seed,
        runs_dir=None,
        **BREEDING,
    )
    evolved = run.progress.training_steps // ROWS if run.solved else None
    return Outcome(within(evolved, BUDGET), -run.score.mean), descent(problem, iter([start]), budget=BUDGET)


def measure(seeds: int, rounds: int, block_seconds: float) -> dict[str, Any]:
    """Return all that the claim is judged by."""
    return {"gradient_charged_as": GRADIENT, "passes": passes(rounds, block_seconds), "learning": learn(seeds)}


def rows(found: dict[str, Any]) -> list[Sequence[Any]]:
    """Return the lines of the table."""
    lines: list[Sequence[Any]] = []
    for each in found["passes"]:
        case = f"{each['network']}, batch {each['batch']}"
        one, both = 1e6 * each["forward_seconds"], 1e6 * each["both_seconds"]
        lines.append(("1 passes", f"{case} [µs]", one, both, each["both_over_forward"]))
        one, both = each["forward_bytes"] / 1e3, each["both_bytes"] / 1e3
        lines.append(("1 passes", f"{case} [kB]", one, both, both / one))
    for each in found["learning"]:
        ours, theirs = each["evolution"], each["descent"]
        lines.append(
            ("1 passes", f"{each['data']}, {each['network']}", ours, theirs, ours / theirs if ours and theirs else None)
        )
    return lines
