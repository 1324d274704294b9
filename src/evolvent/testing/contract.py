# pyright: basic
"""What the functions of a world must give: kinds of values, how many, and how they are put together."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from evolvent.spaces import Box

PACKAGE = Path(__file__).parents[1]
OURS = tuple(str(PACKAGE / name) for name in ("testing", "lanes", "seeding", "jit"))
RAISES = "it raises"
NUMBER, WHOLE, FLAG = "a number", "a whole number", "a truth value"


class Broken(Exception):
    """Raised when a function of a world raises, or gives what nothing can go on with; its text is a line for the user."""


def call(role: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function of a world, without warnings of arithmetic, as compiled code does.

    Raises:
        Broken: The function has raised.
    """
    try:
        with np.errstate(all="ignore"):
            return function(*args, **kwargs)
    except (Exception, SystemExit) as problem:
        theirs = [each for each in traceback.extract_tb(problem.__traceback__) if not each.filename.startswith(OURS)]
        where = f"{theirs[-1].filename}, line {theirs[-1].lineno}: " if theirs else ""
        hint = "; keep the divisor from zero: maximum(x, 1e-9)" if isinstance(problem, ZeroDivisionError) else ""
        raise Broken(f"{role}: {where}{RAISES} {type(problem).__name__}: {problem}{hint}") from problem


def kind_of(value: Any) -> str:
    """Return what a value is, in words."""
    if isinstance(value, (bool, np.bool_)):
        return FLAG
    if isinstance(value, (int, np.integer)):
        return WHOLE
    if isinstance(value, float):  # which float64 is too
        return NUMBER
    if isinstance(value, np.generic):
        return f"a {value.dtype} of NumPy"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    return "None" if value is None else f"a {type(value).__name__}"


def leaves(state: Any, path: str = "state") -> Iterator[tuple[str, Any]]:
    """Yield the path and the value of each number in a state, tuples within it included."""
    if isinstance(state, tuple):
        parts: Any = state
        names = getattr(parts, "_fields", None) or map(str, range(len(parts)))
        for name, part in zip(names, parts, strict=True):
            yield from leaves(part, f"{path}.{name}")
    else:
        yield path, state


def wrong_state(role: str, state: Any) -> list[str]:
    """Return what is wrong with a state."""
    if isinstance(state, tuple) and getattr(state, "_fields", None) == ():
        return [f"{role}: expected a state of at least one value, got an empty {type(state).__name__}"]
    if not isinstance(state, tuple) or not hasattr(state, "_fields"):
        return [f"{role}: expected a state that is a NamedTuple, got {kind_of(state)}; write class State(NamedTuple): ..."]
    found: list[str] = []
    for path, value in leaves(state):
        kind = kind_of(value)
        if kind == WHOLE:
            found.append(f"{role}: {path} is a whole number, {value!r}; write {float(value)!r}")
        elif "float" in kind and kind != NUMBER:
            found.append(f"{role}: {path} is {kind}; a state holds numbers of float64: leave the conversion away")
        elif kind not in {NUMBER, FLAG}:
            found.append(f"{role}: {path} is {kind}; a state holds numbers, truth values and tuples of them")
    return found


def wrong_change(before: Any, after: Any) -> list[str]:
    """Return what differs between the structures of a state and of the next one."""
    if type(before) is not type(after):
        kinds = [type(each).__name__ for each in (before, after)]
        return [f"step: expected a state of the same type as reset's, {kinds[0]}, got {kinds[1]}"]
    kinds = [{path: kind_of(value) for path, value in leaves(state)} for state in (before, after)]
    if kinds[0].keys() != kinds[1].keys():
        odd = sorted(kinds[0].keys() ^ kinds[1].keys())
        return [f"step: expected a state of the same structure as reset's; they differ in {', '.join(odd)}"]
    return [
        f"step: {path} is {kinds[1][path]}, after reset it was {kind}; write the same kind of value in both"
        for path, kind in kinds[0].items()
        if kinds[1][path] != kind
    ]


def wrong_values(role: str, values: Any, size: int | None) -> list[str]:
    """Return what is wrong with a tuple of numbers, such as an observation; `size` None is any."""
    if not isinstance(values, tuple):
        hint = "write (x,), with the comma" if kind_of(values) in {NUMBER, WHOLE, FLAG} else "write (x, y, ...)"
        return [f"{role}: expected a tuple of values, got {kind_of(values)}; {hint}"]
    items: Any = values
    found = [
        f"{role}: value {k} is {kind_of(value)}, expected a number"
        + ("; write where(flag, 1.0, 0.0)" if kind_of(value) == FLAG else "")
        for k, value in enumerate(items)
        if kind_of(value) not in {NUMBER, WHOLE}
    ]
    if size is not None and len(items) != size:
        found.append(f"{role}: expected {size} values, as observation_space has, got {len(items)}")
    return found


def wrong_answer(answer: Any) -> list[str]:
    """Return what is wrong with what `step` gives, the state left aside."""
    if not isinstance(answer, tuple) or hasattr(answer, "_fields") or len(answer) != 3:
        items: Any = answer
        what = f"{len(items)} values" if type(items) is tuple else kind_of(items)
        return [f"step: expected (state, reward, terminated), got {what}; the time limit is max_episode_steps of the spec"]
    _, reward, terminated = answer
    found: list[str] = []
    if kind_of(reward) not in {NUMBER, WHOLE}:
        found.append(f"step: expected a reward that is a number, got {kind_of(reward)}")
    if kind_of(terminated) != FLAG:
        found.append(f"step: expected terminated to be a truth value, got {kind_of(terminated)}; write x > limit, or False")
    return found


def wrong_picture(picture: Any) -> list[str]:
    """Return what is wrong with a picture."""
    layout = (getattr(picture, "dtype", None), getattr(picture, "shape", ())[2:])
    if layout != (np.uint8, (3,)):
        what = f"{picture.dtype} of shape {picture.shape}" if isinstance(picture, np.ndarray) else kind_of(picture)
        return [f"picture: expected an array (height, width, 3) of uint8, got {what}"]
    return []


def wrong_numbers(values: Any, space: Box) -> str | None:
    """Return what is wrong with the numbers of an observation; bounds count in float32, as in Gymnasium."""
    for k, (value, low, high) in enumerate(zip(values, space.low, space.high, strict=True)):
        if not np.isfinite(value):
            return f"value {k} is {float(value)}, expected a finite number"
        if not np.float32(low) <= np.float32(value) <= np.float32(high):
            return f"value {k} is {float(value)}, outside [{low}, {high}] of observation_space"
    return None
