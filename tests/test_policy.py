import importlib
import subprocess
import sys
import time
from typing import Any

import gymnasium
import numpy as np
import pytest

import evolvent as ev
from evolvent.errors import UsageError
from evolvent.files import read_bytes
from evolvent.policies.observations import encoder
from evolvent.seeding import stream
from evolvent.spaces import MAX_DEPTH, Box, DictSpace, Discrete, MultiBinary, MultiDiscrete, Space, TupleSpace, shown_alike

OBSERVATIONS = Box.symmetric((4.8, np.inf, 0.418, np.inf))
TORQUES = Box(low=(-2.0, -1.0), high=(2.0, np.inf), shape=(2,))

PICTURE = Box((0.0,) * 12, (255.0,) * 12, (2, 2, 3), "uint8")
DEEP = Discrete(n=2)
for _ in range(MAX_DEPTH - 1):
    DEEP = DictSpace((("inside", DEEP),))
HOUSE = DictSpace((("keys", Discrete(n=3, start=-1)), ("room", TupleSpace((OBSERVATIONS, MultiBinary((2,)))))))

# each with two observations, and with the same two as a batch
SHOWN: list[tuple[Space, list[Any], Any]] = [
    (Box((0.0,), (1.0,), ()), [0.5, 0.25], [0.5, 0.25]),
    (Box((0.0,) * 2, (9.0,) * 2, (2,), "int64"), [[1, 2], [3, 4]], np.array([[1, 2], [3, 4]])),
    (PICTURE, [np.full((2, 2, 3), 9, np.uint8), np.eye(2, dtype=np.uint8)[..., None].repeat(3, 2)], None),
    (Discrete(n=4, start=2), [2, 5], [2, 5]),
    (MultiDiscrete((3, 2), (0, 5)), [[0, 6], [2, 5]], np.array([[0, 6], [2, 5]])),
    (MultiBinary((3,)), [[0, 1, 1], [1, 0, 0]], np.array([[0, 1, 1], [1, 0, 0]])),
    (TupleSpace((Discrete(n=3), OBSERVATIONS)), [(1, [0.5] * 4), (2, [0.1] * 4)], ([1, 2], [[0.5] * 4, [0.1] * 4])),
    (
        HOUSE,
        [{"keys": 1, "room": ([0.5] * 4, [0, 1])}, {"keys": -1, "room": ([0.1] * 4, [1, 1])}],
        {"room": (np.array([[0.5] * 4, [0.1] * 4]), np.array([[0, 1], [1, 1]])), "keys": np.array([1, -1])},
    ),
]

ACT = """
import sys, time
began = time.perf_counter()
import evolvent as ev
action = ev.load_policy(sys.argv[1]).act([0.0, 0.1, 0.0, -0.1])
print(action, time.perf_counter() - began, sorted({"gymnasium", "rich", "tyro"} & sys.modules.keys()))
"""


def made(action_space, sizes=(4, 8, 2), seed=0, **options):
    network = ev.MLP(sizes=sizes, activation="tanh")
    row = network.initialise(1, stream(seed, "a test"))[0]
    return ev.Policy(network, row, observation_space=OBSERVATIONS, action_space=action_space, **options)


@pytest.fixture
def policy():
    return made(Discrete(n=2), env_id="CartPole-v1", provenance={"seed": "0"})


def observations(count):
    return np.random.default_rng(0).normal(size=(count, 4))


def expected(policy, batch):
    """Give the outputs of a network with one hidden layer of tanh, as one would write it."""
    parts = policy.network.named_views(policy.row)
    hidden = np.tanh(batch @ parts["layer0.weights"] + parts["layer0.biases"])
    return hidden @ parts["layer1.weights"] + parts["layer1.biases"]


# --- acting ---


def test_the_action_is_that_of_the_largest_output(policy):
    batch = observations(200)
    assert policy.act(batch).tolist() == expected(policy, batch).argmax(axis=1).tolist()


def test_a_discrete_space_that_does_not_start_at_zero_is_met():
    batch = observations(50)
    shifted = made(Discrete(n=2, start=-3)).act(batch)
    assert (shifted == made(Discrete(n=2)).act(batch) - 3).all()


