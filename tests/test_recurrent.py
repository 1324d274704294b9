"""Networks that remember: their formulas, the same bits on every path, and a memory that ends with its episode."""

from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pytest

import evolvent as ev
from evolvent.envs import Env, EnvSpec
from evolvent.errors import FileRefused, UsageError
from evolvent.evaluation import Conditions
from evolvent.files import pack_tensors, parse_json, read_tensors
from evolvent.files.strict_json import dump_json
from evolvent.jit import COMPILES
from evolvent.networks import GRU, LSTM, NETWORKS, Elman, Recurrent, in_words, make_network
from evolvent.policies.acting import compile_last_outputs
from evolvent.policies.actions import action_rule
from evolvent.seeding import Draw, stream, uniform
from evolvent.spaces import Box
from evolvent.tasks import CompiledEnv, MujocoEnv
from evolvent.tasks.gym_env import GymEnv
from tests.reference import recurrent as slow

LANES = 4 if COMPILES else 1
KINDS = ("recurrent", "elman", "gru", "lstm")


def network_of(kind, inputs=2, hidden=3, outputs=1, **settings):
    return make_network(kind, inputs, (hidden,), outputs, **settings)


def row_of(network, seed=0):
    return stream(seed, "row").normal((network.dim,))


def stepped(network, row, sequence):
    """Return the outputs after each step, by the text as it stands in Python."""
    memory, found, forward = network.initial_memory, [], network.forward()
    for inputs in sequence:
        outputs, memory = forward(row, memory, inputs)
        found.append(outputs)
    return np.array(found)


# --- the formulas ---


@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_a_network_is_its_formula_but_for_rounding(kind, biases):
    network = network_of(kind, inputs=3, hidden=5, outputs=2, biases=biases)
    row, sequence = row_of(network), stream(1, "x").normal((7, 3)).astype(np.float64)
    expected = slow.outputs(network, row.astype(np.float64), sequence)
    np.testing.assert_allclose(stepped(network, row, sequence), expected, rtol=2e-5, atol=5e-6)
    assert np.abs(np.diff(expected, axis=0)).max() > 0.1


def test_names_of_activations_mean_the_same_in_them():
    for network in (
        Recurrent(num_inputs=2, units=3, num_outputs=2, activation="softsign"),
        Elman(sizes=(2, 3, 2), activation="sigmoid", output_activation="tanh"),
        GRU(sizes=(2, 3, 2), output_activation="tanh"),
        LSTM(sizes=(2, 3, 2), output_activation="sigmoid"),
    ):
        row, sequence = row_of(network), stream(1, "x").normal((4, 2)).astype(np.float64)
        expected = slow.outputs(network, row.astype(np.float64), sequence)
        np.testing.assert_allclose(stepped(network, row, sequence), expected, rtol=2e-5, atol=5e-6)


@pytest.mark.interop
@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_weights_can_be_taken_from_torch_and_mean_the_same(kind):
    torch = pytest.importorskip("torch", reason="torch is not there; `make interop` installs it")
    torch.manual_seed(0)
    cell = {"gru": torch.nn.GRUCell, "lstm": torch.nn.LSTMCell}[kind](3, 5)
    network = network_of(kind, inputs=3, hidden=5, outputs=5)
    row = np.zeros(network.dim, np.float32)
    parts = network.named_views(row)
    ours, theirs = slow_biases(kind, cell.bias_ih.detach().numpy(), cell.bias_hh.detach().numpy(), parts)
    assert ours == theirs
    parts["input_weights"][:] = cell.weight_ih.detach().numpy().T
    parts["hidden_weights"][:] = cell.weight_hh.detach().numpy().T
    parts["output_weights"][:] = np.eye(5)
    sequence = stream(1, "x").normal((6, 3))
    state, expected = None, []
    for x in torch.tensor(sequence):
        state = cell(x, state)
        expected.append((state[0] if kind == "lstm" else state).detach().numpy())
    np.testing.assert_allclose(stepped(network, row, sequence), expected, rtol=1e-5, atol=1e-6)


def slow_biases(kind, of_inputs, of_hidden, parts):
    """Write the biases of one of torch's cells as the docstrings say."""
    parts["gate_biases"][:] = of_inputs + of_hidden
    if kind == "gru":
        parts["gate_biases"][10:] = of_inputs[10:]
        parts["hidden_biases"][:] = of_hidden[10:]
    return len(parts["gate_biases"]), len(of_inputs)


