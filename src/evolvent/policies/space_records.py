"""Spaces as strict JSON: a closed table of kinds, none of which names anything to import."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from evolvent.errors import FileRefused, UsageError
from evolvent.files import JsonObject, refuse_leftovers, take, take_list, take_objects
from evolvent.spaces import (
    MAX_DEPTH,
    MAX_SIZE,
    Box,
    DictSpace,
    Discrete,
    MultiBinary,
    MultiDiscrete,
    Space,
    TupleSpace,
    refuse_odd_shape,
)

MOST_BOUNDS: Final = 10_000  # in one file, whose header is to stay small


def space_to_json(space: Space) -> JsonObject:
    """Return a space as a JSON object.

    Of a space wider than `MOST_BOUNDS`, each box keeps its least and its greatest bound alone, where what a policy is shown
    does not depend on the others.

    Examples:
        >>> space_to_json(Discrete(n=2))
        {'kind': 'discrete', 'n': 2, 'start': 0}
    """
    return _to_json(space, each_bound=space.width <= MOST_BOUNDS)


def space_from_json(content: JsonObject, source: str) -> Space:
    """Return the space that `space_to_json` wrote.

    Args:
        content: The object; it loses its keys.
        source: What it was read from, for messages.

    Raises:
        FileRefused: It describes no space, or one that is too large.
    """
    return _from_json(content, source, 1)


def _to_json(space: Space, *, each_bound: bool) -> JsonObject:
    match space:
        case Discrete():
            return {"kind": "discrete", "n": space.n, "start": space.start}
        case Box():
            each = each_bound or (space.dtype == "uint8" and not space.is_bytes)
            return {
                "kind": "box",
                "low": list(map(_bound_to_json, space.low)) if each else _bound_to_json(min(space.low)),
                "high": list(map(_bound_to_json, space.high)) if each else _bound_to_json(max(space.high)),
                "shape": list(space.shape),
                **({} if space.dtype == "float32" else {"dtype": space.dtype}),
            }
        case MultiDiscrete():
            nvec, start, shape = map(list, (space.nvec, space.start, space.shape))
            return {"kind": "multi_discrete", "nvec": [*nvec], "start": [*start], "shape": [*shape]}
        case MultiBinary():
            return {"kind": "multi_binary", "shape": list(space.shape)}
        case TupleSpace():
            return {"kind": "tuple", "spaces": [_to_json(part, each_bound=each_bound) for part in space.spaces]}
        case DictSpace():
            keys, parts = [key for key, _ in space.spaces], [part for _, part in space.spaces]
            return {"kind": "dict", "keys": [*keys], "spaces": [_to_json(part, each_bound=each_bound) for part in parts]}


def _from_json(content: JsonObject, source: str, depth: int) -> Space:
    if depth > MAX_DEPTH:
        raise FileRefused(f"{source}: there are more than {MAX_DEPTH} spaces within each other")
    kind = take(content, "kind", str, source)
    read = KINDS.get(kind)
    if read is None:
        raise FileRefused(f"{source}: space {kind[:40]!r} is unknown; known: {', '.join(KINDS)}")
    try:
        space = read(content, source, depth)
    except UsageError as problem:
        raise FileRefused(f"{source}: {problem}") from None
    refuse_leftovers(content, source)
    return space


def _box(content: JsonObject, source: str, _: int) -> Space:
    shape = tuple(take_list(content, "shape", int, source))
    refuse_odd_shape(shape)
    low, high = (_bounds(content, key, shape, source) for key in ("low", "high"))
    return Box(low=low, high=high, shape=shape, dtype=take(content, "dtype", str, source) if "dtype" in content else "float32")


def _discrete(content: JsonObject, source: str, _: int) -> Space:
    return Discrete(n=take(content, "n", int, source), start=take(content, "start", int, source))


def _multi_binary(content: JsonObject, source: str, _: int) -> Space:
    return MultiBinary(shape=tuple(take_list(content, "shape", int, source)))


def _multi_discrete(content: JsonObject, source: str, _: int) -> Space:
    nvec, start, shape = (tuple(take_list(content, key, int, source)) for key in ("nvec", "start", "shape"))
    return MultiDiscrete(nvec=nvec, start=start, shape=shape)


def _tuple(content: JsonObject, source: str, depth: int) -> Space:
    return TupleSpace(tuple(_parts(content, source, depth)))


def _dict(content: JsonObject, source: str, depth: int) -> Space:
    keys, parts = take_list(content, "keys", str, source), _parts(content, source, depth)
    if len(keys) != len(parts):
        raise FileRefused(f"{source}: {len(parts)} spaces need as many keys, got {len(keys)}")
    return DictSpace(tuple(zip(keys, parts, strict=True)))


def _parts(content: JsonObject, source: str, depth: int) -> list[Space]:
    parts: list[Space] = []
    width = 0
    for each in take_objects(content, "spaces", source):
        part = _from_json(each, source, depth + 1)
        width += part.width
        if width > MAX_SIZE:  # before more of them fill the memory
            raise FileRefused(f"{source}: there are spaces with more than {MAX_SIZE:,} inputs")
        parts.append(part)
    return parts


def _bounds(content: JsonObject, key: str, shape: tuple[int, ...], source: str) -> tuple[float, ...]:
    if isinstance(content.get(key), str):
        return (_bound_from_json(take(content, key, str, source), source),) * math.prod(shape)
    return tuple(_bound_from_json(text, source) for text in take_list(content, key, str, source))


def _bound_to_json(bound: float) -> str:
    return float(bound).hex()


def _bound_from_json(text: str, source: str) -> float:
    try:
        return float.fromhex(text)
    except (ValueError, OverflowError):
        raise FileRefused(f"{source}: {text[:40]!r} is not a bound") from None


KINDS: Final[dict[str, Callable[[JsonObject, str, int], Space]]] = {
    "box": _box,
    "dict": _dict,
    "discrete": _discrete,
    "multi_binary": _multi_binary,
    "multi_discrete": _multi_discrete,
    "tuple": _tuple,
}
