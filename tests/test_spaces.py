import math

import numpy as np
import pytest

from evolvent.errors import UsageError
from evolvent.policies.actions import for_environment, num_outputs
from evolvent.spaces import MAX_DEPTH, Box, DictSpace, Discrete, MultiBinary, MultiDiscrete, TupleSpace


def test_a_space_knows_its_size_and_the_outputs_that_it_needs():
    assert (Discrete(n=3).size, num_outputs(Discrete(n=3))) == (1, 3)
    box = Box(low=(-1.0,) * 6, high=(1.0,) * 6, shape=(2, 3))
    assert (box.size, num_outputs(box)) == (6, 6)
    assert Box.symmetric((1.0, math.inf)) == Box(low=(-1.0, -math.inf), high=(1.0, math.inf), shape=(2,))


def test_actions_reach_the_environment_in_its_own_form():
    chosen = for_environment(np.array([[0.0], [2.0]]), Discrete(n=3, start=-1))
    assert (chosen.dtype, chosen.tolist()) == (np.int64, [-1, 1])
    moved = for_environment(np.array([[1.0, 2.0, 3.0, 4.0]]), Box(low=(-9.0,) * 4, high=(9.0,) * 4, shape=(2, 2)))
    assert (moved.dtype, moved.tolist()) == (np.float32, [[[1.0, 2.0], [3.0, 4.0]]])


def nested(depth):
    space = Discrete(n=2)
    for level in range(depth - 1):
        space = TupleSpace((space,)) if level % 2 else DictSpace((("inside", space),))
    return space


@pytest.mark.parametrize(
    ("space", "width", "text"),
    [
        (Discrete(n=16), 16, "Discrete(16)"),
        (Discrete(n=3, start=-1), 3, "Discrete(3, start=-1)"),
        (Box(low=(-1.0,), high=(math.inf,), shape=()), 1, "Box(-1, inf, (), float32)"),
        (Box.symmetric((1.0, 2.0)), 2, "Box(low, high, (2,), float32)"),
        (Box((0.0,) * 12, (255.0,) * 12, (2, 2, 3), "uint8"), 12, "Box(0, 255, (2, 2, 3), uint8)"),
        (MultiDiscrete(nvec=(3, 2)), 5, "MultiDiscrete([3, 2])"),
        (MultiDiscrete(nvec=(3, 2), start=(1, 0), shape=(1, 2)), 5, "MultiDiscrete([3, 2], start=[1, 0])"),
        (MultiDiscrete(nvec=(2,) * 11), 22, "MultiDiscrete(11 numbers)"),
        (MultiBinary(shape=(2, 3)), 6, "MultiBinary(2, 3)"),
        (TupleSpace((Discrete(n=2), MultiBinary(shape=(3,)))), 5, "Tuple(Discrete(2), MultiBinary(3,))"),
        (
            DictSpace((("b", Discrete(n=2)), ("a", TupleSpace((Discrete(n=3),))))),
            5,
            "Dict(b: Discrete(2), a: Tuple(Discrete(3)))",
        ),
        (nested(MAX_DEPTH), 2, None),
    ],
)
def test_a_space_knows_the_inputs_that_show_it(space, width, text):
    assert space.width == width
    assert str(space) == text or text is None


@pytest.mark.parametrize(
    ("shape", "dtype", "high", "is_bytes"),
    [
        ((2, 2), "uint8", 255.0, True),
        ((2, 2, 3), "uint8", 9.0, True),
        ((4,), "uint8", 255.0, True),
        ((4,), "uint8", 9.0, False),
        ((4,), "int16", 255.0, False),
        ((2, 2), "float32", 255.0, False),
    ],
)
def test_the_bytes_of_a_picture_and_those_of_any_value_are_told_from_counts(shape, dtype, high, is_bytes):
    size = math.prod(shape)
    assert Box((0.0,) * size, (high,) * size, shape, dtype).is_bytes == is_bytes


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Discrete(n=0), "^n: .* got 0"),
        (lambda: Discrete(n=1_000_001), "^n: .* got 1000001"),
        (lambda: Box(low=(), high=(), shape=(2, 0)), r"^shape: .* got \(2, 0\)"),
        (lambda: Box(low=(), high=(), shape=(1001, 1000)), r"^shape: .* got \(1001, 1000\)"),
        (lambda: Box(low=(), high=(), shape=()), "^bounds: 1 elements need as many, got 0 and 0"),
        (lambda: Box(low=(0.0,), high=(1.0,), shape=(1,), dtype="float23"), "^dtype: 'float23' is unknown; did you mean"),
        (lambda: Box(low=(0.0,), high=(1.0,), shape=(1,), dtype="complex64"), "^dtype: 'complex64' is unknown"),
        (lambda: MultiDiscrete(nvec=()), r"^shape: .* got \(0,\)"),
        (lambda: MultiDiscrete(nvec=(2, 0)), "^n: .* got 0"),
        (lambda: MultiDiscrete(nvec=(2, 3), start=(0,)), "^nvec: 2 elements need as many choices and starts, got 2 and 1"),
        (lambda: MultiDiscrete(nvec=(2, 3), shape=(3,)), "^nvec: 3 elements need"),
        (lambda: MultiDiscrete(nvec=(600_000, 600_000)), "^space: a network has at most 1,000,000 inputs, got 1,200,000"),
        (lambda: MultiBinary(shape=(2, 0)), r"^shape: .* got \(2, 0\)"),
        (lambda: TupleSpace(()), "^spaces: expected at least one"),
        (lambda: DictSpace(()), "^spaces: expected at least one"),
        (lambda: DictSpace((("a", Discrete(2)), ("b", Discrete(2)), ("a", Discrete(3)))), "^spaces: the key 'a' appears twice"),
        (lambda: TupleSpace((Discrete(600_000),) * 2), "^space: a network has at most 1,000,000 inputs, got 1,200,000"),
        (lambda: nested(MAX_DEPTH + 1), "^spaces: expected at most 16 within each other, got 17"),
        (lambda: Box(low=(0.0,), high=(1.0, 1.0), shape=(2,)), "^bounds: 2 elements need as many, got 1 and 2"),
        (lambda: Box(low=(0.0, 2.0), high=(1.0, 1.0), shape=(2,)), "^bounds: each lower one"),
        (lambda: Box(low=(math.nan,), high=(1.0,), shape=(1,)), "^bounds: each lower one"),
    ],
)
def test_spaces_that_hold_nothing_are_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()