def test_an_action_is_an_int_and_actions_are_an_array(policy):
    one, many = policy.act(observations(1)[0]), policy.act(observations(3))
    assert type(one) is int
    assert (many.dtype, many.shape) == (np.int64, (3,))
    assert policy.act(np.empty((0, 4))).shape == (0,)


def test_one_by_one_and_as_a_batch_are_the_same(policy):
    batch = observations(100)
    assert [policy.act(observation) for observation in batch] == policy.act(batch).tolist()


def test_numbers_of_any_kind_are_taken(policy):
    whole = np.array([[1, 0, -1, 2], [0, 3, 1, -2]])
    kinds = [whole, whole.tolist(), whole.astype(np.float32), whole.astype(np.int8), whole.astype(np.float16)]
    kinds += [whole.astype(">f8"), np.asfortranarray(whole), np.repeat(whole, 2, axis=0)[::2], tuple(map(tuple, whole))]
    assert {tuple(policy.act(kind)) for kind in kinds} == {tuple(policy.act(whole.astype(np.float64)))}


class Tensor:
    """Acts as PyTorch's do: what belongs to a gradient's computation, or lies on a GPU, cannot be read as it stands."""

    def __init__(self, values, obstacles=("detach", "cpu")):
        self.values, self.obstacles = values, obstacles

    def __array__(self, dtype=None, copy=None):
        if self.obstacles:
            raise RuntimeError(f"Use tensor.{self.obstacles[0]}() first.")
        return np.array(self.values, dtype)

    def detach(self):
        return Tensor(self.values, [each for each in self.obstacles if each != "detach"])

    def cpu(self):
        return Tensor(self.values, [each for each in self.obstacles if each != "cpu"])


def test_tensors_and_mixed_rows_of_tables_are_taken(policy):
    values = observations(1)[0]
    mixed = np.array([True, 2, np.float32(0.5), np.bool_(False)], object)
    assert policy.act(Tensor(values)) == policy.act(values)
    assert policy.act(mixed) == policy.act([1.0, 2.0, 0.5, 0.0])


@pytest.mark.interop
def test_real_tensors_and_tables_are_taken(policy):
    torch, pandas = importlib.import_module("torch"), importlib.import_module("pandas")
    batch = observations(5)
    expected = policy.act(batch).tolist()
    for dtype in (torch.float64, torch.float32, torch.float16):
        assert policy.act(torch.tensor(batch, dtype=dtype, requires_grad=True)).tolist() == expected
    table = pandas.DataFrame(batch, columns=["x", "v", "angle", "speed"])
    assert policy.act(table).tolist() == expected
    assert [policy.act(row) for _, row in table.iterrows()] == expected
    mixed = table.assign(x=[True, False, True, False, True]).iloc[0]
    assert policy.act(mixed) == policy.act([1.0, *batch[0, 1:]])
    for missing in (pandas.Series([1.0, None, 2.0, pandas.NA], dtype=object), table.astype(str).iloc[0]):
        with pytest.raises(UsageError, match="expected numbers of shape"):
            policy.act(missing)


def test_outputs_are_what_the_action_is_chosen_by(policy):
    batch = observations(30)
    np.testing.assert_allclose(policy.outputs(batch), expected(policy, batch), rtol=1e-4, atol=1e-5)
    assert policy.outputs(batch).argmax(axis=1).tolist() == policy.act(batch).tolist()
    assert policy.outputs(batch[0]).tobytes() == policy.outputs(batch)[0].tobytes()
    with pytest.raises(UsageError, match=r"got \(3,\)"):
        policy.outputs([0.0, 0.0, 0.0])


def test_outputs_for_a_box_are_clipped_to_it():
    policy = made(TORQUES)
    batch = observations(300) * 5
    actions = policy.act(batch)
    assert (actions.dtype, actions.shape) == (np.float32, (300, 2))
    assert np.allclose(actions, np.clip(expected(policy, batch), TORQUES.low, TORQUES.high), atol=1e-5)
    assert (actions[:, 0] == 2).any()
    assert (actions[:, 1] == -1).any()
    assert policy.act(batch[0]).tolist() == actions[0].tolist()


