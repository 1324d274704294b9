"""Networks that remember as one would write them with NumPy, in the precision of their row: (outputs, memory) of a step."""

import numpy as np

from tests.reference.mlp import ACTIVATIONS


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def recurrent(network, parts, memory, x):
    sums = x @ parts["input_weights"] + memory @ parts["unit_weights"] + parts.get("biases", 0)
    units = ACTIVATIONS[network.activation](sums)
    return units[: network.num_outputs], units


def elman(network, parts, memory, x):
    sums = x @ parts["input_weights"] + memory @ parts["hidden_weights"] + parts.get("hidden_biases", 0)
    hidden = ACTIVATIONS[network.activation](sums)
    return output(network, parts, hidden), hidden


def gru(network, parts, memory, x):
    from_x = x @ parts["input_weights"] + parts.get("gate_biases", 0)
    from_h = memory @ parts["hidden_weights"]
    (xr, xz, xn), (hr, hz, hn) = np.split(from_x, 3), np.split(from_h, 3)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    n = np.tanh(xn + r * (hn + parts.get("hidden_biases", 0)))
    hidden = (1 - z) * n + z * memory
    return output(network, parts, hidden), hidden


def lstm(network, parts, memory, x):
    h, c = np.split(memory, 2)
    i, f, g, o = np.split(x @ parts["input_weights"] + h @ parts["hidden_weights"] + parts.get("gate_biases", 0), 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return output(network, parts, h), np.concatenate([h, c])


def output(network, parts, hidden):
    return ACTIVATIONS[network.output_activation](hidden @ parts["output_weights"] + parts.get("output_biases", 0))


STEPS = {"Recurrent": recurrent, "Elman": elman, "GRU": gru, "LSTM": lstm}


def outputs(network, row, sequence):
    """Return the outputs after each step of a sequence `(time, inputs)`."""
    step, parts = STEPS[type(network).__name__], network.named_views(row)
    memory, found = np.array(network.initial_memory, row.dtype), []
    for x in sequence.astype(row.dtype):
        out, memory = step(network, parts, memory, x)
        found.append(out)
    return np.array(found)
