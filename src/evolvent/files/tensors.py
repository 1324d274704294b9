"""Named arrays and a few words about them in one safetensors file: no code in it, and no size that it does not have."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from evolvent.errors import FileRefused
from evolvent.files.disk import START, read_bytes
from evolvent.files.strict_json import JsonObject, JsonValue, dump_json, parse_object

_LENGTH_BYTES: Final = 8
LARGEST_HEADER: Final = START - _LENGTH_BYTES

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_DTYPES: Final = {
    "float64": "F64",
    "float32": "F32",
    "int64": "I64",
    "int32": "I32",
    "uint64": "U64",
    "uint32": "U32",
    "uint8": "U8",
    "bool": "BOOL",
}
_KNOWN_BY_THEIR_FIRST_BYTES: Final = (
    (b"\x80", "a pickle, as torch.save, joblib and cloudpickle write"),
    (b"PK\x03\x04", "a zip archive, as torch.save, numpy.savez and Stable-Baselines3 write"),
    (b"\x93NUMPY", "a .npy file"),
    (b"\x1f\x8b", "a gzip file"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"x\x9c", "a zlib stream, as joblib writes"),
    (b"\x89HDF", "an HDF5 file"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
    (b"<", "a web page or XML"),
    (b"{", "JSON"),
)
_TEXT_PICKLE: Final = re.compile(rb"(c[\w.]+\n[\w.]+\n|\([cdil(]).*\.", re.DOTALL)


def pack_tensors(tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> bytes:
    """Write arrays and metadata as the bytes of a safetensors file; equal input gives equal bytes.

    Args:
        tensors: Arrays of any shape and memory order, by names of at most 128 letters, digits, dots, dashes and underscores.
            Their dtype is float64, float32, int64, int32, uint64, uint32, uint8 or bool.
        metadata: Text about them.

    Returns:
        The bytes; any safetensors reader can read them.

    Raises:
        ValueError: If a name or a dtype is not allowed, or names and metadata need more than 1 MiB.

    Examples:
        >>> tensors, metadata = unpack_tensors(pack_tensors({"row": np.ones(2)}, {"author": "me"}), "an example")
        >>> tensors["row"], metadata
        (array([1., 1.]), {'author': 'me'})
    """
    names = sorted(tensors, key=lambda name: (-tensors[name].itemsize, name))  # wide ones first: all stay aligned
    header: JsonObject = {"__metadata__": dict(metadata)}
    chunks: list[bytes | memoryview] = []
    start = 0
    for name in names:
        array = tensors[name]
        if not _NAME.fullmatch(name):
            raise ValueError(f"the tensor name {name!r} must match {_NAME.pattern}")
        if array.dtype.name not in _DTYPES:
            raise ValueError(f'the tensor "{name}" has dtype {array.dtype}; expected one of {", ".join(_DTYPES)}')
        end = start + array.nbytes
        header[name] = {"dtype": _DTYPES[array.dtype.name], "shape": list(array.shape), "data_offsets": [start, end]}
        chunks.append(np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C").data)
        start = end
    text = dump_json(header).encode()
    text += b" " * (-len(text) % _LENGTH_BYTES)
    if len(text) > LARGEST_HEADER:
        raise ValueError(f"names and metadata need {len(text)} bytes; a file holds at most {LARGEST_HEADER}")
    return b"".join((len(text).to_bytes(_LENGTH_BYTES, "little"), text, *chunks))


def read_tensors(path: Path, *, follow_links: bool = True) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Read arrays and metadata from a safetensors file; as `unpack_tensors`.

    What is something else, or does not have the size that it claims, is refused before most of it is read.

    Raises:
        UsageError: If there is no such file.
        FileRefused: If anything about it is not as `pack_tensors` writes it.
        StorageFailed: If the operating system cannot read it.
    """
    source = str(path)
    data = read_bytes(path, follow_links=follow_links, check_start=lambda start, size: _check_start(start, size, source))
    return unpack_tensors(data, source)


def unpack_tensors(data: bytes, source: str) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Read arrays and metadata from the bytes of a safetensors file, which nobody needs to trust.

    Nothing is allocated that the size of the file does not justify. Values are not judged: NaN may be among them.

    Args:
        data: The whole file.
        source: What it is, for the message: its path.

    Returns:
        The arrays, which the caller may write into, and the metadata.

    Raises:
        FileRefused: If anything about it is not as `pack_tensors` writes it.
    """
    header = _header(data, source)
    metadata: dict[str, str] = {}
    for key, text in _object(header.pop("__metadata__", {}), "the metadata", source).items():
        if not isinstance(text, str):
            raise FileRefused(f'{source}: the metadata "{key[:80]}" must be a string')
        metadata[key] = text
    for name, description in header.items():
        if not _NAME.fullmatch(name):
            raise FileRefused(f"{source}: the tensor name {name[:80]!r} must match {_NAME.pattern}")
        described = _object(description, f'the description of the tensor "{name}"', source)
        if described.keys() != {"dtype", "shape", "data_offsets"}:
            raise FileRefused(f'{source}: the tensor "{name}" must have a dtype, a shape and data_offsets, and nothing else')
        if described["dtype"] not in _DTYPES.values():
            raise FileRefused(f'{source}: the tensor "{name}" must have one of the dtypes {", ".join(_DTYPES.values())}')
    try:
        tensors = load(data)
    except (SafetensorError, ValueError) as error:
        raise FileRefused(f"{source} is damaged or cut short: {error}") from error
    for name, array in tensors.items():
        if array.dtype == np.bool_ and array.view(np.uint8).max(initial=0) > 1:
            raise FileRefused(f'{source}: the tensor "{name}" must hold 0 or 1 as booleans')
    return tensors, metadata


def _header(data: bytes, source: str) -> JsonObject:
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    if length > LARGEST_HEADER or data[_LENGTH_BYTES : _LENGTH_BYTES + 1] != b"{":
        raise FileRefused(f"{source} is {_what_it_is(data)}; expected a safetensors file. Evolvent reads no other kind")
    if len(data) < _LENGTH_BYTES + length:
        raise FileRefused(f"{source} is cut short: its header needs {length} bytes, {len(data) - _LENGTH_BYTES} are there")
    return parse_object(data[_LENGTH_BYTES : _LENGTH_BYTES + length], f"the header of {source}")


def _check_start(start: bytes, size: int, source: str) -> None:
    length = int.from_bytes(start[:_LENGTH_BYTES], "little")
    needed = _LENGTH_BYTES + length + max(map(_end, _header(start, source).values()), default=0)
    if size != needed:
        raise FileRefused(f"{source} is damaged or cut short: it has {size} bytes, its header describes {needed}")


def _end(description: JsonValue) -> int:
    offsets = description.get("data_offsets") if isinstance(description, dict) else None
    last = offsets[-1] if isinstance(offsets, list) and offsets else 0
    return last if isinstance(last, int) else 0


def _object(value: Any, what: str, source: str) -> JsonObject:
    if not isinstance(value, dict):
        raise FileRefused(f"{source}: {what} must be a JSON object")
    return cast("JsonObject", value)


def _what_it_is(data: bytes) -> str:
    for first_bytes, words in _KNOWN_BY_THEIR_FIRST_BYTES:
        if data.startswith(first_bytes):
            return words
    return "a pickle in its text form" if _TEXT_PICKLE.fullmatch(data[:LARGEST_HEADER]) else "not a kind of file we know"
