"""What a function would compute, as one digest: the key under which its compiled form is kept.

Numba's own key is the source file's time stamp; a constant changed in another module then loads a stale kernel.
Here everything reachable from a function counts: its bytecode and constants, the values of the numbers, strings and
tuples it names, and the functions it calls. What cannot be followed is refused, so that nothing stale is ever loaded.
"""

from __future__ import annotations

import dis
import functools
import hashlib
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, cast

import numpy as np

from evolvent.errors import UsageError

Function = Callable[..., Any]

PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis))
GENERATORS = (random.Random, np.random.RandomState, np.random.Generator)
VERSIONED = ("numpy", "math", "numba", "cmath", "operator")


class NotFollowable(Exception):
    """A function names a value whose content cannot be digested."""


def fingerprint(function: Function, known: Mapping[Function, str] | None = None, context: tuple[str, ...] = ()) -> str:
    """Return the digest of `function` and of everything that it can reach.

    Args:
        function: A plain Python function.
        known: Functions not to be followed, each with the text that stands for its content.
        context: Further text that the digest depends on, such as library versions.

    Returns:
        64 hexadecimal digits.

    Raises:
        NotFollowable: The function names an object, such as an array or an instance, whose content is not known.
        UsageError: The function draws random numbers that no address decides.

    Examples:
        >>> fingerprint(lambda x: x + 1) == fingerprint(lambda x: x + 1)
        True
        >>> fingerprint(lambda x: x + 1) == fingerprint(lambda x: x + 2)
        False
    """
    digest = hashlib.sha256(repr((sys.version_info[:3], context)).encode())
    for part in _Walk(dict(known or {})).function(function):
        digest.update(part.encode())
        digest.update(b"\0")
    return digest.hexdigest()


@functools.cache
def global_names(code: CodeType) -> tuple[str, ...]:
    """Return the names that `code`, or code nested in it, looks up as globals, in order of first use."""
    names = [str(each.argval) for each in dis.get_instructions(code) if each.opname in {"LOAD_GLOBAL", "LOAD_NAME"}]
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names += global_names(constant)
    return tuple(dict.fromkeys(names))


def _names(code: CodeType) -> Iterator[str]:
    """Yield the names of globals and attributes that `code`, or code nested in it, looks up."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _code_parts(code: CodeType) -> Iterator[str]:
    arguments = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    yield repr((code.co_code, code.co_exceptiontable, code.co_names, code.co_varnames, code.co_freevars, arguments))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code_parts(constant)
        else:
            yield repr(sorted(cast("frozenset[Any]", constant), key=repr) if isinstance(constant, frozenset) else constant)


def _attributes(code: CodeType, name: str) -> Iterator[str]:
    """Yield the attributes that `code`, or code nested in it, takes of the global `name`."""
    for first, then in pairwise(dis.get_instructions(code)):
        if first.opname == "LOAD_GLOBAL" and first.argval == name and then.opname in {"LOAD_ATTR", "LOAD_METHOD"}:
            yield str(then.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _attributes(constant, name)


class _Walk:
    """Yields one text for each thing that is reached, each function once."""

    def __init__(self, known: dict[Function, str]) -> None:
        self.known = known
        self.visited: dict[Function, int] = {}

    def function(self, function: Function) -> Iterator[str]:
        if function in self.known:
            yield self.known[function]
            return
        if not isinstance(function, FunctionType):
            raise NotFollowable(f"{function!r} is not a plain function")
        if function in self.visited:
            yield f"again {self.visited[function]}"
            return
        self.visited[function] = len(self.visited)
        code = function.__code__
        yield from _code_parts(code)
        yield from self.value(function.__defaults__, code)
        yield from self.value(tuple((function.__kwdefaults__ or {}).items()), code)
        for cell in function.__closure__ or ():
            yield from self.value(cell.cell_contents, code)
        for name in global_names(code):
            yield name
            if name in function.__globals__:
                named = function.__globals__[name]
                yield from self.value(np.random if named is np and "random" in _attributes(code, name) else named, code)

    def value(self, value: Any, user: CodeType) -> Iterator[str]:
        if isinstance(value, tuple):
            items = cast("tuple[Any, ...]", value)
            yield f"{type(items).__name__} of {len(items)} {getattr(items, '_fields', ())}"
            for item in items:
                yield from self.value(item, user)
        elif isinstance(value, (*PLAIN, np.generic, np.dtype)):
            yield f"{type(value).__name__} {value!r}"  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(value, type):
            yield from self.type(value, user)
        elif isinstance(getattr(value, "__self__", None), GENERATORS) or value is np.random:
            raise UsageError(
                f"{user.co_filename}, line {user.co_firstlineno}: {user.co_name} draws random numbers that differ from run to"
                " run; write uniform(draw, k), k = 0, 1, ..."
            )
        elif isinstance(value, (BuiltinFunctionType, np.ufunc)):
            yield f"{getattr(value, '__module__', '')} {value.__name__}"
        elif isinstance(value, ModuleType):
            yield from self.module(value, user)
        elif callable(value):
            yield from self.function(value)
        else:
            raise NotFollowable(f"{user.co_name} names a {type(value).__name__}, whose content cannot be digested")

    def type(self, kind: type, user: CodeType) -> Iterator[str]:
        yield f"{kind.__module__}.{kind.__qualname__}"
        if issubclass(kind, tuple):
            named = cast("Any", kind)
            yield repr(getattr(named, "_fields", ()))
            yield from self.value(tuple(getattr(named, "_field_defaults", {}).items()), user)
        elif kind.__module__.partition(".")[0] not in {"builtins", *VERSIONED}:
            raise NotFollowable(f"{user.co_name} names the class {kind.__name__}, whose content cannot be digested")

    def module(self, module: ModuleType, user: CodeType) -> Iterator[str]:
        yield f"{module.__name__} {getattr(module, '__version__', '')}"
        if module.__name__.partition(".")[0] not in VERSIONED:
            for name in _names(user):
                if hasattr(module, name):
                    yield from self.value(getattr(module, name), user)