def test_a_box_of_any_shape_is_met():
    space = Box(low=(-1.0,) * 6, high=(1.0,) * 6, shape=(2, 3))
    policy = made(space, sizes=(4, 8, 6))
    assert policy.act(observations(5)).shape == (5, 2, 3)
    assert policy.act(observations(1)[0]).shape == (2, 3)


def test_observations_of_any_shape_are_met():
    network = ev.MLP(sizes=(6, 2))
    space = Box(low=(0.0,) * 6, high=(1.0,) * 6, shape=(2, 3))
    row = network.initialise(1, stream(0, "a test"))[0]
    policy = ev.Policy(network, row, observation_space=space, action_space=Discrete(n=2))
    batch = np.random.default_rng(0).random((9, 2, 3))
    assert policy.act(batch).tolist() == [policy.act(one) for one in batch]
    with pytest.raises(UsageError, match=r"expected shape \(2, 3\), or \(n, 2, 3\) for a batch, got \(6,\)"):
        policy.act(np.zeros(6))


def for_space(space, seed=0):
    network = ev.MLP(sizes=(space.width, 5, 9), activation="tanh")
    row = network.initialise(1, stream(seed, "a test"))[0]
    return ev.Policy(network, row, observation_space=space, action_space=Discrete(n=9))


@pytest.mark.parametrize(("space", "observations", "batch"), SHOWN)
def test_observations_of_every_space_are_met_one_by_one_and_as_a_batch(space, observations, batch):
    policy = for_space(space)
    batch = np.array(observations) if batch is None else batch
    inputs = np.zeros((2, space.width))
    for k, observation in enumerate(observations):
        encoder(space, inputs[k])(observation)
    same_network = ev.Policy(
        policy.network, policy.row, observation_space=Box.symmetric((9.0,) * space.width), action_space=Discrete(n=9)
    )
    expected = same_network.outputs(inputs)
    assert np.array([policy.outputs(observation) for observation in observations]).tobytes() == expected.tobytes()
    assert policy.outputs(batch).tobytes() == expected.tobytes()
    assert [policy.act(observation) for observation in observations] == policy.act(batch).tolist()
    assert policy.predict(batch)[0].tolist() == expected.argmax(axis=1).tolist()


@pytest.mark.parametrize(
    ("space", "observation", "words"),
    [
        (Discrete(n=4), 4, "expected a whole number from 0 to 3, got 4"),
        (Discrete(n=4), [[1, 2]], r"expected a whole number from 0 to 3, got \[\[1, 2\]\]"),
        (Discrete(n=4), [0, 4], "expected a whole number from 0 to 3, got 4"),
        (MultiBinary((2,)), [[0, 1], [0, 3]], r"expected 0 or 1, got 3 at \[1\]"),
        (HOUSE, {"keys": 0}, "expected a dict with the keys keys, room, got a dict with the keys keys"),
        (HOUSE, {"keys": [0, 0]}, "expected a dict with the keys keys, room, got a dict with the keys keys"),
        (
            HOUSE,
            {"keys": [0, 0], "room": ([[0.0] * 4], [[0, 0]] * 2)},
            "expected a batch of .* whose element 1 is incomplete",
        ),
        (HOUSE, {"keys": [0, 0], "rooms": [0, 0]}, "expected a batch of Dict.* whose element 0 is incomplete"),
        (HOUSE, {"keys": 0, "room": ([np.nan] * 4, [0, 0])}, "is there a NaN or infinity in it"),
        (HOUSE, [0, 0], "expected a dict with the keys keys, room, got a list of 2"),
        (HOUSE, None, "expected a dict with the keys keys, room, got a NoneType"),
        (TupleSpace((Discrete(n=3), OBSERVATIONS)), (1,), "expected a tuple of 2, got a tuple of 1"),
        (TupleSpace((Discrete(n=3), OBSERVATIONS)), (1, [0.0] * 3), r"expected numbers of shape \(4,\), got .* at \[1\]"),
        (Box((0.0,), (1.0,), ()), [[0.5]], r"expected shape \(\), or \(n,\) for a batch, got \(1, 1\)"),
    ],
)
def test_what_is_not_of_the_space_is_refused_with_its_place(space, observation, words):
    with pytest.raises(UsageError, match=f"^observation: .*{words}"):
        for_space(space).act(observation)


