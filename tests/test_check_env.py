"""What `check_env` says of worlds with one mistake each."""

import math
import random
import sys
from dataclasses import replace
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import pytest

from evolvent import lanes
from evolvent.envs import CARTPOLE, ENVS, Env, EnvSpec
from evolvent.errors import UsageError
from evolvent.jit import bind
from evolvent.lanes import absolute, clip, cos, maximum, sin, to_float32, to_float64, where
from evolvent.seeding import uniform
from evolvent.spaces import Box, Discrete
from evolvent.testing import check_env, same_bits


class State(NamedTuple):
    x: Any
    v: Any


class Other(NamedTuple):
    x: Any
    v: Any


class Nested(NamedTuple):
    body: State
    landed: Any


def reset(draw):
    return State(uniform(draw, 0) - 0.5, 0.0)


def observe(state):
    return state.x, cos(state.v)


def step(state, action, draw):
    v = clip(state.v + 0.1 * action[0] + 0.1 * (uniform(draw, 0) - 0.5), -1.0, 1.0)
    x = state.x + 0.1 * v
    return State(x, v), 1.0 - absolute(x), absolute(x) > 1.0


def describe(state):
    return (state.x,)


def picture(state):
    frame = np.zeros((4, 8, 3), np.uint8)
    frame[:, int(4 + 3 * np.clip(state.x, -1, 1))] = 255
    return frame


SPEC = EnvSpec(
    id="Small-v0",
    observation_space=Box.symmetric((1.2, 1.0)),
    action_space=Box.symmetric((1.0,)),
    max_episode_steps=60,
    reward_threshold=None,
)
SMALL = Env(spec=SPEC, reset=reset, observe=observe, step=step, describe=describe, picture=picture)


def said_of(**changes):
    with pytest.raises(UsageError) as refused:
        check_env(replace(SMALL, **changes), episodes=5)
    message = str(refused.value)
    assert message.startswith("Small-v0: ")
    return message


@pytest.fixture
def uncompiled(monkeypatch):
    """Leave out what takes a compiler."""
    monkeypatch.setattr(same_bits, "COMPILES", False)


# --- worlds that are right ---


@pytest.mark.slow
def test_a_world_that_is_right_passes_quietly(capfd, caplog):
    check_env(SMALL)
    assert capfd.readouterr() == ("", "")
    assert not caplog.text


@pytest.mark.compiled
@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("env_id", sorted(ENVS))
def test_the_librarys_own_worlds_pass(env_id):
    check_env(ENVS[env_id])


def nested_reset(draw):
    return Nested(reset(draw), False)


def nested_observe(state):
    return observe(state.body)


def nested_step(state, action, draw):
    body, reward, over = step(state.body, action, draw)
    for _ in range(3):
        body = State(body.x, 0.99 * body.v)
    return Nested(body, over | state.landed), reward, over


@pytest.mark.slow
def test_states_within_states_truth_values_and_fixed_loops_are_right():
    check_env(Env(spec=SPEC, reset=nested_reset, observe=nested_observe, step=nested_step))


def constant_branch(state, action, draw):
    if LIMIT > 0.5:
        return step(state, action, draw)
    return state, 0.0, False


LIMIT = 1.0


@pytest.mark.usefixtures("uncompiled")
def test_a_branch_on_a_constant_is_right():
    check_env(replace(SMALL, step=constant_branch))
    check_env(replace(SMALL, step=bind(constant_branch, LIMIT=0.7)))


def with_pythons_own(state, action, draw):
    after, _, over = step(state, action, draw)
    reward = +abs(after.x)
    reward += max(after.v, 0.0) - min(0.5, after.v)
    return after, reward, over


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_abs_and_max_and_min_of_two_are_right():
    check_env(replace(SMALL, step=with_pythons_own))


# --- branches, and what lanes do not have ---


def with_if(state, action, draw):
    if state.x > 0.0:
        return step(state, action, draw)
    return state, 0.0, False


def with_two(state, action, draw):
    push = 0.1 if action[0] > 0.0 else -0.1
    after, reward, over = step(state, (push,), draw)
    if over:
        reward = -1.0
    return after, reward, over


def with_and(state, action, draw):
    after, reward, over = step(state, action, draw)
    return after, reward, over and state.v > 0.0


def with_not(state, action, draw):
    after, reward, over = step(state, action, draw)
    return after, reward, not over


def with_max(state, action, draw):
    after, reward, over = step(state, action, draw)
    return State(max(after.x, -1.0, after.v), after.v), reward, over


def with_chain(state, action, draw):
    after, _, over = step(state, action, draw)
    return after, where(-0.5 < after.x < 0.5, 1.0, 0.0), over


