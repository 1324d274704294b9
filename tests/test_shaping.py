import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolvent.algorithms.shaping import SHAPINGS, centred_ranks, comparable, nes, raw, z_score
from evolvent.evaluation import Evaluation, usable

SCORES = st.one_of(st.floats(), st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, 1e300, -1e300, 5e-324]))
OUTCOMES = st.lists(st.tuples(SCORES, st.booleans()), min_size=1, max_size=12)
every_shaping = pytest.mark.parametrize("shaping", [*SHAPINGS.values()], ids=[*SHAPINGS])


def measured(fitness, failed=None):
    fitness = np.array(fitness, np.float64)
    failed = np.zeros(len(fitness), bool) if failed is None else np.array(failed)
    return Evaluation(fitness=fitness, returns=fitness[:, None], steps=np.ones((len(fitness), 1), np.int64), failed=failed)


def test_centred_ranks_by_hand():
    assert centred_ranks(measured([10.0, 30.0, 20.0])).tolist() == [-0.5, 0.5, 0.0]
    assert centred_ranks(measured([1.0, 1.0, 9.0, 5.0])).tolist() == pytest.approx([-1 / 3, -1 / 3, 0.5, 1 / 6])


def test_utilities_of_nes_by_hand():
    # log(4 / 2 + 1) - log(k) is 1.09861, 0.40547, 0 and below 0 for k = 1, 2, 3, 4; the first two sum to 1.50408.
    expected = [1.09861 / 1.50408 - 1 / 4, 0.40547 / 1.50408 - 1 / 4, -1 / 4, -1 / 4]
    assert nes(measured([9.0, 8.0, 7.0, 6.0])) == pytest.approx(expected, abs=1e-5)
    assert nes(measured([9.0, 8.0, 7.0, 6.0])) == pytest.approx([0.48042, 0.01958, -0.25, -0.25], abs=1e-5)
    assert nes(measured([6.0, 9.0, 9.0, 7.0])) == pytest.approx([-0.25, 0.25, 0.25, -0.25], abs=1e-12)


def test_z_scores_by_hand():
    assert z_score(measured([1.0, 2.0, 3.0, 6.0])) == pytest.approx(np.array([-2.0, -1.0, 0.0, 3.0]) / math.sqrt(3.5))


def test_raw_fitness_is_bounded_and_who_failed_has_the_worst():
    assert raw(measured([1.5, math.nan, -2.5, 7.0], [False, False, False, True])).tolist() == [1.5, -2.5, -2.5, -2.5]
    assert raw(measured([1e300, -1e300, 3.0])).tolist() == [1e30, -1e30, 3.0]


def test_who_failed_shares_the_last_ranks_whatever_the_fitness():
    outcome = measured([math.nan, 2.0, 99.0, -math.inf, 1.0], [False, False, True, False, False])
    assert centred_ranks(outcome).tolist() == [-0.25, 0.5, -0.25, -0.25, 0.25]


@pytest.mark.parametrize("values", [[3.0] * 5, [1e300] * 4, [-5e-324] * 3, [math.nan] * 4, [0.1] * 7, [2.0]])
@pytest.mark.parametrize("shaping", [centred_ranks, nes, z_score])
def test_equals_are_worth_nothing(shaping, values):
    assert np.abs(shaping(measured(values))).max() < 1e-15


@every_shaping
@given(OUTCOMES)
def test_better_is_never_worth_less_and_who_failed_never_more(shaping, outcomes):
    evaluation = measured(*zip(*outcomes, strict=True))
    utilities = shaping(evaluation)
    assert np.isfinite(utilities).all()
    assert np.abs(utilities).max() <= 1e30
    sound = usable(evaluation)
    if sound.any():
        in_order = utilities[sound][np.argsort(evaluation.fitness[sound])]
        assert (np.diff(in_order) >= 0).all()
        assert utilities[~sound].max(initial=-math.inf) <= in_order[0]


@pytest.mark.parametrize("shaping", [centred_ranks, nes])
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=9))
def test_equals_share_the_mean_of_what_their_ranks_are_worth(shaping, outcomes):
    fitness, failed = zip(*outcomes, strict=True)
    worth = shaping(measured(range(len(fitness), 0, -1)))
    keys = [-math.inf if bad else score for score, bad in outcomes]
    ranked = sorted(keys, reverse=True)
    expected = [np.mean([each for each, other in zip(worth, ranked, strict=True) if other == key]) for key in keys]
    assert shaping(measured(fitness, failed)) == pytest.approx(expected, abs=1e-12)


@given(OUTCOMES)
def test_what_can_be_computed_with_is_the_fitness_but_for_a_power_of_two(outcomes):
    evaluation = measured(*zip(*outcomes, strict=True))
    fitness, exponent = comparable(evaluation)
    assert np.abs(fitness).max() < 1
    sound = usable(evaluation)
    large = sound & (np.abs(evaluation.fitness) >= np.abs(evaluation.fitness[sound]).max(initial=0) * 1e-9)
    assert np.ldexp(fitness, exponent)[large].tolist() == evaluation.fitness[large].tolist()
