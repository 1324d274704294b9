import math
import re
from functools import reduce

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces as gym
from gymnasium.spaces.utils import flatten
from hypothesis import given
from hypothesis import strategies as st

from evolvent.errors import ContractBroken, UsageError
from evolvent.policies.observations import encoder, input_bounds, input_name
from evolvent.spaces import MAX_DEPTH, Box, DictSpace, Discrete, MultiBinary, MultiDiscrete, TupleSpace
from evolvent.tasks.gym_spaces import space_of

ROOM = Box((0.0,) * 2, (9.0,) * 2, (2,))
KEYS = Discrete(n=4, start=-1)
HOUSE = DictSpace((("inventory", DictSpace((("keys", KEYS), ("lamps", MultiBinary((2,)))))), ("position", ROOM)))
PAIRS = TupleSpace((MultiDiscrete((2, 3), (5, 0)), TupleSpace((Box((-1.0,), (1.0,), ()), ROOM))))


def inputs_of(space, *observations):
    """Show observations one after the other, each twice so that nothing is left of an earlier one, and return the last."""
    inputs = np.zeros(space.width)
    show = encoder(space, inputs)
    for observation in observations:
        show(observation)
    return inputs.tolist()


# --- what a network is shown ---


@pytest.mark.parametrize(
    "form",
    [np.array, list, tuple, lambda numbers: np.array(numbers, np.int8), lambda numbers: np.array(numbers)[:, np.newaxis][:, 0]],
)
def test_a_box_is_shown_as_it_is(form):
    assert inputs_of(ROOM, [7, 7], form([1, 2])) == [1, 2]
    assert inputs_of(Box((0.0,) * 4, (1.0,) * 4, (2, 2)), form([[1, 2], [3, 4]])) == [1, 2, 3, 4]


@pytest.mark.parametrize("number", [0.5, np.float32(0.5), np.array(0.5), np.array(0.5, np.float16)])
def test_a_single_number_is_a_box_without_dimensions(number):
    assert inputs_of(Box((0.0,), (1.0,), ()), number) == [0.5]


def test_bytes_of_a_picture_are_shown_between_0_and_1():
    picture = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    space = Box((0.0,) * 12, (255.0,) * 12, (2, 2, 3), "uint8")
    assert inputs_of(space, picture + 9, picture) == (np.arange(12) / 255).tolist()
    assert input_bounds(space).tolist() == [[0.0] * 12, [1.0] * 12]
    memory, counts = (Box((0.0,) * 12, (high,) * 12, (12,), "uint8") for high in (255.0, 11.0))
    assert inputs_of(memory, picture.ravel()) == (np.arange(12) / 255).tolist()
    assert inputs_of(counts, picture.ravel()) == list(range(12))


@pytest.mark.parametrize("choice", [2, np.int64(2), np.uint8(2), np.array(2), np.array(2, np.int16)])
def test_a_choice_is_one_hot(choice):
    assert inputs_of(KEYS, -1, choice, choice) == [0, 0, 0, 1]
    assert inputs_of(Discrete(3), 0, choice) == [0, 0, 1]


@pytest.mark.parametrize("flag", [True, np.True_, 1])
def test_a_flag_is_a_choice_of_two(flag):
    assert inputs_of(Discrete(2), 0, flag) == [0, 1]


def test_choices_are_one_hot_each():
    space = MultiDiscrete((2, 3, 1, 2), (5, 0, 0, -1), (2, 2))
    assert inputs_of(space, [[6, 2], [0, 0]], np.array([[5, 1], [0, -1]])) == [1, 0, 0, 1, 0, 1, 1, 0]


def test_bits_are_shown_as_they_are():
    assert inputs_of(MultiBinary((2, 2)), np.ones((2, 2)), np.array([[0, 1], [1, 0]], np.int8)) == [0, 1, 1, 0]
    assert inputs_of(MultiBinary(()), np.int8(1)) == [1]


def test_parts_follow_each_other_in_their_spaces_order():
    shown = {"position": [0.5, 0.25], "inventory": {"lamps": np.array([0, 1]), "keys": 1}}
    assert inputs_of(HOUSE, shown) == [0, 0, 1, 0, 0, 1, 0.5, 0.25]
    assert inputs_of(PAIRS, (np.array([6, 0]), [0.5, np.array([1, 2])])) == [0, 1, 1, 0, 0, 0.5, 1, 2]
    assert inputs_of(TupleSpace((Discrete(2), Discrete(3))), np.array([1, 0])) == [0, 1, 1, 0, 0]


