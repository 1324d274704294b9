"""Three worlds that do not show how fast things move: the same as those that do, but for that."""

import math
from typing import Any, NamedTuple

import numpy as np
import pytest

from evolvent.envs import ENVS, make_env
from evolvent.errors import UsageError
from evolvent.seeding import Draw
from evolvent.spaces import Box, Discrete
from evolvent.testing import check_env, same_bits


class Pair(NamedTuple):
    """A world and the one that shows all."""

    shown: str
    kept: list[int]
    argument: dict[str, Any]


PAIRS = {
    "CartPoleNoVel-v1": Pair("CartPole-v1", [0, 2], {"sutton_barto_reward": True}),
    "PendulumNoVel-v1": Pair("Pendulum-v1", [0, 1], {"g": 3.7}),
    "MountainCarContinuousNoVel-v0": Pair("MountainCarContinuous-v0", [0], {"goal_velocity": 0.03}),
}


@pytest.mark.parametrize("env_id", PAIRS)
@pytest.mark.parametrize("changed", [False, True])
def test_only_what_is_shown_differs(env_id, changed):
    pair = PAIRS[env_id]
    arguments = pair.argument if changed else {}
    env, other = make_env(env_id, **arguments), make_env(pair.shown, **arguments)
    for key in range(3):
        state, theirs, over, steps = env.reset(Draw(key, 0)), other.reset(Draw(key, 0)), False, 0
        while not over and steps < 100:
            steps += 1
            turn = math.sin(0.3 * steps)
            action = (float(turn > 0) if isinstance(env.spec.action_space, Discrete) else turn,)
            state, paid, over = env.step(state, action, Draw(key, steps))
            theirs, their_pay, ended = other.step(theirs, action, Draw(key, steps))
            assert (tuple(state), paid, bool(over)) == (tuple(theirs), their_pay, bool(ended))
            assert list(env.observe(state)) == [other.observe(theirs)[k] for k in pair.kept]


@pytest.mark.parametrize("env_id", PAIRS)
def test_its_spec_is_that_of_the_other_but_for_the_velocities(env_id):
    spec, other = ENVS[env_id].spec, ENVS[PAIRS[env_id].shown].spec
    ours, theirs = ENVS[env_id].observation_space, ENVS[PAIRS[env_id].shown].observation_space
    assert spec.id == env_id
    assert (spec.action_space, spec.max_episode_steps) == (other.action_space, other.max_episode_steps)
    assert spec.reward_threshold == other.reward_threshold
    kept = PAIRS[env_id].kept
    assert ours == Box(low=tuple(theirs.low[k] for k in kept), high=tuple(theirs.high[k] for k in kept), shape=(len(kept),))


@pytest.mark.parametrize("env_id", PAIRS)
def test_our_own_checker_finds_nothing(env_id, monkeypatch):
    monkeypatch.setattr(same_bits, "COMPILES", False)  # what is compiled is that of the other world, but for `observe`
    check_env(ENVS[env_id], episodes=3)


@pytest.mark.parametrize("env_id", PAIRS)
def test_an_argument_that_the_other_refuses_is_refused(env_id):
    (name,) = PAIRS[env_id].argument
    with pytest.raises(UsageError, match=f"^env_kwargs: {name}: expected "):
        make_env(env_id, **{name: math.nan})


@pytest.mark.parametrize("env_id", PAIRS)
def test_a_picture_shows_the_state(env_id):
    env: Any = ENVS[env_id]
    frames = [env.picture(state) for state in (env.reset(Draw(1, 0)), env.reset(Draw(1, 0)), env.reset(Draw(2, 0)))]
    assert frames[0].dtype == np.uint8
    assert frames[0].shape[2:] == (3,)
    assert (frames[0] == frames[1]).all()
    assert (frames[0] != frames[2]).any()
    assert (frames[0] != 255).any(axis=2).mean() < 0.2
