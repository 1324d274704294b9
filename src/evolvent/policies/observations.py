"""From an observation of any space to a network's inputs: one row of numbers, each with a name and bounds of its own."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from reprlib import repr as shortened
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import KINDS_OF_NUMBERS
from evolvent.errors import ContractBroken
from evolvent.spaces import Box, DictSpace, Discrete, MultiBinary, MultiDiscrete, Space, TupleSpace

Inputs = NDArray[np.float64]  # (width of the space,), or (n, width)
Show = Callable[[Any], None]

BRIGHTEST = 255.0


def encoder(space: Space, inputs: Inputs, name: str = "") -> Show:
    """Return a function that writes an observation of `space` into `inputs`.

    A `Box` and a `MultiBinary` are written number by number in C order, bytes divided by 255. A `Discrete` is
    one-hot: as many inputs as choices, all 0 but one. So is each element of a `MultiDiscrete`. The parts of a tuple or a dict
    follow each other.

    Nothing of an observation is kept, so it may change afterwards. The function is quick for being bound to `inputs`: nobody
    else may write there.

    Args:
        space: Of the observations.
        inputs: `(width,)`, zeros.
        name: Where the observation lies in a larger one, for messages.

    Returns:
        The function. It raises ContractBroken, with the place, for what is not of the space; numbers in a `Box` that are
        not finite or lie outside its bounds are written as they are.

    Examples:
        >>> inputs = np.zeros(5)
        >>> show = encoder(TupleSpace((Discrete(n=3, start=1), Box.symmetric((1.0, 1.0)))), inputs)
        >>> show((2, [0.5, -1.0]))
        >>> inputs
        array([ 0. ,  1. ,  0. ,  0.5, -1. ])
        >>> show((2, [0.5]))
        Traceback (most recent call last):
            ...
        evolvent.errors.ContractBroken: observation: expected numbers of shape (2,), got float64 of shape (1,) at [1]
    """
    match space:
        case Box():
            return _bytes_encoder(space, inputs, name) if space.is_bytes else _box_encoder(space, inputs, name)
        case Discrete():
            return _discrete_encoder(space, inputs, name)
        case MultiDiscrete():
            return _multi_discrete_encoder(space, inputs, name)
        case MultiBinary():
            return _multi_binary_encoder(space, inputs, name)
        case TupleSpace():
            return _tuple_encoder([encoder(part, inputs[place], _within(name, at)) for at, part, place in _parts(space)], name)
        case DictSpace():
            shows = [encoder(part, inputs[place], _within(name, at)) for at, part, place in _parts(space)]
            return _dict_encoder({key: show for (key, _), show in zip(space.spaces, shows, strict=True)}, name)


def input_name(space: Space, index: int) -> str:
    """Return what an input of a network shows, as one would write it in Python; empty where there is but one.

    Examples:
        >>> space = DictSpace((("inventory", DictSpace((("keys", Discrete(n=4)),))), ("position", Box.symmetric((1.0, 1.0)))))
        >>> input_name(space, 3), input_name(space, 5)
        ('inventory.keys=3', 'position[1]')
    """
    match space:
        case Box() | MultiBinary():
            return _indices(space.shape, index)
        case Discrete():
            return f"={index + space.start}"
        case MultiDiscrete():
            ends = list(accumulate(space.nvec))
            element = next(k for k, end in enumerate(ends) if index < end)
            choice = index - ends[element] + space.nvec[element] + space.start[element]
            return f"{_indices(space.shape, element)}={choice}"
        case TupleSpace() | DictSpace():
            at, part, place = next(found for found in _parts(space) if index < found[2].stop)
            return _within(at, input_name(part, index - place.start))


def input_bounds(space: Space) -> NDArray[np.float64]:
    """Return the bounds of the inputs `(2, width)`, the lower ones and the upper ones.

    Examples:
        >>> input_bounds(TupleSpace((Discrete(n=2), Box.symmetric((3.0,)))))
        array([[ 0.,  0., -3.],
               [ 1.,  1.,  3.]])
    """
    match space:
        case Box():
            return np.array([space.low, space.high]) / (BRIGHTEST if space.is_bytes else 1.0)
        case TupleSpace() | DictSpace():
            return np.concatenate([input_bounds(part) for _, part, _ in _parts(space)], axis=1)
        case _:
            return np.array([np.zeros(space.width), np.ones(space.width)])


def batch_size(space: Space, observation: Any) -> int | None:
    """Return how many observations of `space` this is a batch of, as vectorised worlds show them; None if it is a single one.

    A batch is an array `(n, *shape)`, of a tuple's or a dict's space a tuple or a dict of batches. Of what is neither, the
    answer is None: `encoder` refuses it in words.

    Examples:
        >>> batch_size(Discrete(n=3), 2), batch_size(Discrete(n=3), [2, 0])
        (None, 2)
    """
    match space:
        case TupleSpace():
            is_whole = _is_sequence(observation) and len(observation) == len(space.spaces)
            return batch_size(space.spaces[0], observation[0]) if is_whole else None
        case DictSpace():
            key, part = space.spaces[0]
            return batch_size(part, observation[key]) if isinstance(observation, Mapping) and key in observation else None
        case _:
            shape = () if isinstance(space, Discrete) else space.shape
            found = _shape(observation)
            return found[0] if len(found) == len(shape) + 1 and found[1:] == shape else None


def of_batch(space: Space, observation: Any, index: int) -> Any:
    """Return one observation of a batch.

    Raises:
        ContractBroken: The batch has no such element, or some part of it has not.
    """
    try:
        match space:
            case TupleSpace():
                return tuple(of_batch(part, shown, index) for part, shown in zip(space.spaces, observation, strict=True))
            case DictSpace():
                keys = dict(space.spaces)
                return {key: of_batch(keys[key], shown, index) for key, shown in observation.items()}
            case _:
                return observation[index]
    except (LookupError, TypeError, ValueError, AttributeError):
        raise ContractBroken(f"observation: expected a batch of {space}, got one whose element {index} is incomplete") from None


def _parts(space: TupleSpace | DictSpace) -> Iterator[tuple[str, Space, slice]]:
    """Yield the name, the space and the inputs of each part."""
    named = space.spaces if isinstance(space, DictSpace) else [(f"[{k}]", part) for k, part in enumerate(space.spaces)]
    start = 0
    for name, part in named:
        yield name, part, slice(start, start + part.width)
        start += part.width


def _within(outer: str, inner: str) -> str:
    return f"{outer}{'.' * (bool(outer) and inner[:1] not in {'', '[', '='})}{inner}"


# --- a function for each kind of space ---


def _box_encoder(space: Box, inputs: Inputs, name: str) -> Show:
    shape, dtype, target = space.shape, np.dtype(space.dtype), inputs.reshape(space.shape)
    expected = f"numbers of shape {shape}"

    def show(observation: Any) -> None:
        if type(observation) is not np.ndarray or observation.dtype is not dtype or observation.shape != shape:
            observation = _numbers(observation, KINDS_OF_NUMBERS, expected, shape, name)
        target[...] = observation

    return show


def _bytes_encoder(space: Box, inputs: Inputs, name: str) -> Show:
    show_bytes = _box_encoder(space, inputs, name)

    def show(observation: Any) -> None:
        show_bytes(observation)
        np.divide(inputs, BRIGHTEST, out=inputs)

    return show


def _discrete_encoder(space: Discrete, inputs: Inputs, name: str) -> Show:
    n, start = space.n, space.start
    hot = 0

    def show(observation: Any) -> None:
        nonlocal hot
        try:
            choice = operator.index(observation) - start
        except TypeError:
            choice = bool(observation) - start if type(observation) is np.bool_ else -1
        if not 0 <= choice < n:
            raise _refused(f"a whole number from {start} to {start + n - 1}", shortened(observation), name)
        inputs[hot] = 0.0
        inputs[choice] = 1.0
        hot = choice

    return show


def _multi_discrete_encoder(space: MultiDiscrete, inputs: Inputs, name: str) -> Show:
    start, nvec = np.array(space.start), np.array(space.nvec)
    most = nvec.astype(np.uint64)
    first = np.cumsum(nvec) - nvec
    hot = first
    expected = f"whole numbers of shape {space.shape}"

    def show(observation: Any) -> None:
        nonlocal hot
        whole = _numbers(observation, "biu", expected, space.shape, name)
        choices = whole.astype(np.int64).ravel() - start
        if np.count_nonzero(odd := choices.view(np.uint64) >= most):  # what is below zero is more than any number
            k = int(np.argmax(odd))
            one_of = f"a whole number from {start[k]} to {start[k] + nvec[k] - 1}"
            raise _refused(one_of, str(whole.ravel()[k]), name + _indices(space.shape, k))
        inputs[hot] = 0.0
        hot = first + choices
        inputs[hot] = 1.0

    return show


def _multi_binary_encoder(space: MultiBinary, inputs: Inputs, name: str) -> Show:
    target = inputs.reshape(space.shape)
    expected = f"zeros and ones of shape {space.shape}"

    def show(observation: Any) -> None:
        bits = _numbers(observation, KINDS_OF_NUMBERS, expected, space.shape, name)
        if np.count_nonzero(odd := (bits != 0) & (bits != 1)):
            k = int(np.argmax(odd))
            raise _refused("0 or 1", str(bits.ravel()[k]), name + _indices(space.shape, k))
        target[...] = bits

    return show


def _tuple_encoder(shows: list[Show], name: str) -> Show:
    def show(observation: Any) -> None:
        if not _is_sequence(observation) or len(observation) != len(shows):
            raise _refused(f"a tuple of {len(shows)}", _described(observation), name)
        for show_part, part in zip(shows, observation, strict=True):
            show_part(part)

    return show


def _dict_encoder(shows: dict[str, Show], name: str) -> Show:
    def show(observation: Any) -> None:
        if not isinstance(observation, Mapping) or observation.keys() != shows.keys():
            raise _refused(f"a dict with the keys {', '.join(shows):.200}", _described(observation), name)
        for key, show_part in shows.items():
            show_part(observation[key])

    return show


def _numbers(observation: Any, kinds: str, expected: str, shape: tuple[int, ...], name: str) -> NDArray[Any]:
    """Return the observation as an array of numbers of these kinds and this shape, or refuse it."""
    try:
        array = np.asarray(observation)
    except (TypeError, ValueError, OverflowError) as problem:
        raise _refused(expected, f"a {type(observation).__name__}: {problem}", name) from None
    if array.shape != shape or array.dtype.kind not in kinds:
        raise _refused(expected, f"{array.dtype} of shape {array.shape}", name)
    return array


def _is_sequence(observation: Any) -> bool:
    """Return whether an observation can be that of a tuple's space, as Gymnasium sees it."""
    return isinstance(observation, tuple | list) or (isinstance(observation, np.ndarray) and observation.ndim > 0)


def _shape(observation: Any) -> tuple[int, ...]:
    try:
        return np.shape(observation)
    except (TypeError, ValueError, RuntimeError):
        return ()


def _indices(shape: tuple[int, ...], index: int) -> str:
    return f"[{', '.join(map(str, np.unravel_index(index, shape)))}]" if shape else ""


def _refused(expected: str, found: str, place: str) -> ContractBroken:
    return ContractBroken(f"observation: expected {expected}, got {found}{f' at {place}' if place else ''}")


def _described(observation: Any) -> str:
    kind = type(observation).__name__
    if hasattr(observation, "keys"):
        return f"a {kind} with the keys {', '.join(map(str, observation)):.200}" if len(observation) else f"an empty {kind}"
    return f"a {kind} of {len(observation)}" if _is_sequence(observation) else f"a {kind}"
