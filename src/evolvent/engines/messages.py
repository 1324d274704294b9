"""What a supervisor and its workers write to each other's pipes: a word, a few facts in JSON, and arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

from numpy.typing import NDArray

from evolvent.files import dump_json, pack_tensors, parse_object, unpack_tensors

LENGTH_BYTES: Final = 8
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


def write(pipe: BinaryIO, message: Message) -> None:
    """Write a message to an unbuffered pipe.

    Raises:
        OSError: Nobody reads it any more.
    """
    content = pack_tensors(message.arrays, {"word": message.word, "facts": dump_json(message.facts)})
    for part in (len(content).to_bytes(LENGTH_BYTES, "little"), content):
        rest = memoryview(part)
        while rest:
            rest = rest[pipe.write(rest) :]


def read(pipe: BinaryIO) -> Message | None:
    """Return the next message; None once there is none, also where one breaks off in the middle.

    Raises:
        FileRefused: What comes is no message.
    """
    length = int.from_bytes(_take(pipe, LENGTH_BYTES) or bytes(LENGTH_BYTES), "little")
    if not 0 < length <= LARGEST or (content := _take(pipe, length)) is None:
        return None
    arrays, words = unpack_tensors(content, "a message between processes")
    return Message(words["word"], parse_object(words["facts"], "a message between processes"), arrays)


def _take(pipe: BinaryIO, size: int) -> bytes | None:
    parts: list[bytes] = []
    while size and (part := pipe.read(min(size, 1 << 20))):
        parts.append(part)
        size -= len(part)
    return None if size else b"".join(parts)
