"""An entry of Gymnasium's registry on its way to a process of our own, where the id is known then too."""

from __future__ import annotations

from typing import Any

import gymnasium

from evolvent.engines.blueprint import pack, unpack
from evolvent.errors import UsageError
from evolvent.tasks.gym_ids import hint, is_registered, refuse_odd_module
from evolvent.tasks.gym_packages import is_game


def pack_entry(env_id: str) -> bytes:
    """Return the entry of `env_id` as bytes, none where there is none.

    Raises:
        UsageError: It holds what only this process has, a lambda for one.
    """
    entry: Any = gymnasium.registry.get(env_id)
    return b"" if entry is None else pack(entry)


def unpack_entry(content: bytes) -> None:
    """Add an entry to the registry, unless there is one of that id."""
    if content:
        entry: Any = unpack(content)
        gymnasium.registry.setdefault(entry.id, entry)


def refuse_unknown(env_id: str) -> None:
    """Refuse a text that can name no environment, without importing anything for it.

    Raises:
        UsageError: It names none.
    """
    refuse_odd_module(env_id)
    known = is_registered(env_id) or any(each.rpartition("-v")[0] == env_id for each in gymnasium.registry)
    if not known and ":" not in env_id and not is_game(env_id):
        raise UsageError(f"env: {env_id!r} is not a registered Gymnasium environment{hint(env_id)}")


def limit_of(env_id: str) -> int | None:
    """Return the steps after which the registry says that an episode is truncated; None for a factory too."""
    entry = gymnasium.registry.get(env_id.rpartition(":")[2])
    return entry.max_episode_steps if entry else None
