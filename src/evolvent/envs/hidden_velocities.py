"""Three worlds of classic control that do not show how fast things move: a policy has to remember, or to do without.

References:
    Raffin 2020, RL Baselines3 Zoo, whose worlds of the same ids show 0 for a velocity, where these leave it out.
    https://github.com/DLR-RM/rl-baselines3-zoo
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evolvent.envs import cartpole, mountain_car_continuous, pendulum
from evolvent.envs.base import Env
from evolvent.envs.cart_picture import picture_of
from evolvent.envs.drawing import Canvas
from evolvent.lanes import Value, cos, sin
from evolvent.spaces import Box

DARK, ROD, HINGE = (0, 0, 0), (204, 77, 77), (90, 90, 90)


def observe_cartpole(state: cartpole.State) -> tuple[Value, ...]:
    """Return position and angle."""
    return (state.position, state.angle)


def observe_pendulum(state: pendulum.State) -> tuple[Value, ...]:
    """Return the cosine and the sine of the angle."""
    return (cos(state.angle), sin(state.angle))


def observe_car(state: mountain_car_continuous.State) -> tuple[Value, ...]:
    """Return the position."""
    return (state.position,)


def make_cartpole(*, sutton_barto_reward: bool = False) -> Env:
    """Return CartPole that shows position and angle; `evolvent.envs.cartpole.make` has the argument."""
    world = cartpole.make(sutton_barto_reward=sutton_barto_reward)
    return _hidden(world, "CartPoleNoVel-v1", observe_cartpole, (0, 2), picture_of(1.0))


def make_pendulum(*, g: float = pendulum.GRAVITY) -> Env:
    """Return Pendulum that shows cosine and sine of the angle; `evolvent.envs.pendulum.make` has the argument."""
    return _hidden(pendulum.make(g=g), "PendulumNoVel-v1", observe_pendulum, (0, 1), picture_pendulum)


def make_car(*, goal_velocity: float = 0.0) -> Env:
    """Return MountainCarContinuous that shows the position; `evolvent.envs.mountain_car_continuous.make` has the argument."""
    world = mountain_car_continuous.make(goal_velocity=goal_velocity)
    return _hidden(world, "MountainCarContinuousNoVel-v0", observe_car, (0,), picture_car)


def picture_pendulum(state: pendulum.State) -> NDArray[np.uint8]:
    """Return what a pendulum looks like: 120 pixels long, in the middle."""
    canvas = Canvas(300, 300)
    tip = (150.0 - 120.0 * math.sin(state.angle), 150.0 + 120.0 * math.cos(state.angle))
    canvas.bar((150.0, 150.0), tip, 24.0, ROD)
    canvas.disc((150.0, 150.0), 12.0, ROD)
    canvas.disc(tip, 12.0, ROD)
    canvas.disc((150.0, 150.0), 5.0, DARK)
    return canvas.frame()


def picture_car(state: mountain_car_continuous.State) -> NDArray[np.uint8]:
    """Return what the car on its hill looks like, with a flag at the goal."""
    canvas = Canvas(240, 360)
    positions = np.linspace(mountain_car_continuous.MIN_POSITION, mountain_car_continuous.MAX_POSITION, 61)
    points = [_on_hill(position) for position in positions]
    for begin, end in pairwise(points):
        canvas.bar(begin, end, 2.0, DARK)
    x, y = _on_hill(mountain_car_continuous.GOAL_POSITION)
    canvas.bar((x, y), (x, y + 30.0), 1.5, DARK)
    canvas.bar((x, y + 25.0), (x + 14.0, y + 25.0), 10.0, ROD)
    _draw_car(canvas, float(state.position))
    return canvas.frame()


def _draw_car(canvas: Canvas, position: float) -> None:
    slope = math.atan2(1.35 * math.cos(3.0 * position), 1.0)
    along, up = np.array([math.cos(slope), math.sin(slope)]), np.array([-math.sin(slope), math.cos(slope)])
    middle = np.array(_on_hill(position)) + 12.0 * up
    canvas.bar(_point(middle - 14.0 * along), _point(middle + 14.0 * along), 13.0, DARK)
    for side in (-9.0, 9.0):
        canvas.disc(_point(middle + side * along - 7.0 * up), 4.5, HINGE)


def _on_hill(position: float) -> tuple[float, float]:
    """Return the pixel of the hill at a position."""
    return 200.0 * (position - mountain_car_continuous.MIN_POSITION), 200.0 * (0.45 * math.sin(3.0 * position) + 0.5)


def _point(at: NDArray[np.float64]) -> tuple[float, float]:
    return float(at[0]), float(at[1])


def _hidden(
    world: Env,
    env_id: str,
    observe: Callable[..., tuple[Value, ...]],
    kept: tuple[int, ...],
    picture: Callable[[Any], NDArray[np.uint8]],
) -> Env:
    """Return the world with another id, that shows the `kept` numbers of its observation."""
    shown = world.observation_space
    low, high = (tuple(bounds[k] for k in kept) for bounds in (shown.low, shown.high))
    space = Box(low=low, high=high, shape=(len(kept),))
    return replace(world, spec=replace(world.spec, id=env_id, observation_space=space), observe=observe, picture=picture)
