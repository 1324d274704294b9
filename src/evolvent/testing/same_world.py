# pyright: basic
"""Is a compiled world the one that somebody has as a Gymnasium environment already?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import numpy as np

from evolvent.envs import Env
from evolvent.errors import UsageError
from evolvent.policies.actions import for_environment
from evolvent.seeding import Draw
from evolvent.spaces import Box
from evolvent.tasks.gym_env import make
from evolvent.tasks.gym_spaces import space_of
from evolvent.testing.contract import Broken, call, wrong_answer, wrong_values
from evolvent.testing.random_episodes import MOST_STEPS, random_actions

Inject = Callable[[Any, Any], object]


def check_same_world(env: Env, gym_env: Any, *, inject: Inject, episodes: int = 20, tolerance: float = 1e-12) -> None:
    """Refuse a compiled world that does not do what a Gymnasium environment does; return quietly if they agree.

    Episodes of random actions are stepped in the compiled world, in plain Python. Before each step its state is written
    into the Gymnasium environment, so that rounding does not add up; both make the step, and what they show, pay and say of
    the end is compared. What is drawn at random within a step cannot be compared: give both the same constant instead.

    Args:
        env: The compiled world.
        gym_env: The other one: a Gymnasium environment, or the id of one.
        inject: `inject(gym_env, state)` writes a state of ours into the Gymnasium environment, which it is given without
            wrappers and just reset.
        episodes: How many episodes, of 200 steps at most.
        tolerance: How far two numbers may lie apart, times the larger of 1 and theirs; where the Gymnasium environment
            shows float32, the rounding to it comes on top.

    Raises:
        UsageError: They differ. The message has the spaces that do, or the first step that does: its state and action,
            and which value differs by how much.

    Examples:
        >>> from evolvent.envs import CARTPOLE
        >>> def inject(gym_env, state):
        ...     gym_env.state = np.array(state)
        >>> check_same_world(CARTPOLE, "CartPole-v1", inject=inject, episodes=3)
    """
    if not isinstance(gym_env, str):
        _compare(env, gym_env, inject, episodes, tolerance)
        return
    with closing(make(gym_env)) as made:
        _compare(env, made, inject, episodes, tolerance)


def _compare(env: Env, gym_env: Any, inject: Inject, episodes: int, tolerance: float) -> None:
    found = list(_other_spaces(env, gym_env))
    try:
        for seed in range(episodes if not found else 0):
            if difference := _in_episode(env, gym_env, inject, seed, tolerance):
                found = [difference]
                break
    except Broken as problem:
        found = [str(problem)]
    if found:
        raise UsageError(f"{env.spec.id} is not the same world: {'; '.join(found)}")


def _other_spaces(env: Env, gym_env: Any) -> Iterator[str]:
    for role in ("observation_space", "action_space"):
        ours, theirs = getattr(env.spec, role), getattr(gym_env, role)
        if not (_same_box(ours, theirs) if isinstance(ours, Box) else ours == space_of(theirs, role.partition("_")[0])):
            yield f"{role}: expected {theirs}, got {ours}"


def _same_box(ours: Box, theirs: Any) -> bool:
    if not hasattr(theirs, "low") or theirs.shape != ours.shape:
        return False
    bounds = ((ours.low, theirs.low), (ours.high, theirs.high))
    return all(np.array_equal(np.array(one, np.float32), np.array(other, np.float32).ravel()) for one, other in bounds)


def _in_episode(env: Env, gym_env: Any, inject: Inject, seed: int, tolerance: float) -> str | None:
    """Return the first difference in the episode of `seed`; None for none."""
    state = call("reset", env.reset, Draw(seed, 0))
    actions = np.array(random_actions(env.spec.action_space, seed, min(env.spec.max_episode_steps, MOST_STEPS)))
    for number, taken in enumerate(for_environment(actions, env.spec.action_space), start=1):
        action = tuple(map(float, actions[number - 1].astype(np.float32)))
        call("gym_env.reset", gym_env.reset, seed=seed)
        call("inject", inject, gym_env.unwrapped, state)
        observation, paid, ended, *_ = call("gym_env.step", gym_env.step, taken)
        answer = call("step", env.step, state, action, Draw(seed, number))
        if wrong := wrong_answer(answer):
            raise Broken(wrong[0])
        after, reward, over = answer
        shown = call("observe", env.observe, after)
        if wrong := wrong_values("observe", shown, env.spec.observation_space.width):
            raise Broken(wrong[0])
        named = [(f"observation {k}", *pair) for k, pair in enumerate(zip(shown, np.ravel(observation), strict=True))]
        for name, ours, theirs in [*named, ("the reward", reward, paid), ("terminated", over, ended)]:
            if apart := _apart(ours, theirs, tolerance):
                return (
                    f"in step {number} of the episode of seed {seed}, {name} is {ours}, expected {theirs}{apart};"
                    f" before it {state}, the action {action}"
                )
        if over:
            return None
        state = after
    return None


def _apart(ours: Any, theirs: Any, tolerance: float) -> str:
    """Return how far two values lie apart, in words; nothing where that is near enough."""
    if isinstance(theirs, (bool, np.bool_)):
        return "" if bool(ours) == bool(theirs) else ", which is the other one"
    difference = abs(float(ours) - float(theirs))
    rounding = float(np.spacing(abs(theirs))) if getattr(theirs, "dtype", None) == np.float32 else 0.0
    if difference <= tolerance * max(1.0, abs(float(theirs))) + rounding or ours == theirs:
        return ""
    return f", {difference:.3g} apart where {tolerance:.3g} is allowed"
