"""JSON as the standard means it, with limits: what is read means one thing, and what is written can be read back."""

import json
import math
import re
from typing import Final, NoReturn, TypeAlias

from evolvent.errors import FileRefused

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
JsonObject: TypeAlias = "dict[str, JsonValue]"

DEEPEST: Final = 64
SMALLEST_INTEGER: Final = -(2**63)
LARGEST_INTEGER: Final = 2**64 - 1

_MOST_DIGITS: Final = 20
# A string that is never closed runs to the end of the text, so that no character is looked at twice.
_STRING_OR_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


def parse_json(text: bytes | str, source: str) -> JsonValue:
    """Parse JSON and refuse whatever two readers could understand differently.

    Refused besides wrong syntax: NaN and Infinity, duplicate keys, numbers too large for float64, integers beyond 64 bits,
    more than 64 levels of nesting, halves of surrogate pairs, a byte order mark, bytes that are not UTF-8. Takes linear time.

    Args:
        text: The JSON text; bytes must be UTF-8.
        source: What is being read, for the message: a file, or a part of one.

    Returns:
        The value, of `None`, `bool`, `int`, `float`, `str`, `list` and `dict` only.

    Raises:
        FileRefused: If the text is refused. The message gives `source`, the reason and, where known, the position.

    Examples:
        >>> parse_json('{"sizes": [4, 2]}', "an example")
        {'sizes': [4, 2]}
        >>> parse_json('{"a": 1, "a": 2}', "an example")
        Traceback (most recent call last):
            ...
        evolvent.errors.FileRefused: an example is not valid JSON: the key "a" appears twice in one object
    """
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        _check_depth(decoded)
        value: JsonValue = json.loads(
            decoded, parse_int=_integer, parse_float=_number, parse_constant=_constant, object_pairs_hook=_object
        )
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        raise FileRefused(f"{source} is not valid JSON: {error}") from error
    except UnicodeDecodeError as error:
        raise FileRefused(f"{source} is not valid JSON: byte {error.start} is not UTF-8") from error
    except UnicodeEncodeError as error:
        raise FileRefused(f"{source} is not valid JSON: a string holds half of a surrogate pair") from error
    except ValueError as error:
        raise FileRefused(f"{source} is not valid JSON: {error}") from error
    return value


def parse_object(text: bytes | str, source: str) -> JsonObject:
    """Parse JSON that must be an object; as `parse_json`.

    Examples:
        >>> parse_object("[]", "an example")
        Traceback (most recent call last):
            ...
        evolvent.errors.FileRefused: an example must be a JSON object
    """
    value = parse_json(text, source)
    if not isinstance(value, dict):
        raise FileRefused(f"{source} must be a JSON object")
    return value


def dump_json(value: JsonValue, indent: int | None = None) -> str:
    """Write a value as JSON, in the one way that depends on nothing but the value: keys sorted, ASCII only.

    Args:
        value: What to write.
        indent: How many blanks to indent a level by, for files that people read; `None` for a single line.

    Raises:
        ValueError: If `parse_json` would refuse the text: an infinite number, an integer beyond 64 bits, too deep a nesting.

    Examples:
        >>> dump_json({"b": 0.1, "a": None})
        '{"a": null, "b": 0.1}'
    """
    text = json.dumps(value, allow_nan=False, sort_keys=True, ensure_ascii=True, indent=indent)
    try:
        parse_json(text, "this value")
    except FileRefused as error:
        raise ValueError(f"cannot be written as JSON: {error}") from error
    return text


def _check_depth(text: str) -> None:
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(text):
        first = text[token.start()]
        depth += (first in "[{") - (first in "]}")
        if depth > DEEPEST:
            raise ValueError(f"it is nested deeper than {DEEPEST} levels (char {token.start()})")


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS or not SMALLEST_INTEGER <= int(digits) <= LARGEST_INTEGER:
        raise ValueError(f"an integer does not fit 64 bits: {_shortened(digits)}")
    return int(digits)


def _number(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"a number does not fit float64: {_shortened(digits)}")
    return value


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _object(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    record: JsonObject = {}
    for key, value in pairs:
        if key in record:
            raise ValueError(f"the key {json.dumps(_shortened(key))} appears twice in one object")
        record[key] = value
    return record


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_DIGITS else f"{text[:_MOST_DIGITS]}..."
