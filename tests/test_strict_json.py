import json
import math
import sys
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolvent.errors import FileRefused
from evolvent.files import dump_json, parse_json, parse_object, refuse_leftovers, take, take_list, take_object


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nul",
        "NaN",
        "[Infinity]",
        "-Infinity",
        "1e999",
        "-1e999",
        '{"a": 1, "a": 2}',
        '[{"b": {"a": 1, "\\u0061": 2}}]',
        "[" * 65 + "]" * 65,
        '{"a":' * 100_000,
        "[" * 100_000,
        "18446744073709551616",
        "-9223372036854775809",
        "9" * 100_000,
        '"\\ud800"',
        '{"\\udc00": 1}',
        "\ufeff1",
        "\ud800",
        "[1, 2,]",
        "1 2",
        "'a'",
        '"a\nb"',
        '"open',
        '"open\\',
        b"\xff",
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf1",
    ],
)
def test_json_that_two_readers_could_understand_differently_is_refused(text):
    with pytest.raises(FileRefused, match=r"^a file is not valid JSON: "):
        parse_json(text, "a file")


def test_an_integer_of_any_length_is_refused_for_its_size():
    with pytest.raises(FileRefused, match=r"does not fit 64 bits: 99999999999999999999[.]{3}$"):
        parse_json("9" * 100_000, "a file")


def test_json_at_the_limits_is_read():
    text = "[" * 64 + '18446744073709551615, -9223372036854775808, 1.7976931348623157e308, "\\ud83d\\ude00[[[["' + "]" * 64
    value: Any = parse_json(text.encode(), "a file")
    for _ in range(63):
        (value,) = value
    assert value == [2**64 - 1, -(2**63), sys.float_info.max, "\U0001f600[[[["]


@pytest.mark.parametrize(
    "text", ['"' + '\\"' * 200_000, '"\\"' * 200_000, '"' * 400_001, "[]," * 300_000, "[" + "1," * 300_000 + "1]"]
)
def test_json_takes_linear_time(text):
    began = time.monotonic()
    with suppress(FileRefused):
        parse_json(text, "a file")
    with suppress(FileRefused):
        parse_json("{" + ",".join(f'"{i}":0' for i in range(100_000)) + ',"99999":0}', "a file")
    assert time.monotonic() - began < 5


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
@settings(max_examples=200, deadline=None)
def test_json_comes_back_as_it_was_written(value):
    assert parse_json(dump_json(value), "a file") == value
    assert parse_json(dump_json(value, indent=2).encode(), "a file") == value


@given(st.binary(max_size=60) | st.text('[]{}",:\\u0dD8N1e9- ', max_size=60))
@settings(max_examples=300, deadline=None)
def test_json_of_any_kind_is_read_as_the_standard_library_reads_it_or_refused(text):
    try:
        value = parse_json(text, "a file")
    except FileRefused:
        return
    assert value == json.loads(text)


@pytest.mark.parametrize("value", [math.nan, math.inf, 2**64, "\ud800", json.loads("[" * 65 + "]" * 65)])
def test_json_that_could_not_be_read_back_is_not_written(value):
    with pytest.raises(ValueError, match=r"JSON"):
        dump_json(value)


def test_take_gives_the_value_and_empties_the_record():
    record = parse_object('{"a": true, "b": 2, "c": 2, "d": "x", "e": [1, 2], "f": {"g": null}}', "a file")
    assert take(record, "a", bool, "a file") is True
    assert take(record, "b", int, "a file") == 2
    assert isinstance(take(record, "c", float, "a file"), float)
    assert take(record, "d", str, "a file") == "x"
    assert take_list(record, "e", int, "a file") == [1, 2]
    assert take_object(record, "f", "a file") == {"g": None}
    refuse_leftovers(record, "a file")


@pytest.mark.parametrize(
    ("value", "kind", "words"),
    [
        (True, int, "must be an integer, not true or false"),
        (1, bool, "must be true or false, not an integer"),
        (1.0, int, "must be an integer, not a number"),
        (True, float, "must be a number, not true or false"),
        (None, str, "must be a string, not null"),
        ([], str, "must be a string, not a list"),
    ],
)
def test_take_refuses_another_kind(value, kind, words):
    with pytest.raises(FileRefused, match=f'a file: "key" {words}'):
        take({"key": value}, "key", kind, "a file")
    with pytest.raises(FileRefused, match=f'a file: entry 0 of "key" {words}'):
        take_list({"key": [value]}, "key", kind, "a file")


def test_missing_unknown_and_misspelt_keys_are_refused():
    with pytest.raises(FileRefused, match='"sigma" is missing; did you mean "sigmas"'):
        take({"sigmas": 1.0}, "sigma", float, "a file")
    with pytest.raises(FileRefused, match='unknown key "a", "b"'):
        refuse_leftovers({"b": 1, "a": 2}, "a file")
    with pytest.raises(FileRefused, match="must be a list"):
        take_list({"key": {}}, "key", int, "a file")
    with pytest.raises(FileRefused, match="must be an object"):
        take_object({"key": []}, "key", "a file")
