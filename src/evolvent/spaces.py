"""Observation and action spaces as plain records, so that acting needs no Gymnasium."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from evolvent.errors import UsageError, did_you_mean

MAX_SIZE = 1_000_000
MAX_START = 2**62  # room for n more in a 64-bit integer
MAX_DEPTH = 16  # of spaces within spaces

DTYPES: Final = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64"),
)


@dataclass(frozen=True, slots=True)
class Discrete:
    """The whole numbers `start`, ..., `start + n - 1`. A network is shown one of them as `n` inputs, all 0 but one.

    Examples:
        >>> space = Discrete(n=2)
        >>> space.size, space.width
        (1, 2)
    """

    n: int
    start: int = 0

    def __post_init__(self) -> None:
        """Refuse an empty space, and more choices than a network can have outputs."""
        if not 1 <= self.n <= MAX_SIZE:
            raise UsageError(f"n: a discrete space has 1 to {MAX_SIZE:,} elements, got {self.n}")
        if abs(self.start) > MAX_START:
            raise UsageError(f"start: expected at most {MAX_START:,} either way, got {self.start}")

    def __str__(self) -> str:
        """Return the space in a few words."""
        return f"Discrete({self.n}{f', start={self.start}' * bool(self.start)})"

    @property
    def size(self) -> int:
        """How many values an element is made of."""
        return 1

    @property
    def width(self) -> int:
        """How many inputs of a network show an element."""
        return self.n


@dataclass(frozen=True, slots=True)
class Box:
    """Arrays of one shape whose elements lie between two bounds.

    Args:
        low: Lower bound of each element, in C order; -infinity where there is none.
        high: Upper bound of each element.
        shape: Of an element of the space; `()` is a single number.
        dtype: Of the numbers, one of `DTYPES`.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    shape: tuple[int, ...]
    dtype: str = "float32"

    def __post_init__(self) -> None:
        """Refuse shapes that the bounds do not fit, empty ones, and bounds the wrong way round."""
        refuse_odd_shape(self.shape)
        if len(self.low) != self.size or len(self.high) != self.size:
            raise UsageError(f"bounds: {self.size} elements need as many, got {len(self.low)} and {len(self.high)}")
        if not all(low <= high for low, high in zip(self.low, self.high, strict=True)):
            raise UsageError("bounds: each lower one must be at most the upper one")
        if self.dtype not in DTYPES:
            hint = did_you_mean(self.dtype, DTYPES)
            raise UsageError(f"dtype: {self.dtype!r} is unknown{hint}; expected one of {', '.join(DTYPES)}")

    def __str__(self) -> str:
        """Return the space in a few words, however many bounds it has."""
        low, high = (f"{of[0]:g}" if len(set(of)) == 1 else name for of, name in ((self.low, "low"), (self.high, "high")))
        return f"Box({low}, {high}, {self.shape}, {self.dtype})"

    @staticmethod
    def symmetric(high: Sequence[float]) -> Box:
        """Return the box of vectors between `-high` and `high`."""
        return Box(low=tuple(-bound for bound in high), high=tuple(high), shape=(len(high),))

    @property
    def size(self) -> int:
        """How many values an element is made of."""
        return math.prod(self.shape)

    @property
    def width(self) -> int:
        """How many inputs of a network show an element."""
        return self.size

    @property
    def is_bytes(self) -> bool:
        """Whether the elements are bytes, which a network is shown divided by 255: a picture's, or such as take any value.

        A picture has two or three dimensions. A vector of bytes may be the memory of a machine.
        """
        if self.dtype != "uint8":
            return False
        return len(self.shape) in {2, 3} or (set(self.low), set(self.high)) == ({0.0}, {255.0})


@dataclass(frozen=True, slots=True)
class MultiDiscrete:
    """Arrays of whole numbers: element k is one of `start[k]`, ..., `start[k] + nvec[k] - 1`.

    Args:
        nvec: How many numbers each element has to choose from, in C order.
        start: The least of each; zeros where nothing is given.
        shape: Of an element of the space; a vector where nothing is given.

    Examples:
        >>> space = MultiDiscrete(nvec=(3, 2))
        >>> space.start, space.shape, space.size, space.width
        ((0, 0), (2,), 2, 5)
    """

    nvec: tuple[int, ...]
    start: tuple[int, ...] = ()
    shape: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Fill in what was not given, and refuse what holds nothing."""
        object.__setattr__(self, "start", self.start or (0,) * len(self.nvec))
        object.__setattr__(self, "shape", self.shape or (len(self.nvec),))
        refuse_odd_shape(self.shape)
        if not len(self.nvec) == len(self.start) == self.size:
            raise UsageError(
                f"nvec: {self.size} elements need as many choices and starts, got {len(self.nvec)} and {len(self.start)}"
            )
        for n, start in zip(self.nvec, self.start, strict=True):
            Discrete(n, start)
        _refuse_too_wide(self.width)

    def __str__(self) -> str:
        """Return the space in a few words."""
        return f"MultiDiscrete({_shortened(self.nvec)}{f', start={_shortened(self.start)}' * any(self.start)})"

    @property
    def size(self) -> int:
        """How many values an element is made of."""
        return math.prod(self.shape)

    @property
    def width(self) -> int:
        """How many inputs of a network show an element: as many as there are choices."""
        return sum(self.nvec)


@dataclass(frozen=True, slots=True)
class MultiBinary:
    """Arrays of zeros and ones of one shape.

    Examples:
        >>> MultiBinary(shape=(2, 3)).width
        6
    """

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse empty shapes."""
        refuse_odd_shape(self.shape)

    def __str__(self) -> str:
        """Return the space in a few words."""
        return f"MultiBinary{self.shape}"

    @property
    def size(self) -> int:
        """How many values an element is made of."""
        return math.prod(self.shape)

    @property
    def width(self) -> int:
        """How many inputs of a network show an element."""
        return self.size


