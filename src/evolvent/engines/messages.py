"""What a supervisor and its workers write to each other's pipes: a word, a few facts in JSON, and arrays."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import RawIOBase
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

LENGTH_BYTES: Final = 8
ALIGNED: Final = 8  # bytes; arrays begin at a multiple of them, as compiled code wants it
LARGE: Final = 2**16  # bytes; a shorter message is written at once
LARGEST: Final = 2**40  # bytes; what claims to be longer is no message


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    Args:
        word: What it is about.
        facts: What can be said in JSON.
        arrays: What cannot.
    """

    word: str
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])


def write(pipe: RawIOBase, message: Message) -> None:
    """Write a message to an unbuffered pipe.

    Raises:
        OSError: Nobody reads it any more.
    """
    arrays = [np.ascontiguousarray(array) for array in message.arrays.values()]
    kinds = [(name, array.dtype.str, array.shape) for name, array in zip(message.arrays, arrays, strict=True)]
    parts: list[Any] = [_padded(json.dumps((message.word, message.facts, kinds)).encode())]
    for array in arrays:
        parts += (array.reshape(-1).view(np.uint8).data, bytes(-array.nbytes % ALIGNED))
    sizes = (sum(map(len, parts)), len(parts[0]))
    parts.insert(0, b"".join(size.to_bytes(LENGTH_BYTES, "little") for size in sizes))
    for part in [b"".join(parts)] if sizes[0] < LARGE else parts:
        rest = memoryview(part)
        while rest:
            rest = rest[pipe.write(rest) or 0 :]


def read(pipe: RawIOBase) -> Message | None:
    """Return the next message; None once there is none, also where one breaks off in the middle.

    Raises:
        ValueError: What comes is no message.
    """
    sizes = _take(pipe, 2 * LENGTH_BYTES)
    if sizes is None:
        return None
    length, begin = (int.from_bytes(sizes[at : at + LENGTH_BYTES], "little") for at in (0, LENGTH_BYTES))
    if not 0 < begin <= length <= LARGEST:
        raise ValueError(f"a message of {length} bytes")
    content = _take(pipe, length)
    if content is None:
        return None
    word, facts, kinds = json.loads(content[:begin])
    arrays: dict[str, NDArray[Any]] = {}
    for name, dtype, shape in kinds:
        count = math.prod(shape)
        arrays[name] = np.frombuffer(content, dtype, count, begin).reshape(shape)
        begin += arrays[name].nbytes + -arrays[name].nbytes % ALIGNED
    return Message(word, facts, arrays)


def _padded(text: bytes) -> bytes:
    return text + b" " * (-len(text) % ALIGNED)


def _take(pipe: RawIOBase, size: int) -> bytearray | None:
    taken = bytearray(size)
    rest = memoryview(taken)
    while rest:
        got = pipe.readinto(rest)
        if not got:
            return None
        rest = rest[got:]
    return taken
