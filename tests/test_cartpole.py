import itertools
import math
from contextlib import closing

import gymnasium
import numpy as np
import pytest

from evolvent.envs import CARTPOLE, ENVS
from evolvent.envs.cartpole import State, observe, reset, step
from evolvent.evaluation import Conditions
from evolvent.jit import kernel
from evolvent.networks import MLP
from evolvent.seeding import Draw, stream
from evolvent.spaces import Box, Discrete
from evolvent.tasks import CompiledEnv
from evolvent.tasks.gym_env import GymEnv, describe
from tests.reference import mlp

DRAW = Draw(np.uint64(0), 0)
LIMIT_X, LIMIT_ANGLE = 2.4, 12 * 2 * math.pi / 360

compiled_step = kernel(step)


@pytest.fixture(scope="module")
def original():
    env = gymnasium.make("CartPole-v1", max_episode_steps=-1, disable_env_checker=True)
    yield env
    env.close()


def injected(env, state):
    """Put the original into a state, as if it had just been reset."""
    env.reset(seed=0)
    env.unwrapped.state = np.array(state)
    env.unwrapped.steps_beyond_terminated = None
    return env


def near_and_far():
    rng = np.random.default_rng(0)
    for x, angle in itertools.product((-1, 0, 1), repeat=2):
        for slack in (-1e-9, 1e-9, 0.3):
            yield (x * (LIMIT_X + slack), 0.0, angle * (LIMIT_ANGLE + slack / 10), 0.0)
    for x, angle in itertools.product((-1, 1), repeat=2):  # over a limit by this step's motion, and back again
        yield (x * (LIMIT_X - 0.001), x * 0.1, angle * (LIMIT_ANGLE - 0.001), 0.0)
        yield (x * (LIMIT_X + 0.001), -x * 0.1, angle * (LIMIT_ANGLE + 0.001), -angle * 0.1)
        yield (0.0, 0.0, angle * (LIMIT_ANGLE - 0.001), angle * 0.1)
    yield from (tuple(state) for state in rng.normal(size=(150, 4)) * [1.5, 2.0, 0.15, 2.0])
    yield from (tuple(state) for state in rng.normal(size=(50, 4)) * [50.0, 50.0, 3.0, 20.0])


STATES = list(near_and_far())


@pytest.mark.parametrize("action", [0, 1])
def test_one_step_from_anywhere_is_gymnasiums(original, action):
    ends = set()
    for state in STATES:
        env = injected(original, state)
        _, reward, terminated, truncated, _ = env.step(action)
        for stepped in (step, compiled_step):
            after, paid, fell = stepped(State(*state), (float(action),), DRAW)
            np.testing.assert_allclose(after, env.unwrapped.state, rtol=1e-12, atol=1e-12)
            assert (paid, bool(fell)) == (reward, terminated)
        assert not truncated
        x, _, angle, _ = env.unwrapped.state
        ends.add((bool(x < -LIMIT_X), bool(x > LIMIT_X), bool(angle < -LIMIT_ANGLE), bool(angle > LIMIT_ANGLE)))
    assert len(ends) == 9


def test_arrays_of_states_step_side_by_side():
    states = State(*np.array(STATES).T)
    pushes = np.arange(len(STATES)) % 2.0
    after, _, fell = step(states, (pushes,), DRAW)
    for k, state in enumerate(STATES):
        alone, _, alone_fell = step(State(*state), (pushes[k],), DRAW)
        assert [float(each[k]) for each in after] == [float(each) for each in alone]
        assert fell[k] == alone_fell


def balance(state, k):
    """Push towards the lean, and wrongly now and then, so that an episode is long and full of events."""
    return int(state[2] + 0.3 * state[3] + 0.02 * math.sin(k) > 0)


