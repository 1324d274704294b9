"""Typed access to what a JSON object from a file says: take every key once, then refuse what is left."""

from typing import TypeVar

from evolvent.errors import FileRefused, did_you_mean
from evolvent.files.strict_json import JsonObject, JsonValue

T = TypeVar("T", bool, int, float, str)

_WORDS = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def take(record: JsonObject, key: str, kind: type[T], source: str) -> T:
    """Remove a key from a record and return its value, which must be of the kind asked for.

    `true` is not an integer, and an integer will do where a float is asked for. Whether a number makes sense is for the
    caller to say.

    Args:
        record: The record; it loses the key.
        key: What to take.
        kind: `bool`, `int`, `float` or `str`.
        source: What the record was read from, for the message.

    Raises:
        FileRefused: If the key is missing or its value is of another kind.

    Examples:
        >>> record = {"gravity": 10, "speed": "fast"}
        >>> take(record, "gravity", float, "a file")
        10.0
        >>> take(record, "speed", float, "a file")
        Traceback (most recent call last):
            ...
        evolvent.errors.FileRefused: a file: "speed" must be a number, not a string
    """
    return _checked(_pop(record, key, source), kind, f'{source}: "{key}"')


def take_list(record: JsonObject, key: str, kind: type[T], source: str) -> list[T]:
    """Remove a key from a record and return its value, a list with entries of one kind; as `take`.

    Examples:
        >>> take_list({"sizes": [4, 16, 2]}, "sizes", int, "a file")
        [4, 16, 2]
    """
    values = _pop(record, key, source)
    if not isinstance(values, list):
        raise FileRefused(f'{source}: "{key}" must be a list, not {_WORDS[type(values)]}')
    return [_checked(value, kind, f'{source}: entry {index} of "{key}"') for index, value in enumerate(values)]


def take_object(record: JsonObject, key: str, source: str) -> JsonObject:
    """Remove a key from a record and return its value, a record itself; as `take`.

    Examples:
        >>> take_object({"network": {"name": "mlp"}}, "network", "a file")
        {'name': 'mlp'}
    """
    value = _pop(record, key, source)
    if not isinstance(value, dict):
        raise FileRefused(f'{source}: "{key}" must be an object, not {_WORDS[type(value)]}')
    return value


def take_objects(record: JsonObject, key: str, source: str) -> list[JsonObject]:
    """Remove a key from a record and return its value, a list of records; as `take`.

    Examples:
        >>> take_objects({"layers": [{"size": 4}, {"size": 2}]}, "layers", "a file")
        [{'size': 4}, {'size': 2}]
    """
    values = _pop(record, key, source)
    if not isinstance(values, list):
        raise FileRefused(f'{source}: "{key}" must be a list, not {_WORDS[type(values)]}')
    objects = [value for value in values if isinstance(value, dict)]
    if len(objects) < len(values):
        odd = next(value for value in values if not isinstance(value, dict))
        raise FileRefused(f'{source}: an entry of "{key}" must be an object, not {_WORDS[type(odd)]}')
    return objects


def refuse_leftovers(record: JsonObject, source: str) -> None:
    """Refuse a record from which not every key was taken: what is not understood is never ignored.

    Raises:
        FileRefused: If a key is left.

    Examples:
        >>> refuse_leftovers({"colour": 1}, "a file")
        Traceback (most recent call last):
            ...
        evolvent.errors.FileRefused: a file: unknown key "colour"
    """
    if record:
        raise FileRefused(f"{source}: unknown key {_quoted(sorted(record))}")


def _pop(record: JsonObject, key: str, source: str) -> JsonValue:
    if key not in record:
        raise FileRefused(f'{source}: the key "{key}" is missing{did_you_mean(key, record)}')
    return record.pop(key)


def _checked(value: JsonValue, kind: type[T], what: str) -> T:
    if isinstance(value, kind) and type(value) is kind:
        return value
    if kind is float and type(value) is int:
        return kind(value)
    raise FileRefused(f"{what} must be {_WORDS[kind]}, not {_WORDS[type(value)]}")


def _quoted(words: list[str]) -> str:
    return ", ".join(f'"{word[:80]}"' for word in words[:5])
