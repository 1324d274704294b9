# pyright: basic
"""Normal numbers, and rows with normal noise added to them, drawn on every core.

A block of 512 columns takes 128 places of Philox's, which are 256 radii and 256 angles (Box and Muller 1958): column k of
a block is a radius times a cosine, column 256 + k the same radius times the sine. Each step is a loop of its own over
numbers that stay in the nearest cache, which the compiler turns into vectors. All of it is in float32, the same
operations in plain Python. A radius is drawn from 31 bits and at most 6.7; it is off by 4e-7 of itself at most, sines and
cosines by 2e-7.

References:
    Box and Muller 1958, A note on the generation of random normal deviates. https://doi.org/10.1214/aoms/1177706645
    Moshier 1984, Cephes: the polynomials of logarithm, sine and cosine. https://netlib.org/cephes
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Indices, Population
from evolvent.crew import share
from evolvent.jit import COMPILES, kernel
from evolvent.lanes import clip, take_next, where
from evolvent.lanes.width import widest_vectors
from evolvent.philox import philox, place

Source = tuple[np.uint64, np.uint64]  # the key of a stream, and the high word of its counter

BLOCK = 512  # columns
PAIRS = BLOCK // 2
STRETCH = 16 * BLOCK  # columns that a thread draws at a time
WORTH_SHARING = 1 << 16  # numbers; fewer are drawn before other threads wake up


# --- a block -------------------------------------------------------------------------------------------------------


class Room(NamedTuple):
    """What the steps hand on; some of it is the same memory as numbers of two types."""

    low: NDArray[np.uint64]
    high: NDArray[np.uint64]
    radius_words: NDArray[np.uint32]
    angle_words: NDArray[np.int32]
    radii: NDArray[np.float32]
    radius_bits: NDArray[np.int32]
    mantissas: NDArray[np.float32]
    mantissa_bits: NDArray[np.int32]
    exponents: NDArray[np.float32]
    noise: NDArray[np.float32]


def _room() -> Room:
    low, high = np.empty(PAIRS // 2, np.uint64), np.empty(PAIRS // 2, np.uint64)
    radii, mantissas, exponents = np.empty(PAIRS, np.float32), np.empty(PAIRS, np.float32), np.empty(PAIRS, np.float32)
    return Room(
        low,
        high,
        low.view(np.uint32),
        high.view(np.int32),
        radii,
        radii.view(np.int32),
        mantissas,
        mantissas.view(np.int32),
        exponents,
        np.empty(BLOCK, np.float32),
    )


def _draw(source: Source, row: int, start: int, count: int, room: Room) -> None:
    """Write the normal numbers of `count` columns, from a block's start on, into the room."""
    pairs = min(count, PAIRS)
    _write_bits(source, row, start // 4, (pairs + 1) // 2, room)
    _split(pairs, room)
    _write_radii(pairs, room)
    _write_pairs(pairs, room)


def _write_bits(source: Source, row: int, first: int, count: int, room: Room) -> None:
    widest_vectors()
    for k in range(count):
        room.low[k], room.high[k] = philox(source[0], place(row, first + k), source[1])


ZERO, HALF, ONE, MINUS_TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(-2)
LN_2 = np.float32(np.log(2))
BITS = np.float32(31)  # of a radius
ROOT_HALF_BITS = np.int32(0x3F3504F3)  # of the float32 that is the square root of 1/2
MANTISSA = np.int32(0x7FFFFF)


def _split(count: int, room: Room) -> None:
    """Write each radius' 31 bits and a half as a mantissa in [sqrt(1/2), sqrt(2)) times a power of two."""
    widest_vectors()
    for k in range(count):
        room.radii[k] = np.float32(np.int32(room.radius_words[k] >> np.uint32(1))) + HALF
    for k in range(count):
        above = np.int32(room.radius_bits[k] - ROOT_HALF_BITS)
        room.exponents[k] = np.float32(np.int32(above >> np.int32(23)))
        room.mantissa_bits[k] = np.int32(np.int32(above & MANTISSA) + ROOT_HALF_BITS)


LOG = tuple(
    np.float32(each)
    for each in (
        *(7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1),
        *(-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1),
    )
)


def _write_radii(count: int, room: Room) -> None:
    """Write the square root of -2 log(u), for u in (0, 1] with these mantissas and exponents."""
    widest_vectors()
    for k in range(count):
        x = room.mantissas[k] - ONE
        p = LOG[0] * x + LOG[1]
        p = p * x + LOG[2]
        p = p * x + LOG[3]
        p = p * x + LOG[4]
        p = p * x + LOG[5]
        p = p * x + LOG[6]
        p = p * x + LOG[7]
        p = p * x + LOG[8]
        square = x * x
        log = (x - HALF * square + square * x * p) + (room.exponents[k] - BITS) * LN_2
        room.radii[k] = np.sqrt(MINUS_TWO * log)


RADIANS = np.float32(np.pi / 2 / 2**32)
SIN_3, SIN_5, SIN_7 = np.float32(-1.6666654611e-1), np.float32(8.3321608736e-3), np.float32(-1.9515295891e-4)
COS_4, COS_6, COS_8 = np.float32(4.166664568298827e-2), np.float32(-1.388731625493765e-3), np.float32(2.443315711809948e-5)
QUARTER, HALF_TURN = np.int32(1 << 30), np.int32(-(1 << 31))


def _write_pairs(count: int, room: Room) -> None:
    """Write radius times cosine and sine: two bits say which quarter of a turn, 30 how far from its middle."""
    widest_vectors()
    for k in range(count):
        word, radius = room.angle_words[k], room.radii[k]
        x = np.float32(np.int32(word << np.int32(2))) * RADIANS
        z = x * x
        sine = x + x * z * (SIN_3 + z * (SIN_5 + z * SIN_7))
        cosine = (ONE - HALF * z) + z * z * (COS_4 + z * (COS_6 + z * COS_8))
        radius = -radius if word & HALF_TURN else radius
        room.noise[k] = radius * (-sine if word & QUARTER else cosine)
        room.noise[PAIRS + k] = radius * (cosine if word & QUARTER else sine)


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
) -> None:
    columns = out.shape[1]
    stretches = (columns + STRETCH - 1) // STRETCH
    room = _room()
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
    job = partial(_add, source, rows, chosen, scales, limit, out)
    if out.size < WORTH_SHARING or not COMPILES:
        job(counter)
        return
    try:
        share(partial(job, counter))
    finally:
        counter[0] = out.size  # an interrupt stops the others after their stretch
