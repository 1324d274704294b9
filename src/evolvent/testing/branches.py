# pyright: basic
"""Where the functions of a world do what lanes cannot do, found without compiling anything."""

from __future__ import annotations

from typing import Any

import numpy as np

from evolvent.envs import Env
from evolvent.seeding import Draw
from evolvent.testing.contract import Broken, call
from evolvent.testing.notes import Notes
from evolvent.testing.random_episodes import random_actions
from evolvent.testing.traced import TooManyBranches, Traced, traced

KEYS = np.array([0, 1], np.uint64)


def branches(env: Env) -> list[str]:
    """Return a line for each place where a function of `env` branches on a value, or uses what no lane has."""
    notes = Notes()
    for answer in (True, False):
        notes.answer = answer
        _walk(env, notes)
    return notes.texts()


def _walk(env: Env, notes: Notes) -> None:
    """Call every function once, on a state that holds two numbers in each place."""
    draw = Draw(Traced(KEYS, notes), Traced(np.ones(2, np.int64), notes))
    actions = random_actions(env.spec.action_space, 0, 2)
    action = tuple(Traced(pair, notes) for pair in zip(*actions, strict=True))
    calls: list[tuple[Any, tuple[Any, ...]]] = [(env.reset, (draw,))]
    try:
        first = call("reset", env.reset, Draw(0, 0))
    except Broken:  # which is told by who calls it with numbers, as is a state of another kind
        first = None
    if isinstance(first, tuple) and getattr(first, "_fields", ()):
        state = in_lanes(first, notes)
        calls += [(env.observe, (state,)), (env.step, (state, action, draw))]
        calls += [] if env.describe is None else [(env.describe, (state,))]
    for function, arguments in calls:
        notes.branches = 0
        before = len(notes.found)
        try:
            traced(function, notes)(*arguments)
        except TooManyBranches:
            continue
        except (Exception, SystemExit) as problem:  # noqa: BLE001 - of any kind: the user's code is being run
            if len(notes.found) == before and notes.answer:
                notes.stumble(function, problem)


def in_lanes(state: Any, notes: Notes) -> Any:
    """Return a state with two lanes in the place of each number."""
    if isinstance(state, tuple):
        parts = [in_lanes(part, notes) for part in state]
        return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)
    return Traced([state, state], notes)