def test_nothing_of_an_observation_is_kept():
    position, lamps = np.array([1.0, 2.0]), np.array([1, 1])
    inputs = np.zeros(HOUSE.width)
    encoder(HOUSE, inputs)({"position": position, "inventory": {"lamps": lamps, "keys": 0}})
    before = inputs.copy()
    position[:], lamps[:] = np.nan, 7
    assert inputs.tolist() == before.tolist()


def test_every_input_has_a_name():
    names = [
        *("inventory.keys=-1", "inventory.keys=0", "inventory.keys=1", "inventory.keys=2"),
        *("inventory.lamps[0]", "inventory.lamps[1]", "position[0]", "position[1]"),
    ]
    assert [input_name(HOUSE, k) for k in range(HOUSE.width)] == names
    names = ["[0][0]=5", "[0][0]=6", "[0][1]=0", "[0][1]=1", "[0][1]=2", "[1][0]", "[1][1][0]", "[1][1][1]"]
    assert [input_name(PAIRS, k) for k in range(PAIRS.width)] == names
    assert input_name(Box((0.0,) * 6, (1.0,) * 6, (2, 3)), 5) == "[1, 2]"
    assert input_name(Box((0.0,), (1.0,), ()), 0) == ""
    assert input_name(DictSpace((("a.b", TupleSpace((KEYS,))),)), 0) == "a.b[0]=-1"


# --- what is refused ---


@pytest.mark.parametrize(
    ("space", "observation", "words"),
    [
        (ROOM, [1.0], "expected numbers of shape (2,), got float64 of shape (1,)"),
        (ROOM, [[1.0], [2.0, 3.0]], "expected numbers of shape (2,), got a list: "),
        (ROOM, None, "expected numbers of shape (2,), got object of shape ()"),
        (ROOM, "ab", "expected numbers of shape (2,), got <U2 of shape ()"),
        (ROOM, [1j, 0], "expected numbers of shape (2,), got complex128 of shape (2,)"),
        (ROOM, [10**400, 0], "expected numbers of shape (2,), got object of shape (2,)"),
        (KEYS, 3, "expected a whole number from -1 to 2, got 3"),
        (KEYS, -2, "expected a whole number from -1 to 2, got -2"),
        (KEYS, 10**30, "expected a whole number from -1 to 2, got 1000"),
        (KEYS, 1.0, "expected a whole number from -1 to 2, got 1.0"),
        (KEYS, np.float32(1), "expected a whole number from -1 to 2, got np.float32(1.0)"),
        (KEYS, None, "expected a whole number from -1 to 2, got None"),
        (KEYS, "1", "expected a whole number from -1 to 2, got '1'"),
        (KEYS, np.array([1]), "expected a whole number from -1 to 2, got array([1])"),
        (KEYS, {}, "expected a whole number from -1 to 2, got {}"),
        (MultiDiscrete((2, 3), (5, 0)), [6, 3], "expected a whole number from 0 to 2, got 3 at [1]"),
        (MultiDiscrete((2, 3), (5, 0)), [4, 0], "expected a whole number from 5 to 6, got 4 at [0]"),
        (MultiDiscrete((2, 3), (5, 0)), [5.0, 0.0], "expected whole numbers of shape (2,), got float64 of shape (2,)"),
        (MultiDiscrete((2, 3)), [0, 0, 0], "expected whole numbers of shape (2,), got int64 of shape (3,)"),
        (
            MultiDiscrete((2, 3)),
            np.array([0, 2**64 - 1], np.uint64),
            "expected a whole number from 0 to 2, got 18446744073709551615 at",
        ),
        (MultiBinary((2, 2)), [[0, 1], [2, 0]], "expected 0 or 1, got 2 at [1, 0]"),
        (MultiBinary((2,)), [0.0, math.nan], "expected 0 or 1, got nan at [1]"),
        (MultiBinary((2,)), [0, 1, 1], "expected zeros and ones of shape (2,), got int64 of shape (3,)"),
        (HOUSE, {}, "expected a dict with the keys inventory, position, got an empty dict"),
        (HOUSE, {"position": [0, 0]}, "expected a dict with the keys inventory, position, got a dict with the keys position"),
        (HOUSE, {"position": 0, "inventory": 0, "more": 0}, "got a dict with the keys position, inventory, more"),
        (HOUSE, [0, 0], "expected a dict with the keys inventory, position, got a list of 2"),
        (HOUSE, None, "expected a dict with the keys inventory, position, got a NoneType"),
        (
            HOUSE,
            {"position": [0, 0], "inventory": {"keys": 5, "lamps": [0, 0]}},
            "expected a whole number from -1 to 2, got 5 at inventory.keys",
        ),
        (
            HOUSE,
            {"position": [0, 0], "inventory": {"keys": 0, "lamps": [0, 3]}},
            "expected 0 or 1, got 3 at inventory.lamps[1]",
        ),
        (
            HOUSE,
            {"position": [0, 0], "inventory": {"keys": 0}},
            "expected a dict with the keys keys, lamps, got a dict with the keys keys at inventory",
        ),
        (HOUSE, {"position": [0], "inventory": {"keys": 0, "lamps": [0, 0]}}, "got int64 of shape (1,) at position"),
        (PAIRS, ([5, 0],), "expected a tuple of 2, got a tuple of 1"),
        (PAIRS, np.zeros(()), "expected a tuple of 2, got a ndarray"),
        (PAIRS, {"a": 1, "b": 2}, "expected a tuple of 2, got a dict with the keys a, b"),
        (PAIRS, ([5, 0], (0.0, [0, 0], 1)), "expected a tuple of 2, got a tuple of 3 at [1]"),
        (PAIRS, ([5, 9], (0.0, [0, 0])), "expected a whole number from 0 to 2, got 9 at [0][1]"),
        (PAIRS, ([5, 0], (0.0, [0])), "expected numbers of shape (2,), got int64 of shape (1,) at [1][1]"),
    ],
)
def test_what_is_not_of_the_space_is_refused_with_its_place(space, observation, words):
    with pytest.raises(ContractBroken) as caught:
        inputs_of(space, observation)
    assert str(caught.value).startswith("observation: expected ")
    assert words in str(caught.value)


