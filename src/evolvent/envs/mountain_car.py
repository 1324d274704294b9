"""MountainCar: a car too weak to climb a hill swings back and forth until it is fast enough.

References:
    Moore 1990, Efficient memory-based learning for robot control. https://doi.org/10.48456/tr-209
    Sutton and Barto 2018, Reinforcement learning: an introduction, example 10.1 (the equations).
"""

from __future__ import annotations

from typing import NamedTuple

from evolvent.envs.arguments import finite_number
from evolvent.envs.base import Env, EnvSpec
from evolvent.jit import bind
from evolvent.lanes import Flag, Value, clip, cos, where
from evolvent.seeding import Draw, uniform
from evolvent.spaces import Box, Discrete

MIN_POSITION = -1.2  # where a wall stops the car; all lengths and times are in units of the world's own
MAX_POSITION = 0.6
MAX_SPEED = 0.07
GOAL_POSITION = 0.5
GOAL_VELOCITY = 0.0
FORCE = 0.001
GRAVITY = 0.0025


class State(NamedTuple):
    """Where the car is and how fast it goes to the right."""

    position: Value
    velocity: Value


def reset(draw: Draw) -> State:
    """Return a car at rest, its position even in [-0.6, -0.4)."""
    return State(-0.6 + 0.2 * uniform(draw, 0), 0.0)


def observe(state: State) -> tuple[Value, ...]:
    """Return position and velocity."""
    return (state.position, state.velocity)


def step(state: State, action: tuple[Value, ...], draw: Draw) -> tuple[State, Value, Flag]:  # noqa: ARG001
    """Push to the left (0), not at all (1) or to the right (2) for one time step."""
    push = (action[0] - 1.0) * FORCE + cos(3.0 * state.position) * -GRAVITY
    velocity = clip(state.velocity + push, -MAX_SPEED, MAX_SPEED)
    position = clip(state.position + velocity, MIN_POSITION, MAX_POSITION)
    velocity = where((position == MIN_POSITION) & (velocity < 0.0), 0.0, velocity)
    arrived = (position >= GOAL_POSITION) & (velocity >= GOAL_VELOCITY)
    return State(position, velocity), -1.0, arrived


def make(*, goal_velocity: float = 0.0) -> Env:
    """Return the world.

    Args:
        goal_velocity: The least velocity at the goal that counts as arriving.

    Raises:
        UsageError: It is not a finite number.
    """
    return Env(
        spec=EnvSpec(
            id="MountainCar-v0",
            observation_space=Box(low=(MIN_POSITION, -MAX_SPEED), high=(MAX_POSITION, MAX_SPEED), shape=(2,)),
            action_space=Discrete(n=3),
            max_episode_steps=200,
            reward_threshold=-110.0,
        ),
        reset=reset,
        observe=observe,
        step=bind(step, GOAL_VELOCITY=finite_number("goal_velocity", goal_velocity)),
    )
