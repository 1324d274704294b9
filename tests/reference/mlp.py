"""A multilayer perceptron as one would write it with NumPy, in any precision."""

from itertools import pairwise

import numpy as np

ACTIVATIONS = {
    "identity": lambda x: x,
    "relu": lambda x: np.where(x > 0, x, np.zeros_like(x)),
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": lambda x: np.logaddexp(x, 0),
    "gelu": lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "softsign": lambda x: x / (1 + np.abs(x)),
}


def parts(sizes, row):
    """Return weights `(inputs, outputs)` and biases of each layer."""
    layers, start = [], 0
    for inputs, outputs in pairwise(sizes):
        weights = row[start : start + inputs * outputs].reshape(inputs, outputs)
        start += inputs * outputs
        layers.append((weights, row[start : start + outputs]))
        start += outputs
    assert start == len(row)
    return layers


def forward(network, row, inputs):
    """Return the outputs, adding bias and inputs in order, in the precision of `row`."""
    layers = parts(network.sizes, row)
    values = inputs.astype(row.dtype)
    for index, (weights, biases) in enumerate(layers):
        total = biases.copy()
        for x, from_x in zip(values, weights, strict=True):
            total = (np.float64(x) * from_x + total).astype(row.dtype)  # product and sum are rounded once
        values = ACTIVATIONS[network.output_activation if index == len(layers) - 1 else network.activation](total)
    return values
