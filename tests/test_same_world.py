"""A compiled world is held to a Gymnasium environment, from injected states."""

import re
from contextlib import closing
from dataclasses import replace

import gymnasium
import numpy as np
import pytest

import evolvent as ev
from evolvent.envs import CARTPOLE
from evolvent.envs.cartpole import State, observe, step
from evolvent.errors import UsageError
from evolvent.jit import bind
from evolvent.lanes import where
from evolvent.spaces import Box, Discrete, MultiBinary
from evolvent.testing import check_same_world


def inject(gym_env, state):
    gym_env.state = np.array(state)


def said_of(env=CARTPOLE, gym_env="CartPole-v1", inject=inject, **settings):
    with pytest.raises(UsageError) as refused:
        check_same_world(env, gym_env, inject=inject, episodes=4, **settings)
    message = str(refused.value)
    assert message.startswith("CartPole-v1 is not the same world: ")
    assert "\n" not in message
    return message


def test_cartpole_is_gymnasiums():
    check_same_world(CARTPOLE, "CartPole-v1", inject=inject)


def test_an_environment_is_taken_as_it_is_and_left_open():
    with closing(gymnasium.make("CartPole-v1")) as env:
        check_same_world(CARTPOLE, env, inject=inject, episodes=2)
        env.reset(seed=0)
        assert env.step(0)[1] == 1.0


def test_a_world_is_the_same_as_its_own_view():
    quiet = replace(CARTPOLE, spec=replace(CARTPOLE.spec, id="quiet/Cart-v0"))

    def inject_ours(view, state):
        view._state = state

    check_same_world(quiet, ev.as_gymnasium(quiet), inject=inject_ours, episodes=2, tolerance=0.0)


def observe_backwards(state):
    return state.angular_velocity, state.angle, state.velocity, state.position


def step_without_an_end(state, action, draw):
    after, reward, _ = step(state, action, draw)
    return after, reward, False


def step_that_pays_for_the_middle(state, action, draw):
    after, reward, over = step(state, action, draw)
    return after, where(after.position > 0.0, 1.5, reward), over


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"step": bind(step, GRAVITY=9.81)},
            r"in step 1 of the episode of seed 0, observation [13] is .* apart where 1e-12 is",
        ),
        (
            {"step": bind(step, TIME_STEP=0.02 * (1 + 1e-5))},
            r"observation [01] is .* apart where 1e-12 is allowed; before it State\(position=",
        ),
        (
            {"step": step_without_an_end},
            r"terminated is False, expected True, which is the other one; .* the action \([01]\.0,\)$",
        ),
        ({"step": step_that_pays_for_the_middle}, r"the reward is 1\.5, expected 1\.0, 0\.5 apart"),
        ({"observe": observe_backwards}, r"observation 0 is "),
        ({"observe": lambda state: observe(state)[:3]}, r"observe: expected 4 values, as observation_space has, got 3"),
        ({"step": lambda *_: (1.0, 2.0)}, r"step: expected \(state, reward, terminated\), got 2 values"),
    ],
)
def test_what_differs_is_told_with_the_step_the_state_and_the_action(changes, words):
    message = said_of(replace(CARTPOLE, **changes))
    assert re.search(words, message), message


def test_a_tolerance_lets_small_differences_pass():
    shorter = replace(CARTPOLE, step=bind(step, TIME_STEP=0.02 * (1 + 1e-5)))
    check_same_world(shorter, "CartPole-v1", inject=inject, episodes=2, tolerance=1e-3)


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ({"action_space": Discrete(n=3)}, "action_space: expected Discrete(2), got Discrete(3)"),
        ({"action_space": MultiBinary(shape=(1,))}, "action_space: expected Discrete(2), got MultiBinary(1,)"),
        ({"action_space": Box.symmetric((1.0,))}, "action_space: expected Discrete(2), got Box("),
        ({"observation_space": Box.symmetric((1.0, 1.0, 1.0, 1.0))}, "observation_space: expected Box("),
        ({"observation_space": Box.symmetric((1.0, 1.0))}, "observation_space: expected Box("),
    ],
)
def test_other_spaces_are_told(space, words):
    assert words in said_of(replace(CARTPOLE, spec=replace(CARTPOLE.spec, **space)))


def inject_nothing(*_):
    pass


def inject_and_fail(gym_env, state):
    gym_env.state = state.posture


def test_what_injects_nothing_or_fails_is_told():
    assert "observation 0 is" in said_of(inject=inject_nothing)
    assert "inject: " in said_of(inject=inject_and_fail)
    assert "it raises AttributeError: 'State' object has no attribute 'posture'" in said_of(inject=inject_and_fail)


def test_an_unknown_id_is_refused():
    with pytest.raises(UsageError, match='did you mean "CartPole-v1"'):
        check_same_world(CARTPOLE, "CartPol-v1", inject=inject)


def test_the_state_in_the_message_repeats_the_difference():
    message = said_of(replace(CARTPOLE, step=bind(step, GRAVITY=9.81)))
    state = State(*map(float, re.findall(r"=(-?[0-9.e-]+)", message)))
    assert re.search(r"the action \(([01])\.0,\)$", message)
    assert max(map(abs, state)) <= 0.05
