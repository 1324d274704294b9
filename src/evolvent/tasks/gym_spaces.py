"""From Gymnasium's spaces to our records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import gymnasium.spaces
import numpy as np

from evolvent.errors import UsageError
from evolvent.policies.actions import rules_for
from evolvent.spaces import (
    DTYPES,
    MAX_DEPTH,
    ActionSpace,
    Box,
    DictSpace,
    Discrete,
    MultiBinary,
    MultiDiscrete,
    Space,
    TupleSpace,
    parts,
    refuse_odd_shape,
)

Parts = list[tuple[Any, Space]]  # of a dict or a tuple, each with its key

WHY_NOT: Final = {
    "Text": "text is no number",
    "Graph": "its size changes from step to step",
    "Sequence": "its length changes from step to step",
    "OneOf": "what it holds changes from step to step",
}


def space_of(space: Any, role: str) -> Space:
    """Return a space of Gymnasium's as a record.

    Args:
        space: The space.
        role: What it is the space of, "observation" or "action", for messages.

    Raises:
        UsageError: It is of a kind that is not supported, or larger than a network can be shown. The message names it.

    Examples:
        >>> space = gymnasium.spaces.Dict({"b": gymnasium.spaces.Discrete(3), "a": gymnasium.spaces.MultiBinary(2)})
        >>> print(space_of(space, "observation"))
        Dict(a: MultiBinary(2,), b: Discrete(3))
    """
    return _record(space, f"{role} space", 1)


def action_space_of(space: Any) -> ActionSpace:
    """Return a space of Gymnasium's actions as a record; as `space_of`.

    Raises:
        UsageError: It is of a kind that no action rule makes actions of.
    """
    record = space_of(space, "action")
    rules_for(record)
    assert not isinstance(record, DictSpace | TupleSpace)  # noqa: S101 - no rule makes actions of these
    return record


def shows_pictures(space: Space) -> bool:
    """Return whether there are pictures in what is shown: bytes in two or three dimensions."""
    if isinstance(space, Box):
        return space.is_bytes and len(space.shape) in {2, 3}
    return any(map(shows_pictures, parts(space)))


def _record(space: Any, place: str, depth: int) -> Space:
    if depth > MAX_DEPTH:
        raise UsageError(f"{place}: expected at most {MAX_DEPTH} spaces within each other, got more")
    inner = [(key, _record(part, f"{place}, {key!r:.40}", depth + 1)) for key, part in _parts(space)]
    make = next((make for kind, make in RECORDS if isinstance(space, kind)), _refuse)
    try:
        return make(space, inner)
    except UsageError as problem:
        raise UsageError(f"{place}: {type(space).__name__}: {problem}") from None


def _parts(space: Any) -> Iterable[tuple[Any, Any]]:
    if _is(space, gymnasium.spaces.Dict):
        return space.spaces.items()
    spaces: list[Any] = list(space.spaces) if _is(space, gymnasium.spaces.Tuple) else []
    return enumerate(spaces)


def _is(space: Any, kind: Any) -> bool:
    return isinstance(space, kind)


# --- a function for each kind ---


def _box(space: Any, _: Parts) -> Space:
    shape = _whole(space.shape)
    refuse_odd_shape(shape)
    with np.errstate(over="ignore"):
        low, high = (tuple(bounds.astype(np.float64).ravel().tolist()) for bounds in (space.low, space.high))
    dtype = space.dtype.name
    return Box(low=low, high=high, shape=shape, dtype=dtype if dtype in DTYPES else "float64")


def _discrete(space: Any, _: Parts) -> Space:
    return Discrete(n=int(space.n), start=int(space.start))


def _multi_discrete(space: Any, _: Parts) -> Space:
    if space.shape == ():
        raise UsageError("nvec: expected at least one dimension, got a single number; Discrete is the space of one")
    return MultiDiscrete(nvec=_whole(space.nvec.ravel()), start=_whole(space.start.ravel()), shape=_whole(space.shape))


def _multi_binary(space: Any, _: Parts) -> Space:
    return MultiBinary(shape=_whole(space.shape))


def _tuple(_: Any, parts: Parts) -> Space:
    return TupleSpace(tuple(part for _, part in parts))


def _dict(_: Any, parts: Parts) -> Space:
    for key, _ in parts:
        if not isinstance(key, str):
            raise UsageError(f"expected text for the keys, got {key!r:.40}")
    return DictSpace(tuple(parts))


def _refuse(space: Any, _: Parts) -> Space:
    why = WHY_NOT.get(type(space).__name__, "it is none of Gymnasium's own spaces of numbers")
    raise UsageError(
        f"not supported, for {why}; wrap the environment so that it shows and takes numbers of a fixed shape, with"
        " gymnasium.wrappers.TransformObservation or TransformAction"
    )


def _whole(numbers: Iterable[Any]) -> tuple[int, ...]:
    return tuple(map(int, numbers))


RECORDS: Final[tuple[tuple[Any, Callable[[Any, Parts], Space]], ...]] = (
    (gymnasium.spaces.Box, _box),
    (gymnasium.spaces.Discrete, _discrete),
    (gymnasium.spaces.MultiDiscrete, _multi_discrete),
    (gymnasium.spaces.MultiBinary, _multi_binary),
    (gymnasium.spaces.Tuple, _tuple),
    (gymnasium.spaces.Dict, _dict),
)
