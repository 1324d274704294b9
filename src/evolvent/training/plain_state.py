"""The state of a search as arrays and a record, and back.

A state is plain data: frozen dataclasses of arrays, numbers, booleans, text, `None` and further such dataclasses. What is
stored are the values alone. Which types they belong to is known from a template, a state of the same run, so that nothing
in a file names a type. A field that may be `None` has one other type, which its annotation tells; where its default is
`None`, an older version may not have had it.
"""

from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from evolvent.errors import FileRefused
from evolvent.files import JsonObject, JsonValue, refuse_leftovers, take, take_object

StateT = TypeVar("StateT")
Tensors = dict[str, NDArray[Any]]


def flatten(state: object) -> tuple[Tensors, JsonObject]:
    """Part a state into its arrays, by dotted names, and a record of everything else.

    Floats are recorded in hexadecimal, so that they come back to the last bit, infinite ones and NaN too.

    Raises:
        TypeError: If a field holds something else than an array, number, boolean, text, `None` or dataclass.

    Examples:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class State:
        ...     mean: NDArray[np.float64]
        ...     sigma: float
        >>> tensors, record = flatten(State(np.zeros(3), 0.5))
        >>> record
        {'sigma': '0x1.0000000000000p-1'}
        >>> restore(State(np.ones(3), 0.0), tensors, record, "an example")
        State(mean=array([0., 0., 0.]), sigma=0.5)
    """
    tensors: Tensors = {}
    return tensors, _flatten(state, "", tensors)


def restore(template: StateT, tensors: Tensors, record: JsonObject, source: str) -> StateT:
    """Put a state together again from what `flatten` made of it.

    Args:
        template: A state of the same run; its types, dtypes and numbers of dimensions must be met, sizes may differ.
        tensors: The arrays.
        record: The rest.
        source: What they were read from, for the message.

    Returns:
        A new state; its arrays are those in `tensors`.

    Raises:
        FileRefused: If anything is missing, left over, or of another type than in the template.
    """
    rest = dict(tensors)
    state = _restore(type(template), template, "", rest, record, source)
    if rest:
        raise FileRefused(f'{source}: unknown tensor "{min(rest)}"; was this run begun by another version?')
    return cast("StateT", state)


def _flatten(state: object, prefix: str, tensors: Tensors) -> JsonObject:
    record: JsonObject = {}
    for field in fields(cast("Any", state)):
        value: Any = getattr(state, field.name)
        name = f"{prefix}{field.name}"
        if isinstance(value, np.ndarray):
            tensors[name] = value
        elif is_dataclass(value) and not isinstance(value, type):
            record[field.name] = _flatten(value, f"{name}.", tensors)
        elif isinstance(value, float):
            record[field.name] = value.hex()
        elif value is None or isinstance(value, bool | int | str):
            record[field.name] = value
        else:
            expected = "an array, number, boolean, text, None or a dataclass"
            raise TypeError(f'the field "{name}" of the state is a {type(value).__name__}; expected {expected}')
    return record


def _restore(kind: type, template: object, prefix: str, tensors: Tensors, record: JsonObject, source: str) -> object:
    rest = dict(record)
    values: dict[str, object] = {}
    for field in fields(kind):
        name = f"{prefix}{field.name}"
        old: Any = getattr(template, field.name, None)
        is_none = name not in tensors and rest.get(field.name, field.default) is None
        expected = _expected(kind, field.name, old, is_none=is_none)
        if expected is NoneType and (field.name in rest or field.default is None):
            values[field.name] = rest.pop(field.name, None)
        elif issubclass(expected, np.ndarray):
            values[field.name] = _array(tensors, name, old, source)
        elif is_dataclass(expected):
            nested = take_object(rest, field.name, source)
            values[field.name] = _restore(expected, old, f"{name}.", tensors, nested, source)
        else:
            values[field.name] = _scalar(rest, field.name, expected, source)
    refuse_leftovers(rest, source)
    try:
        return kind(**values)
    except ValueError as error:
        raise FileRefused(f"{source}: {error}") from error


def _expected(owner: type, field: str, old: Any, *, is_none: bool) -> type[Any]:
    """Give the type of a field: that of the template's value where there is one, else what the annotation says."""
    present = cast("type[Any]", type(old))
    if not is_none and old is not None:
        return present
    if is_none and old is None:
        return NoneType
    annotation = get_type_hints(owner)[field]
    choices = get_args(annotation) if get_origin(annotation) in {Union, UnionType} else (annotation,)
    if is_none:
        return NoneType if NoneType in choices else present
    return next(_class_named_by(choice) for choice in choices if choice is not NoneType)


def _class_named_by(annotation: Any) -> type:
    """Return the class behind an annotation: NumPy's `NDArray` is a `type` alias from Python 3.12 on."""
    origin = get_origin(annotation) or annotation
    return _class_named_by(origin.__value__) if hasattr(origin, "__value__") else origin


def _array(tensors: Tensors, name: str, old: NDArray[Any] | None, source: str) -> NDArray[Any]:
    if name not in tensors:
        raise FileRefused(f'{source}: the tensor "{name}" is missing; was this run begun by another version?')
    array = tensors.pop(name)
    if old is not None and (array.dtype != old.dtype or array.ndim != old.ndim):
        expected = f"{old.dtype} with {old.ndim} dimensions"
        raise FileRefused(f'{source}: expected the tensor "{name}" as {expected}; it is {array.dtype} with {array.ndim}')
    return array


def _scalar(record: JsonObject, key: str, kind: type, source: str) -> JsonValue:
    if issubclass(kind, float):
        text = take(record, key, str, source)
        try:
            return float.fromhex(text)
        except (ValueError, OverflowError) as error:
            raise FileRefused(f'{source}: "{key}" must be a float in hexadecimal, not {text[:40]!r}') from error
    if kind in {bool, int, str}:
        return take(record, key, cast("type[str]", kind), source)
    raise TypeError(f'the type of the field "{key}" must be told by its annotation; it is {kind}')
