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
        for name, value in sorted(_changeable(function).items()):
            yield f"{role}: {place(function)}: it uses {name}, {named(value)}; constants are numbers and tuples of them"
        for where in _prints(function):
            yield f"{role}: {where}: it prints, in every step of every episode: take print() away once you have read it"


def _assigned(function: FunctionType) -> list[str]:
    stores = (each for each in dis.get_instructions(function) if each.opname == "STORE_GLOBAL")
    return list(dict.fromkeys(str(each.argval) for each in stores))


def _changeable(function: FunctionType) -> dict[str, Any]:
    """Return the lists, dicts and sets that a function, or one that it calls, looks up as globals."""
    looked_up = ((name, each.__globals__.get(name)) for each in _reached(function) for name in global_names(each.__code__))
    return {name: value for name, value in looked_up if isinstance(value, (list, dict, set))}


def _prints(function: FunctionType) -> list[str]:
    """Return the places where a function, or one that it calls, calls Python's `print`."""
    loads = ((each, load) for each in _reached(function) for load in dis.get_instructions(each))
    found = [(each, load) for each, load in loads if load.opname == "LOAD_GLOBAL" and load.argval == "print"]
    return [
        f"{each.__code__.co_filename}, line {load.positions.lineno if load.positions else each.__code__.co_firstlineno}"
        for each, load in found
        if "print" not in each.__globals__
    ]


def _reached(function: FunctionType) -> list[FunctionType]:
    """Return a function and all of the user's that it calls by name."""
    reached = [function]
    for each in reached:  # which grows meanwhile
        called = (each.__globals__.get(name) for name in global_names(each.__code__))
        theirs = [value for value in called if isinstance(value, FunctionType) and not value.__module__.startswith("evolvent.")]
        reached += dict.fromkeys(value for value in theirs if value not in reached)
    return reached


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