# --- sizes, names, groups ---


def test_rows_are_as_long_as_papers_say():
    assert make_network("recurrent", 3, (), 1, biases=False).dim == 4
    assert make_network("recurrent", 3, (2,), 1, biases=False).dim == 3 * (3 + 3)
    assert make_network("elman", 3, (3,), 1, biases=False).dim == 21
    assert make_network("mlp", 3, (3,), 1, biases=False).dim == 12
    assert make_network("lstm", 3, (4,), 2).dim == 4 * 4 * (3 + 4 + 1) + 2 * 5
    assert make_network("gru", 3, (4,), 2).dim == 3 * 4 * (3 + 4 + 1) + 4 + 2 * 5


@pytest.mark.parametrize("kind", NETWORKS)
def test_every_parameter_has_a_name_a_neuron_and_a_first_value(kind):
    network = network_of(kind, inputs=3, hidden=4, outputs=2, initialiser="fan_in")
    row = np.arange(network.dim, dtype=np.float32)
    views = network.named_views(row)
    assert np.concatenate([view.ravel() for view in views.values()]).tolist() == row.tolist()
    assert all(np.shares_memory(view, row) for view in views.values())
    neurons = network.named_views(network.groups().astype(np.float32))
    assert set(network.groups()) == set(range(6))
    for name, view in views.items():
        assert (np.diff(neurons[name].reshape(-1, view.shape[-1]), axis=0) == 0).all()
    rows = [network.named_views(row) for row in network.initialise(50, stream(0, "rows"))]
    for name, view in views.items():
        drawn = np.array([row[name] for row in rows])
        seen = 3 + (4 if kind != "mlp" else 0) + (2 if kind == "recurrent" else 0)
        fan_in = seen if name in {"input_weights", "hidden_weights", "unit_weights", "layer0.weights"} else 4
        assert drawn.std() == pytest.approx(0 if view.ndim == 1 else fan_in**-0.5, rel=0.2)


@pytest.mark.parametrize(
    ("kind", "hidden", "settings", "message"),
    [
        ("rnn", (3,), {}, "network: 'rnn' is unknown"),
        ("lsmt", (3,), {}, "network: 'lsmt' is unknown; did you mean \"lstm\""),
        ("lstm", (), {}, "hidden: lstm has one layer of hidden units, got 0 layers"),
        ("elman", (3, 3), {}, "hidden: elman has one layer of hidden units, got 2 layers"),
        ("recurrent", (3, 3), {}, "hidden: recurrent has at most one layer of hidden units, got 2 layers"),
        ("gru", (3,), {"activation": "relu"}, "activation: that of gru is part of its equations: expected auto or tanh"),
        ("recurrent", (3,), {"output_activation": "sigmoid"}, "output_activation: the outputs of a recurrent network are"),
        ("elman", (3,), {"activation": "tahn"}, "activation: 'tahn' is unknown; did you mean \"tanh\""),
        ("elman", (0,), {}, r"sizes: expected inputs, hidden units and outputs, all positive, got \(2, 0, 1\)"),
        ("elman", (257,), {}, "hidden: expected at most 256 units that remember, got 257"),
        ("lstm", (129,), {}, "hidden: expected at most 128 units that remember, which remember 2 numbers each, got 129"),
        ("recurrent", (256,), {}, "units: expected at most 256 units that remember, got 257"),
    ],
)
def test_what_makes_no_network_is_refused(kind, hidden, settings, message):
    with pytest.raises(UsageError, match=f"^{message}"):
        make_network(kind, 2, hidden, 1, **settings)


# --- the same bits on every path ---


class Place(NamedTuple):
    x: Any
    v: Any


def place_reset(draw):
    return Place(uniform(draw, 0) - 0.5, 0.0)


def place_observe(state):
    return state.x, state.v


def place_step(state, action, draw):
    v = 0.5 * state.v + 0.25 * action[0] + 0.5 * (uniform(draw, 0) - 0.5)
    return Place(state.x + v, v), action[0] - state.x, (state.x < -1.0) | (state.x > 1.0)


