"""Pole balancing: one pole, or a long and a short one, hinged on a cart, are kept from falling by a force on the cart.

The benchmark of classic neuroevolution: as many steps as possible, from one start, with the velocities shown or hidden.

References:
    Wieland 1991, Evolving neural network controllers for unstable systems. https://doi.org/10.1109/IJCNN.1991.155416
    Gruau, Whitley and Pyeatt 1996, A comparison between cellular encoding and direct encoding for genetic neural networks
    (the damping fitness and the 625 starts).
    Stanley and Miikkulainen 2002, Evolving neural networks through augmenting topologies.
    https://doi.org/10.1162/106365602320169811
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from evolvent.envs.arguments import finite_number
from evolvent.envs.base import Env, EnvSpec
from evolvent.envs.cart_picture import picture_of
from evolvent.envs.pole_dynamics import OnePole, Pole, TwoPoles, one_pole_later, two_poles_later
from evolvent.errors import UsageError
from evolvent.jit import bind
from evolvent.lanes import Flag, Value, absolute, floor, to_float64, where
from evolvent.seeding import Draw, uniform
from evolvent.spaces import Box

FORCE = 10.0  # [N], of an action of 1
LEAST_FORCE = 0.0  # [N]
POLE_1 = Pole(half_length=0.5, mass=0.1)
POLE_2 = Pole(half_length=0.05, mass=0.01)
START_ANGLE = 0.07  # [rad], of the first pole; 4.01 degrees
MAX_POSITION = 2.4  # [m]
MAX_ANGLE_OF_ONE = 12 * math.pi / 180  # [rad]
MAX_ANGLE_OF_TWO = 0.628329  # [rad], 36 degrees as the published programs write them
MAX_STEPS = 100_000
UNITS = (4.8, 2.0, 0.52, 2.0)  # position [m], velocity [m/s], angle [rad] and angular velocity [rad/s] that are shown as 1
STEPS_OF_TEST = 1000  # from each of the 625 starts
NUM_STARTS = 625


# --- one pole --------------------------------------------------------------------------------------------------------


def reset_one(draw: Draw) -> OnePole:  # noqa: ARG001
    """Return a cart at rest in the middle, the pole leaning."""
    return OnePole(0.0, 0.0, START_ANGLE, 0.0)


def observe_one(state: OnePole) -> tuple[Value, ...]:
    """Return position, velocity, angle and angular velocity, in `UNITS`."""
    return (
        state.position / UNITS[0],
        state.velocity / UNITS[1],
        state.angle / UNITS[2],
        state.angular_velocity / UNITS[3],
    )


def observe_one_angle(state: OnePole) -> tuple[Value, ...]:
    """Return position and angle, in `UNITS`."""
    return (state.position / UNITS[0], state.angle / UNITS[2])


def step_one(state: OnePole, action: tuple[Value, ...], draw: Draw) -> tuple[OnePole, Value, Flag]:  # noqa: ARG001
    """Push for 0.02 s, with a tenth of a newton for each hundredth of the action."""
    after = one_pole_later(state, _strong_enough(FORCE * action[0], LEAST_FORCE), POLE_1)
    fell = _off_track(after.position) | (absolute(after.angle) > MAX_ANGLE_OF_ONE)
    return after, where(fell, 0.0, 1.0), fell


# --- two poles -------------------------------------------------------------------------------------------------------


def reset_two(draw: Draw) -> TwoPoles:  # noqa: ARG001
    """Return a cart at rest in the middle, the first pole leaning and the second upright."""
    return TwoPoles(0.0, 0.0, START_ANGLE, 0.0, 0.0, 0.0)


def observe_two(state: TwoPoles) -> tuple[Value, ...]:
    """Return position and velocity, then angle and angular velocity of each pole, in `UNITS`."""
    return (
        state.position / UNITS[0],
        state.velocity / UNITS[1],
        state.angle_1 / UNITS[2],
        state.angular_velocity_1 / UNITS[3],
        state.angle_2 / UNITS[2],
        state.angular_velocity_2 / UNITS[3],
    )


def observe_two_angles(state: TwoPoles) -> tuple[Value, ...]:
    """Return the position and the angle of each pole, in `UNITS`."""
    return (state.position / UNITS[0], state.angle_1 / UNITS[2], state.angle_2 / UNITS[2])


def step_two(state: TwoPoles, action: tuple[Value, ...], draw: Draw) -> tuple[TwoPoles, Value, Flag]:  # noqa: ARG001
    """Push for 0.02 s, with a tenth of a newton for each hundredth of the action."""
    after = two_poles_later(state, _strong_enough(FORCE * action[0], LEAST_FORCE), POLE_1, POLE_2)
    fell = two_fell(after)
    return after, where(fell, 0.0, 1.0), fell


def two_fell(state: TwoPoles) -> Flag:
    """Return whether the cart is off the track or a pole lies too low."""
    low_1, low_2 = absolute(state.angle_1) > MAX_ANGLE_OF_TWO, absolute(state.angle_2) > MAX_ANGLE_OF_TWO
    return _off_track(state.position) | low_1 | low_2


def reset_to_one_of_many(draw: Draw) -> TwoPoles:
    """Return the start that the episode's seed counts, from 0 to 624; for any other seed one drawn evenly from them."""
    key = to_float64(draw.key)
    number = where(key < NUM_STARTS, key, floor(NUM_STARTS * uniform(draw, 0)))
    position, number = floor(number / 125.0), number - 125.0 * floor(number / 125.0)
    velocity, number = floor(number / 25.0), number - 25.0 * floor(number / 25.0)
    angle, angular_velocity = floor(number / 5.0), number - 5.0 * floor(number / 5.0)
    return TwoPoles(
        4.32 * _share(position) - 2.16,
        2.70 * _share(velocity) - 1.35,
        0.12566304 * _share(angle) - 0.06283152,
        0.30019504 * _share(angular_velocity) - 0.15009752,
        0.0,
        0.0,
    )