@dataclass(frozen=True, slots=True)
class TupleSpace:
    """Tuples whose elements each have a space of their own. A network is shown them one after the other."""

    spaces: tuple[Space, ...]

    def __post_init__(self) -> None:
        """Refuse what holds nothing, too much, or spaces too deep within each other."""
        _refuse_odd_parts(self)

    def __str__(self) -> str:
        """Return the space in a few words."""
        return f"Tuple({', '.join(map(str, self.spaces))})"

    @property
    def width(self) -> int:
        """How many inputs of a network show an element."""
        return sum(space.width for space in self.spaces)


@dataclass(frozen=True, slots=True)
class DictSpace:
    """Dicts with these keys, whose values each have a space of their own. A network is shown them in the order given here.

    Examples:
        >>> space = DictSpace((("keys", Discrete(n=3)), ("position", Box.symmetric((1.0, 1.0)))))
        >>> space.width
        5
        >>> print(space)
        Dict(keys: Discrete(3), position: Box(-1, 1, (2,), float32))
    """

    spaces: tuple[tuple[str, Space], ...]

    def __post_init__(self) -> None:
        """Refuse what holds nothing, too much, a key twice, or spaces too deep within each other."""
        keys = sorted(key for key, _ in self.spaces)
        if twice := [key for key, following in pairwise(keys) if key == following]:
            raise UsageError(f"spaces: the key {twice[0]!r} appears twice")
        _refuse_odd_parts(self)

    def __str__(self) -> str:
        """Return the space in a few words."""
        return f"Dict({', '.join(f'{key}: {space}' for key, space in self.spaces)})"

    @property
    def width(self) -> int:
        """How many inputs of a network show an element."""
        return sum(space.width for _, space in self.spaces)


ActionSpace = Discrete | Box | MultiDiscrete | MultiBinary
Space = ActionSpace | TupleSpace | DictSpace


def shown_alike(one: Space, other: Space) -> bool:
    """Return whether a network is shown what is of two spaces in the same way: whatever the bounds of numbers are.

    Examples:
        >>> shown_alike(Box.symmetric((1.0, 1.0)), Box.symmetric((2.0, 3.0)))
        True
        >>> shown_alike(Discrete(n=2), Discrete(n=2, start=1))
        False
    """
    match one, other:
        case Box(), Box():
            return (one.shape, one.is_bytes) == (other.shape, other.is_bytes)
        case TupleSpace(), TupleSpace():
            return len(one.spaces) == len(other.spaces) and all(map(shown_alike, one.spaces, other.spaces))
        case DictSpace(), DictSpace():
            same_keys = [key for key, _ in one.spaces] == [key for key, _ in other.spaces]
            return same_keys and all(map(shown_alike, parts(one), parts(other)))
        case _:
            return one == other


def parts(space: Space) -> Iterator[Space]:
    """Yield the spaces that a space is made of, none where it is not made of others."""
    if isinstance(space, TupleSpace):
        yield from space.spaces
    elif isinstance(space, DictSpace):
        yield from (part for _, part in space.spaces)


def refuse_odd_shape(shape: tuple[int, ...]) -> None:
    """Refuse a shape that holds nothing, or too much.

    Raises:
        UsageError: It does.
    """
    if any(length < 1 for length in shape) or math.prod(shape) > MAX_SIZE:
        raise UsageError(f"shape: expected positive sizes, {MAX_SIZE:,} elements at most, got {shape}")


def _refuse_too_wide(width: int) -> None:
    if width > MAX_SIZE:
        raise UsageError(f"space: a network has at most {MAX_SIZE:,} inputs, got {width:,}")


def _refuse_odd_parts(space: TupleSpace | DictSpace) -> None:
    if not space.spaces:
        raise UsageError("spaces: expected at least one, got none")
    if _depth(space) > MAX_DEPTH:
        raise UsageError(f"spaces: expected at most {MAX_DEPTH} within each other, got {_depth(space)}")
    _refuse_too_wide(space.width)


def _depth(space: Space) -> int:
    return 1 + max(map(_depth, parts(space)), default=0)


def _shortened(numbers: tuple[int, ...]) -> str:
    return str(list(numbers)) if len(numbers) <= 10 else f"{len(numbers)} numbers"