ACTIONS = Box(low=(-100.0,), high=(100.0,), shape=(1,))
WORLD = Env(
    spec=EnvSpec(
        id="recurrent/Place-v0",
        observation_space=Box.symmetric((np.inf, np.inf)),
        action_space=ACTIONS,
        max_episode_steps=20,
        reward_threshold=None,
    ),
    reset=place_reset,
    observe=place_observe,
    step=place_step,
)
ev.register(WORLD)
SEEDS = stream(2, "episodes").bits((4, 5))


def in_python(env, network, row, seed):
    """Return the total and the length of an episode, all of it as it stands in Python."""
    draw, forward, choose = Draw(seed, 0), network.forward(), action_rule(env.spec.action_space)
    state, memory, total, steps, over = env.reset(draw), network.initial_memory, 0.0, 0, False
    with np.errstate(all="ignore"):
        while steps < env.spec.max_episode_steps and not over:
            outputs, memory = forward(row, memory, env.observe(state))
            steps += 1
            draw = Draw(seed, steps)
            state, reward, over = env.step(state, choose(outputs, draw), draw)
            total += reward
    return total, steps


def measured(task, population, seeds=SEEDS, **conditions):
    with closing(task):
        return task.evaluate(population, Conditions(seeds=seeds, **conditions))


@pytest.mark.parametrize(("kind", "lanes"), [("recurrent", 4), ("elman", 8), ("gru", 4), ("lstm", 4)])
def test_alone_in_lanes_in_python_and_through_gymnasium_the_bits_are_the_same(kind, lanes):
    network = network_of(kind)
    population = network.initialise(4, stream(1, "rows"))
    alone = measured(CompiledEnv(WORLD, network, lanes=1), population)
    assert len(np.unique(alone.steps)) > 3
    for task in (CompiledEnv(WORLD, network, lanes=lanes if COMPILES else 1), GymEnv(WORLD.spec.id, network)):
        other = measured(task, population)
        assert other.returns.tobytes() == alone.returns.tobytes()
        assert other.steps.tobytes() == alone.steps.tobytes()
    for i, e in [(0, 0), (1, 3), (3, 4)]:
        assert in_python(WORLD, network, population[i], SEEDS[i, e]) == (alone.returns[i, e], alone.steps[i, e])


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_is_read_from_its_beginning_to_its_end(kind):
    network = network_of(kind)
    row, sequences = row_of(network), stream(1, "x").normal((3, 6, 2)).astype(np.float64)
    outputs = np.empty((3, 1), np.float32)
    compile_last_outputs(network)(row, sequences, outputs)
    assert outputs.tobytes() == np.array([stepped(network, row, each)[-1] for each in sequences], np.float32).tobytes()


# --- a memory ends with its episode ---


def count_forward(row, memory, inputs):  # noqa: ARG001
    return (memory[0] + row[0],), (memory[0] + row[0],)


@dataclass(frozen=True)
class Counts:
    """Counts the steps of an episode, in units of its one parameter."""

    num_inputs: int = 2
    num_outputs: int = 1
    dim: int = 1
    initial_memory: tuple[Any, ...] = (np.float32(0.0),)

    def forward(self):
        return count_forward


COUNTER: Any = Counts()


def short_step(state, action, draw):
    x = state.x + 0.25 + 0.25 * uniform(draw, 0)
    return Place(x, action[0]), action[0], x > 1.0


SHORT = replace(WORLD, spec=replace(WORLD.spec, id="recurrent/Short-v0"), step=short_step)
ev.register(SHORT)


@pytest.mark.parametrize(
    "task",
    [
        lambda: CompiledEnv(SHORT, COUNTER, lanes=1),
        lambda: CompiledEnv(SHORT, COUNTER, lanes=LANES, threads=2),
        lambda: GymEnv("recurrent/Short-v0", COUNTER),
        lambda: GymEnv("recurrent/Short-v0", COUNTER, fresh_env=True),
    ],
)
def test_each_episode_counts_from_one(task):
    found = measured(task(), np.ones((4, 1), np.float32))
    assert len(np.unique(found.steps)) > 2
    assert found.returns.tolist() == (found.steps * (found.steps + 1) / 2).tolist()


