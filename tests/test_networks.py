import math
from typing import Any

import numpy as np
import pytest

from evolvent.errors import UsageError
from evolvent.jit import specialise
from evolvent.networks import MLP
from evolvent.networks.activations import ACTIVATIONS
from evolvent.networks.mlp import Initialiser
from evolvent.policies.acting import compile_act
from evolvent.seeding import stream
from evolvent.spaces import Box, Discrete
from tests.reference import mlp

FORWARD: Any = None

SHAPES = [(1, 1), (3, 2), (4, 16, 2), (2, 5, 3, 4), (3, 1, 7, 1, 2)]


def _outputs(row, observation, out):
    values, _ = FORWARD(row, (), observation)
    for k in range(len(out)):
        out[k] = values[k]


def outputs(network, row, inputs):
    run = specialise(_outputs, FORWARD=network.forward())
    out = np.empty((len(inputs), network.num_outputs), np.float32)
    for observation, values in zip(inputs, out, strict=True):
        run(row, observation, values)
    return out


def example(network, count=8):
    row = stream(1, "row").normal((network.dim,))
    return row, stream(1, "inputs").normal((count, network.num_inputs)).astype(np.float64)


@pytest.mark.parametrize("activation", ["identity", "relu"])
@pytest.mark.parametrize("sizes", SHAPES)
def test_sums_are_those_of_the_plain_network_to_the_bit(sizes, activation):
    network = MLP(sizes=sizes, activation=activation)
    row, inputs = example(network)
    expected = np.array([mlp.forward(network, row, each) for each in inputs])
    assert expected.dtype == np.float32
    assert outputs(network, row, inputs).tobytes() == expected.tobytes()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_outputs_are_those_of_the_network_in_float64_but_for_rounding(activation):
    network = MLP(sizes=(2, 5, 3, 4), activation=activation, output_activation=activation)
    row, inputs = example(network)
    expected = [mlp.forward(network, row.astype(np.float64), each) for each in inputs]
    np.testing.assert_allclose(outputs(network, row, inputs), expected, rtol=2e-5, atol=5e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_within_a_float32_of_its_formula(name):
    x = np.linspace(-30, 30, 601).astype(np.float32)
    with np.errstate(all="ignore"):
        values = ACTIVATIONS[name](x)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, mlp.ACTIVATIONS[name](x.astype(np.float64)), rtol=2e-6, atol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_overflows_nowhere_and_keeps_nan(name):
    ends = np.array([-3e38, -1e4, 1e4, 3e38, np.nan], np.float32)
    with np.errstate(all="ignore"):
        values = ACTIVATIONS[name](ends)
    assert np.isfinite(values[:4]).all()
    assert np.isnan(values[4])


def test_relu_of_infinities():
    assert ACTIVATIONS["relu"](np.array([-np.inf, np.inf], np.float32)).tolist() == [0.0, math.inf]


def test_the_named_views_are_views_on_the_row():
    network = MLP(sizes=(3, 4, 2))
    row = np.arange(network.dim, dtype=np.float32)
    views = network.named_views(row)
    assert {name: view.shape for name, view in views.items()} == {
        "layer0.weights": (3, 4),
        "layer0.biases": (4,),
        "layer1.weights": (4, 2),
        "layer1.biases": (2,),
    }
    assert np.concatenate([view.ravel() for view in views.values()]).tolist() == row.tolist()
    views["layer1.weights"][2, 1] = -7
    assert row[16 + 2 * 2 + 1] == -7
    assert all(np.shares_memory(view, row) for view in views.values())


def test_a_view_names_what_the_forward_pass_uses():
    network = MLP(sizes=(2, 3, 2))
    row = np.zeros(network.dim, np.float32)
    views = network.named_views(row)
    views["layer0.weights"][1, 2] = 2
    views["layer1.weights"][2, 0] = 5
    views["layer1.biases"][1] = 0.25
    assert outputs(network, row, np.array([[9.0, 3.0]])).tolist() == [[30.0, 0.25]]


def test_groups_are_the_weights_and_the_bias_of_one_neuron():
    network = MLP(sizes=(3, 4, 2))
    groups = network.groups()
    assert groups.shape == (network.dim,)
    named = network.named_views(groups)  # pyright: ignore[reportArgumentType] - any row will do
    assert named["layer0.weights"].tolist() == [[0, 1, 2, 3]] * 3
    assert named["layer0.biases"].tolist() == [0, 1, 2, 3]
    assert named["layer1.weights"].tolist() == [[4, 5]] * 4
    assert named["layer1.biases"].tolist() == [4, 5]


def test_initial_weights_have_the_spread_of_their_name_and_biases_are_zero():
    spread_of: dict[Initialiser, tuple[float, float]] = {
        "normal": (1.0, 1.0),
        "fan_in": (1 / 4, 1 / math.sqrt(50)),
        "zeros": (0.0, 0.0),
    }
    for initialiser, spreads in spread_of.items():
        network = MLP(sizes=(16, 50, 3), initialiser=initialiser)
        rows = network.initialise(20, stream(0, "first"))
        assert rows.shape == (20, network.dim)
        assert rows.dtype == np.float32
        parts = [network.named_views(row) for row in rows]
        for layer, spread in enumerate(spreads):
            weights = np.concatenate([part[f"layer{layer}.weights"].ravel() for part in parts])
            assert abs(weights.std() - spread) <= 4 * spread / math.sqrt(2 * weights.size)
            assert abs(weights.mean()) <= 4 * spread / math.sqrt(weights.size)
            assert not any(part[f"layer{layer}.biases"].any() for part in parts)


def test_a_first_row_depends_on_no_other():
    network = MLP(sizes=(4, 16, 2), initialiser="fan_in")
    few, many = (network.initialise(count, stream(3, "first")) for count in (2, 5))
    assert few.tobytes() == many[:2].tobytes()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sizes": (4,)}, r"sizes: .* got \(4,\)"),
        ({"sizes": ()}, r"sizes: .* got \(\)"),
        ({"sizes": (4, 0, 2)}, r"sizes: .* got \(4, 0, 2\)"),
        ({"sizes": (4, -1, 2)}, r"sizes: .* got \(4, -1, 2\)"),
        ({"sizes": (10_000, 10_000, 2)}, "sizes: .* 100,030,002 parameters"),
        ({"sizes": (4, 513)}, "sizes: expected at most 512 outputs, got 513"),
        ({"sizes": (4, 2), "activation": "tahn"}, "^activation: 'tahn' is unknown; did you mean \"tanh\""),
        ({"sizes": (4, 2), "output_activation": "ReLu"}, "^output_activation: 'ReLu' is unknown; did you mean \"relu\""),
        ({"sizes": (4, 2), "initialiser": "fanin"}, "^initialiser: 'fanin' is unknown; did you mean \"fan_in\""),
    ],
)
def test_sizes_and_names_that_make_no_network_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        MLP(**settings)


