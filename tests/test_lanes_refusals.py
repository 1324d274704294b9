"""What a user may write over values: each line gives the bits of plain Python, or is refused in words that help."""

import math
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np
import pytest

from evolvent import lanes as lanes_module
from evolvent.instructions import lane_of, spread, with_lane
from evolvent.jit import CompilationFailed, explain, specialise

pytestmark = [pytest.mark.compiled, pytest.mark.filterwarnings("ignore::RuntimeWarning")]

LANES = 8
FUNCTION: Any = None

NUMBERS = [0.3, -0.0, 1.0, -1.5, 2.5, math.inf, -2.0, math.nan]
PUBLIC = {name: getattr(lanes_module, name) for name in lanes_module.__all__}
BRANCH = "it branches on a value; write where(condition, yes, no)"
MIXED = "float32 meets float64; write to_float32(...) around the float64"


class Pair(NamedTuple):
    a: Any
    b: Any


# Each holds in float64, alone and in lanes: the bits of plain Python.
WORKING = [
    "x += 1; x -= 0.5; x *= 3; x /= 7; y = x",
    "y = +x - (-x)",
    "y = abs(x)",
    "y = max(x, 0)",
    "y = max(0.5, x)",
    "y = min(x, x * x)",
    "y = min(x, -1)",
    "y = sum((x, 2 * x, 1))",
    "y = x\n    for v in (x, 2 * x): y += v",
    "y = math.pi * x",
    "y = clip(x, -1, 1)",
    "y = where(x > 0, 1, 0) * x",
    "y = where((0 < x) & (x < 1), x, 0.0)",
    "flag = x > 0; flag |= x < -1; flag &= x != 1.0; flag ^= x == 2.5; y = where(flag, x, 0.5)",
    "y = where(x == x, x, 0.0)",
    "y = lanes_module.sin(x)",
    "y = tan(x)",
    "y = (x, 0.5)[0]",
    "t = 2 * x\n    for k in range(3): t += k * x\n    y = Pair(t, x).a",
]

# Each works alone, as plain Python does; in lanes it is refused.
REFUSED_IN_LANES = [
    ("y = x if x > 0 else 0.0", BRANCH),
    ("y = x\n    while y > 1: y = y - y", BRANCH),
    ("y = where(x > 0 and x < 1, x, 0.0)", "& | and logical_not(...) instead of and, or, not"),
    ("y = where(x > 0 or x < -1, x, 0.0)", "& | and logical_not(...) instead of and, or, not"),
    ("y = where(0 < x < 1, x, 0.0)", "(0 < x) & (x < 1) instead of 0 < x < 1"),
    ("y = where(bool(x > 0), x, 0.0)", BRANCH),
    ("y = where(not x > 0, x, 0.0)", "not has no form in lanes; write logical_not(flag) for not flag"),
    ("y = where(x, x, 0.0)", "the condition of where is a number; write x != 0.0 for x"),
    ("y = where(logical_not(x), x, 0.0)", "logical_not is asked of a number; write x == 0.0 for logical_not(x)"),
    ("y = where(x > 0, (x, x), (0.0, x))[0]", "write a where(...) of its own for each number of a tuple"),
    ("y = (x > 0) * x", "a truth value meets a number; write where(flag, 1.0, 0.0) for the flag"),
    ("t = 0.0\n    for k in range(3): t += k * x\n    y = Pair(t, x).a", "begin with the first of what is added"),
    ("y = max(x, 0.5, -x)", "max has no form in lanes; write maximum(x, maximum(y, z))"),
    ("y = x\n    for v in (x, 0.5): y += v", "a loop goes over a tuple of one kind; write its rounds out"),
    ("y = x % 2.0", "% has no form in lanes; write x - y * floor(x / y) for x % y"),
    ("y = x // 2.0", "// has no form in lanes; write floor(x / y) for x // y"),
    ("y = float(x)", "float has no form in lanes; write to_float64(x)"),
    ("y = np.float64(x)", "float64 has no form in lanes; write to_float64(x)"),
    ("y = math.fabs(x)", "fabs has no form in lanes; write absolute(x)"),
    ("y = where(math.isnan(x), 0.0, x)", "isnan has no form in lanes; write x != x"),
    ("y = np.where(x > 0, x, 0.0)", "where has no form in lanes; write where(...), after: from evolvent.lanes import where"),
    ("y = x.real", "a value in lanes has no attribute real"),
    ("y = [x, 2 * x][1]", "a list or set of values has no form in lanes; write a tuple, (x, y) for [x, y]"),
]

# Nor is it promised that these give the bits of plain Python where they are compiled alone.
NOT_FOR_LANES = [
    ("y = np.sin(x)", "sin has no form in lanes; write sin(...), after: from evolvent.lanes import sin"),
    ("y = math.sin(x)", "sin has no form in lanes; write sin(...), after: from evolvent.lanes import sin"),
    ("y = np.maximum(x, 0.0)", "maximum has no form in lanes; write maximum(...), after: from evolvent.lanes import maximum"),
    ("y = math.atan2(x, x)", "atan2 has no form in lanes; what has one: absolute, clip, cos,"),
    ("y = where(~(x > 0), x, 0.0)", "~ has no form in lanes; write logical_not(flag) for ~flag"),
    ("y = round(x)", "round has no form in lanes; write floor(x + 0.5)"),
    ("y = int(x)", "int has no form in lanes; write floor(x): a value stays a float"),
    ("y = pow(x, 2)", "** has no form in lanes; write x * x for x ** 2, sqrt(x) for x ** 0.5"),
    ("y = (1.0, 2.0)[x]", "an index has no form in lanes; write where(k == 0.0, a, b) for (a, b)[k]"),
    ("y = len(x)", "len has no form in lanes"),
]

