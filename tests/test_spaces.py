import math

import numpy as np
import pytest

from evolvent.errors import UsageError
from evolvent.policies.actions import for_environment, num_outputs
from evolvent.spaces import Box, Discrete


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


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Discrete(n=0), "^n: .* got 0"),
        (lambda: Discrete(n=1_000_001), "^n: .* got 1000001"),
        (lambda: Box(low=(), high=(), shape=()), r"^shape: .* got \(\)"),
        (lambda: Box(low=(), high=(), shape=(2, 0)), r"^shape: .* got \(2, 0\)"),
        (lambda: Box(low=(), high=(), shape=(1001, 1000)), r"^shape: .* got \(1001, 1000\)"),
        (lambda: Box(low=(0.0,), high=(1.0, 1.0), shape=(2,)), "^bounds: 2 elements need as many, got 1 and 2"),
        (lambda: Box(low=(0.0, 2.0), high=(1.0, 1.0), shape=(2,)), "^bounds: each lower one"),
        (lambda: Box(low=(math.nan,), high=(1.0,), shape=(1,)), "^bounds: each lower one"),
    ],
)
def test_spaces_that_hold_nothing_are_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()