def with_while(state, action, draw):
    after, reward, over = step(state, action, draw)
    x = after.x
    while x > 0.1:
        x = 0.5 * x
    return State(x, after.v), reward, over


def with_random_branch(state, action, draw):
    gust = 0.1
    if uniform(draw, 1) < 0.5:
        gust = -0.1
    after, reward, over = step(state, action, draw)
    return State(after.x, clip(after.v + gust, -1.0, 1.0)), reward, over


def drag(v):
    return -v if v > 0.0 else v


def with_helper(state, action, draw):
    return step(State(state.x, 0.01 * drag(state.v)), action, draw)


def with_square(state, action, draw):
    after, _, over = step(state, action, draw)
    return after, 1.0 - after.x**2, over


def with_remainder(state, action, draw):
    after, reward, over = step(state, action, draw)
    return State(after.x % 1.0, after.v), reward, over


def with_tilde(state, action, draw):
    after, reward, over = step(state, action, draw)
    return after, reward, ~over


def with_math(state, action, draw):
    after, _, over = step(state, action, draw)
    return after, math.sin(after.x), over


def with_numpy(state, action, draw):
    after, _, over = step(state, action, draw)
    return after, np.sin(after.x), over


def with_numpys_where(state, action, draw):
    after, _, over = step(state, action, draw)
    return after, float(np.where(after.x > 0.0, 1.0, 0.0)), over


def with_a_function_we_lack(state, action, draw):
    after, _, over = step(state, action, draw)
    return after, math.gamma(2.0 + absolute(after.x)), over


def with_a_module(state, action, draw):
    after, _, over = step(state, action, draw)
    return after, lanes.sin(after.x), over


def with_int(state, action, draw):
    after, _, over = step(state, action, draw)
    return after, 1.0 * int(after.x), over


TABLE = (1.0, 2.0)


def with_index(state, action, draw):
    after, _, over = step(state, action, draw)
    return after, TABLE[int(after.x > 0.0)], over


def with_brackets_missing(state, action, draw):
    after, reward, _ = step(state, action, draw)
    return after, reward, after.x > 1.0 | after.v


def with_a_sum_of_flags(state, action, draw):
    after, _, over = step(state, action, draw)
    return after, (after.x > 0.0) + 1.0, over


def with_a_number_as_condition(state, action, draw):
    after, reward, over = step(state, action, draw)
    return after, where(after.x, reward, 0.0), over


def with_mixed_precision(state, action, draw):
    after, _, over = step(state, action, draw)
    return after, to_float64(to_float32(after.x) * after.v), over


def with_the_step_as_number(state, action, draw):
    after, _, over = step(state, action, draw)
    return after, state.x * draw.step, over


OWN_NAME = "write sin(...), with from evolvent.lanes import sin"


def with_a_key(state, action, draw):
    after, _, over = step(state, action, draw)
    return after, {0.5: 2.0}.get(after.x, 1.0), over


def with_bool(state, action, draw):
    after, reward, over = step(state, action, draw)
    return after, reward, bool(over)


