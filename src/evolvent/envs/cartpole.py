"""CartPole: a pole hinged on a cart is kept upright by pushing the cart to the left or to the right.

References:
    Barto, Sutton and Anderson 1983, Neuronlike adaptive elements that can solve difficult learning control problems.
    https://doi.org/10.1109/TSMC.1983.6313077
    Florian 2007, Correct equations for the dynamics of the cart-pole system (the equations, without friction).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from evolvent.envs.arguments import truth_value
from evolvent.envs.base import Env, EnvSpec
from evolvent.jit import bind
from evolvent.lanes import Flag, Value, cos, sin, where
from evolvent.seeding import Draw, uniform
from evolvent.spaces import Box, Discrete

GRAVITY = 9.8  # [m/s^2]
MASS_CART = 1.0  # [kg]
MASS_POLE = 0.1  # [kg]
TOTAL_MASS = MASS_CART + MASS_POLE
PER_TOTAL_MASS = 1 / TOTAL_MASS  # a product takes a fraction of the time of a quotient
HALF_LENGTH = 0.5  # [m]
POLE_MASS_LENGTH = MASS_POLE * HALF_LENGTH
FORCE = 10.0  # [N]
TIME_STEP = 0.02  # [s]
MAX_POSITION = 2.4  # [m]
MAX_ANGLE = 12 * 2 * math.pi / 360  # [rad]
REWARD_OF_STAND = 1.0
REWARD_OF_FALL = 1.0  # the step that falls is paid too


class State(NamedTuple):
    """Where the cart is and how the pole leans."""

    position: Value  # [m]
    velocity: Value  # [m/s]
    angle: Value  # [rad], 0 is upright
    angular_velocity: Value  # [rad/s]


def reset(draw: Draw) -> State:
    """Return a first state, each number even in [-0.05, 0.05)."""
    return State(
        -0.05 + 0.1 * uniform(draw, 0),
        -0.05 + 0.1 * uniform(draw, 1),
        -0.05 + 0.1 * uniform(draw, 2),
        -0.05 + 0.1 * uniform(draw, 3),
    )


def observe(state: State) -> tuple[Value, ...]:
    """Return position, velocity, angle and angular velocity."""
    return (state.position, state.velocity, state.angle, state.angular_velocity)


def step(state: State, action: tuple[Value, ...], draw: Draw) -> tuple[State, Value, Flag]:  # noqa: ARG001
    """Push left (0) or right (1) for one time step, by Euler's method."""
    position, velocity, angle, angular_velocity = state
    force = where(action[0] > 0.5, FORCE, -FORCE)
    cosine, sine = cos(angle), sin(angle)
    temporary = (force + POLE_MASS_LENGTH * (angular_velocity * angular_velocity) * sine) * PER_TOTAL_MASS
    angular_acceleration = (GRAVITY * sine - cosine * temporary) / (
        HALF_LENGTH * (4.0 / 3.0 - MASS_POLE * PER_TOTAL_MASS * (cosine * cosine))
    )
    acceleration = temporary - POLE_MASS_LENGTH * PER_TOTAL_MASS * angular_acceleration * cosine
    after = State(
        position + TIME_STEP * velocity,
        velocity + TIME_STEP * acceleration,
        angle + TIME_STEP * angular_velocity,
        angular_velocity + TIME_STEP * angular_acceleration,
    )
    fell = (
        (after.position < -MAX_POSITION)
        | (after.position > MAX_POSITION)
        | (after.angle < -MAX_ANGLE)
        | (after.angle > MAX_ANGLE)
    )
    return after, where(fell, REWARD_OF_FALL, REWARD_OF_STAND), fell


def make(*, sutton_barto_reward: bool = False) -> Env:
    """Return the world.

    Args:
        sutton_barto_reward: Pay 0 for each step and -1 for the one that falls, as Sutton and Barto do, instead of 1 for each.

    Raises:
        UsageError: It is neither true nor false.
    """
    stand, fall = (0.0, -1.0) if truth_value("sutton_barto_reward", sutton_barto_reward) else (1.0, 1.0)
    return Env(
        spec=EnvSpec(
            id="CartPole-v1",
            observation_space=Box.symmetric((2 * MAX_POSITION, math.inf, 2 * MAX_ANGLE, math.inf)),
            action_space=Discrete(n=2),
            max_episode_steps=500,
            reward_threshold=475.0,
        ),
        reset=reset,
        observe=observe,
        step=bind(step, REWARD_OF_STAND=stand, REWARD_OF_FALL=fall),
    )