# These are refused alone and in lanes.
REFUSED = [
    ("y = x ** 2", "write x * x for x ** 2, sqrt(x) for x ** 0.5"),
    ("y = x\n    y **= 2", "write x * x for x ** 2"),
    ("y = speed(x)", "the name speed is not defined; define or import it"),
    ("y = x + 'a'", "No implementation of function add("),
    ("t = (x, x)\n    if len(t) == 2: t = (x,)\n    y = t[0]", "for t; give t the same length and types wherever it is set"),
]

WORKING_IN_FLOAT32 = [
    "y = x * to_float32(0.1)",
    "y = where(x > 0.5, x, to_float32(0.0))",
    "y = where(x == 1, to_float32(2.0), x)",
    "y = where(0.5 < x, sin(x) * x, tanh(x))",
    "y = abs(max(x, -x))",
    "y = clip(exp(x), to_float32(0.5), to_float32(2.0))",
    "y = to_float32(to_float64(x) * 0.1)",
]

REFUSED_IN_FLOAT32 = [
    ("y = x * 0.1", MIXED),
    ("y = 1.0 - x", MIXED),
    ("y = x + 1", "float32 meets int64; write to_float32(...) around the int64"),
    ("y = where(x > 0.1, x, x)", MIXED),
    ("y = where(x > 0.5, x, 0.0)", MIXED),
    ("y = max(x, 0.0)", MIXED),
    ("y = maximum(x, 0.0)", MIXED),
    ("y = clip(x, -1.0, 1.0)", MIXED),
    ("y = x - to_float64(x)", MIXED),
    ("y = 0.0\n    for v in (x, x): y += v", MIXED),
]


def _alone(values, out):
    for i in range(len(values)):
        out[i] = FUNCTION(values[i])


def _in_lanes(values, out):
    vectors = spread((values[0],), LANES)
    for lane in range(LANES):
        vectors = with_lane(vectors, lane, (values[lane],))
    (result,) = spread((FUNCTION(vectors[0]),), LANES)
    for lane in range(LANES):
        out[lane] = lane_of(result, lane)


def written(line: str, folder: Path) -> FunctionType:
    """Return the function of a file that has `line` as its second."""
    path = folder / "written.py"
    path.write_text(f"def written(x):\n    {line}\n    return y\n", encoding="utf-8")
    space: dict[str, Any] = {"np": np, "math": math, "lanes_module": lanes_module, "Pair": Pair, **PUBLIC}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), space)  # noqa: S102 - the table's own lines
    return space["written"]


def compiled(function, template, dtype):
    values = np.array(NUMBERS, dtype)
    out = np.zeros(len(NUMBERS), dtype)
    bindings = {"LANES": LANES} if template is _in_lanes else {}
    specialise(template, FUNCTION=function, **bindings)(values, out)
    return out


def plain(function, dtype):
    return np.array([function(value) for value in np.array(NUMBERS, dtype)], dtype)


def refusal(function, template, dtype):
    with pytest.raises(CompilationFailed) as failure:
        compiled(function, template, dtype)
    words = explain(failure.value)
    assert "\n" not in words
    return words


def same_bits(one, other):
    nan = np.isnan(one)
    return np.array_equal(nan, np.isnan(other)) and one[~nan].tobytes() == other[~nan].tobytes()


@pytest.mark.parametrize(
    ("line", "dtype"),
    [*((line, np.float64) for line in WORKING), *((line, np.float32) for line in WORKING_IN_FLOAT32)],
)
def test_a_line_gives_the_bits_of_plain_python(line, dtype, tmp_path):
    function = written(line, tmp_path)
    expected = plain(function, dtype)
    assert same_bits(compiled(function, _alone, dtype), expected)
    assert same_bits(compiled(function, _in_lanes, dtype), expected)


@pytest.mark.parametrize(("line", "words"), [*REFUSED_IN_LANES, *NOT_FOR_LANES])
def test_a_line_is_refused_in_lanes_in_words_that_say_where_and_what_to_write(line, words, tmp_path):
    told = refusal(written(line, tmp_path), _in_lanes, np.float64)
    assert words in told
    assert f"written.py, line {2 + line.count(chr(10))}: " in told


@pytest.mark.parametrize("line", [line for line, _ in REFUSED_IN_LANES])
def test_what_is_refused_in_lanes_works_alone(line, tmp_path):
    function = written(line, tmp_path)
    assert same_bits(compiled(function, _alone, np.float64), plain(function, np.float64))


@pytest.mark.parametrize("template", [_alone, _in_lanes])
@pytest.mark.parametrize(
    ("line", "words", "dtype"),
    [*((*row, np.float64) for row in REFUSED), *((*row, np.float32) for row in REFUSED_IN_FLOAT32)],
)
def test_a_line_is_refused_wherever_it_is_compiled(line, words, dtype, template, tmp_path):
    told = refusal(written(line, tmp_path), template, dtype)
    assert words in told
    assert "written.py, line " in told