@pytest.mark.parametrize("policy", [balance, lambda _, k: int(math.sin(1.7 * k) > 0), lambda *_: 1])
def test_whole_episodes_follow_gymnasiums(original, policy):
    lengths = []
    for start in np.random.default_rng(1).uniform(-0.05, 0.05, (6, 4)):
        env, state, length, over = injected(original, start), State(*start), 0, False
        while length < 500 and not over:
            action = policy(state, length)
            state, _, over = step(state, (float(action),), DRAW)
            observation, _, terminated, _, _ = env.step(action)
            np.testing.assert_allclose(state, env.unwrapped.state, rtol=0, atol=1e-12)
            np.testing.assert_allclose(observe(state), observation, rtol=1e-6, atol=1e-12)
            env.unwrapped.state = np.array(state)  # near the upright pole a difference grows without end
            assert over == terminated
            length += 1
        lengths.append(length)
    assert (set(lengths) == {500}) == (policy is balance)


def test_its_spec_is_gymnasiums():
    spec, theirs = CARTPOLE.spec, describe("CartPole-v1")
    assert ENVS["CartPole-v1"] is CARTPOLE
    assert (spec.id, spec.max_episode_steps, spec.reward_threshold) == ("CartPole-v1", 500, 475.0)
    assert (spec.id, spec.max_episode_steps, spec.reward_threshold) == (
        theirs.id,
        theirs.max_episode_steps,
        theirs.reward_threshold,
    )
    assert spec.action_space == theirs.action_space == Discrete(n=2)
    shown, expected = CARTPOLE.observation_space, theirs.observation_space
    assert isinstance(expected, Box)
    assert shown.shape == expected.shape
    for ours, bounds in ((shown.low, expected.low), (shown.high, expected.high)):
        assert np.array(ours, np.float32).tolist() == np.array(bounds, np.float32).tolist()


def test_episodes_begin_evenly_within_the_range_of_gymnasiums():
    starts = np.array([reset(Draw(int(key), 0)) for key in stream(0, "episodes").bits((2000,))])
    assert -0.05 <= starts.min() < -0.0499
    assert 0.0499 < starts.max() < 0.05
    assert np.abs(starts.mean(axis=0)).max() < 4 * 0.1 / math.sqrt(12 * len(starts))
    correlations = np.corrcoef(starts.T) - np.eye(4)
    assert np.abs(correlations).max() < 4 / math.sqrt(len(starts))


# --- with a network ---

NETWORK = MLP(sizes=(4, 6, 2))


def slow_episode(row, seed, cap):
    state, total, length, fell = reset(Draw(int(seed), 0)), 0.0, 0, False
    while length < cap and not fell:
        length += 1
        outputs = mlp.forward(NETWORK, row, np.array(observe(state)))
        state, reward, fell = step(state, (float(np.argmax(outputs)),), Draw(int(seed), length))
        total += reward
    return total, length


def test_a_rollout_is_what_a_slow_loop_makes_of_it():
    population = NETWORK.initialise(12, stream(5, "first"))
    seeds = stream(5, "episodes").bits((12, 2))
    with closing(CompiledEnv(CARTPOLE, NETWORK)) as task:
        evaluation = task.evaluate(population, Conditions(seeds=seeds, episode_cap=60))
    expected = [[slow_episode(row, seed, 60) for seed in row_seeds] for row, row_seeds in zip(population, seeds, strict=True)]
    assert evaluation.returns.tolist() == [[total for total, _ in episodes] for episodes in expected]
    assert evaluation.steps.tolist() == [[length for _, length in episodes] for episodes in expected]
    assert len(np.unique(evaluation.steps)) > 3


def test_policies_last_as_long_in_gymnasiums_world():
    population = NETWORK.initialise(24, stream(6, "first"))
    seeds = np.broadcast_to(stream(6, "episodes").bits((1, 40)), (24, 40))
    with closing(CompiledEnv(CARTPOLE, NETWORK)) as compiled, closing(GymEnv("CartPole-v1", NETWORK)) as gymnasiums:
        ours, theirs = (task.evaluate(population, Conditions(seeds=seeds)).returns for task in (compiled, gymnasiums))
    error = np.sqrt((ours.var(axis=1) + theirs.var(axis=1)) / 40)
    assert (np.abs(ours.mean(axis=1) - theirs.mean(axis=1)) <= 4 * error + 1).all()
    assert ours.mean(axis=1).max() > 3 * ours.mean(axis=1).min()
