"""Episodes of random actions in a world, stepped in plain Python."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from evolvent.envs import Env
from evolvent.policies.actions import drawn_evenly
from evolvent.seeding import Draw, stream
from evolvent.spaces import ActionSpace, Box
from evolvent.testing.contract import (
    Broken,
    call,
    wrong_answer,
    wrong_change,
    wrong_numbers,
    wrong_picture,
    wrong_state,
    wrong_values,
)

MOST_STEPS = 200
WIDEST = 10.0  # where an action has no bound


class Step(NamedTuple):
    """A step of an episode."""

    state: Any
    action: tuple[float, ...]
    draw: Draw
    answer: Any


def random_actions(space: ActionSpace, seed: int, count: int) -> list[tuple[float, ...]]:
    """Return actions of a space, drawn evenly, and one in five of those of a box on a bound."""
    shares = stream(seed, "random actions").uniform((count, space.size))
    if not isinstance(space, Box):
        return [tuple(map(float, action)) for action in drawn_evenly(shares, space)]
    low, high = np.maximum(space.low, -WIDEST), np.minimum(space.high, WIDEST)
    actions = np.clip(low + (1.25 * shares - 0.125) * (high - low), low, high)
    return [tuple(map(float, action)) for action in actions]


def episode(env: Env, seed: int) -> Iterator[Step]:
    """Yield the steps of the episode of `seed`.

    Raises:
        Broken: A function raises.
    """
    state = call("reset", env.reset, Draw(seed, 0))
    actions = random_actions(env.spec.action_space, seed, min(env.spec.max_episode_steps, MOST_STEPS))
    for number, action in enumerate(actions, start=1):
        draw = Draw(seed, number)
        answer = call("step", env.step, state, action, draw)
        yield Step(state, action, draw, answer)
        state, _, over = answer
        if over:
            return


def wrong_episodes(env: Env, count: int) -> list[str]:
    """Return what is wrong in `count` episodes, each kind of fault once."""
    if found := _wrong_first(env):
        return found
    faults: dict[str, str] = {}
    for seed in range(count):
        try:
            for step in episode(env, seed):
                for fault, text in _wrong_step(env, step):
                    faults.setdefault(fault, text)
        except Broken as problem:
            faults.setdefault("raises", str(problem))
    return [*faults.values(), *([] if faults else _wrong_again(env))]


def _wrong_first(env: Env) -> list[str]:
    """Return what is wrong with the kinds of values in a first step."""
    try:
        state = call("reset", env.reset, Draw(0, 0))
        if found := wrong_state("reset", state):
            return found
        found = _wrong_views(env, state)
        [action] = random_actions(env.spec.action_space, 0, 1)
        answer = call("step", env.step, state, action, Draw(0, 1))
    except Broken as problem:
        return [str(problem)]
    return found + (wrong_answer(answer) or wrong_state("step", answer[0]) or wrong_change(state, answer[0]))


def _wrong_views(env: Env, state: Any) -> list[str]:
    found = wrong_values("observe", call("observe", env.observe, state), env.spec.observation_space.width)
    if env.describe is not None:
        found += wrong_values("describe", call("describe", env.describe, state), None)
    if env.picture is not None:
        found += wrong_picture(call("picture", env.picture, state))
    return found


def _wrong_step(env: Env, step: Step) -> Iterator[tuple[str, str]]:
    """Yield faults, each with its text."""
    when = f"in step {step.draw.step} of the episode of seed {step.draw.key}"
    fault = next(iter(wrong_answer(step.answer)), None)
    if fault is not None:
        raise Broken(f"{fault} {when}")
    state, reward, _ = step.answer
    for text in wrong_state("step", state) or wrong_change(step.state, state):
        yield text[:40], f"{text}, {when}"
    if not np.isfinite(reward):
        yield "reward", f"step: the reward is {float(reward)}, expected a finite number, {when}, from {step.state}"
    values = call("observe", env.observe, state)
    fault = next(iter(wrong_values("observe", values, env.spec.observation_space.width)), None)
    fault = fault or wrong_numbers(values, env.observation_space)
    if fault is not None:
        yield "observe", f"observe: {fault.removeprefix('observe: ')}, {when}, {state}"


def _wrong_again(env: Env) -> list[str]:
    """Return which function gives something else when it is called again."""
    hint = "randomness comes from uniform(draw, k), and what changes belongs into the state"
    first = list(episode(env, 0))
    starts = [repr(call("reset", env.reset, Draw(0, 0))) for _ in range(3)]
    if len(set(starts)) > 1:
        return [f"reset: the same draw gives another state when it is called again; {hint}"]
    list(episode(env, 1))
    for step in first:
        views = [repr(call("observe", env.observe, step.state)) for _ in range(2)]
        if views[0] != views[1]:
            return [f"observe: the same state gives another observation when it is called again; {hint}"]
        if repr(call("step", env.step, step.state, step.action, step.draw)) != repr(step.answer):
            return [f"step: the same arguments give another answer when it is called again (step {step.draw.step}); {hint}"]
    return []
