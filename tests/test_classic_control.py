"""The five worlds of Gymnasium's classic control, each held to its original."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.classic_control import acrobot as originals_acrobot

from evolvent.envs import ENVS, acrobot, cartpole, make_env, mountain_car, mountain_car_continuous, pendulum
from evolvent.errors import UsageError
from evolvent.jit import bind, kernel
from evolvent.networks import MLP
from evolvent.policies.actions import num_outputs
from evolvent.seeding import Draw, stream, uniform
from evolvent.spaces import Box, Discrete
from evolvent.tasks.gym_env import describe
from tests.test_rollout import assert_same_bits, roll

DRAW = Draw(np.uint64(0), 0)
PI = math.pi
POLE = 12 * 2 * PI / 360


class World(NamedTuple):
    """What the tests know of a world."""

    state: Any  # its State
    lowest: tuple[float, ...]  # of a first state
    highest: tuple[float, ...]
    scale: tuple[float, ...]  # random states lie within
    stored: type  # how Gymnasium keeps a state
    chosen: list[tuple[tuple[float, ...], float]]  # states and actions in which branches are met
    branches: Callable[..., dict[str, Any]]  # by name, where each was met


# --- states in which every branch is met ----------------------------------------------------------------------------


def cartpole_branches(_, actions, after, paid, ended):
    position, _, angle, _ = after.T
    return {
        "pushed left": actions == 0,
        "pushed right": actions == 1,
        "off the left": position < -2.4,
        "off the right": position > 2.4,
        "fell left": angle < -POLE,
        "fell right": angle > POLE,
        "stands": ~ended,
        "paid differently": ended & (paid == -1.0) | (paid == 1.0),
    }


def car_branches(goal):
    def branches(before, actions, after, _, ended):
        position, velocity = after.T
        moved = velocity != 0.0
        return {
            "full speed left": (velocity == -np.float32(0.07)) | (velocity == -0.07),
            "full speed right": (velocity == np.float32(0.07)) | (velocity == 0.07),
            "left wall": (np.float32(position) == np.float32(-1.2)) & ~moved & (before[:, 1] < 0.0),
            "right wall": np.float32(position) == np.float32(0.6),
            "arrived": ended,
            "there, but rolling back": (position >= goal) & ~ended,
            "under way": (position < goal) & moved,
            "pushed left": actions < 1.0,
            "not pushed": actions == 1.0,
            "pushed right": actions > 1.0,
        }

    return branches


def continuous_branches(before, actions, after, paid, ended):
    beyond = {
        "force at the lower bound": actions == -1.0,
        "force at the upper bound": actions == 1.0,
        "force below": actions < -1.0,
        "force above": actions > 1.0,
        "paid": paid > 90.0,
        "charged": paid < 0.0,
    }
    return {**car_branches(0.45)(before, actions, after, paid, ended), **beyond}


def pendulum_branches(before, actions, after, _, ended):
    angle, speed = before[:, 0], after[:, 1]
    return {
        "torque at the lower bound": actions == -2.0,
        "torque at the upper bound": actions == 2.0,
        "torque below": actions < -2.0,
        "torque above": actions > 2.0,
        "full speed left": speed == -8.0,
        "full speed right": speed == 8.0,
        "within a turn": (angle >= -PI) & (angle < PI),
        "turned right": angle >= PI,
        "turned left": angle < -PI,
        "at the seam": (np.abs(np.abs(angle) - PI) < 1e-9),
        "many turns": np.abs(angle) > 20 * PI,
        "goes on": ~ended,
    }


def acrobot_branches(before, actions, after, paid, ended):
    theirs = originals_acrobot.AcrobotEnv()
    free = np.array(
        [
            originals_acrobot.rk4(theirs._dsdt, np.append(state, torque), [0, theirs.dt])
            for state, torque in zip(before, actions - 1.0, strict=True)
        ]
    )
    met = {"above": ended & (paid == 0.0), "below": ~ended & (paid == -1.0)}
    for k in (0, 1):
        met[f"angle {k + 1} as it is"] = np.abs(free[:, k]) <= PI
        met[f"angle {k + 1} wrapped down"] = free[:, k] > PI
        met[f"angle {k + 1} wrapped up"] = free[:, k] < -PI
        met[f"speed {k + 1} cut down"] = (free[:, k + 2] > after[:, k + 2]) & (after[:, k + 2] > 12)
        met[f"speed {k + 1} cut up"] = (free[:, k + 2] < after[:, k + 2]) & (after[:, k + 2] < -12)
    met["wrapped more than once"] = np.abs(free[:, 1]) > 3 * PI
    return {**met, **{f"torque {torque - 1}": actions == torque for torque in (0, 1, 2)}}


def either_way(states, actions):
    """Return states, and their mirror images, with each action."""
    return [(tuple(sign * each for each in state), action) for state in states for sign in (-1, 1) for action in actions]


CARS = [
    *[((-1.2, 0.0), 0.0), ((-1.2, -0.07), 0.0), ((-1.199, -0.05), 2.0), ((-1.13, -0.07), 0.0), ((-1.2, 0.02), 1.0)],
    *[((0.6, 0.07), 2.0), ((0.59, 0.05), 1.0), ((0.49, 0.02), 2.0), ((0.44, 0.02), 2.0), ((0.44, 0.0), 1.0)],
    *[((0.55, -0.02), 0.0), ((0.45, 0.0), 1.0), ((0.5, 0.0), 2.0), ((0.5, 0.0), 0.0), ((0.49, 0.0699), 2.0)],
    *[
        ((-0.9, 0.0699), 2.0),
        ((0.1, -0.0699), 0.0),
        ((0.5, -0.0699), 0.0),
        ((-1.1, 0.07), 2.0),
        ((0.3, -0.07), 0.0),
        ((0.38, 0.07), 2.0),
    ],
]
WORLDS = {
    "Acrobot-v1": World(
        acrobot.State,
        (-0.1,) * 4,
        (0.1,) * 4,
        (PI, PI, 4 * PI, 9 * PI),
        np.float64,
        either_way(
            [
                (PI, PI, 0.1, 0.1),
                (PI - 1e-9, 0.0, 1e-9, 0.0),
                (0.0, PI - 1e-9, 0.0, 1e-9),
                (0.0, 0.0, 4 * PI, 9 * PI),
                (1.0, 2.0, 4 * PI, -9 * PI),
                (PI, 0.0, 0.0, 0.0),
                (2 * PI / 3, -PI / 3, 0.0, 0.0),
                (0.0, 0.0, 0.0, 0.0),
            ],
            (0.0, 1.0, 2.0),
        ),
        acrobot_branches,
    ),
    "CartPole-v1": World(
        cartpole.State,
        (-0.05,) * 4,
        (0.05,) * 4,
        (3.0, 3.0, 0.3, 3.0),
        np.float64,
        either_way(
            [(2.3999, 0.1, 0.0, 0.0), (2.4001, -0.1, 0.0, 0.0), (0.0, 0.0, POLE - 1e-9, 0.1), (0.0, 0.0, POLE + 1e-9, -0.1)],
            (0.0, 1.0),
        ),
        cartpole_branches,
    ),
    "MountainCar-v0": World(mountain_car.State, (-0.6, 0.0), (-0.4, 0.0), (1.2, 0.07), np.float64, CARS, car_branches(0.5)),
    "MountainCarContinuous-v0": World(
        mountain_car_continuous.State,
        (-0.6, 0.0),
        (-0.4, 0.0),
        (1.2, 0.07),
        np.float32,
        [
            (state, action)
            for state, push in CARS
            for action in (push - 1.0, 0.3 * (push - 1.0), 5.0 * (push - 1.0), -1.0 - 1e-9, 1.0 + 1e-9, 1.0)
        ],
        continuous_branches,
    ),
    "Pendulum-v1": World(
        pendulum.State,
        (-PI, -1.0),
        (PI, 1.0),
        (30 * PI, 8.0),
        np.float64,
        either_way(
            [
                (0.0, 0.0),
                (PI, 0.0),
                (np.nextafter(PI, 0), 1.0),
                (np.nextafter(PI, 4), 1.0),
                (3 * PI, 8.0),
                (99 * PI, -8.0),
                (1.5, 7.9),
                (0.5, 0.1),
            ],
            (-2.0, 2.0, -2.0 - 1e-9, 2.0 + 1e-9, -1e3, 1e3, 0.3),
        ),
        pendulum_branches,
    ),
}
VARIANTS = [
    ("Acrobot-v1", {}),
    ("CartPole-v1", {}),
    ("CartPole-v1", {"sutton_barto_reward": True}),
    ("MountainCar-v0", {}),
    ("MountainCar-v0", {"goal_velocity": 0.03}),
    ("MountainCarContinuous-v0", {}),
    ("MountainCarContinuous-v0", {"goal_velocity": 0.03}),
    ("Pendulum-v1", {}),
    ("Pendulum-v1", {"g": 3.7}),
]
NAMES = ["-".join([env_id, *(f"{name}={value}" for name, value in given.items())]) for env_id, given in VARIANTS]


def cases(env_id, count=2000):
    """Return states `(n, k)` and actions `(n,)`: random ones, then the chosen ones."""
    world, rng, space = WORLDS[env_id], np.random.default_rng(0), ENVS[env_id].spec.action_space
    assert isinstance(space, Discrete | Box)
    discrete = isinstance(space, Discrete)
    states = rng.uniform(-1.0, 1.0, (count, len(world.scale))) * world.scale
    if env_id.startswith("MountainCar"):
        states[:, 0] = rng.uniform(-1.2, 0.6, count)
    actions = rng.integers(0, space.n, count) * 1.0 if discrete else rng.normal(size=count) * space.high[0]
    chosen_states, chosen_actions = zip(*world.chosen, strict=True)
    return np.concatenate([states, chosen_states]).astype(world.stored), np.concatenate([actions, chosen_actions])


def original(env_id, given) -> Any:
    return gymnasium.make(env_id, disable_env_checker=True, **given)


def inject(env, state, stored):
    """Put an original into a state, as if it had just been reset."""
    env.unwrapped.state = np.array(state, stored)
    env.unwrapped.steps_beyond_terminated = None


def theirs(action, space):
    return int(action) if isinstance(space, Discrete) else np.array([action])


class Steps(NamedTuple):
    """What became of many states."""

    after: Any  # (n, k)
    observed: Any  # (n, m) float32
    paid: Any  # (n,)
    ended: Any  # (n,) bool


def stepped_by_gymnasium(env_id, given, states, actions):
    world, space = WORLDS[env_id], ENVS[env_id].spec.action_space
    env, steps = original(env_id, given), []
    env.reset(seed=0)
    for state, action in zip(states, actions, strict=True):
        inject(env, state, world.stored)
        observed, reward, ended, _, _ = env.unwrapped.step(theirs(action, space))
        steps.append((env.unwrapped.state, observed, reward, ended))
    env.close()
    after, observed, paid, ended = (np.array(each) for each in zip(*steps, strict=True))
    return Steps(after.astype(np.float64), observed, paid, ended)


def stepped_one_by_one(step, observe, world, states, actions):
    steps = []
    for state, action in zip(states.astype(np.float64), actions, strict=True):
        after, reward, ended = step(world.state(*map(float, state)), (float(action),), DRAW)
        steps.append((tuple(after), observe(after), reward, ended))
    after, observed, paid, ended = (np.array(each) for each in zip(*steps, strict=True))
    return Steps(after, np.float32(observed), paid, ended)


@pytest.mark.parametrize(("env_id", "given"), VARIANTS, ids=NAMES)
def test_one_step_from_anywhere_is_gymnasiums_and_the_compiled_one_to_the_bit(env_id, given):
    world, env = WORLDS[env_id], make_env(env_id, **given)
    states, actions = cases(env_id)
    expected = stepped_by_gymnasium(env_id, given, states, actions)
    for name, met in world.branches(states, actions, *expected[:1], *expected[2:]).items():
        assert met.any(), name
    plain = stepped_one_by_one(env.step, env.observe, world, states, actions)
    np.testing.assert_allclose(plain.after, expected.after, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(plain.paid, expected.paid, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(plain.observed, expected.observed, rtol=1.2e-7, atol=1e-12)  # a unit in the last place
    assert plain.ended.tolist() == expected.ended.tolist()
    if world.stored is np.float32:
        assert plain.after.tobytes() == expected.after.tobytes()
    assert_same_bits(plain, stepped_one_by_one(kernel(env.step), kernel(env.observe), world, states, actions))


@pytest.mark.parametrize("env_id", WORLDS)
def test_arrays_of_states_step_side_by_side(env_id):
    world, env = WORLDS[env_id], ENVS[env_id]
    states, actions = cases(env_id, 50)
    alone = stepped_one_by_one(env.step, env.observe, world, states, actions)
    after, paid, ended = env.step(world.state(*states.T.astype(np.float64)), (actions,), DRAW)
    assert np.array(after).T.tolist() == alone.after.tolist()
    assert (paid == alone.paid).all()
    assert (ended == alone.ended).all()


@pytest.mark.parametrize("turns", range(1, 32, 2))
def test_an_angle_is_wrapped_as_gymnasium_wraps_it(turns):
    border = turns * PI
    for size in (np.nextafter(border, 0), border, np.nextafter(border, 1e9), border - 1.0, border + 1.0, border - PI):
        for angle in (size, -size):
            ours, wrapped = acrobot._wrapped(angle), originals_acrobot.wrap(angle, -PI, PI)
            assert -PI <= ours <= PI
            if turns == 1:
                assert ours == wrapped
            assert math.isclose(math.remainder(ours - wrapped, 2 * PI), 0.0, abs_tol=1e-13)


# --- whole episodes -------------------------------------------------------------------------------------------------

GOOD = {
    "Acrobot-v1": lambda state, _: 1.0 + math.copysign(1.0, state[3]) * (abs(state[3]) > 0.1),
    "CartPole-v1": lambda state, k: float(state[2] + 0.3 * state[3] + 0.02 * math.sin(k) > 0),
    "MountainCar-v0": lambda state, _: 2.0 * (state[1] >= 0),
    "MountainCarContinuous-v0": lambda state, k: math.copysign(1.0 + 0.4 * math.sin(k), state[1]),
    "Pendulum-v1": lambda state, k: math.copysign(2.0 + math.sin(k), state[1]),
}


def idle(_, k):
    """Choose without looking at the state."""
    return float(math.sin(1.7 * k) > 0)


def side_by_side(env_id, given, choose, start):
    """Play an episode in both worlds, which must agree in every step; return whether it ended and its length."""
    world, env = WORLDS[env_id], make_env(env_id, **given)
    other = original(env_id, given)
    other.reset(seed=0)
    inject(other, start, world.stored)
    state, length, over, cut_off = world.state(*map(float, start)), 0, False, False
    while not over and not cut_off:
        action = choose(state, length)
        state, reward, over = env.step(state, (action,), DRAW)
        observed, paid, ended, cut_off, _ = other.step(theirs(action, env.spec.action_space))
        length += 1
        np.testing.assert_allclose(state, other.unwrapped.state, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(env.observe(state), observed, rtol=1e-6, atol=1e-6)
        assert (bool(over), cut_off) == (ended, length == env.spec.max_episode_steps)
        assert math.isclose(reward, paid, rel_tol=1e-9, abs_tol=1e-9)
        if env_id in {"Acrobot-v1", "CartPole-v1"}:  # what is within rounding of each other is soon far apart
            inject(other, state, world.stored)
    other.close()
    return bool(over), length


@pytest.mark.parametrize(("env_id", "given"), VARIANTS, ids=NAMES)
def test_whole_episodes_follow_gymnasiums_to_the_last_step(env_id, given):
    world, found = WORLDS[env_id], set()
    starts = np.random.default_rng(1).uniform(world.lowest, world.highest, (3, len(world.lowest))).astype(world.stored)
    for choose in (GOOD[env_id], idle):
        for start in starts:
            over, length = side_by_side(env_id, given, choose, start)
            found.add(over)
            assert over == (length < ENVS[env_id].spec.max_episode_steps)
    assert found == ({False} if env_id == "Pendulum-v1" else {False, True})


# --- what is known of each ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", WORLDS)
def test_its_spec_is_gymnasiums(env_id):
    ours, expected = ENVS[env_id].spec, describe(env_id)
    assert (ours.id, ours.max_episode_steps, ours.reward_threshold) == (
        env_id,
        expected.max_episode_steps,
        expected.reward_threshold,
    )
    for one, other in ((ours.observation_space, expected.observation_space), (ours.action_space, expected.action_space)):
        if isinstance(one, Discrete) or isinstance(other, Discrete):
            assert one == other
        else:
            assert isinstance(one, Box)
            assert isinstance(other, Box)
            assert one.shape == other.shape
            assert np.array(one.low, np.float32).tolist() == list(other.low)
            assert np.array(one.high, np.float32).tolist() == list(other.high)


@pytest.mark.parametrize("env_id", WORLDS)
def test_episodes_begin_as_gymnasiums_do(env_id):
    world = WORLDS[env_id]
    low, high = np.array(world.lowest), np.array(world.highest)
    ours = np.array([ENVS[env_id].reset(Draw(int(key), 0)) for key in stream(0, "episodes").bits((2000,))])
    env, states = original(env_id, {}), []
    for seed in range(500):
        env.reset(seed=seed)
        states.append(env.unwrapped.state)
    env.close()
    for starts in (ours, np.array(states)):
        assert (low - 1e-7 <= starts.min(axis=0)).all()
        assert (starts.max(axis=0) <= high + 1e-7).all()
        assert (np.ptp(starts, axis=0) >= 0.97 * (high - low)).all()
        off = np.abs(starts.mean(axis=0) - (low + high) / 2)
        assert (off <= 4 * (high - low) / math.sqrt(12 * len(starts))).all()
    moving = ours[:, high > low]
    correlations = np.corrcoef(moving.T) - np.eye(moving.shape[1])
    assert np.abs(correlations).max() < 4 / math.sqrt(len(ours))


STATE: Any = None
CENTRE: tuple[float, ...] = ()
SCALE: tuple[float, ...] = ()


def anywhere_of_two(draw):
    return STATE(
        CENTRE[0] + SCALE[0] * (2.0 * uniform(draw, 0) - 1.0),
        CENTRE[1] + SCALE[1] * (2.0 * uniform(draw, 1) - 1.0),
    )


def anywhere_of_four(draw):
    return STATE(
        CENTRE[0] + SCALE[0] * (2.0 * uniform(draw, 0) - 1.0),
        CENTRE[1] + SCALE[1] * (2.0 * uniform(draw, 1) - 1.0),
        CENTRE[2] + SCALE[2] * (2.0 * uniform(draw, 2) - 1.0),
        CENTRE[3] + SCALE[3] * (2.0 * uniform(draw, 3) - 1.0),
    )


@pytest.mark.slow
@pytest.mark.compiled
@pytest.mark.parametrize("env_id", WORLDS)
def test_lanes_never_change_a_result(env_id):
    world, spec = WORLDS[env_id], ENVS[env_id].spec
    anywhere = anywhere_of_two if len(world.scale) == 2 else anywhere_of_four
    centre = (-0.3, 0.0) if env_id.startswith("MountainCar") else (0.0,) * len(world.scale)
    scale = (0.9, 0.07) if env_id.startswith("MountainCar") else world.scale
    env = replace(ENVS[env_id], reset=bind(anywhere, STATE=world.state, CENTRE=centre, SCALE=scale))
    network = MLP(sizes=(spec.observation_space.width, 8, num_outputs(spec.action_space)))
    for episodes in (1, 5):
        alone = roll(env, network, 1, cap=100, episodes=episodes)
        assert alone[2][3].all()
        ended = ~alone[2] & ~alone[3]
        assert ended.any() == (env_id != "Pendulum-v1")
        assert len(np.unique(alone[0][~alone[2]])) > 2
        assert_same_bits(alone, roll(env, network, 16, cap=100, episodes=episodes))


# --- keyword arguments ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env_id", "name"),
    [("MountainCar-v0", "goal_velocity"), ("MountainCarContinuous-v0", "goal_velocity"), ("Pendulum-v1", "g")],
)
@pytest.mark.parametrize("value", ["0.03", math.nan, -math.inf, True, None, 10**400, np.array([1.0])])
def test_a_number_that_is_none_is_refused(env_id, name, value):
    with pytest.raises(UsageError) as refused:
        make_env(env_id, **{name: value})
    assert str(refused.value) == f"env_kwargs: {name}: expected a finite number, got {value!r}"


@pytest.mark.parametrize("value", ["yes", 1, 0.0, None, math.nan])
def test_a_truth_value_that_is_none_is_refused(value):
    with pytest.raises(UsageError, match=r"^env_kwargs: sutton_barto_reward: expected True or False, got "):
        make_env("CartPole-v1", sutton_barto_reward=value)


@pytest.mark.parametrize("env_id", WORLDS)
def test_an_unknown_keyword_is_refused_by_name(env_id):
    with pytest.raises(UsageError, match=f"^env_kwargs: {env_id} takes .*, got gravity"):
        make_env(env_id, gravity=1.0)


@pytest.mark.parametrize("value", [0, 0.0, np.float32(0.0), np.int64(0)])
def test_numbers_of_any_kind_are_taken(value):
    assert make_env("MountainCar-v0", goal_velocity=value).spec == ENVS["MountainCar-v0"].spec
