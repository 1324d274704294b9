"""Two poles, velocities hidden, under the damping fitness: who sways less is paid more, for 1,000 steps at most.

References:
    Gruau, Whitley and Pyeatt 1996, A comparison between cellular encoding and direct encoding for genetic neural networks.
    Knuth 1997, The art of computer programming, volume 2, section 4.2.2, theorem B (the rounding error of a sum).
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from evolvent.envs.base import Env
from evolvent.envs.cart_picture import picture_of
from evolvent.envs.pole_balancing import START_ANGLE, make_two_hidden, observe_two_angles, reset_two, step_two
from evolvent.envs.pole_dynamics import TwoPoles
from evolvent.jit import bind
from evolvent.lanes import Flag, Value, absolute, maximum, to_float64, where
from evolvent.seeding import Draw

MAX_STEPS = 1000
WINDOW = 100  # steps over which swaying counts
NO_SWAYS = (0.0,) * WINDOW
STEP_OF_POLES = step_two
RESET_OF_POLES = reset_two


class DampedPoles(NamedTuple):
    """The poles, and what the fitness needs to know of the steps before.

    The sum over the window is kept with what rounding took from it, so that it is exact to a unit in the last place or two,
    however many steps have entered and left it.
    """

    poles: TwoPoles
    sways: tuple[Value, ...]  # of the last 100 steps, the oldest first
    total: Value  # their sum
    lost: Value  # what rounding took from the sum
    fitness: Value  # until now


def reset(draw: Draw) -> DampedPoles:
    """Return the poles as they begin, with no step counted."""
    return DampedPoles(RESET_OF_POLES(draw), NO_SWAYS, 0.0, 0.0, 0.0)


def observe(state: DampedPoles) -> tuple[Value, ...]:
    """Return the position and the angle of each pole."""
    return observe_two_angles(state.poles)


def step(state: DampedPoles, action: tuple[Value, ...], draw: Draw) -> tuple[DampedPoles, Value, Flag]:
    """Push for 0.02 s; what is paid is by how much the fitness changes, nothing for the step that falls."""
    poles, _, fell = STEP_OF_POLES(state.poles, action, draw)
    sway = (absolute(poles.position) + absolute(poles.velocity)) + (
        absolute(poles.angle_1) + absolute(poles.angular_velocity_1)
    )
    entered, lost_1 = _sum(state.total, sway)
    total, lost_2 = _sum(entered, -state.sways[0])
    lost = state.lost + (lost_1 + lost_2)
    steps = to_float64(draw.step)
    steadiness = where(steps >= WINDOW, 0.75 / maximum(total + lost, 1e-12), 0.0)
    fitness = 0.1 * (steps / MAX_STEPS) + 0.9 * steadiness
    sways = state.sways[1:] + (sway,)  # noqa: RUF005 - a form that is compiled
    return DampedPoles(poles, sways, total, lost, fitness), where(fell, 0.0, fitness - state.fitness), fell


def _sum(x: Value, y: Value) -> tuple[Value, Value]:
    """Return the sum of two numbers, rounded, and what rounding took from it, exactly."""
    total = x + y
    of_y = total - x
    return total, (x - (total - of_y)) + (y - of_y)


def make(*, second_length: float = 0.1, start_angle: float = START_ANGLE, least_force: float = 0.0) -> Env:
    """Return the world.

    The return of an episode that ends after t steps is 0.1 t / 1000 + 0.9 f, with f = 0 for t < 100, and else 0.75 divided
    by the sum over the last 100 steps of the sizes of position [m], velocity [m/s], angle of the first pole [rad] and its
    angular velocity [rad/s]. The step that falls is none of them.

    Args:
        second_length: The length of the second pole [m], from 0.1 to 1; its mass is 0.1 kg for each metre.
        start_angle: How far the first pole leans at first [rad].
        least_force: A push that is weaker becomes one of this force [N].

    Raises:
        UsageError: A number is none, or out of its range.
    """
    plain = make_two_hidden(second_length=second_length, start_angle=start_angle, least_force=least_force)
    spec = replace(plain.spec, id="DoublePoleNoVelocityDamping-v0", max_episode_steps=MAX_STEPS, reward_threshold=None)
    return Env(
        spec=spec,
        reset=bind(reset, RESET_OF_POLES=plain.reset),
        observe=observe,
        step=bind(step, STEP_OF_POLES=plain.step),
        picture=picture_of(1.0, second_length),
    )
