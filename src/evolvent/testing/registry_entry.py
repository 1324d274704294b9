"""An entry of Gymnasium's registry on its way to a process of our own, where the id is known then too."""

from __future__ import annotations

from typing import Any

import gymnasium

from evolvent.engines.blueprint import pack, unpack


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


def limit_of(env_id: str) -> int | None:
    """Return the steps after which the registry says that an episode is truncated; None for a factory too."""
    entry = gymnasium.registry.get(env_id.rpartition(":")[2])
    return entry.max_episode_steps if entry else None