def test_a_wrong_observation_does_not_spoil_the_next():
    inputs = np.zeros(4)
    show = encoder(KEYS, inputs)
    show(2)
    with pytest.raises(ContractBroken):
        show(7)
    show(0)
    assert inputs.tolist() == [0, 1, 0, 0]


# --- any space of Gymnasium's ---

DTYPES = [np.float32, np.float64, np.float16, np.int8, np.int64, np.uint8, np.uint16, bool]


@st.composite
def boxes(draw):
    shape = tuple(draw(st.lists(st.integers(1, 3), max_size=3)))
    dtype = draw(st.sampled_from(DTYPES))
    low, high = draw(st.sampled_from([(0, 1), (0, 1), (-3, 5), (-math.inf, math.inf), (0, math.inf)]))
    if dtype in {np.uint8, np.uint16, bool} or (math.isinf(high) and np.dtype(dtype).kind != "f"):
        low, high = 0, draw(st.sampled_from([1, np.iinfo(np.uint8).max if dtype == np.uint8 else 1]))
    return gym.Box(low, high, shape, dtype)


@st.composite
def multi_discretes(draw):
    shape = tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=2)))
    nvec, start = (np.array(draw(st.lists(st.integers(*ends), min_size=9, max_size=9))) for ends in ((1, 5), (-3, 3)))
    size = math.prod(shape)
    return gym.MultiDiscrete(nvec[:size].reshape(shape), start=start[:size].reshape(shape))


LEAVES = st.one_of(
    boxes(),
    st.builds(gym.Discrete, st.integers(1, 7), start=st.integers(-5, 5)),
    multi_discretes(),
    st.builds(gym.MultiBinary, st.one_of(st.integers(1, 4), st.lists(st.integers(1, 3), min_size=1, max_size=2))),
)
NAMES = st.text(st.characters(codec="utf-8"), max_size=5)


def several_of(parts):
    return st.one_of(
        st.builds(gym.Tuple, st.lists(parts, min_size=1, max_size=3)),
        st.builds(gym.Dict, st.dictionaries(NAMES, parts, min_size=1, max_size=3)),
    )


def any_number_of(parts):
    return st.one_of(
        st.builds(gym.Tuple, st.lists(parts, max_size=2)),
        st.builds(gym.Dict, st.dictionaries(st.one_of(NAMES, st.integers()), parts, max_size=2)),
    )


SPACES = st.recursive(
    LEAVES,
    several_of,
    max_leaves=6,
)
ODD_SPACES = st.recursive(
    st.one_of(
        LEAVES,
        st.builds(gym.Text, st.just(5)),
        st.builds(gym.Sequence, LEAVES),
        st.builds(gym.Graph, st.just(gym.Box(0, 1, (2,))), st.just(gym.Discrete(3))),
        st.builds(gym.OneOf, st.lists(LEAVES, min_size=1, max_size=2)),
        st.builds(
            gym.Discrete, st.sampled_from([10**6, 10**6 + 1, 10**12, 2**62]), start=st.sampled_from([0, 2**62, -(2**62) - 1])
        ),
        st.builds(gym.Box, st.just(0.0), st.just(1.0), st.sampled_from([(0,), (2, 0), (1001, 1000)])),
        st.builds(gym.MultiDiscrete, st.sampled_from([[], [10**6, 10**6], np.array(3)])),
        st.just(gymnasium.Space((2,), np.float32)),
    ),
    any_number_of,
    max_leaves=4,
)


