# pyright: basic
"""What can be said of a world before any of its functions is called."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Iterator
from math import isfinite
from types import FunctionType
from typing import Any

from evolvent.envs import Env, EnvSpec
from evolvent.fingerprint import global_names
from evolvent.spaces import Box, Discrete

TAKES = {"reset": ("draw",), "observe": ("state",), "step": ("state", "action", "draw"), "describe": ("state",)}


def wrong_form(env: Env) -> list[str]:
    """Return what is wrong with the spec of a world and with its functions as such, a line each."""
    return [*_of_spec(env.spec), *_of_functions(env)]


def _of_spec(spec: Any) -> Iterator[str]:
    if not isinstance(spec, EnvSpec):
        yield f"spec: expected an EnvSpec, from evolvent.envs, got {named(spec)}"
        return
    shown, taken, limit, threshold = map(_any, (spec.observation_space, spec.action_space, *_limits(spec)))
    if not isinstance(shown, Box):
        yield f"spec: observation_space: expected a Box, from evolvent.spaces, got {named(shown)}"
    if not isinstance(taken, (Box, Discrete)):
        yield f"spec: action_space: expected a Box or a Discrete, from evolvent.spaces, got {named(taken)}"
    if not isinstance(limit, int) or limit < 1:
        yield f"spec: max_episode_steps: expected a whole number of at least 1, got {limit!r}"
    if threshold is not None and not (isinstance(threshold, (int, float)) and isfinite(threshold)):
        yield f"spec: reward_threshold: expected a finite number or None, got {threshold!r}"


def _of_functions(env: Env) -> Iterator[str]:
    for role, arguments in TAKES.items():
        function = getattr(env, role)
        if function is None and role == "describe":
            continue
        if not isinstance(function, FunctionType) or function.__closure__:
            what = (
                "one that uses variables of the function around it" if isinstance(function, FunctionType) else named(function)
            )
            yield (
                f"{role}: expected a plain function, written with def at the top level of a file, got {what};"
                " one with constants of its own is made by evolvent.jit.bind(function, NAME=value)"
            )
            continue
        try:
            inspect.signature(function).bind(*arguments)
        except TypeError:
            yield f"{role}: expected {role}({', '.join(arguments)}), got {function.__name__}{inspect.signature(function)}"
        for name in _assigned(function):
            yield f"{role}: {place(function)}: it assigns the global {name}; what changes belongs into the state"
        for name, value in sorted(_changeable(function, set()).items()):
            yield f"{role}: {place(function)}: it uses {name}, {named(value)}; constants are numbers and tuples of them"


def _assigned(function: FunctionType) -> list[str]:
    stores = (each for each in dis.get_instructions(function) if each.opname == "STORE_GLOBAL")
    return list(dict.fromkeys(str(each.argval) for each in stores))


def _changeable(function: FunctionType, seen: set[FunctionType]) -> dict[str, Any]:
    """Return the lists, dicts and sets that a function, or one that it calls, looks up as globals."""
    seen.add(function)
    found: dict[str, Any] = {}
    for name in global_names(function.__code__):
        value = function.__globals__.get(name)
        if isinstance(value, (list, dict, set)):
            found[name] = value
        elif isinstance(value, FunctionType) and value not in seen and not value.__module__.startswith("evolvent."):
            found |= _changeable(value, seen)
    return found


def place(function: FunctionType) -> str:
    """Return the file and the line where a function begins."""
    return f"{function.__code__.co_filename}, line {function.__code__.co_firstlineno}"


def named(value: Any) -> str:
    """Return what kind of thing `value` is, its module too where that may be the mistake."""
    if value is None:
        return "None"
    kind: Any = type(value)
    home = kind.__module__.partition(".")[0]
    return f"{'an' if kind.__name__[0].lower() in 'aeiou' else 'a'} {kind.__name__}" + (
        f" of {home}" if home not in {"builtins", "__main__"} else ""
    )


def _limits(spec: EnvSpec) -> tuple[Any, Any]:
    return spec.max_episode_steps, spec.reward_threshold


def _any(value: Any) -> Any:
    return value
