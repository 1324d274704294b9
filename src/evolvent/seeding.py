"""Addressed randomness: a number depends on where it is asked for, never on what was asked for before.

`stream(seed, generation, purpose)` names an address; `stream.child(name)` names one below it. Only `normal`, `uniform`,
`integers` and `bits` draw, once a stream. The generators, Philox and for normal numbers the faster Threefry, are keyed by a
hash of the address and counted by row and column, so a row can be made alone, in any slice and on any machine, with the
same bits.

References:
    Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3. https://doi.org/10.1145/2063384.2063405
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Indices, Population
from evolvent.errors import UsageError
from evolvent.instructions import as_float64, as_uint64
from evolvent.jit import primitive
from evolvent.normals import add_normals, fill_normals
from evolvent.philox import LOW, WORD, fill_bits
from evolvent.vectors import Vec

MAX_SEED = 2**63 - 1


class Stream:
    """An address from which random numbers can be drawn, once.

    Args:
        digest: 32 bytes, the hash of the address.
        path: The address in words, for error messages.

    Examples:
        >>> noise = stream(7, 0, "mutation").child("noise").normal((2, 3))
        >>> bool((noise == stream(7, 0, "mutation").child("noise").normal((2, 3))).all())
        True
    """

    __slots__ = ("_digest", "_drawn", "path")

    def __init__(self, digest: bytes, path: str) -> None:
        """Name the address `path`, whose hash is `digest`."""
        self._digest = digest
        self._drawn = False
        self.path = path

    def __repr__(self) -> str:
        """Return the address in words."""
        return f"stream {self.path}"

    def child(self, name: str | int) -> Stream:
        """Return the stream one step below this address."""
        label = f"str:{name}" if isinstance(name, str) else f"int:{int(name)}"
        return Stream(hashlib.sha256(self._digest + label.encode()).digest(), f"{self.path}/{name}")

    def bits(self, shape: tuple[int, ...]) -> NDArray[np.uint64]:
        """Return 64 random bits for each element of an array of `shape`; the first axis counts rows."""
        out = np.empty(_as_rows(shape), np.uint64)
        fill_bits(*self._draw(), out)
        return out.reshape(shape)

    def uniform(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return numbers drawn evenly from [0, 1), multiples of 2**-53."""
        return (self.bits(shape) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def integers(self, low: int, high: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
        """Return whole numbers drawn evenly from `low` up to, but without, `high`.

        Raises:
            ValueError: The range holds no number, or more than 2**32.
        """
        if not 0 < high - low <= 2**32:
            raise ValueError(f"integers(low={low}, high={high}): high must exceed low, by 2**32 at most")
        return low + np.floor(self.uniform(shape) * (high - low)).astype(np.int64)

    def normal(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Return numbers drawn from the standard normal distribution, as float32."""
        out = np.empty(_as_rows(shape), np.float32)
        fill_normals(self._noise_key(), out)
        return out.reshape(shape)

    def add_normals(
        self, rows: Population, chosen: Indices, scales: NDArray[np.float32], limit: float, out: Population
    ) -> None:
        """Write `rows[chosen[i]]` with noise into `out[i]`: `scales[i]` times that which `normal(out.shape)` would return.

        Args:
            rows: `(any, dim)`.
            chosen: `(n,)`, indices of rows.
            scales: `(n,)`, the standard deviation of the noise of each.
            limit: A result beyond it, either way, becomes it, and one that is no number 0.
            out: `(n, dim)`, which shares no memory with `rows`.
        """
        add_normals(self._noise_key(), rows, chosen, scales, np.float32(limit), out)

    def _draw(self) -> tuple[np.uint64, np.uint64]:
        if self._drawn:
            raise RuntimeError(f"the stream {self.path} was drawn from already; draw from a child of its own for each purpose")
        self._drawn = True
        return np.uint64(int.from_bytes(self._digest[:8], "little")), np.uint64(int.from_bytes(self._digest[8:16], "little"))

    def _noise_key(self) -> tuple[np.uint32, np.uint32]:
        key, _ = self._draw()
        return np.uint32(key & LOW), np.uint32(key >> WORD)


def stream(seed: int, *address: str | int) -> Stream:
    """Return the stream at an address of the run with this seed.

    Args:
        seed: The run's seed, from 0 to 2**63 - 1.
        *address: Words and numbers, such as a generation and a purpose.

    Returns:
        A stream to be drawn from once.

    Raises:
        UsageError: The seed is out of range.

    Examples:
        >>> stream(7, 3, "episodes")
        stream 7/3/episodes
    """
    if not 0 <= seed <= MAX_SEED:
        raise UsageError(f"seed: expected a whole number from 0 to 2**63 - 1, got {seed}")
    root = Stream(hashlib.sha256(f"evolvent {seed}".encode()).digest(), str(seed))
    for name in address:
        root = root.child(name)
    return root


class Draw(NamedTuple):
    """Where an episode's random numbers come from: the episode's key and the step, 0 in `reset`."""

    key: Any
    step: Any


MASK = 0xFFFFFFFFFFFFFFFF


def uniform(draw: Draw, k: int) -> Any:
    """Return the k-th random number of a step of an episode, drawn evenly from [0, 1).

    Args:
        draw: The argument that `reset` and `step` of a world are given.
        k: Which number, 0, 1, ..., of this step.

    Returns:
        A value that depends on the episode, the step and `k` alone: two rounds of SplitMix64's mixing.

    References:
        Steele, Lea and Flood 2014, Fast splittable pseudorandom number generators. https://doi.org/10.1145/2660193.2660195

    Examples:
        >>> 0.0 <= uniform(Draw(key=7, step=0), 0) < 1.0
        True
    """
    z = (int(draw.key) + 0x9E3779B97F4A7C15 * (int(draw.step) + 1)) & MASK
    for offset in (0xD1B54A32D192ED03 * (k + 1), 0):
        z = (z + offset) & MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        z ^= z >> 31
    return (z >> 11) * 2.0**-53


@primitive(uniform)
def _uniform(draw: Any, k: Any) -> Any:
    in_lanes = isinstance(draw.types[0], Vec)
    whole, number = (as_uint64, as_float64) if in_lanes else (np.uint64, np.float64)

    def compiled(draw: Any, k: Any) -> Any:
        z = draw.key + np.uint64(0x9E3779B97F4A7C15) * (whole(draw.step) + np.uint64(1))
        offset = np.uint64(0xD1B54A32D192ED03) * (np.uint64(k) + np.uint64(1))
        for _ in range(2):
            z = z + offset
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z = z ^ (z >> np.uint64(31))
            offset = np.uint64(0)
        return number(z >> np.uint64(11)) * 2.0**-53

    return compiled


def _as_rows(shape: tuple[int, ...]) -> tuple[int, int]:
    return (shape[0], int(np.prod(shape[1:], dtype=np.int64))) if shape else (1, 1)
