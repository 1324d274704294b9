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
        self._x, self._y = np.arange(width)[np.newaxis] + 0.5, height - (np.arange(height)[:, np.newaxis] + 0.5)
        self._colours = np.full((height, width, 3), 255.0)

    def bar(self, begin: Point, end: Point, thickness: float, colour: Colour) -> None:
        """Draw a bar with square ends from one point to another."""
        across, up = end[0] - begin[0], end[1] - begin[1]
        length = max(float(np.hypot(across, up)), 1e-9)
        rows, columns = self._around(begin, end, thickness / 2)
        right, above = self._x[:, columns] - begin[0], self._y[rows] - begin[1]
        along = (right * across + above * up) / length
        aside = (above * across - right * up) / length
        outside = np.maximum(np.abs(along - length / 2) - length / 2, np.abs(aside) - thickness / 2)
        self._paint(rows, columns, outside, colour)

    def disc(self, centre: Point, radius: float, colour: Colour) -> None:
        """Draw a disc around a point."""
        rows, columns = self._around(centre, centre, radius)
        self._paint(rows, columns, np.hypot(self._x[:, columns] - centre[0], self._y[rows] - centre[1]) - radius, colour)

    def frame(self) -> NDArray[np.uint8]:
        """Return what was drawn, `(height, width, 3)`: red, green and blue."""
        return np.rint(self._colours).astype(np.uint8)

    def _around(self, begin: Point, end: Point, reach: float) -> tuple[slice, slice]:
        """Return the rows and columns of the picture outside of which a shape colours nothing."""
        height, width = self._colours.shape[:2]
        left, right = sorted((begin[0], end[0]))
        low, high = sorted((begin[1], end[1]))
        rows = _whole(height - high - reach, height - low + reach, height)
        return rows, _whole(left - reach, right + reach, width)

    def _paint(self, rows: slice, columns: slice, outside: NDArray[np.float64], colour: Colour) -> None:
        """Colour each pixel by how far its middle is outside of a shape, or inside where that is negative."""
        share = np.clip(0.5 - outside, 0.0, 1.0)[..., None]
        here = self._colours[rows, columns]
        self._colours[rows, columns] = (1.0 - share) * here + share * np.array(colour, float)


def _whole(begin: float, end: float, size: int) -> slice:
    """Return the pixels from one place to another, a pixel more at each end for the smooth edge, of those that there are."""
    first, last = (int(np.clip(place, 0, size)) for place in (np.floor(begin) - 1, np.ceil(end) + 1))
    return slice(first, last)