def test_in_mujoco_too():
    pytest.importorskip("mujoco")
    network = network_of("lstm", inputs=4, hidden=2)
    population = network.initialise(3, stream(1, "rows"))
    seeds = np.repeat(stream(3, "episodes").bits((3, 1)), 3, axis=1)
    found = measured(MujocoEnv("InvertedPendulum-v5", network), population, seeds)
    assert (found.returns == found.returns[:, :1]).all()
    assert found.steps.max() > 1


# --- policies ---


def policy_of(network, **settings):
    spaces = {"observation_space": Box.symmetric((np.inf, np.inf)), "action_space": ACTIONS}
    return ev.Policy(network, row_of(network), **spaces, **settings)


def test_a_policy_remembers_until_it_is_reset():
    network = network_of("lstm")
    policy, sequence = policy_of(network), stream(1, "x").normal((5, 2)).astype(np.float64)
    expected = stepped(network, policy.row, sequence)[:, 0].tolist()
    for _ in range(2):
        policy.reset()
        assert [float(policy.act(each)[0]) for each in sequence] == expected
    assert [float(policy.act(each)[0]) for each in sequence] != expected


def test_outputs_are_those_of_the_next_step_and_no_step_on():
    policy = policy_of(network_of("gru"))
    first = policy.outputs([0.5, -1.0])
    assert policy.outputs([0.5, -1.0]).tolist() == first.tolist() == policy.act([0.5, -1.0]).tolist()
    assert policy.outputs([0.5, -1.0]).tolist() != first.tolist()


def test_each_of_a_batch_is_an_episode_of_its_own():
    policy, sequences = policy_of(network_of("elman")), stream(1, "x").normal((3, 5, 2)).astype(np.float64)
    alone = []
    for each in sequences:
        policy.reset()
        alone.append([policy.act(inputs).tolist() for inputs in each])
    policy.reset()
    assert [policy.act(sequences[:, t]).tolist() for t in range(5)] == np.swapaxes(alone, 0, 1).tolist()
    with pytest.raises(UsageError, match=r"^observation: expected 3 observations, as many as since .* got 2: .* reset\(\)"):
        policy.act(sequences[:2, 0])
    with pytest.raises(UsageError, match="got 1: its network"):
        policy.outputs(sequences[0, 0])
    policy.reset()
    assert policy.act(sequences[0, 0]).tolist() == alone[0][0]


def test_what_goes_wrong_leaves_the_memory_as_it_was():
    policy = policy_of(network_of("lstm"))
    policy.act([0.5, 0.5])
    after = policy.outputs([1.0, 1.0]).tolist()
    with pytest.raises(UsageError, match="not finite"):
        policy.act([np.nan, 0.0])
    assert policy.outputs([1.0, 1.0]).tolist() == after


def test_predict_hands_the_memory_out_and_takes_it_back():
    policy, sequences = policy_of(network_of("gru")), stream(1, "x").normal((3, 4, 2)).astype(np.float64)
    expected = [policy.act(sequences[:, t]).tolist() for t in range(4)]
    policy.reset()
    state: Any = None
    for t in range(4):
        actions, state = policy.predict(sequences[:, t], state=state, episode_start=np.full(3, t == 0))
        assert actions.tolist() == expected[t]
    assert state.dtype == np.float32
    actions, _ = policy.predict(sequences[:, 0], state=state, episode_start=[False, True, False])
    assert [action == first for action, first in zip(actions.tolist(), expected[0], strict=True)] == [False, True, False]
    assert policy.predict(sequences[:, 0])[0].tolist() == expected[0] == policy.act(sequences[:, 0]).tolist()
    with pytest.raises(UsageError, match="state: expected what predict returned"):
        policy.predict(sequences[:, 0], state=state[:2])
    with pytest.raises(UsageError, match="episode_start: expected a flag for each of 3"):
        policy.predict(sequences[:, 0], episode_start=[True])


# --- files ---


@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("kind", NETWORKS)
def test_a_file_keeps_any_kind_of_network(tmp_path, kind, biases):
    policy = policy_of(network_of(kind, biases=biases, initialiser="fan_in"))
    loaded = ev.load_policy(policy.save(tmp_path / "policy.safetensors"))
    assert loaded.network == policy.network
    assert loaded.row.tobytes() == policy.row.tobytes()
    assert repr(loaded) == repr(policy)
    said: Any = parse_json(read_tensors(tmp_path / "policy.safetensors")[1]["policy"], "")
    assert ("biases" in said["network"]) == (not biases)


