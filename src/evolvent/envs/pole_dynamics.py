"""One or two poles on a cart: the equations of motion with friction, and the method that follows them.

References:
    Wieland 1991, Evolving neural network controllers for unstable systems. https://doi.org/10.1109/IJCNN.1991.155416
    Gomez, Schmidhuber and Miikkulainen 2008, Accelerated neural evolution through cooperatively coevolved synapses,
    appendix A (the equations). https://www.jmlr.org/papers/v9/gomez08a.html
"""

from __future__ import annotations

from typing import NamedTuple

from evolvent.lanes import Value, cos, sin, where

GRAVITY = -9.8  # [m/s^2], of the sign that the equations have it with
MASS_CART = 1.0  # [kg]
CART_FRICTION = 0.0005  # of the cart on the track
HINGE_FRICTION = 0.000002  # of a pole's hinge
TIME_STEP = 0.01  # [s], of the method; an action is held for two of them
HALF_STEP, SIXTH_OF_STEP = TIME_STEP / 2.0, TIME_STEP / 6.0


class Pole(NamedTuple):
    """What a pole is."""

    half_length: float  # [m], from the hinge to its centre of mass
    mass: float  # [kg]


class OnePole(NamedTuple):
    """Where the cart is and how its pole leans."""

    position: Value  # [m], 0 is the middle of the track
    velocity: Value  # [m/s]
    angle: Value  # [rad], 0 is upright
    angular_velocity: Value  # [rad/s]


class TwoPoles(NamedTuple):
    """Where the cart is and how its poles lean."""

    position: Value  # [m], 0 is the middle of the track
    velocity: Value  # [m/s]
    angle_1: Value  # [rad], 0 is upright
    angular_velocity_1: Value  # [rad/s]
    angle_2: Value  # [rad]
    angular_velocity_2: Value  # [rad/s]


class _Lean(NamedTuple):
    """What the rate of change needs of a pole at one moment."""

    cosine: Value
    turning: Value  # [m/s^2], by gravity and by the friction of the hinge
    pull: Value  # [N], on the cart
    mass: Value  # [kg], which the cart has to move with it


def one_pole_later(state: OnePole, force: Value, pole: Pole) -> OnePole:
    """Return the state 0.02 s later, two steps of the classical Runge-Kutta method, under a force [N] that is held."""
    for _ in range(2):
        k1 = _of_one(state, force, pole)
        k2 = _of_one(_one_along(state, HALF_STEP, k1), force, pole)
        k3 = _of_one(_one_along(state, HALF_STEP, k2), force, pole)
        k4 = _of_one(_one_along(state, TIME_STEP, k3), force, pole)
        slope = OnePole(
            k1.position + 2.0 * (k2.position + k3.position) + k4.position,
            k1.velocity + 2.0 * (k2.velocity + k3.velocity) + k4.velocity,
            k1.angle + 2.0 * (k2.angle + k3.angle) + k4.angle,
            k1.angular_velocity + 2.0 * (k2.angular_velocity + k3.angular_velocity) + k4.angular_velocity,
        )
        state = _one_along(state, SIXTH_OF_STEP, slope)
    return state


def two_poles_later(state: TwoPoles, force: Value, pole_1: Pole, pole_2: Pole) -> TwoPoles:
    """Return the state 0.02 s later, two steps of the classical Runge-Kutta method, under a force [N] that is held."""
    for _ in range(2):
        k1 = _of_two(state, force, pole_1, pole_2)
        k2 = _of_two(_two_along(state, HALF_STEP, k1), force, pole_1, pole_2)
        k3 = _of_two(_two_along(state, HALF_STEP, k2), force, pole_1, pole_2)
        k4 = _of_two(_two_along(state, TIME_STEP, k3), force, pole_1, pole_2)
        slope = TwoPoles(
            k1.position + 2.0 * (k2.position + k3.position) + k4.position,
            k1.velocity + 2.0 * (k2.velocity + k3.velocity) + k4.velocity,
            k1.angle_1 + 2.0 * (k2.angle_1 + k3.angle_1) + k4.angle_1,
            k1.angular_velocity_1 + 2.0 * (k2.angular_velocity_1 + k3.angular_velocity_1) + k4.angular_velocity_1,
            k1.angle_2 + 2.0 * (k2.angle_2 + k3.angle_2) + k4.angle_2,
            k1.angular_velocity_2 + 2.0 * (k2.angular_velocity_2 + k3.angular_velocity_2) + k4.angular_velocity_2,
        )
        state = _two_along(state, SIXTH_OF_STEP, slope)
    return state


def _of_one(state: OnePole, force: Value, pole: Pole) -> OnePole:
    """Return the rate of change of each number of the state."""
    lean = _lean(state.angle, state.angular_velocity, pole)
    acceleration = (force - _drag(state.velocity) + lean.pull) / (MASS_CART + lean.mass)
    return OnePole(state.velocity, acceleration, state.angular_velocity, _turn(lean, acceleration, pole))


def _of_two(state: TwoPoles, force: Value, pole_1: Pole, pole_2: Pole) -> TwoPoles:
    """Return the rate of change of each number of the state."""
    lean_1 = _lean(state.angle_1, state.angular_velocity_1, pole_1)
    lean_2 = _lean(state.angle_2, state.angular_velocity_2, pole_2)
    acceleration = (force - _drag(state.velocity) + (lean_1.pull + lean_2.pull)) / (MASS_CART + (lean_1.mass + lean_2.mass))
    return TwoPoles(
        state.velocity,
        acceleration,
        state.angular_velocity_1,
        _turn(lean_1, acceleration, pole_1),
        state.angular_velocity_2,
        _turn(lean_2, acceleration, pole_2),
    )


def _lean(angle: Value, angular_velocity: Value, pole: Pole) -> _Lean:
    """Return what a pole does to the cart at an angle [rad] and an angular velocity [rad/s]."""
    sine, cosine = sin(angle), cos(angle)
    moment = pole.half_length * pole.mass
    turning = GRAVITY * sine + (HINGE_FRICTION / moment) * angular_velocity
    pull = moment * (angular_velocity * angular_velocity) * sine + 0.75 * pole.mass * cosine * turning
    return _Lean(cosine, turning, pull, pole.mass * (1.0 - 0.75 * (cosine * cosine)))


def _drag(velocity: Value) -> Value:
    """Return the friction of the cart on the track [N]; none at rest."""
    return where(velocity > 0.0, CART_FRICTION, where(velocity < 0.0, -CART_FRICTION, 0.0))


def _turn(lean: _Lean, acceleration: Value, pole: Pole) -> Value:
    """Return a pole's angular acceleration [rad/s^2] under that of the cart [m/s^2]."""
    return (-0.75 / pole.half_length) * (acceleration * lean.cosine + lean.turning)


def _one_along(state: OnePole, time: float, slope: OnePole) -> OnePole:
    """Return where a straight line leads in `time` [s]."""
    return OnePole(
        state.position + time * slope.position,
        state.velocity + time * slope.velocity,
        state.angle + time * slope.angle,
        state.angular_velocity + time * slope.angular_velocity,
    )


def _two_along(state: TwoPoles, time: float, slope: TwoPoles) -> TwoPoles:
    """Return where a straight line leads in `time` [s]."""
    return TwoPoles(
        state.position + time * slope.position,
        state.velocity + time * slope.velocity,
        state.angle_1 + time * slope.angle_1,
        state.angular_velocity_1 + time * slope.angular_velocity_1,
        state.angle_2 + time * slope.angle_2,
        state.angular_velocity_2 + time * slope.angular_velocity_2,
    )
