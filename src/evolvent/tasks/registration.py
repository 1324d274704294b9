"""A world of one's own under an id, for Evolvent and for Gymnasium at once."""

from __future__ import annotations

import logging
import re
from functools import partial
from typing import Any

import gymnasium

from evolvent.envs import ENVS, MAKERS, Env
from evolvent.errors import UsageError
from evolvent.fingerprint import NotFollowable, fingerprint
from evolvent.jit import PRIMITIVES
from evolvent.tasks.gym_view import view

log = logging.getLogger("evolvent")

ID = re.compile(r"([\w-]+/)?[\w.-]+-v\d+", re.ASCII)


def register(env: Env) -> None:
    """Make a world known by its id: `evolvent train module:Id-v0`, `ev.evolve` and `gymnasium.make` then find it.

    Write the call below the world, at the top level of its file. Registering a world again that is the same, as happens when
    its file is imported anew, changes nothing; another one of the same id takes its place, with a warning.

    Args:
        env: The world. Its id has Gymnasium's form, `Name-v0` or `namespace/Name-v0`.

    Raises:
        UsageError: The id is of another form, or that of one of Evolvent's or Gymnasium's own worlds.

    Examples:
        >>> from dataclasses import replace
        >>> from evolvent.envs import CARTPOLE
        >>> register(replace(CARTPOLE, spec=replace(CARTPOLE.spec, id="examples/Cart-v0")))
        >>> gymnasium.make("examples/Cart-v0").reset(seed=7)[0].shape
        (4,)
    """
    env_id = env.spec.id
    _refuse_odd_id(env_id)
    if env_id in MAKERS:
        raise UsageError(f"id: {env_id} is one of Evolvent's own worlds; choose another name")
    known = ENVS.get(env_id)
    if known is None and env_id in gymnasium.registry:
        raise UsageError(
            f"id: {env_id} is registered with Gymnasium already; choose another name, and hold your world to the other"
            f" one with evolvent.testing.check_same_world(env, {env_id!r}, inject=...)"
        )
    if known is not None and not _same(known, env):
        log.warning("%s: another world of this id was registered before; this one takes its place", env_id)
    ENVS[env_id] = env
    registry: Any = gymnasium
    registry.registry.pop(env_id, None)
    registry.register(
        env_id,
        entry_point=partial(view, env),
        max_episode_steps=env.spec.max_episode_steps,
        reward_threshold=env.spec.reward_threshold,
    )


def _refuse_odd_id(env_id: object) -> None:
    if not isinstance(env_id, str) or not ID.fullmatch(env_id):
        raise UsageError(
            f"id: expected a name with a version, such as 'Rocket-v0' or 'mine/Rocket-v0', of letters, digits, '-', '_', '.';"
            f" got {env_id!r}"
        )


def _same(one: Env, other: Env) -> bool:
    return one == other or (one.spec == other.spec and _content(one) is not None and _content(one) == _content(other))


def _content(env: Env) -> tuple[str | None, ...] | None:
    """Return what the compiled functions of a world compute; None where that cannot be told."""
    functions = (env.reset, env.observe, env.step, env.describe)
    try:
        return tuple(each and fingerprint(each, PRIMITIVES) for each in functions)
    except NotFollowable:
        return None