def scaled(space, observation):
    """Return what our inputs are where Gymnasium's are not the same: a picture's bytes."""
    if isinstance(space, gym.Box) and space.dtype == np.uint8 and (len(space.shape) in {2, 3} or (space.high == 255).all()):
        return observation / 255
    if isinstance(space, gym.Dict):
        return {key: scaled(part, observation[key]) for key, part in space.spaces.items()}
    if isinstance(space, gym.Tuple):
        return tuple(scaled(part, observation[k]) for k, part in enumerate(space.spaces))
    return observation


def flat(space, observation):
    """Return what Gymnasium makes of an observation, part by part and in float64: all of it in one has the parts' dtype."""
    if isinstance(space, gym.Dict):
        return [number for key, part in space.spaces.items() for number in flat(part, observation[key])]
    if isinstance(space, gym.Tuple):
        return [number for k, part in enumerate(space.spaces) for number in flat(part, observation[k])]
    if isinstance(space, gym.Box):
        return np.asarray(observation, np.float64).ravel().tolist()
    return np.asarray(flatten(space, observation)).tolist()


@given(SPACES, st.integers(0, 2**31))
def test_any_space_is_shown_as_gymnasium_flattens_it(space, seed):
    record = space_of(space, "observation")
    space.seed(seed)
    inputs = np.zeros(record.width)
    show = encoder(record, inputs)
    bounds = input_bounds(record)
    for _ in range(3):
        observation = space.sample()
        show(observation)
        assert inputs.tolist() == flat(space, scaled(space, observation))
        assert (bounds[0] <= inputs).all()
        assert (inputs <= bounds[1]).all()
    assert all(isinstance(input_name(record, k), str) for k in range(record.width))


@given(ODD_SPACES)
def test_any_space_is_supported_or_refused_by_name(space):
    try:
        record = space_of(space, "observation")
    except UsageError as refused:
        assert re.match("^observation space.{10,600}$", str(refused), re.DOTALL)  # noqa: PT017 - it may be supported
    else:
        assert 1 <= record.width <= 1_000_000
        assert len(str(record)) < 2000


@pytest.mark.parametrize(
    ("space", "words"),
    [
        (gym.Text(5), "^observation space: Text: not supported, for text is no number; wrap the environment"),
        (
            gym.Graph(gym.Box(0, 1, (2,)), gym.Discrete(2)),
            "^observation space: Graph: not supported, for its size changes",
        ),
        (gym.Sequence(gym.Discrete(2)), "^observation space: Sequence: not supported, for its length changes"),
        (gym.OneOf([gym.Discrete(2)]), "^observation space: OneOf: not supported, for what it holds changes"),
        (
            gymnasium.Space((2,), np.float32),
            "^observation space: Space: not supported, for it is none of Gymnasium's own",
        ),
        (
            gym.Discrete(10**9),
            "^observation space: Discrete: n: a discrete space has 1 to 1,000,000 elements, got 1000000000",
        ),
        (gym.Box(0, 1, (3, 0)), r"^observation space: Box: shape: expected positive sizes, .* got \(3, 0\)"),
        (
            gym.Box(0, 1, (4, 600, 600)),
            r"^observation space: Box: shape: expected .* 1,000,000 elements at most, got \(4, 600, 600\)",
        ),
        (gym.MultiDiscrete(np.array(3)), "^observation space: MultiDiscrete: nvec: expected at least one dimension"),
        (gym.Dict({}), "^observation space: Dict: spaces: expected at least one, got none"),
        (gym.Dict({3: gym.Discrete(2)}), "^observation space: Dict: expected text for the keys, got 3"),  # type: ignore[dict-item]
        (
            gym.Tuple([gym.Dict({"a": gym.Text(5)})]),
            r"^observation space, 0, 'a': Text: not supported, for text is no number",
        ),
        (
            reduce(lambda inner, _: gym.Tuple([inner]), range(MAX_DEPTH), gym.Discrete(2)),
            "expected at most 16 spaces within each other, got more",
        ),
    ],
)
def test_a_space_that_is_not_supported_is_named(space, words):
    with pytest.raises(UsageError, match=words):
        space_of(space, "observation")


def test_a_dict_is_held_in_gymnasiums_order():
    sorted_by_gymnasium = gym.Dict({"b": gym.Discrete(2), "a": gym.Discrete(3)})
    as_given = gym.Dict([("b", gym.Discrete(2)), ("a", gym.Discrete(3))])
    for space in (sorted_by_gymnasium, as_given):
        record = space_of(space, "observation")
        assert isinstance(record, DictSpace)
        assert [key for key, _ in record.spaces] == list(space.spaces)