# --- acting ---


def act(network, row, observations, space):
    actions = np.empty((len(observations), space.size))
    return compile_act(network, space)(row, observations, actions), actions


def test_acting_takes_the_largest_output_the_first_of_equals():
    network = MLP(sizes=(4, 16, 3))
    row, inputs = example(network, 50)
    finite, actions = act(network, row, inputs, Discrete(n=3))
    assert finite
    assert actions[:, 0].tolist() == np.argmax(outputs(network, row, inputs), axis=1).tolist()
    assert len(set(actions[:, 0].tolist())) == 3
    assert act(network, np.zeros_like(row), inputs, Discrete(n=3))[1].any() == False  # noqa: E712 - NumPy's


def test_acting_in_a_box_clips_each_output():
    network = MLP(sizes=(4, 2))
    row, inputs = example(network, 50)
    _, actions = act(network, row, inputs, Box(low=(-0.5, -math.inf), high=(0.25, math.inf), shape=(2,)))
    expected = outputs(network, row, inputs).astype(np.float64)
    assert actions[:, 0].tolist() == np.clip(expected[:, 0], -0.5, 0.25).tolist()
    assert actions[:, 1].tolist() == expected[:, 1].tolist()
    assert {-0.5, 0.25} < set(actions[:, 0].tolist())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_acting_tells_of_observations_and_parameters_that_are_not_finite(bad):
    network = MLP(sizes=(4, 8, 2), activation="tanh")
    row, inputs = example(network, 3)
    assert act(network, row, inputs, Discrete(n=2))[0]
    inputs[1, 2] = bad
    assert not act(network, row, inputs, Discrete(n=2))[0]
    inputs[1, 2] = 0.5
    network.named_views(row)["layer1.biases"][0] = bad
    assert not act(network, row, inputs, Discrete(n=2))[0]
