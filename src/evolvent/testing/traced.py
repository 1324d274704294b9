# pyright: basic
"""Values that note what cannot be done in lanes: how branches are found without compiling anything."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from evolvent.fingerprint import global_names
from evolvent.lanes import as_tuple, buffer, logical_not, maximum, minimum, where
from evolvent.seeding import Draw, uniform
from evolvent.testing.notes import Notes, branch, by_own_name, conversion, index

MOST_BRANCHES = 200  # in one call; a loop that a value has to end would go on for ever
MOVES_VALUES = {buffer, as_tuple}  # without looking at them
CONDITIONAL = {where, logical_not}
BUILTINS = {"max": (maximum, max), "min": (minimum, min)}  # which lanes have for two values


class TooManyBranches(Exception):
    """Raised to leave a loop that a value would have to end."""


class Traced:
    """Two numbers, or truth values, side by side, as two lanes hold them.

    Args:
        numbers: `(2,)`.
        notes: Where to note what lanes cannot do.
    """

    __slots__ = ("notes", "numbers")

    def __init__(self, numbers: Any, notes: Notes) -> None:
        """Hold the numbers."""
        self.numbers = np.asarray(numbers)
        self.notes = notes

    def __bool__(self) -> bool:
        """Note a branch."""
        self.notes.note(branch)
        self.notes.branches += 1
        if self.notes.branches > MOST_BRANCHES:
            raise TooManyBranches
        return self.notes.answer

    def __float__(self) -> float:
        """Note a function of the module math, or a conversion."""
        self.notes.note(conversion)
        return float(self.numbers[0])

    def __int__(self) -> int:
        """Note a conversion."""
        self.notes.note(conversion)
        return int(self.numbers[0])

    def __index__(self) -> int:
        """Note an index that is a value."""
        self.notes.note(index)
        return int(self.numbers[0])

    def __hash__(self) -> int:
        """Note a key that is a value."""
        self.notes.note("a value as the key of a table: write a formula, or one where() inside another")
        return 0

    def __round__(self, digits: int = 0) -> Traced:
        """Note a rounding."""
        self.notes.note(conversion)
        return Traced(np.round(self.numbers, digits or 0), self.notes)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **_: Any) -> Any:
        """Do what an operator does; note a function of NumPy."""
        symbol = UFUNCS.get(ufunc.__name__)
        if symbol is not None and method == "__call__":
            return ELEMENTWISE[symbol](*inputs)
        self.notes.note(by_own_name(ufunc.__name__))
        return Traced(getattr(ufunc, method)(*map(_numbers, inputs)), self.notes)

    def __array_function__(self, function: Any, _: Any, args: Any, __: Any) -> Any:
        """Note a function of NumPy."""
        self.notes.note(by_own_name(function.__name__))
        return Traced(function(*map(_numbers, args)), self.notes)


# --- operators -----------------------------------------------------------------------------------------------------

ARITHMETIC = {"add": "+", "sub": "-", "mul": "*", "truediv": "/"}
COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
LOGIC = {"and_": "&", "or_": "|", "xor": "^"}
REFUSED = {
    "mod": "%: write x - m * floor(x / m)",
    "floordiv": "//: write floor(x / y)",
    "pow": "**: write x * x",
    "invert": "~: write logical_not(x)",
}
UFUNCS = {
    "add": "add", "subtract": "sub", "multiply": "mul", "divide": "truediv", "negative": "neg", "less": "lt",
    "less_equal": "le", "greater": "gt", "greater_equal": "ge", "equal": "eq", "not_equal": "ne", "bitwise_and": "and_",
    "bitwise_or": "or_", "bitwise_xor": "xor", "remainder": "mod", "floor_divide": "floordiv", "power": "pow",
}  # fmt: skip
ELEMENTWISE: dict[str, Callable[..., Any]] = {}


def _numbers(value: Any) -> Any:
    return value.numbers if isinstance(value, Traced) else value


def _give_operator(name: str) -> None:
    function = getattr(operator, name)

    def elementwise(*operands: Any) -> Any:
        notes = next(each.notes for each in operands if isinstance(each, Traced))
        if not all(isinstance(each, (Traced, bool, int, float, np.number, np.bool_)) for each in operands):
            return NotImplemented
        if reason := REFUSED.get(name) or _misuse(name, [_numbers(each) for each in operands if isinstance(each, Traced)]):
            notes.note(reason)
        with np.errstate(all="ignore"):
            try:
                return Traced(function(*map(_numbers, operands)), notes)
            except TypeError:  # & of numbers, - of truth values: noted above
                return next(each for each in operands if isinstance(each, Traced))

    ELEMENTWISE[name] = elementwise
    plain = name.rstrip("_")
    setattr(Traced, f"__{plain}__", elementwise)
    if plain not in {*COMPARISONS, "neg", "abs", "invert", "pos"}:
        setattr(Traced, f"__r{plain}__", lambda value, other: elementwise(other, value))


def _misuse(name: str, arrays: list[Any]) -> str | None:
    """Return what is wrong with an operator on values of these kinds; None for nothing."""
    kinds = {array.dtype.name for array in arrays}
    if len(kinds) > 1:
        mixed = " and ".join(sorted(kinds))
        return f"it mixes values of {mixed}: write to_float64(x), or where(flag, 1.0, 0.0) for a truth value"
    (kind,) = kinds
    if name in LOGIC and kind.startswith("float"):
        return f"{LOGIC[name]} of numbers: put comparisons in brackets, (a > 0) {LOGIC[name]} (b > 0)"
    if name in {*ARITHMETIC, "neg"} and kind == "bool":
        return "a truth value is no number: write where(flag, 1.0, 0.0)"
    if name == "truediv" and "int" in kind:
        return "/ of whole numbers: write to_float64(x) / y"
    return None


for _name in (*ARITHMETIC, *COMPARISONS, *LOGIC, *REFUSED, "neg", "pos", "abs"):
    _give_operator(_name)


# --- functions -------------------------------------------------------------------------------------------------------


def traced(function: Callable[..., Any], notes: Notes) -> Callable[..., Any]:
    """Return a copy of a plain function that can be called with `Traced` values, and so can all that it calls by name."""
    return _copy(function, notes, {})


def _copy(function: Any, notes: Notes, copies: dict[Any, Any]) -> Any:
    if function in copies:
        return copies[function]
    space = dict(function.__globals__)
    copy = FunctionType(function.__code__, space, function.__name__, function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    copies[function] = copy
    for name in global_names(function.__code__):
        value = space.get(name)
        if isinstance(value, FunctionType) and value not in MOVES_VALUES:
            ours = value.__module__.startswith("evolvent.lanes") or value is uniform
            space[name] = _over_numbers(value, notes) if ours else _copy(value, notes, copies)
        elif value is None and name in BUILTINS:
            space[name] = partial(_of_two, BUILTINS[name], notes)
    return copy


def _over_numbers(function: Callable[..., Any], notes: Notes) -> Callable[..., Any]:
    def apply(*args: Any, **kwargs: Any) -> Any:
        if function is uniform:
            return _uniform(*args, **kwargs, notes=notes)
        if not any(isinstance(each, Traced) for each in args):
            return function(*args, **kwargs)
        if function in CONDITIONAL and isinstance(args[0], Traced) and args[0].numbers.dtype != np.bool_:
            notes.note(f"the condition of {function.__name__}() is a number: write x > 0.0")
        with np.errstate(all="ignore"):
            result = function(*map(_numbers, args), **kwargs)
        return tuple(Traced(each, notes) for each in result) if isinstance(result, tuple) else Traced(result, notes)

    return apply


def _of_two(functions: tuple[Callable[..., Any], Callable[..., Any]], notes: Notes, *args: Any) -> Any:
    """Return what max or min of two values is in lanes; of more, they branch."""
    of_two, builtin = functions
    return _over_numbers(of_two, notes)(*args) if len(args) == 2 else builtin(*args)


def _uniform(draw: Draw, k: int, *, notes: Notes) -> Traced:
    keys, steps = np.atleast_1d(_numbers(draw.key)), np.atleast_1d(_numbers(draw.step))
    return Traced([uniform(Draw(int(key), int(steps[0])), k) for key in keys], notes)