@pytest.mark.parametrize(
    ("observation", "words"),
    [
        ([0.0, 0.0, 0.0], r"expected shape \(4,\), or \(n, 4\) for a batch, got \(3,\)"),
        (np.zeros((2, 3)), r"got \(2, 3\)"),
        (np.zeros((2, 2, 4)), r"got \(2, 2, 4\)"),
        (0.0, r"got \(\)"),
        ([], r"got \(0,\)"),
        ([[0.0] * 4, [0.0] * 3], "expected numbers of shape"),
        ("left", "expected numbers of shape .* got an array of <U4"),
        (["0", "0", "0", "0"], "expected numbers of shape"),
        (None, "expected numbers of shape .* got an array of object"),
        ([1j, 0, 0, 0], "expected numbers of shape .* got an array of complex128"),
        ([10**400, 0, 0, 0], "expected numbers of shape .* got list: .* too large"),
        ([1.0, None, 0, 0], "expected numbers of shape .* got an array of object"),
        (Tensor([0.0] * 4, ["detach", "cpu", "numpy"]), "expected numbers of shape .* got Tensor: Use tensor.numpy"),
        ({"a": 1}, "expected numbers of shape"),
        ([0.0, np.nan, 0.0, 0.0], "is there a NaN or infinity in it"),
        ([0.0, np.inf, 0.0, 0.0], "is there a NaN or infinity in it"),
        ([[0.0] * 4, [0.0, -np.inf, 0.0, 0.0]], "is there a NaN or infinity in it"),
    ],
)
def test_what_is_no_observation_is_refused_in_words(policy, observation, words):
    with pytest.raises(UsageError, match=f"observation: .*{words}"):
        policy.act(observation)


def test_a_policy_keeps_its_own_parameters():
    network = ev.MLP(sizes=(4, 2))
    row = network.initialise(1, stream(0, "a test"))[0]
    policy = ev.Policy(network, row, observation_space=OBSERVATIONS, action_space=Discrete(n=2))
    before = policy.act(observations(50)).tolist()
    row[:] = -row
    assert policy.act(observations(50)).tolist() == before


@pytest.mark.parametrize(
    ("sizes", "length", "space", "words"),
    [
        ((4, 8, 2), 3, Discrete(n=2), r"row: the network 4-8-2 relu has 58 parameters, got shape \(3,\)"),
        ((5, 2), 12, Discrete(n=2), "5 inputs do not fit"),
        ((4, 2), 10, Discrete(n=3), "2 outputs do not fit"),
        ((4, 3), 15, TORQUES, "3 outputs do not fit"),
    ],
)
def test_parts_that_do_not_fit_are_refused(sizes, length, space, words):
    with pytest.raises(UsageError, match=words):
        ev.Policy(ev.MLP(sizes=sizes), np.zeros(length, np.float32), observation_space=OBSERVATIONS, action_space=space)


@pytest.mark.parametrize("sizes", [(4, 70_000, 2), (4, *[2] * 40, 2), (4, 60_000, 60_000, 2)])
def test_networks_that_no_stack_can_hold_are_refused(sizes):
    with pytest.raises(UsageError, match="sizes: expected at most"):
        ev.MLP(sizes=sizes)


@pytest.mark.compiled
def test_the_deepest_and_the_widest_network_act():
    for sizes in ((4, *[2] * 30, 2), (4, 65_530, 2)):
        assert made(Discrete(n=2), sizes=sizes).act(observations(1)[0]) in {0, 1}


def test_a_policy_says_what_it_is(policy):
    assert repr(policy) == "Policy(4-8-2 tanh, 58 parameters, for 'CartPole-v1')"
    policy.env_id = "\x1b[31m"
    assert "\x1b" not in repr(policy)


# --- as Stable-Baselines3 has it ---