def test_a_network_of_ones_own_acts_and_no_file_can_name_it(tmp_path):
    policy = ev.Policy(COUNTER, np.ones(1, np.float32), observation_space=WORLD.observation_space, action_space=ACTIONS)
    assert [float(policy.act([0.0, 0.0])[0]) for _ in range(3)] == [1.0, 2.0, 3.0]
    assert in_words(policy.network) == "Counts 2-1"
    with pytest.raises(UsageError, match=r"^network: a policy file cannot name a Counts; it can name mlp, recurrent"):
        policy.save(tmp_path / "policy.safetensors")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("kind", "MLP", "network 'MLP' is unknown"),
        ("sizes", [2, 3], "sizes: expected inputs, hidden units and outputs"),
        ("sizes", [2, 3, 3, 1], "sizes: expected inputs, hidden units and outputs"),
        ("sizes", [2, 100_000, 1], "sizes: expected at most 128 units"),
        ("sizes", [2, 4, 1], "tensor 'input_weights': expected float32"),
        ("biases", 0, '"biases" must be true or false'),
        ("biases", False, "unknown tensor 'gate_biases'"),
        ("activation", "tanh", 'unknown key "activation"'),
    ],
)
def test_a_file_that_describes_no_network_is_refused(tmp_path, field, value, message):
    path = policy_of(network_of("lstm")).save(tmp_path / "policy.safetensors")
    tensors, metadata = read_tensors(path)
    said: Any = parse_json(metadata["policy"], "")
    said["network"][field] = value
    path.write_bytes(pack_tensors(tensors, {**metadata, "policy": dump_json(said)}))
    with pytest.raises(FileRefused, match=message):
        ev.load_policy(path)


# --- sequences as data ---


def test_a_network_that_remembers_is_measured_after_the_last_step():
    sequences = stream(1, "x").normal((6, 4, 2)).astype(np.float64)
    aims = sequences.sum(axis=(1, 2))
    network = network_of("elman")
    population = network.initialise(3, stream(1, "rows"))
    data = ev.Supervised(sequences, aims, loss="mean_squared_error", name="sums")
    found = measured(data.task(network), population, SEEDS[:3, :1])
    for row, fitness in zip(population, found.fitness, strict=True):
        outputs = np.array([slow.outputs(network, row.astype(np.float64), each)[-1, 0] for each in sequences])
        assert fitness == pytest.approx(-((outputs - aims) ** 2).mean(), rel=1e-4)
    assert found.steps.tolist() == [[24]] * 3
    rows = ev.Supervised(sequences[:, 0], aims, loss="mean_squared_error", name="rows")
    ones = ev.Supervised(sequences[:, :1], aims, loss="mean_squared_error", name="ones")
    one, other = (measured(each.task(network), population, SEEDS[:3, :1]) for each in (rows, ones))
    assert one.fitness.tobytes() == other.fitness.tobytes()


def test_sequences_need_a_network_that_remembers_and_one_shape():
    data = ev.Supervised(np.zeros((4, 3, 2)), [0, 1, 0, 1], loss="cross_entropy", name="odd")
    with pytest.raises(UsageError, match=r"^inputs: sequences, .* need a network that remembers, such as lstm; 2-2 relu would"):
        data.task(ev.MLP(sizes=(2, 2)))
    with pytest.raises(UsageError, match=r"^validation: expected inputs and targets like the data, \(n, 3, 2\) and int64"):
        ev.Supervised(np.zeros((4, 3, 2)), [0, 1, 0, 1], loss="cross_entropy", name="odd", validation=(np.zeros((1, 2)), [0]))


@pytest.mark.compiled
def test_a_run_of_sequences_ends_with_a_policy_that_reads_them():
    sequences = np.eye(2)[[[0, 1], [1, 0], [0, 0], [1, 1]]]
    data = ev.Supervised(sequences, [0, 1, 0, 1], loss="cross_entropy", name="first")
    run = ev.evolve(
        data, network="lstm", hidden=(2,), population=32, generations=60, target=-0.3, runs_dir=None, validation_episodes=0
    )
    run.best.act(sequences[:, 0])
    assert run.best.act(sequences[:, 1]).tolist() == [0, 1, 0, 1]
