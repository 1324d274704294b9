import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolvent.seeding import stream
from evolvent.training import Config, Generation
from evolvent.training.pace import Pace

# Steps of the generations 0, 3, 6 ... of CartPole-v1 with its preset and of Acrobot-v1 with the defaults.
CARTPOLE = [10245, 58375, 83156, 80739, 86828, 82051, 96736, 101266, 118167, 112728, 101687, 116650, 106184, 119322, 115032]
ACROBOT = [89528, 59352, 45389, 34978, 26855, 24640, 26866, 23022, 29893, 29338, 23868, 23093, 26286, 20274, 20877]
SECONDS_A_STEP = 1e-3
TOO_SMALL = 0.8  # of the true time, for an estimate


def told(pace, steps, seconds=None):
    """Tell `pace` of generations of so many steps, and yield after each."""
    seconds = [SECONDS_A_STEP * each for each in steps] if seconds is None else seconds
    for number in range(len(steps)):
        pace.note(generation(number, sum(steps[: number + 1]), sum(seconds[: number + 1])))
        yield number


def generation(number, steps, seconds):
    return Generation(
        generation=number,
        best=1.0,
        mean=1.0,
        failed=0,
        champion=1.0,
        champion_std=0.0,
        training_steps=steps,
        validation_steps=0,
        seconds=seconds,
    )


def settings_of(generations, most_steps, **others):
    return Config(population=2, episodes=1, validation_episodes=0, generations=generations, max_steps=most_steps // 2, **others)


def ratios(steps, most_steps):
    """Give each estimate as a multiple of the true time, and whether it was called the most."""
    pace = Pace(settings_of(len(steps), most_steps))
    for number in told(pace, steps):
        left = pace.left()
        if 0 < number < len(steps) - 1:
            yield left.seconds / (SECONDS_A_STEP * sum(steps[number + 1 :])), left.is_bound


def growing(begins, width, noise, seed, generations=150):
    """Give steps that grow from 40 to 1000 as episodes of CartPole do: slowly, all at once, slowly."""
    deviations = stream(seed, "noise").normal((generations,))
    expected = (40 + 960 / (1 + math.exp(-(i - begins) / width)) for i in range(generations))
    return [round(min(each * math.exp(noise * float(d)), 1000)) for each, d in zip(expected, deviations, strict=True)]


def between(steps):
    """Give a generation's steps for every third one."""
    return [each for each in steps for _ in range(3)]


@settings(max_examples=60)
@given(st.floats(0, 120), st.floats(1, 40), st.floats(0, 0.15), st.integers(0, 1000))
def test_the_estimate_is_never_far_too_small_while_episodes_grow(begins, width, noise, seed):
    found = list(ratios(growing(begins, width, noise, seed), 1000))
    assert all(ratio >= TOO_SMALL for ratio, _ in found)
    assert all(ratio >= 0.999 for ratio, is_bound in found if is_bound)


def test_what_is_called_the_most_is_what_it_takes_if_each_episode_goes_on_to_its_limit():
    pace = Pace(Config(population=8, episodes=3, validation_episodes=10, candidates=2, generations=6, max_steps=100))
    *_, _ = told(pace, [440, 440])
    left = pace.left()
    assert left.is_bound
    assert left.seconds == pytest.approx(4 * (8 * 3 + 2 * 10) * 100 * SECONDS_A_STEP)


def test_cartpole_as_it_went_is_never_far_underestimated():
    assert min(ratio for ratio, _ in ratios(between(CARTPOLE), 146_000)) >= TOO_SMALL


def test_episodes_that_have_become_shorter_for_good_are_expected_to_stay_so():
    found = list(ratios(between(ACROBOT), 111_000))
    assert found[0][1]
    assert [is_bound for _, is_bound in found[25:]] == [False] * len(found[25:])
    assert all(TOO_SMALL <= ratio < 1.6 for ratio, is_bound in found if not is_bound)


def test_episodes_that_have_become_longer_and_stay_below_their_limit_are_expected_to_stay_so():
    found = list(ratios([100] * 15 + [400] * 85, 1000))
    assert found[-1] == (pytest.approx(1.0), False)


def test_episodes_that_always_reach_the_limit_are_foreseen_exactly():
    assert all(found == (pytest.approx(1.0), True) for found in ratios([1000] * 10, 1000))


def test_what_the_first_generation_compiled_is_not_taken_for_its_speed():
    pace = Pace(settings_of(10, 1000))
    *_, _ = told(pace, [1000], [60.0])
    assert math.isnan(pace.left().seconds)
    assert pace.steps_per_second == pytest.approx(1000 / 60)
    pace = Pace(settings_of(10, 1000))
    *_, _ = told(pace, [1000] * 3, [60.0, 2.0, 2.0])
    assert pace.left().seconds == pytest.approx(7 * 2.0)
    assert pace.steps_per_second == pytest.approx(500)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [({}, 80.0), ({"max_env_steps": 5000}, 30.0), ({"max_seconds": 25.0}, 5.0), ({"max_seconds": 15.0}, 0.0)],
)
def test_the_nearest_limit_counts(limit, expected):
    pace = Pace(settings_of(10, 1000, **limit))
    *_, _ = told(pace, [1000] * 2, [10.0, 10.0])
    assert pace.left().seconds == pytest.approx(expected)
    assert pace.left().is_bound


def test_a_run_that_is_over_has_no_time_left():
    pace = Pace(settings_of(3, 1000))
    *_, _ = told(pace, [1000] * 3)
    assert pace.left().seconds == 0


def test_data_and_functions_have_no_episodes_that_could_grow():
    pace = Pace(settings_of(10, 2, world="python"))
    *_, _ = told(pace, [640] * 4)
    assert pace.left().seconds == pytest.approx(6 * 640 * SECONDS_A_STEP)


def test_a_function_that_takes_no_steps_ends_at_its_generations():
    pace = Pace(settings_of(10, 2, world="python"))
    *_, _ = told(pace, [0] * 4, [1.0] * 4)
    assert pace.left().seconds == 0