def _share(number: Value) -> Value:
    """Return 0.05, 0.25, 0.5, 0.75 or 0.95 for 0 to 4: where a start lies between its bounds."""
    return where(number == 0.0, 0.05, where(number == 4.0, 0.95, 0.25 * number))


def _strong_enough(force: Value, least: float) -> Value:
    """Return the force, or the least one that way where it is weaker."""
    return where(absolute(force) < least, where(force < 0.0, -least, least), force)


def _off_track(position: Value) -> Flag:
    return absolute(position) > MAX_POSITION


# --- the worlds ------------------------------------------------------------------------------------------------------


def make_one(*, start_angle: float = START_ANGLE, least_force: float = 0.0) -> Env:
    """Return the world of one pole.

    Args:
        start_angle: How far the pole leans at first [rad].
        least_force: A push that is weaker becomes one of this force [N]; 10 / 256 in some papers, so that none is no push.

    Raises:
        UsageError: A number is none, or out of its range.
    """
    return _one("SinglePole-v0", observe_one, start_angle, least_force)


def make_one_hidden(*, start_angle: float = START_ANGLE, least_force: float = 0.0) -> Env:
    """Return the world of one pole whose velocities are hidden; `make_one` has the arguments."""
    return _one("SinglePoleNoVelocity-v0", observe_one_angle, start_angle, least_force)


def make_two(*, second_length: float = 0.1, start_angle: float = START_ANGLE, least_force: float = 0.0) -> Env:
    """Return the world of two poles.

    Args:
        second_length: The length of the second pole [m], from 0.1 to 1; its mass is 0.1 kg for each metre.
        start_angle: How far the first pole leans at first [rad].
        least_force: A push that is weaker becomes one of this force [N]; 10 / 256 in some papers, so that none is no push.

    Raises:
        UsageError: A number is none, or out of its range.
    """
    return _two("DoublePole-v0", observe_two, start_angle, second_length, least_force)


def make_two_hidden(*, second_length: float = 0.1, start_angle: float = START_ANGLE, least_force: float = 0.0) -> Env:
    """Return the world of two poles whose velocities are hidden; `make_two` has the arguments."""
    return _two("DoublePoleNoVelocity-v0", observe_two_angles, start_angle, second_length, least_force)


def make_two_from_many_starts(*, second_length: float = 0.1, least_force: float = 0.0) -> Env:
    """Return the world of the test of generality: two poles, velocities hidden, 1,000 steps from one of 625 starts.

    Args:
        second_length: As for `make_two`.
        least_force: As for `make_two`.

    Raises:
        UsageError: A number is none, or out of its range.
    """
    world = _two("DoublePoleNoVelocityStarts-v0", observe_two_angles, START_ANGLE, second_length, least_force)
    limits = replace(world.spec, max_episode_steps=STEPS_OF_TEST, reward_threshold=float(STEPS_OF_TEST))
    return replace(world, spec=limits, reset=reset_to_one_of_many)


def _one(env_id: str, observe: Callable[..., tuple[Value, ...]], start_angle: object, least_force: object) -> Env:
    return Env(
        spec=_spec(env_id, (MAX_ANGLE_OF_ONE,), hidden=observe is observe_one_angle),
        reset=bind(reset_one, START_ANGLE=_within("start_angle", start_angle, -MAX_ANGLE_OF_ONE, MAX_ANGLE_OF_ONE)),
        observe=observe,
        step=bind(step_one, LEAST_FORCE=_within("least_force", least_force, 0.0, FORCE)),
        picture=picture_of(2.0 * POLE_1.half_length),
    )


def _two(
    env_id: str, observe: Callable[..., tuple[Value, ...]], start_angle: object, second_length: object, least_force: object
) -> Env:
    length = _within("second_length", second_length, 0.1, 1.0)
    pole = Pole(half_length=length / 2.0, mass=0.1 * length)
    return Env(
        spec=_spec(env_id, (MAX_ANGLE_OF_TWO, MAX_ANGLE_OF_TWO), hidden=observe is observe_two_angles),
        reset=bind(reset_two, START_ANGLE=_within("start_angle", start_angle, -MAX_ANGLE_OF_TWO, MAX_ANGLE_OF_TWO)),
        observe=observe,
        step=bind(step_two, POLE_2=pole, LEAST_FORCE=_within("least_force", least_force, 0.0, FORCE)),
        picture=picture_of(2.0 * POLE_1.half_length, length),
    )


def _spec(env_id: str, max_angles: tuple[float, ...], *, hidden: bool) -> EnvSpec:
    """Return the spaces: observations up to twice what ends an episode, and without a bound where they are velocities."""
    limits = (MAX_POSITION / UNITS[0], *(angle / UNITS[2] for angle in max_angles))
    shown = tuple(bound for limit in limits for bound in ((2.0 * limit,) if hidden else (2.0 * limit, math.inf)))
    return EnvSpec(
        id=env_id,
        observation_space=Box.symmetric(shown),
        action_space=Box.symmetric((1.0,)),
        max_episode_steps=MAX_STEPS,
        reward_threshold=float(MAX_STEPS),
    )


def _within(name: str, given: object, low: float, high: float) -> float:
    number = finite_number(name, given)
    if not low <= number <= high:
        raise UsageError(f"env_kwargs: {name}: expected a number from {low:g} to {high:g}, got {number:g}")
    return number
