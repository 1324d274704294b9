"""The picture of a cart with poles, as CartPole's looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evolvent.envs.drawing import Canvas

HALF_TRACK = 2.4  # [m]
PIXELS = (400, 600)
SCALE = 125.0  # [1/m]
CART, POLES, AXLE, TRACK = (0, 0, 0), ((202, 152, 101), (101, 152, 202)), (129, 132, 203), (0, 0, 0)
CART_SIZE = (0.4, 0.24)  # [m], longer than high
GROUND = 100.0  # pixels, of the track above the lower edge


def picture_of(*lengths: float) -> Callable[[Any], NDArray[np.uint8]]:
    """Return what draws a state: position, velocity, then angle and angular velocity of each pole; or one that has `poles`.

    Args:
        *lengths: Of the poles [m]. Where there are two, they are hinged a little apart, for the eye.
    """

    def picture(state: Any) -> NDArray[np.uint8]:
        numbers = np.array(getattr(state, "poles", state), float)
        return _drawn(numbers[0], list(zip(lengths, numbers[2::2], strict=True)))

    return picture


def _drawn(position: float, poles: list[tuple[float, float]]) -> NDArray[np.uint8]:
    canvas = Canvas(*PIXELS)
    x, y = PIXELS[1] / 2 + SCALE * position, GROUND
    long, high = SCALE * CART_SIZE[0], SCALE * CART_SIZE[1]
    canvas.bar((0.0, GROUND), (float(PIXELS[1]), GROUND), 1.0, TRACK)
    canvas.bar((x - long / 2, y), (x + long / 2, y), high, CART)
    hinges = [x] if len(poles) == 1 else [x - long / 5, x + long / 5]
    for hinge, (length, angle), colour in zip(hinges, poles, POLES, strict=False):
        foot = np.array([hinge, y + high / 2])
        tip = foot + SCALE * length * np.array([np.sin(angle), np.cos(angle)])
        canvas.bar(tuple(foot), tuple(tip), 8.0, colour)
        canvas.disc(tuple(foot), 4.0, AXLE)
    return canvas.frame()