@pytest.mark.parametrize(
    ("wrong", "line", "words"),
    [
        (with_a_key, 2, "a value as the key of a table: write a formula"),
        (with_bool, 2, "it branches on a value; leave bool() away"),
        (with_if, 1, "it branches on a value; write where(condition, yes, no) instead of if"),
        (with_and, 2, "write (a > 0) & (b > 0), | and logical_not(a) instead of and, or, not"),
        (with_not, 2, "logical_not(a)"),
        (with_max, 2, "it branches on a value; write maximum(a, maximum(b, c))"),
        (with_chain, 2, "write (low < x) & (x < high)"),
        (with_while, 3, "write for _ in range(n) with a fixed n"),
        (with_random_branch, 2, "it branches on a value; write where(condition, yes, no)"),
        (with_square, 2, "**: write x * x"),
        (with_remainder, 2, "%: write x - m * floor(x / m)"),
        (with_tilde, 2, "~: write logical_not(x)"),
        (with_math, 2, f"sin() of another library: {OWN_NAME}"),
        (with_numpy, 2, f"sin() of another library: {OWN_NAME}"),
        (with_numpys_where, 2, "write where(...), with from evolvent.lanes import where"),
        (with_a_function_we_lack, 2, "gamma() of another library: write it with the functions of evolvent.lanes: absolute, "),
        (with_a_module, 2, "call a function by its own name: from evolvent.lanes import sin"),
        (with_int, 2, "int() of a value: write floor(x)"),
        (with_index, 2, "int() of a value"),
        (with_brackets_missing, 2, "| of numbers: put comparisons in brackets, (a > 0) | (b > 0)"),
        (with_a_sum_of_flags, 2, "a truth value is no number: write where(flag, 1.0, 0.0)"),
        (with_a_number_as_condition, 2, "the condition of where() is a number: write x > 0.0"),
        (with_mixed_precision, 2, "it mixes values of float32 and float64: write to_float64(x)"),
        (with_the_step_as_number, 2, "it mixes values of float64 and int64: write to_float64(x)"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_what_lanes_cannot_do_is_told_with_its_line(wrong, line, words):
    message = said_of(step=wrong)
    code = wrong.__code__
    assert f"{wrong.__name__}: {code.co_filename}, line {code.co_firstlineno + line}: " in message
    assert words in message


def test_every_branch_is_told_at_once():
    first = with_two.__code__.co_firstlineno
    message = said_of(step=with_two, observe=observe_with_or)
    assert "3 things to mend\n" in message
    for line in (first + 1, first + 3, observe_with_or.__code__.co_firstlineno + 1):
        assert f"line {line}: it branches on a value" in message


def observe_with_or(state):
    return where(state.x > 0.0 or state.v > 0.0, 1.0, 0.0), cos(state.v)


def test_a_branch_in_a_function_that_is_called_is_told_where_it_is():
    message = said_of(step=with_helper)
    assert f"drag: {__file__}, line {drag.__code__.co_firstlineno + 1}: it branches on a value" in message


# --- what the functions give ---


def reset_to_a_dict(_):
    return {"x": 0.0, "v": 0.0}


def reset_to_a_tuple(_):
    return 0.0, 0.0


def reset_to_whole_numbers(draw):
    return State(uniform(draw, 0) - 0.5, 0)


def reset_to_float32(draw):
    return State(np.float32(uniform(draw, 0) - 0.5), 0.0)


def reset_to_a_list(_):
    return State(0.0, [0.0])


def reset_to_another_type(draw):
    return Other(*reset(draw))


def reset_to_a_flag(draw):
    return State(uniform(draw, 0) - 0.5, False)


def reset_by_division(draw):
    return State(1.0 / (0.0 * uniform(draw, 0)), 0.0)


class Empty(NamedTuple):
    pass


def reset_to_nothing(_):
    return Empty()


def step_that_leaves(*_):
    sys.exit(3)


def step_without_end(state, action, draw):
    return step_without_end(state, action, draw)


def observe_a_number(state):
    return state.x


def observe_a_list(state):
    return [state.x, state.v]


def observe_three(state):
    return state.x, state.v, 0.0


def observe_a_flag(state):
    return state.x, state.v > 0.0


def observe_nan(state):
    return state.x, where(state.x > 0.0, math.nan, state.v)


def observe_twice_as_much(state):
    return 4.0 * state.x, cos(state.v)


def step_of_gymnasium(state, action, draw):
    after, reward, over = step(state, action, draw)
    return after, reward, over, False, {}


def step_of_two(state, action, draw):
    return step(state, action, draw)[:2]


def step_with_a_tuple_as_reward(state, action, draw):
    after, reward, over = step(state, action, draw)
    return after, (reward,), over


def step_with_a_number_as_end(state, action, draw):
    after, reward, over = step(state, action, draw)
    return after, reward, where(over, 1.0, 0.0)


def step_to_the_observation(state, action, draw):
    after, reward, over = step(state, action, draw)
    return observe(after), reward, over


def step_to_nothing(state, action, draw):
    step(state, action, draw)


def step_with_endless_reward(state, action, draw):
    after, _, over = step(state, action, draw)
    return after, where(after.x > 0.0, math.inf, 0.0), over


def describe_a_number(state):
    return state.x


def picture_of_floats(_):
    return np.zeros((4, 8, 3))


def picture_without_colours(_):
    return np.zeros((4, 8), np.uint8)


@pytest.mark.parametrize(
    ("role", "wrong", "words"),
    [
        ("reset", reset_to_a_dict, "reset: expected a state that is a NamedTuple, got a dict; write class State(NamedTuple)"),
        ("reset", reset_to_a_tuple, "reset: expected a state that is a NamedTuple, got a tuple"),
        ("reset", reset_to_whole_numbers, "reset: state.v is a whole number, 0; write 0.0"),
        ("reset", reset_to_float32, "reset: state.x is a float32 of NumPy; a state holds numbers of float64"),
        ("reset", reset_to_a_list, "reset: state.v is a list; a state holds numbers, truth values and tuples of them"),
        ("reset", reset_to_another_type, "step: expected a state of the same type as reset's, Other, got State"),
        ("reset", reset_to_a_flag, "step: state.v is a number, after reset it was a truth value"),
        ("reset", reset_by_division, "it raises ZeroDivisionError: float division by zero; keep the divisor from zero"),
        ("reset", reset_to_nothing, "reset: expected a state of at least one value, got an empty Empty"),
        ("step", step_that_leaves, "it raises SystemExit: 3"),
        ("step", step_without_end, "RecursionError"),
        ("observe", observe_a_number, "observe: expected a tuple of values, got a number; write (x,), with the comma"),
        ("observe", observe_a_list, "observe: expected a tuple of values, got a list; write (x, y, ...)"),
        ("observe", observe_three, "observe: expected 2 values, as observation_space has, got 3"),
        ("observe", observe_a_flag, "observe: value 1 is a truth value, expected a number; write where(flag, 1.0, 0.0)"),
        ("observe", observe_nan, "observe: value 1 is nan, expected a finite number, in step"),
        ("observe", observe_twice_as_much, "outside [-1.2, 1.2] of observation_space, in step"),
        (
            "step",
            step_of_gymnasium,
            "step: expected (state, reward, terminated), got 5 values; the time limit is max_episode_steps",
        ),
        ("step", step_of_two, "step: expected (state, reward, terminated), got 2 values"),
        ("step", step_to_nothing, "step: expected (state, reward, terminated), got None"),
        ("step", step_with_a_tuple_as_reward, "step: expected a reward that is a number, got a tuple"),
        ("step", step_with_a_number_as_end, "step: expected terminated to be a truth value, got a number; write x > limit"),
        ("step", step_to_the_observation, "step: expected a state that is a NamedTuple, got a tuple"),
        ("step", step_with_endless_reward, "step: the reward is inf, expected a finite number, in step"),
        ("describe", describe_a_number, "describe: expected a tuple of values, got a number"),
        (
            "picture",
            picture_of_floats,
            "picture: expected an array (height, width, 3) of uint8, got float64 of shape (4, 8, 3)",
        ),
        ("picture", picture_without_colours, "got uint8 of shape (4, 8)"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_what_a_function_gives_is_held_to_the_contract(role, wrong, words):
    assert words in said_of(**{role: wrong})


def test_a_state_that_goes_wrong_is_shown_with_the_step():
    assert "State(x=" in said_of(observe=observe_nan)
    assert "of the episode of seed " in said_of(step=step_with_endless_reward)


# --- what changes outside ---

COUNTS = np.zeros(1)
HISTORY: list[float] = []
TOTAL = 0.0


def reset_at_random(_):
    return State(random.random() - 0.5, 0.0)  # noqa: S311


def step_at_random(state, action, draw):
    after, reward, over = step(state, action, draw)
    return State(after.x, np.random.uniform(-0.1, 0.1)), reward, over  # noqa: NPY002


def step_that_counts(state, action, draw):
    COUNTS[0] += 1
    after, reward, over = step(state, action, draw)
    return after, reward + 1e-9 * COUNTS[0], over


def step_that_remembers(state, action, draw):
    HISTORY.append(0.0)
    after, reward, over = step(state, action, draw)
    return after, reward, over


def remembered():
    return HISTORY[-1]


def observe_what_was_remembered(state):
    return state.x, cos(remembered())


def step_that_prints(state, action, draw):
    print(state.x)  # noqa: T201
    return step(state, action, draw)


def step_that_has_printed(state, action, draw):
    return step_that_prints(state, action, draw)


def step_with_a_global(state, action, draw):
    global TOTAL  # noqa: PLW0603
    TOTAL = TOTAL + 1.0
    return step(state, action, draw)


@pytest.mark.parametrize(
    ("role", "wrong", "words"),
    [
        ("reset", reset_at_random, "reset: the same draw gives another state when it is called again; randomness comes from"),
        ("step", step_at_random, "step: the same arguments give another answer when it is called again"),
        ("step", step_that_counts, "step: the same arguments give another answer when it is called again"),
        ("step", step_that_remembers, "it uses HISTORY, a list; constants are numbers and tuples of them"),
        ("observe", observe_what_was_remembered, "it uses HISTORY, a list; constants are numbers and tuples of them"),
        ("step", step_that_prints, "in every step of every episode: take print() away once you have read it"),
        ("step", step_that_has_printed, "in every step of every episode: take print() away once you have read it"),
        ("step", step_with_a_global, "it assigns the global TOTAL; what changes belongs into the state"),
    ],
)
def test_what_is_kept_or_drawn_outside_is_told(role, wrong, words):
    assert words in said_of(**{role: wrong})


def test_the_line_that_prints_is_named():
    line = step_that_prints.__code__.co_firstlineno + 1
    assert f"test_check_env.py, line {line}: it prints" in said_of(step=step_that_has_printed)


# --- the record and the functions as such ---


class Machine:
    def reset(self, draw):
        return reset(draw)


def made(size):
    def own_reset(draw):
        return State(size * uniform(draw, 0), 0.0)

    return own_reset


def reset_without_draw():
    return State(0.0, 0.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reset": reset_without_draw}, "reset: expected reset(draw), got reset_without_draw()"),
        ({"step": observe}, "step: expected step(state, action, draw), got observe(state)"),
        (
            {"reset": Machine().reset},
            "reset: expected a plain function, written with def at the top level of a file, got a method",
        ),
        ({"reset": made(2.0)}, "one that uses variables of the function around it; one with constants of its own is made by"),
        ({"observe": None}, "observe: expected a plain function, written with def at the top level of a file, got None"),
        ({"spec": None}, "spec: expected an EnvSpec, from evolvent.envs, got None"),
        (
            {"spec": replace(SPEC, observation_space=gymnasium.spaces.Box(-1, 1, (2,)))},  # type: ignore[arg-type]
            "spec: observation_space: expected a Box, from evolvent.spaces, got a Box of gymnasium",
        ),
        (
            {"spec": replace(SPEC, action_space=2)},
            "action_space: expected a Box or a Discrete, from evolvent.spaces, got an int",
        ),  # type: ignore[arg-type]
        ({"spec": replace(SPEC, max_episode_steps=0)}, "max_episode_steps: expected a whole number of at least 1, got 0"),
        ({"spec": replace(SPEC, reward_threshold=math.nan)}, "reward_threshold: expected a finite number or None, got nan"),
    ],
)
def test_an_odd_record_or_function_is_refused_before_anything_is_called(changes, words):
    with pytest.raises(UsageError) as refused:
        check_env(replace(SMALL, **changes))
    assert words in str(refused.value)


def test_what_is_no_world_is_refused():
    with pytest.raises(UsageError, match=r"env: expected an Env, from evolvent\.envs, got a str"):
        check_env("CartPole-v1")  # type: ignore[arg-type]


# --- what only compiling tells ---


def step_by_replacement(state, action, draw):
    after, reward, over = step(state, action, draw)
    return after._replace(v=0.5 * after.v), reward, over


def step_by_generator(state, action, draw):
    after, _, over = step(state, action, draw)
    return after, sum(value * value for value in after), over


class Vehicle:
    mass = 2.0


def step_with_a_class(state, action, draw):
    after, reward, over = step(state, action, draw)
    return after, Vehicle.mass * reward, over


def step_with_another_sine(state, action, draw):
    after, _, over = step(state, action, draw)
    return after, sin(3.0 * after.x) + maximum(after.v, 0.0), over


@pytest.mark.compiled
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("wrong", "line", "words"),
    [
        (step_by_replacement, 2, "Unknown attribute '_replace' of type State(float64 x 2); write all fields: State(x, v)"),
        (step_by_generator, 2, "write the terms out, or a for loop, instead of a generator"),
        (step_with_a_class, 2, "a function may name numbers, tuples, functions and NamedTuples"),
    ],
)
def test_what_cannot_be_compiled_is_told_in_a_line(wrong, line, words):
    message = said_of(step=wrong)
    assert f"test_check_env.py, line {wrong.__code__.co_firstlineno + line}: " in message
    assert words in message
    assert "\n" not in message


@pytest.mark.compiled
def test_a_result_that_depends_on_how_it_is_run_is_told(monkeypatch):
    different = bind(step_with_another_sine, sin=cos)
    compiled = same_bits.compile_rollout

    def compile_another(env, network, count):
        return compiled(replace(env, step=different) if count > 1 else env, network, 1)

    monkeypatch.setattr(same_bits, "compile_rollout", compile_another)
    message = said_of(step=step_with_another_sine)
    assert "step: compiled code and lanes differ, first in the reward or the end of step 1: return" in message


@pytest.mark.usefixtures("uncompiled")
def test_without_a_compiler_the_rest_is_looked_at():
    check_env(replace(CARTPOLE, spec=replace(CARTPOLE.spec, max_episode_steps=20)))
    assert "with_if" in said_of(step=with_if)


@pytest.mark.usefixtures("uncompiled")
def test_discrete_actions_are_looked_at_too():
    check_env(replace(SMALL, spec=replace(SPEC, action_space=Discrete(n=2))))
