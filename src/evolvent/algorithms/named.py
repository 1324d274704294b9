"""Records of settings as text, which is how flags and files name them: `gaussian:strength=0.5,rate=0.1`.

A name stands for a class in a closed table and its settings for fields of that class, so text can make nothing else. What a
class has besides, arrays and other records, text cannot set.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from evolvent.errors import UsageError, did_you_mean, shown

T = TypeVar("T")

LONGEST = 400  # characters
SPOKEN = (int, float, bool, str)
NONE = "none"
TRUTH = {"true": True, "false": False}


def made(role: str, text: str, table: Mapping[str, Callable[..., T]], extra: tuple[str, ...] = ()) -> T:
    """Return the record that `text` describes.

    Args:
        role: What is named, for the message.
        text: A name, and behind a colon settings as `name=value`, parted by commas.
        table: The classes by name.
        extra: Further names that the caller knows.

    Raises:
        UsageError: The name is unknown, the nearest is suggested; a setting is unknown, those that there are are told; or its
            value is of another kind or out of range.

    Examples:
        >>> from evolvent.algorithms.selection import Tournament
        >>> made("selection", "tournament: size = 5", {"tournament": Tournament})
        Tournament(size=5)
    """
    name, settings = parted(role, text, table, extra)
    make = table[name]
    try:
        return make(**_settings(f"{role}: {name}", settings, make))
    except UsageError as problem:
        raise UsageError(f"{role}: {name}: {problem}" if not str(problem).startswith(role) else str(problem)) from None


def canonical(
    role: str, text: str, table: Mapping[str, Callable[..., Any]], *, whole: bool = True, extra: tuple[str, ...] = ()
) -> str:
    """Return the text of the same record in its one form: every setting in the order of the class, without blanks.

    Args:
        role: As for `made`.
        text: As for `made`.
        table: As for `made`.
        whole: Whether settings are told that are as they are where nobody says.
        extra: As for `made`.

    Raises:
        UsageError: As for `made`.

    Examples:
        >>> from evolvent.algorithms.mutation import Gaussian
        >>> [canonical("mutation", "gaussian: strength = .5", {"gaussian": Gaussian}, whole=whole) for whole in (True, False)]
        ['gaussian:strength=0.5,rate=1.0', 'gaussian:strength=0.5']
    """
    record = made(role, text, table, extra)
    name = text.partition(":")[0].strip()
    values = [(field, getattr(record, field.name)) for field in _spoken(table[name])]
    told = [
        f"{field.name}={_in_words(value)}" for field, value in values if value != field.default or (whole and value is not None)
    ]
    return ":".join([name, ",".join(told)] if told else [name])


def parted(role: str, text: str, known: Collection[str], extra: tuple[str, ...] = ()) -> tuple[str, str]:
    """Return the name in `text` and the text of its settings.

    Raises:
        UsageError: The text is too long, or the name is unknown.
    """
    if len(text) > LONGEST:
        raise UsageError(f"{role}: expected at most {LONGEST} characters, got {len(text)}")
    name, _, settings = (part.strip() for part in text.partition(":"))
    if name not in known:
        names = (*extra, *known)
        raise UsageError(f"{role}: {name!r} is unknown{did_you_mean(name, names)}; known: {', '.join(names)}")
    return name, settings


def _settings(label: str, text: str, make: Callable[..., Any]) -> dict[str, Any]:
    types, spoken = get_type_hints(make), {field.name: field for field in _spoken(make)}
    form = "number" if all(types[name] in {int, float} for name in spoken) else "value"
    values: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        name, equals, value = (word.strip() for word in part.partition("="))
        if name in values:
            raise UsageError(f"{label}: {name}: expected once, got it again as {part!r}")
        if name not in spoken or not equals:
            known = ", ".join(f"{each.name}={_choices(types[each.name], each)}" for each in spoken.values()) or "none"
            raise UsageError(
                f"{label}: expected settings as name={form}, got {part!r}{did_you_mean(name, spoken)}; known: {known}"
            )
        values[name] = _value(value, types[name], f"{label}: {name}")
    return values


def _value(text: str, kind: Any, label: str) -> Any:
    if get_origin(kind) in {Union, UnionType}:
        kinds = [each for each in get_args(kind) if each is not NoneType]
        return None if text == NONE else _value(text, kinds[0], label)
    if get_origin(kind) is Literal or kind is bool:
        choices = TRUTH if kind is bool else {str(each): each for each in get_args(kind)}
        if text not in choices:
            raise UsageError(f"{label}: expected {' or '.join(choices)}, got {shown(text)}{did_you_mean(text, choices)}")
        return choices[text]
    try:
        return kind(text)
    except (ValueError, OverflowError):
        expected = "a whole number" if kind is int else "a number"
        raise UsageError(f"{label}: expected {expected}, got {text!r}") from None


def _spoken(make: Any) -> list[dataclasses.Field[Any]]:
    """Return the fields of a class that text can set."""
    types = get_type_hints(make)
    return [field for field in dataclasses.fields(make) if field.init and _is_spoken(types[field.name])]


def _is_spoken(kind: Any) -> bool:
    if get_origin(kind) in {Union, UnionType}:
        kinds = [each for each in get_args(kind) if each is not NoneType]
        return len(kinds) == 1 and _is_spoken(kinds[0])
    return kind in SPOKEN or get_origin(kind) is Literal


def _choices(kind: Any, field: dataclasses.Field[Any]) -> str:
    """Return what a setting can be, or what it is where nobody says."""
    if get_origin(kind) is Literal:
        return "|".join(map(str, get_args(kind)))
    return "..." if field.default is dataclasses.MISSING else _in_words(field.default)


def _in_words(value: Any) -> str:
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)
