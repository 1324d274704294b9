# pyright: basic
"""Normal numbers, and rows with normal noise added to them, drawn on every core.

A block of 512 columns takes 256 places of Threefry's, each a radius and an angle (Box and Muller 1958): column k of a block
is the k-th radius times its cosine, column 256 + k the same radius times the sine. Each step is a loop of its own over
numbers that stay in the nearest cache, which the compiler turns into vectors. All of it is in float32, the same
operations in plain Python. A radius is drawn from 31 bits and is at most 6.7; rounding changes a number by less than 1e-6.

References:
    Box and Muller 1958, A note on the generation of random normal deviates. https://doi.org/10.1214/aoms/1177706645
    Moshier 1984, Cephes: the polynomials of logarithm, sine and cosine. https://netlib.org/cephes
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Indices, Population
from evolvent.crew import share
from evolvent.jit import COMPILES, kernel
from evolvent.lanes import clip, take_next, where
from evolvent.lanes.width import widest_vectors
from evolvent.threefry import threefry

Source = tuple[np.uint32, np.uint32]  # the key of a stream

BLOCK = 512  # columns
PAIRS = BLOCK // 2
STRETCH = 16 * BLOCK  # columns that a thread draws at a time
WORTH_SHARING = 1 << 16  # numbers; fewer are drawn before other threads wake up


# --- a block -------------------------------------------------------------------------------------------------------


class Room(NamedTuple):
    """What the steps hand on; some of it is the same memory as numbers of two types."""

    radius_words: NDArray[np.uint32]
    angle_words: NDArray[np.uint32]
    angles: NDArray[np.int32]
    numbers: NDArray[np.float32]
    number_bits: NDArray[np.int32]
    mantissas: NDArray[np.float32]
    mantissa_bits: NDArray[np.int32]
    exponents: NDArray[np.float32]
    noise: NDArray[np.float32]


def _room() -> Room:
    radius_words, angle_words = np.empty(PAIRS, np.uint32), np.empty(PAIRS, np.uint32)
    numbers, mantissas, exponents = np.empty(PAIRS, np.float32), np.empty(PAIRS, np.float32), np.empty(PAIRS, np.float32)
    return Room(
        radius_words,
        angle_words,
        angle_words.view(np.int32),
        numbers,
        numbers.view(np.int32),
        mantissas,
        mantissas.view(np.int32),
        exponents,
        np.empty(BLOCK, np.float32),
    )


def _draw(source: Source, row: int, start: int, count: int, room: Room) -> None:
    """Write the normal numbers of `count` columns, from a block's start on, into the room."""
    pairs = min(count, PAIRS)
    _write_bits(source, row, start // 2, pairs, room)
    _split(pairs, room)
    _write_pairs(pairs, room)


def _write_bits(source: Source, row: int, first: int, count: int, room: Room) -> None:
    widest_vectors()
    for k in range(count):
        room.radius_words[k], room.angle_words[k] = threefry(source[0], source[1], np.uint32(first + k), np.uint32(row))


ZERO, HALF, ONE, MINUS_TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(-2)
ROOT_HALF_BITS = np.int32(0x3F3504F3)  # of the float32 that is the square root of 1/2
MANTISSA = np.int32(0x7FFFFF)


def _split(count: int, room: Room) -> None:
    """Write each radius' 31 bits and a half as a mantissa in [sqrt(1/2), sqrt(2)) times a power of two."""
    widest_vectors()
    for k in range(count):
        room.numbers[k] = np.float32(np.int32(room.radius_words[k] >> np.uint32(1))) + HALF
    for k in range(count):
        above = np.int32(room.number_bits[k] - ROOT_HALF_BITS)
        room.exponents[k] = np.float32(np.int32(above >> np.int32(23)))
        room.mantissa_bits[k] = np.int32(np.int32(above & MANTISSA) + ROOT_HALF_BITS)


def _write_pairs(count: int, room: Room) -> None:
    """Write radius times cosine and sine; an angle has two bits for the quarter of a turn, 30 for how far from its middle."""
    widest_vectors()
    for k in range(count):
        radius = np.sqrt(MINUS_TWO * _log(room.mantissas[k], room.exponents[k] - BITS))
        word = room.angles[k]
        sine, cosine = _sine_and_cosine(np.float32(np.int32(word << np.int32(2))) * RADIANS)
        radius = -radius if word & HALF_TURN else radius
        room.noise[k] = radius * (-sine if word & QUARTER else cosine)
        room.noise[PAIRS + k] = radius * (cosine if word & QUARTER else sine)


BITS = np.float32(31)  # of a radius
LN_2 = np.float32(np.log(2))
LOG = tuple(
    np.float32(each)
    for each in (
        *(3.3333331174e-1, -2.4999993993e-1, 2.0000714765e-1, -1.6668057665e-1, 1.4249322787e-1),
        *(-1.2420140846e-1, 1.1676998740e-1, -1.1514610310e-1, 7.0376836292e-2),
    )
)


def _log(mantissa: Any, exponent: Any) -> Any:
    """Return the logarithm of `mantissa * 2**exponent`; the polynomial is summed by halves (Estrin), which waits less."""
    x = mantissa - ONE
    square = x * x
    fourth = square * square
    low = (LOG[0] + x * LOG[1]) + square * (LOG[2] + x * LOG[3])
    high = (LOG[4] + x * LOG[5]) + square * ((LOG[6] + x * LOG[7]) + square * LOG[8])
    return (x - HALF * square + square * x * (low + fourth * high)) + exponent * LN_2


RADIANS = np.float32(np.pi / 2 / 2**32)
QUARTER, HALF_TURN = np.int32(1 << 30), np.int32(-(1 << 31))
SIN_3, SIN_5, SIN_7 = np.float32(-1.6666654611e-1), np.float32(8.3321608736e-3), np.float32(-1.9515295891e-4)
COS_4, COS_6, COS_8 = np.float32(4.166664568298827e-2), np.float32(-1.388731625493765e-3), np.float32(2.443315711809948e-5)


def _sine_and_cosine(x: Any) -> tuple[Any, Any]:
    """Return the sine and the cosine of an angle of at most an eighth of a turn [rad]."""
    z = x * x
    sine = x + x * z * (SIN_3 + z * (SIN_5 + z * SIN_7))
    cosine = (ONE - HALF * z) + z * z * (COS_4 + z * (COS_6 + z * COS_8))
    return sine, cosine


def _write_sum(row: NDArray, scale: Any, noise: NDArray, limit: np.float32, out: NDArray) -> None:
    widest_vectors()
    for k in range(len(out)):
        value = clip(row[k] + scale * noise[k], -limit, limit)
        out[k] = where(value == value, value, ZERO)  # noqa: PLR0124 - NaN


@kernel
def _add(  # noqa: PLR0913, PLR0917 - a kernel writes into what it is given
    source: Source,
    rows: Population,
    chosen: Indices,
    scales: NDArray[np.float32],
    limit: np.float32,
    out: Population,
    counter: NDArray[np.int64],
    room: Room,
) -> None:
    columns = out.shape[1]
    stretches = (columns + STRETCH - 1) // STRETCH
    job = take_next(counter)
    while job < out.shape[0] * stretches:
        i, first = job // stretches, job % stretches * STRETCH
        for start in range(first, min(first + STRETCH, columns), BLOCK):
            end = min(start + BLOCK, columns)
            _draw(source, i, start, end - start, room)
            _write_sum(rows[chosen[i], start:end], scales[i], room.noise, limit, out[i, start:end])
        job = take_next(counter)


# --- on all cores ----------------------------------------------------------------------------------------------------


def fill_normals(source: Source, out: Population) -> None:
    """Write a normal number into every element of `out (n, dim)`; it depends on source, row and column alone."""
    nothing = np.zeros((1, out.shape[1]), np.float32)
    first, ones = np.zeros(len(out), np.int64), np.ones(len(out), np.float32)
    add_normals(source, nothing, first, ones, np.float32(np.inf), out)


def add_normals(
    source: Source, rows: Population, chosen: Indices, scales: NDArray[np.float32], limit: np.float32, out: Population
) -> None:
    """Write `rows[chosen[i]] + scales[i] * noise[i]` into `out[i]`, for the noise that `fill_normals` writes.

    Args:
        source: Of the noise.
        rows: `(any, dim)`.
        chosen: `(n,)`, indices of rows.
        scales: `(n,)`, the standard deviation of the noise of each.
        limit: A result beyond it, either way, becomes it, and one that is no number 0.
        out: `(n, dim)`, which shares no memory with `rows`.
    """
    rows = np.ascontiguousarray(rows if rows.flags.writeable else rows.copy(), np.float32)  # one type, compiled once
    counter = np.zeros(1, np.int64)

    def work() -> None:
        _add(source, rows, chosen, scales, limit, out, counter, _room())

    if out.size < WORTH_SHARING or not COMPILES:
        work()
        return
    try:
        share(work)
    finally:
        counter[0] = out.size  # an interrupt stops the others after their stretch
