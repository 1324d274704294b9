# pyright: basic
"""An episode of random actions, held to what a run expects of an environment, and a digest of each of its steps."""

from __future__ import annotations

import copy
import hashlib
import math
import re
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from numbers import Real
from reprlib import repr as shortened
from typing import Any

import numpy as np

from evolvent.arrays import KINDS_OF_NUMBERS
from evolvent.testing.whereabouts import of_the_user

NEW_RESET = "reset(seed=, options=) gives (observation, info)"
NEW_STEP = "step(action) gives (observation, reward, terminated, truncated, info)"
OLDER_API = re.compile(r"unexpected keyword argument '(seed|options)'|not enough values to unpack \(expected 5, got 4\)")
DIGEST_BYTES = 8

Note = Callable[[str, int], None]


class Broken(Exception):
    """Raised when an episode cannot go on.

    Args:
        key: Of the finding.
        facts: What the finding is filled in with.
    """

    def __init__(self, key: str, **facts: Any) -> None:
        """Keep both."""
        super().__init__(key, facts)
        self.key, self.facts = key, facts


@dataclass
class Played:
    """How an episode went.

    Args:
        digests: Of the reset and of each step, hexadecimal.
        over: Whether the environment ended it.
        broken: What a run would fail it for; None if nothing.
        odd: What a run would only speak of: the key of a finding, and its facts.
        seconds: Of the reset and of each step.
    """

    digests: list[str] = field(default_factory=list[str])
    over: bool = False
    broken: Broken | None = None
    odd: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    seconds: list[float] = field(default_factory=list[float])


def play(env: Any, seed: int, most: int, until: float = math.inf, note: Note = lambda _, __: None) -> Played:
    """Play an episode of random actions, which depend on the seed alone.

    Args:
        env: With Gymnasium's API.
        seed: Of the episode.
        most: Steps, after which it is left.
        until: When to leave it, on the clock of `time.perf_counter` [s].
        note: Is called with the name of a method and the number of the step before each call.
    """
    played, actions = Played(), random_actions(env.action_space, seed)
    try:
        note("reset()", 0)
        began = time.perf_counter()
        observation = _observation(_call("reset()", env.reset, seed=seed))
        played.seconds.append(time.perf_counter() - began)
        _look(env.observation_space, observation, played)
        played.digests.append(digest(observation))
        while not played.over and len(played.seconds) <= most and (len(played.seconds) < 2 or time.perf_counter() < until):
            action = _call("action_space.sample()", next, actions)
            note("step()", len(played.seconds))
            began = time.perf_counter()
            answer = _call("step()", env.step, action)
            played.seconds.append(time.perf_counter() - began)
            observation, reward, played.over = _parts(answer)
            _look(env.observation_space, observation, played)
            played.digests.append(digest((observation, reward, played.over)))
    except Broken as broken:
        played.broken = broken
    return played


def random_actions(space: Any, seed: int) -> Iterator[Any]:
    """Yield actions of a space without end, the same for the same seed, without touching the space itself."""
    own = copy.deepcopy(space)
    own.seed(seed % 2**32)
    while True:
        yield own.sample()


def digest(content: Any) -> str:
    """Return a digest of what an environment showed or paid, of types, shapes and bits."""
    hashed = hashlib.sha256()
    for part in _content(content):
        hashed.update(part)
    return hashed.hexdigest()[: 2 * DIGEST_BYTES]


def first_difference(one: list[str], other: list[str]) -> str | None:
    """Return where two episodes part, in words; None where neither does as long as both were played."""
    for step, (mine, yours) in enumerate(zip(one, other, strict=False)):
        if mine != yours:
            return f"step {step} differs" if step else "the first observation differs"
    return None


def _content(value: Any) -> Iterator[bytes]:
    if isinstance(value, dict):
        for name in sorted(map(str, value)):
            yield name.encode()
        yield from _content([part for _, part in sorted(value.items(), key=lambda item: str(item[0]))])
    elif isinstance(value, list | tuple):
        yield f"{len(value)} parts".encode()
        for part in value:
            yield from _content(part)
    elif isinstance(value, str | bytes | None):
        yield repr(value).encode()
    else:
        array = np.asarray(value)
        yield f"{array.dtype} {array.shape}".encode()
        yield array.tobytes() if array.dtype.kind in KINDS_OF_NUMBERS else type(value).__name__.encode()