def test_predict_gives_an_action_and_the_state_it_was_given(policy):
    batch = observations(5)
    action, state = policy.predict(batch[0], state=("kept",), episode_start=np.array([True]), deterministic=True)
    assert (action.shape, int(action), state) == ((), policy.act(batch[0]), ("kept",))
    actions, state = policy.predict(batch)
    assert (actions.tolist(), state) == (policy.act(batch).tolist(), None)


@pytest.mark.interop
def test_stable_baselines3_evaluates_a_policy_as_it_is(policy):
    evaluation = importlib.import_module("stable_baselines3.common.evaluation")
    monitor = importlib.import_module("stable_baselines3.common.monitor")
    env = monitor.Monitor(gymnasium.make("CartPole-v1"))
    means, lengths = evaluation.evaluate_policy(policy, env, n_eval_episodes=5, return_episode_rewards=True)
    assert means == lengths
    assert len(means) == 5
    assert all(5 <= length <= 500 for length in lengths)
    env.close()


def test_a_policy_steps_a_gymnasium_world(policy):
    with gymnasium.make("CartPole-v1") as env:
        observation, _ = env.reset(seed=0)
        for _ in range(5):
            observation, reward, *_ = env.step(policy.act(observation))
            assert reward == 1.0


# --- saving and loading ---


@pytest.mark.parametrize("space", [Discrete(n=2), Discrete(n=2, start=5), TORQUES])
def test_what_is_saved_is_loaded_to_the_bit(tmp_path, space):
    policy = made(space, env_id="Ünknown/World-v1", provenance={"seed": "3", "note": "a\nb"})
    back = ev.load_policy(policy.save(tmp_path / "policy.safetensors"))
    assert back.row.tobytes() == policy.row.tobytes()
    parts = ("network", "observation_space", "action_space", "env_id", "provenance")
    assert all(getattr(back, part) == getattr(policy, part) for part in parts)
    assert back.act(observations(50)).tobytes() == policy.act(observations(50)).tobytes()


@pytest.mark.parametrize("space", [*(space for space, *_ in SHOWN), DEEP])
def test_every_space_of_observations_is_saved_and_loaded(tmp_path, space):
    policy = for_space(space)
    back = ev.load_policy(policy.save(tmp_path / "policy.safetensors"))
    assert back.observation_space == policy.observation_space
    assert back.row.tobytes() == policy.row.tobytes()


@pytest.mark.parametrize("high", [1.0, 255.0])
def test_of_very_many_bounds_a_file_keeps_the_outermost(tmp_path, high):
    count = 10_001
    space = DictSpace((("all", Box((-1.0, *(0.0,) * (count - 1)), (high,) * count, (count,), "float64")),))
    back = ev.load_policy(for_space(space).save(tmp_path / "policy.safetensors")).observation_space
    assert back == DictSpace((("all", Box((-1.0,) * count, (high,) * count, (count,), "float64")),))
    assert shown_alike(back, space)


def test_what_no_file_can_hold_is_said(tmp_path):
    for space in (DictSpace((("a" * 2**20, Discrete(n=2)),)), DictSpace((("\ud800", Discrete(n=2)),))):
        with pytest.raises(UsageError, match=r"^observation_space: Dict.* cannot be kept in a file: "):
            for_space(space).save(tmp_path / "policy.safetensors")


def test_equal_policies_are_equal_bytes(tmp_path, policy):
    one = read_bytes(policy.save(tmp_path / "one.safetensors"))
    other = read_bytes(ev.load_policy(tmp_path / "one.safetensors").save(tmp_path / "other.safetensors"))
    assert one == other
    assert one != read_bytes(made(Discrete(n=2), seed=1).save(tmp_path / "third.safetensors"))


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        ev.load_policy(tmp_path / "none.safetensors")


@pytest.mark.compiled
def test_acting_is_quick_and_imports_no_gymnasium(tmp_path, policy):
    path = policy.save(tmp_path / "policy.safetensors")
    policy.act(observations(1)[0])
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", ACT, str(path)], capture_output=True, text=True, check=True)
    assert time.monotonic() - began < 3
    action, seconds, imported = done.stdout.split(maxsplit=2)
    assert int(action) == policy.act([0.0, 0.1, 0.0, -0.1])
    assert float(seconds) < 3
    assert imported.strip() == "[]"
    assert done.stderr == ""
