"""Pendulum: a pendulum is swung up and kept upright by a torque too weak to lift it at once.

References:
    Gymnasium, Pendulum-v1 (the equations). https://gymnasium.farama.org/environments/classic_control/pendulum/
"""

from __future__ import annotations

import math
from typing import NamedTuple

from evolvent.envs.arguments import finite_number
from evolvent.envs.base import Env, EnvSpec
from evolvent.jit import bind
from evolvent.lanes import Flag, Value, clip, cos, floor, sin
from evolvent.seeding import Draw, uniform
from evolvent.spaces import Box

MASS = 1.0  # [kg]
LENGTH = 1.0  # [m]
GRAVITY = 10.0  # [m/s^2]
PULL = 3.0 * GRAVITY / (2.0 * LENGTH)  # [rad/s^2], of gravity on a rod that lies level
RESPONSE = 3.0 / (MASS * (LENGTH * LENGTH))  # [rad/s^2 per N m]
MAX_TORQUE = 2.0  # [N m]
MAX_SPEED = 8.0  # [rad/s]
TIME_STEP = 0.05  # [s]
TURN = 2 * math.pi  # [rad]
TURNS_PER_RADIAN = 1 / TURN


class State(NamedTuple):
    """How the pendulum hangs and turns."""

    angle: Value  # [rad], 0 is upright; whole turns are kept, NaN comes beyond 1e4: some 25,000 steps one way round
    angular_velocity: Value  # [rad/s]


def reset(draw: Draw) -> State:
    """Return an angle even in [-pi, pi) and an angular velocity even in [-1, 1)."""
    return State(-math.pi + TURN * uniform(draw, 0), -1.0 + 2.0 * uniform(draw, 1))


def observe(state: State) -> tuple[Value, ...]:
    """Return the cosine and the sine of the angle, and the angular velocity."""
    return (cos(state.angle), sin(state.angle), state.angular_velocity)


def step(state: State, action: tuple[Value, ...], draw: Draw) -> tuple[State, Value, Flag]:  # noqa: ARG001
    """Apply a torque [N m] for one time step; being away from upright, speed and torque cost."""
    angle, angular_velocity = state
    torque = clip(action[0], -MAX_TORQUE, MAX_TORQUE)
    lean = _nearest_to_zero(angle)
    cost = lean * lean + 0.1 * (angular_velocity * angular_velocity) + 0.001 * (torque * torque)
    faster = angular_velocity + (PULL * sin(angle) + RESPONSE * torque) * TIME_STEP
    faster = clip(faster, -MAX_SPEED, MAX_SPEED)
    return State(angle + faster * TIME_STEP, faster), -cost, False


def _nearest_to_zero(angle: Value) -> Value:
    """Return the angle in [-pi, pi) that points the same way."""
    shifted = angle + math.pi
    return (shifted - TURN * floor(shifted * TURNS_PER_RADIAN)) - math.pi


def make(*, g: float = GRAVITY) -> Env:
    """Return the world.

    Args:
        g: The acceleration of gravity [m/s^2].

    Raises:
        UsageError: It is not a finite number.
    """
    return Env(
        spec=EnvSpec(
            id="Pendulum-v1",
            observation_space=Box.symmetric((1.0, 1.0, MAX_SPEED)),
            action_space=Box.symmetric((MAX_TORQUE,)),
            max_episode_steps=200,
            reward_threshold=None,
        ),
        reset=reset,
        observe=observe,
        step=bind(step, PULL=3.0 * finite_number("g", g) / (2.0 * LENGTH)),
    )
