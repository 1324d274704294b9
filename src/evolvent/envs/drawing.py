"""Bars and discs with smooth edges: all that the pictures of the small worlds are made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
Colour = tuple[int, int, int]


class Canvas:
    """A white picture to draw on; points are in pixels from its lower left corner.

    Args:
        height: In pixels.
        width: In pixels.

    Examples:
        >>> canvas = Canvas(4, 6)
        >>> canvas.bar((0.0, 2.0), (3.0, 2.0), 4.0, (0, 0, 0))
        >>> canvas.frame()[1, :, 0].tolist()
        [0, 0, 0, 255, 255, 255]
    """

    def __init__(self, height: int, width: int) -> None:
        """Begin with nothing drawn."""
        down, right = np.mgrid[0:height, 0:width]
        self._x, self._y = right + 0.5, height - (down + 0.5)
        self._colours = np.full((height, width, 3), 255.0)

    def bar(self, begin: Point, end: Point, thickness: float, colour: Colour) -> None:
        """Draw a bar with square ends from one point to another."""
        across, up = end[0] - begin[0], end[1] - begin[1]
        length = max(float(np.hypot(across, up)), 1e-9)
        along = ((self._x - begin[0]) * across + (self._y - begin[1]) * up) / length
        aside = ((self._y - begin[1]) * across - (self._x - begin[0]) * up) / length
        self._paint(np.maximum(np.abs(along - length / 2) - length / 2, np.abs(aside) - thickness / 2), colour)

    def disc(self, centre: Point, radius: float, colour: Colour) -> None:
        """Draw a disc around a point."""
        self._paint(np.hypot(self._x - centre[0], self._y - centre[1]) - radius, colour)

    def frame(self) -> NDArray[np.uint8]:
        """Return what was drawn, `(height, width, 3)`: red, green and blue."""
        return np.rint(self._colours).astype(np.uint8)

    def _paint(self, outside: NDArray[np.float64], colour: Colour) -> None:
        """Colour each pixel by how far its middle is outside of a shape, or inside where that is negative."""
        share = np.clip(0.5 - outside, 0.0, 1.0)[..., None]
        self._colours = (1.0 - share) * self._colours + share * np.array(colour, float)
