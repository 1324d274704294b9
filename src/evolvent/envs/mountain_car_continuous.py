"""MountainCarContinuous: the car too weak for its hill, pushed as hard as one likes, and force costs.

References:
    Moore 1990, Efficient memory-based learning for robot control. https://doi.org/10.48456/tr-209
    Gymnasium, MountainCarContinuous-v0 (the equations).
    https://gymnasium.farama.org/environments/classic_control/mountain_car_continuous/
"""

from __future__ import annotations

from typing import NamedTuple

from evolvent.envs.arguments import finite_number
from evolvent.envs.base import Env, EnvSpec
from evolvent.jit import bind
from evolvent.lanes import Flag, Value, clip, cos, to_float32, to_float64, where
from evolvent.seeding import Draw, uniform
from evolvent.spaces import Box

MIN_POSITION = -1.2  # where a wall stops the car; all lengths and times are in units of the world's own
MAX_POSITION = 0.6
MAX_SPEED = 0.07
GOAL_POSITION = 0.45
GOAL_VELOCITY = 0.0
MAX_FORCE = 1.0
POWER = 0.0015
GRAVITY = 0.0025
REWARD_OF_GOAL = 100.0


class State(NamedTuple):
    """Where the car is and how fast it goes to the right, both rounded to float32 as Gymnasium keeps them."""

    position: Value
    velocity: Value


def reset(draw: Draw) -> State:
    """Return a car at rest, its position even in [-0.6, -0.4)."""
    return State(_rounded(-0.6 + 0.2 * uniform(draw, 0)), 0.0)


def observe(state: State) -> tuple[Value, ...]:
    """Return position and velocity."""
    return (state.position, state.velocity)


def step(state: State, action: tuple[Value, ...], draw: Draw) -> tuple[State, Value, Flag]:  # noqa: ARG001
    """Push to the left (down to -1) or to the right (up to 1) for one time step."""
    force = clip(action[0], -MAX_FORCE, MAX_FORCE)
    push = force * POWER - GRAVITY * cos(_rounded(3.0 * state.position))
    # The original replaces what it clips by a Python number, beside which NumPy computes in the float32 of its state.
    single = force != action[0]
    faster = state.velocity + where(single, _rounded(push), push)
    faster = where(single, _rounded(faster), faster)
    velocity = clip(faster, -MAX_SPEED, MAX_SPEED)
    single = single | (velocity != faster)
    position = state.position + where(single, _rounded(velocity), velocity)
    position = clip(where(single, _rounded(position), position), MIN_POSITION, MAX_POSITION)
    velocity = where((position == MIN_POSITION) & (velocity < 0.0), 0.0, velocity)
    goal = where(single, _rounded(GOAL_POSITION), GOAL_POSITION)
    arrived = (position >= goal) & (velocity >= GOAL_VELOCITY)
    reward = where(arrived, REWARD_OF_GOAL, 0.0) - (action[0] * action[0]) * 0.1
    return State(_rounded(position), _rounded(velocity)), reward, arrived


def _rounded(x: Value) -> Value:
    """Return the float32 nearest to `x`, as a float64."""
    return to_float64(to_float32(x))


def make(*, goal_velocity: float = 0.0) -> Env:
    """Return the world.

    Args:
        goal_velocity: The least velocity at the goal that counts as arriving.

    Raises:
        UsageError: It is not a finite number.
    """
    return Env(
        spec=EnvSpec(
            id="MountainCarContinuous-v0",
            observation_space=Box(low=(MIN_POSITION, -MAX_SPEED), high=(MAX_POSITION, MAX_SPEED), shape=(2,)),
            action_space=Box.symmetric((MAX_FORCE,)),
            max_episode_steps=999,
            reward_threshold=90.0,
        ),
        reset=reset,
        observe=observe,
        step=bind(step, GOAL_VELOCITY=finite_number("goal_velocity", goal_velocity)),
    )