def _call(method: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        return function(*args, **kwargs)
    except (Exception, SystemExit) as problem:  # of any kind: the code is the user's
        if isinstance(problem, TypeError | ValueError) and OLDER_API.search(str(problem)):
            in_reset = method == "reset()" and isinstance(problem, TypeError)
            key, should = ("older_reset", NEW_RESET) if in_reset else ("older_step", NEW_STEP)
            raise Broken(key, found=f"{type(problem).__name__}: {problem}", should=should) from problem
        raise Broken("raises", method=method, problem=in_words(problem)) from problem


def in_words(problem: BaseException) -> str:
    """Return an exception in a line, with the place in the user's code that it came from."""
    frames = [(each.filename, each.lineno or 0, each.name) for each in traceback.extract_tb(problem.__traceback__)]
    where = of_the_user(reversed(frames))
    return f"{type(problem).__name__}: {problem}" + (f" ({where})" if where else "")


def _observation(answer: Any) -> Any:
    if isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[1], dict):
        return answer[0]
    raise Broken("older_reset", found=f"it gives {_described(answer)}", should=NEW_RESET)


def _parts(answer: Any) -> tuple[Any, float, bool]:
    """Return observation, reward, and whether the episode is over."""
    try:
        observation, reward, terminated, truncated, _ = answer
    except (TypeError, ValueError):
        raise Broken("older_step", found=f"it gives {_described(answer)}", should=NEW_STEP) from None
    value = np.asarray(reward)[()] if hasattr(reward, "__array__") else reward
    if not isinstance(value, Real | np.bool_) or not math.isfinite(value):
        raise Broken("odd_reward", found=shortened(reward))
    try:
        return observation, float(value), bool(terminated or truncated)
    except Exception as problem:
        raise Broken("odd_end", found=shortened((terminated, truncated))) from problem


def _look(space: Any, observation: Any, played: Played, place: str = "") -> None:
    """Note what is odd about an observation; refuse what a run would fail its episode for."""
    if hasattr(space, "low"):
        _look_at_numbers(space, np.asarray(observation), played, place)
    elif isinstance(getattr(space, "spaces", None), dict) and isinstance(observation, dict):
        if set(observation) != set(space.spaces):
            keys = shortened(sorted(map(str, observation)))
            raise Broken("not_in_space", place=place or "as a whole", found=f"it has {keys}")
        for name, part in space.spaces.items():
            _look(part, observation[name], played, f"{place}[{name!r}]")
    elif isinstance(getattr(space, "spaces", None), tuple) and isinstance(observation, tuple):
        if len(observation) != len(space.spaces):
            raise Broken("not_in_space", place=place or "as a whole", found=_described(observation))
        for index, part in enumerate(space.spaces):
            _look(part, observation[index], played, f"{place}[{index}]")
    elif not _call("observation_space.contains()", space.contains, observation):
        raise Broken("not_in_space", place=place or "as a whole", found=shortened(observation))


def _look_at_numbers(space: Any, array: np.ndarray[Any, Any], played: Played, place: str) -> None:
    at = f" at {place}" if place else ""
    if array.shape != space.shape or array.dtype.kind not in KINDS_OF_NUMBERS:
        found = f"{array.dtype} of shape {array.shape}{at}"
        raise Broken("wrong_shape", found=found, expected=f"{space.dtype} of shape {space.shape}")
    if not (finite := np.isfinite(array)).all():
        odd = np.unravel_index(int(np.argmin(finite)), array.shape)
        raise Broken("not_finite", found=f"{array[odd]} at {place}[{', '.join(map(str, odd))}]")
    if array.dtype != space.dtype:
        played.odd.setdefault("other_dtype", {"found": f"{array.dtype}{at}", "expected": space.dtype})
    if (outside := (array < space.low) | (array > space.high)).any():
        odd = np.unravel_index(int(np.argmax(outside)), array.shape)
        bounds = f"expected {space.low[odd]} to {space.high[odd]}"
        played.odd.setdefault("outside", {"found": f"{array[odd]} at {place}[{', '.join(map(str, odd))}], {bounds}"})


def _described(answer: Any) -> str:
    kind = type(answer).__name__
    return f"a {kind} of {len(answer)}" if hasattr(answer, "__len__") else f"a {kind}"
