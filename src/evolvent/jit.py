# pyright: basic
"""Compiling: the only place that names a Numba option.

Worlds, networks and rollouts are plain Python functions. `specialise` gives one its own globals (the functions and
sizes it is bound to), compiles it together with every function it calls, and keeps the result on disk under a
fingerprint of all of it. With NUMBA_DISABLE_JIT=1 the same text runs as plain Python.
"""

from __future__ import annotations

import functools
import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any, TypeVar, cast

import llvmlite
import numba
import numpy as np
from numba.core.errors import NumbaError
from numba.core.extending import _Intrinsic
from numba.extending import overload

from evolvent import instructions
from evolvent.checks import Compiler
from evolvent.fingerprint import NotFollowable, fingerprint, global_names
from evolvent.kernel_cache import KernelCache, private_folder
from evolvent.refusals import explain

__all__ = ["COMPILES", "CompilationFailed", "bind", "explain", "kernel", "primitive", "specialise"]

log = logging.getLogger("evolvent")

CompilationFailed = NumbaError

F = TypeVar("F", bound=Callable[..., Any])

COMPILES = not numba.config.DISABLE_JIT  # type: ignore[attr-defined]
OPTIONS = {"nogil": True, "error_model": "numpy", "pipeline_class": Compiler}  # no fastmath: additions keep their order
INLINED = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # what only kernels call needs no door for Python
INTRINSICS = {value: name for name, value in vars(instructions).items() if isinstance(value, _Intrinsic)}
_SPECIALISED: dict[tuple[str, Path | None], Callable[..., Any]] = {}  # what is compiled stays in memory: once will do
PRIMITIVES: dict[Callable[..., Any], str] = {}  # each with a digest of the file that holds its compiled form


def primitive(function: F) -> Callable[[Callable[..., Any]], F]:
    """Give `function`, which runs as it stands in plain Python, a compiled form that is chosen by its argument types.

    Args:
        function: The plain form. The decorated function takes Numba types of the same arguments and returns the
            compiled form, a function, or None for types that it does not take. What a compiled form calls is compiled
            with it, unless it is a closure.

    Returns:
        A decorator that returns `function` itself.
    """

    def register(choose: Callable[..., Any]) -> F:
        home = Path(choose.__code__.co_filename)  # type: ignore[attr-defined]
        beside = sorted(home.parent.glob("*.py")) if home.parent.name == "lanes" else [home]
        source = b"".join(file.read_bytes() for file in beside)
        PRIMITIVES[function] = f"{function.__name__} of {hashlib.sha256(source).hexdigest()}"

        @functools.wraps(choose)
        def choose_whole(*kinds: Any) -> Any:
            form = choose(*kinds)
            return form if form is None or form.__closure__ else _with_compiled_callees(form, form.__name__)

        overload(function, cast("Any", INLINED), strict=False)(choose_whole)
        return function

    return register


def specialise(template: Callable[..., Any], **bindings: Any) -> Callable[..., Any]:
    """Return `template` compiled with `bindings` in place of the globals of these names.

    A bound function may itself be the result of `bind`. Compilation happens at the first call with arguments of new
    types; the compiled form is found again by the next Python process, unless the functions name something that
    has no fingerprint (an array, an instance), which is said once.

    Args:
        template: A plain function, written over values.
        **bindings: Values for names that the template looks up as globals: functions, numbers, strings, tuples.

    Returns:
        A function that releases the interpreter lock while it runs.

    Examples:
        >>> def scaled(x):
        ...     return FACTOR * x
        >>> specialise(scaled, FACTOR=3.0)(2.0)
        6.0
    """
    bound = bind(template, **bindings)
    if not COMPILES:
        return np.errstate(all="ignore")(bound)
    try:
        name, folder = _named(bound), _folder()
    except NotFollowable as problem:
        log.warning("%s is compiled anew at every start: %s", template.__name__, problem)
        return _dispatcher(bound, template.__name__, None)
    if (name, folder) not in _SPECIALISED:
        _SPECIALISED[name, folder] = _dispatcher(bound, name, folder)
    return _SPECIALISED[name, folder]


def _dispatcher(bound: Callable[..., Any], name: str, folder: Path | None) -> Callable[..., Any]:
    dispatcher = numba.njit(**OPTIONS)(_with_compiled_callees(bound, name))
    dispatcher._cache = KernelCache(name, folder)  # type: ignore[attr-defined] # noqa: SLF001 - where Numba looks
    return dispatcher


def kernel(function: F) -> F:
    """Compile `function` as it stands, with all that it calls: `specialise` with nothing to bind."""
    return specialise(function)  # type: ignore[return-value]


def bind(template: Callable[..., Any], **bindings: Any) -> Callable[..., Any]:
    """Return a copy of the plain function `template` that sees `bindings` in place of the globals of these names."""
    code = template.__code__  # type: ignore[attr-defined]
    unknown = [name for name in bindings if name not in global_names(code)]
    if unknown:
        raise TypeError(f"{template.__name__} looks up no global named {', '.join(unknown)}")
    bound = _copied(template, template.__name__, {**template.__globals__, **bindings})  # type: ignore[attr-defined]
    bound.__qualname__ = template.__qualname__
    return bound


def _copied(function: Callable[..., Any], name: str, space: dict[str, Any]) -> FunctionType:
    """Return a copy of `function` that looks up globals in `space`; defaults of arguments are kept."""
    copy = FunctionType(function.__code__, space, name, function.__defaults__, function.__closure__)  # type: ignore[attr-defined]
    copy.__kwdefaults__ = function.__kwdefaults__  # type: ignore[attr-defined]
    copy.__qualname__, copy.__module__ = name, function.__module__
    return copy


def _with_compiled_callees(function: Callable[..., Any], name: str) -> FunctionType:
    """Return a copy of `function` whose plain callees are compiled, to be inlined, one name for one content."""
    names = global_names(function.__code__)  # type: ignore[attr-defined]
    space = function.__globals__  # type: ignore[attr-defined]
    callees = {each: _compiled_callee(space[each]) for each in names if _is_plain(space.get(each))}
    return _copied(function, name, {**space, **callees})


def _compiled_callee(function: Callable[..., Any]) -> Any:
    try:
        return _inlined_once(function, _named(function))
    except NotFollowable:
        return _inlined(function, function.__name__)


def _inlined(function: Callable[..., Any], name: str) -> Any:
    return numba.njit(forceinline=True, **INLINED, **OPTIONS)(_with_compiled_callees(function, name))


_inlined_once = functools.cache(_inlined)


def _is_plain(value: Any) -> bool:
    return isinstance(value, FunctionType) and value not in PRIMITIVES


def _named(function: Callable[..., Any]) -> str:
    return f"{function.__name__}_{fingerprint(function, {**PRIMITIVES, **INTRINSICS}, _versions())[:20]}"


@functools.cache
def _versions() -> tuple[str, ...]:
    here = Path(__file__).parent
    named = ("jit", "instructions", "vectors", "checks")  # beside the lanes, which stand behind Python's own abs, max and min
    files = (*(here / f"{name}.py" for name in named), *sorted((here / "lanes").glob("*.py")))
    own = b"".join(file.read_bytes() for file in files)
    options = repr((OPTIONS, INLINED, instructions.FUSES))
    return numba.__version__, llvmlite.__version__, np.__version__, options, hashlib.sha256(own).hexdigest()


@functools.cache
def _folder() -> Path | None:
    return private_folder()
