"""Why a function could not be compiled, in one line: where, what is wrong, and what to write."""

from __future__ import annotations

import operator
import re

ELEMENTARY = (
    *("absolute", "clip", "cos", "exp", "floor", "log", "logical_not", "maximum", "minimum", "sin", "sqrt", "tan", "tanh"),
    "where",
)
POWER = "x * x for x ** 2, sqrt(x) for x ** 0.5"
WRITE = {  # what has no form in lanes, by the name that Numba gives it, and what has
    "bool": "the condition itself",
    "ceil": "-floor(-x)",
    "divmod": "floor(x / y) and x - y * floor(x / y)",
    "fabs": "absolute(x)",
    "float": "to_float64(x), or x itself: a value is a float",
    "float32": "to_float32(x)",
    "float64": "to_float64(x)",
    "floordiv": "floor(x / y) for x // y",
    "getitem": "where(k == 0.0, a, b) for (a, b)[k]",
    "int": "floor(x): a value stays a float",
    "invert": "logical_not(flag) for ~flag",
    "isfinite": "x - x == 0.0",
    "isnan": "x != x",
    "max": "maximum(x, maximum(y, z))",
    "min": "minimum(x, minimum(y, z))",
    "mod": "x - y * floor(x / y) for x % y",
    "not_": "logical_not(flag) for not flag",
    "pow": POWER,
    "power": POWER,
    "round": "floor(x + 0.5)",
    "sign": "where(x > 0.0, 1.0, -1.0)",
    **{name: f"{name}(...), after: from evolvent.lanes import {name}" for name in ELEMENTARY},
}
SYNONYMS = {"floordiv": "//", "getitem": "an index", "invert": "~", "mod": "%", "not_": "not", "pow": "**"}
BRANCH = (
    "it branches on a value; write where(condition, yes, no) instead of if,"
    " & | and logical_not(...) instead of and, or, not, and (0 < x) & (x < 1) instead of 0 < x < 1"
)
PATTERNS = (  # of Numba's text, and what they mean
    (r"bool\(Vec\(", BRANCH),
    (r"Invalid use of getiter with parameters \(Tuple\(", "a loop goes over a tuple of one kind; write its rounds out"),
    (
        r"Unknown attribute '(\w+)' of type Module\(<module '([\w.]+)'",
        "call it by its own name: from {1} import {0}",
    ),
    (
        r"Unknown attribute '(\w+)' of type Vec\(",
        "a value in lanes has no attribute {0}; compute with the value itself",
    ),
    (
        r"Cannot unify (\w+)\((?=.*Vec\().*\) and \1\(.*\) for '\$",  # of one NamedTuple, where it is made
        "a sum in it begins with a plain number, and becomes a value in a loop; begin with the first of what is added",
    ),
    (
        r"Cannot unify (.*) and (.*) for '(\w+)",
        "Cannot unify {0} and {1} for {2}; give {2} the same length and types wherever it is set",
    ),
)


def explain(problem: Exception) -> str:
    """Return in a line where and why a function could not be compiled, and what to write, out of Numba's many.

    Args:
        problem: What compiling raised.

    Examples:
        >>> explain(NameError("name 'speed' is not defined"))
        "name 'speed' is not defined"
    """
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(problem))
    return _place(text) + _reason(text)


def _place(text: str) -> str:
    places = re.findall(r'File "([^"]+)", line (\d+):', text)
    users = [place for place in places if not re.search(r"evolvent[/\\]lanes[/\\]|site-packages[/\\]numba[/\\]", place[0])]
    return "{}, line {}: ".format(*(users or places)[0]) if places else ""


def _reason(text: str) -> str:
    if own := re.search(r"refused: (.*)", text):
        return own[1].strip()
    for pattern, words in PATTERNS:
        if found := re.search(pattern, text):
            return words.format(*found.groups())
    if call := re.search(r"No implementation of function Function\((.*)\) found for signature:\s*>>> (.*)", text):
        return _unknown_call(call[1], call[2])
    reason = re.search(r"(.*Error: .*)", text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith("Failed in ")]
    return reason[0].strip() if reason else (*told, *lines, "no reason given")[0]


def _unknown_call(function: str, signature: str) -> str:
    name = signature.partition("(")[0].strip()
    name = function if name == "<unknown function>" else name  # np.float64(x)
    name = name[1:] if name[:1] == "i" and name[1:] in SYNONYMS else name  # ipow is **=
    if "Vec(" not in signature or (name not in WRITE and hasattr(operator, name)):
        return f"No implementation of function {signature}"
    if name in WRITE:
        return f"{SYNONYMS.get(name, name)} has no form in lanes; write {WRITE[name]}"
    return f"{name} has no form in lanes; what has one: {', '.join(ELEMENTARY)}, of evolvent.lanes"
