"""Acrobot: two links hang from a hinge, and a motor between them swings the tip above a line.

References:
    Sutton 1996, Generalization in reinforcement learning: successful examples using sparse coarse coding.
    https://proceedings.neurips.cc/paper/1995/hash/8f1d43620bc6bb580df6e80b0dc05c48-Abstract.html
    Sutton and Barto 2018, Reinforcement learning: an introduction, section 11.3 of the first edition (the equations).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from evolvent.envs.base import Env, EnvSpec
from evolvent.lanes import Flag, Value, absolute, clip, cos, floor, sin, where
from evolvent.seeding import Draw, uniform
from evolvent.spaces import Box, Discrete

GRAVITY = 9.8  # [m/s^2]
MASS_1, MASS_2 = 1.0, 1.0  # [kg]
LENGTH_1 = 1.0  # [m]
CENTRE_1, CENTRE_2 = 0.5, 0.5  # [m], from a link's upper end to its centre of mass
INERTIA_1, INERTIA_2 = 1.0, 1.0  # [kg m^2]
COUPLING = MASS_2 * LENGTH_1 * CENTRE_2  # [kg m^2]
WHOLE_INERTIA = (
    MASS_1 * CENTRE_1**2 + MASS_2 * (LENGTH_1**2 + CENTRE_2**2) + INERTIA_1 + INERTIA_2
)  # [kg m^2], less the coupling
LOWER_INERTIA = MASS_2 * CENTRE_2**2 + INERTIA_2  # [kg m^2]
WEIGHT_1 = (MASS_1 * CENTRE_1 + MASS_2 * LENGTH_1) * GRAVITY  # [N m]
WEIGHT_2 = MASS_2 * CENTRE_2 * GRAVITY  # [N m]
MAX_SPEED_1 = 4 * math.pi  # [rad/s]
MAX_SPEED_2 = 9 * math.pi  # [rad/s]
TIME_STEP = 0.2  # [s]
TURN = 2 * math.pi  # [rad]
TURNS_PER_RADIAN = 1 / TURN


class State(NamedTuple):
    """How the links hang and turn."""

    angle_1: Value  # [rad], of the upper link; 0 is hanging down
    angle_2: Value  # [rad], of the lower link against the upper one
    velocity_1: Value  # [rad/s]
    velocity_2: Value  # [rad/s]


def reset(draw: Draw) -> State:
    """Return a first state, each number even in [-0.1, 0.1)."""
    return State(
        -0.1 + 0.2 * uniform(draw, 0),
        -0.1 + 0.2 * uniform(draw, 1),
        -0.1 + 0.2 * uniform(draw, 2),
        -0.1 + 0.2 * uniform(draw, 3),
    )


def observe(state: State) -> tuple[Value, ...]:
    """Return cosine and sine of the first and of the second angle, and both angular velocities."""
    return (
        cos(state.angle_1),
        sin(state.angle_1),
        cos(state.angle_2),
        sin(state.angle_2),
        state.velocity_1,
        state.velocity_2,
    )


def step(state: State, action: tuple[Value, ...], draw: Draw) -> tuple[State, Value, Flag]:  # noqa: ARG001
    """Apply a torque of -1 (0), 0 (1) or 1 N m (2) for one time step."""
    moved = _runge_kutta(state, action[0] - 1.0)
    after = State(
        _wrapped(moved.angle_1),
        _wrapped(moved.angle_2),
        clip(moved.velocity_1, -MAX_SPEED_1, MAX_SPEED_1),
        clip(moved.velocity_2, -MAX_SPEED_2, MAX_SPEED_2),
    )
    above = -cos(after.angle_1) - cos(after.angle_2 + after.angle_1) > 1.0
    return after, where(above, 0.0, -1.0), above


def _runge_kutta(state: State, torque: Value) -> State:
    """Return the state a time step later, by the classical method of fourth order."""
    k1 = _derivative(state, torque)
    k2 = _derivative(_along(state, TIME_STEP / 2.0, k1), torque)
    k3 = _derivative(_along(state, TIME_STEP / 2.0, k2), torque)
    k4 = _derivative(_along(state, TIME_STEP, k3), torque)
    slope = State(
        k1.angle_1 + 2.0 * k2.angle_1 + 2.0 * k3.angle_1 + k4.angle_1,
        k1.angle_2 + 2.0 * k2.angle_2 + 2.0 * k3.angle_2 + k4.angle_2,
        k1.velocity_1 + 2.0 * k2.velocity_1 + 2.0 * k3.velocity_1 + k4.velocity_1,
        k1.velocity_2 + 2.0 * k2.velocity_2 + 2.0 * k3.velocity_2 + k4.velocity_2,
    )
    return _along(state, TIME_STEP / 6.0, slope)


def _along(state: State, time: float, slope: State) -> State:
    """Return where a straight line leads in `time` [s]."""
    return State(
        state.angle_1 + time * slope.angle_1,
        state.angle_2 + time * slope.angle_2,
        state.velocity_1 + time * slope.velocity_1,
        state.velocity_2 + time * slope.velocity_2,
    )


def _derivative(state: State, torque: Value) -> State:
    """Return the rate of change of each number of the state, by the equations of the book."""
    angle_1, angle_2, speed_1, speed_2 = state
    sine_1, sine_2, cosine_2 = sin(angle_1), sin(angle_2), cos(angle_2)
    sine_of_both = sine_1 * cosine_2 + cos(angle_1) * sine_2  # of the sum, at a fraction of a third sine's cost
    inertia = WHOLE_INERTIA + 2.0 * COUPLING * cosine_2
    shared = LOWER_INERTIA + COUPLING * cosine_2
    # At full speed a step multiplies what rounding does by thousands: the operations come in the original's order.
    pull_2 = WEIGHT_2 * sine_of_both
    whirl = -COUPLING * (speed_2 * speed_2) * sine_2 - 2.0 * COUPLING * speed_2 * speed_1 * sine_2
    pull_1 = whirl + WEIGHT_1 * sine_1 + pull_2
    push = torque + shared / inertia * pull_1 - COUPLING * (speed_1 * speed_1) * sine_2 - pull_2
    faster_2 = push / (LOWER_INERTIA - shared * shared / inertia)
    faster_1 = -(shared * faster_2 + pull_1) / inertia
    return State(speed_1, speed_2, faster_1, faster_2)


def _wrapped(angle: Value) -> Value:
    """Return the angle in [-pi, pi] that points the same way."""
    size = absolute(angle)
    near = size + TURN * floor((math.pi - size) * TURNS_PER_RADIAN)
    near = clip(near, -math.pi, math.pi)  # rounding may have led just beyond
    return where(angle < 0.0, -near, near)


def make() -> Env:
    """Return the world."""
    return Env(
        spec=EnvSpec(
            id="Acrobot-v1",
            observation_space=Box.symmetric((1.0, 1.0, 1.0, 1.0, MAX_SPEED_1, MAX_SPEED_2)),
            action_space=Discrete(n=3),
            max_episode_steps=500,
            reward_threshold=-100.0,
        ),
        reset=reset,
        observe=observe,
        step=step,
    )
