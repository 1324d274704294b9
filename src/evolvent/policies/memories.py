"""What a network remembers of several episodes side by side, a row of numbers each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evolvent.arrays import as_numbers
from evolvent.errors import UsageError
from evolvent.networks import Network

Memories = NDArray[np.float64]  # (n, memory size)


def fresh(network: Network, n: int) -> Memories | None:
    """Return the memories with which `n` episodes begin; None where a network remembers nothing."""
    return np.tile(np.array(network.initial_memory, np.float64), (n, 1)) if network.initial_memory else None


def carried(memories: Memories | None, network: Network, n: int) -> Memories | None:
    """Return a copy of memories for the next step of `n` episodes, fresh ones where there are none yet.

    Raises:
        UsageError: They are of another number of episodes.
    """
    if memories is None:
        return fresh(network, n)
    if len(memories) != n:
        raise UsageError(
            f"observation: expected {len(memories)} observations, as many as since the policy was reset, got {n}: its network"
            " remembers one episode for each; reset() begins others"
        )
    return memories.copy()


def given(state: Any, network: Network, n: int) -> Memories | None:
    """Return what a caller keeps of `n` episodes' memories, fresh ones where that is None.

    Raises:
        UsageError: It is no such thing.
    """
    memories = fresh(network, n)
    if memories is None or state is None:
        return memories
    values = as_numbers(state, "state", str(memories.shape))
    if values.shape != memories.shape:
        raise UsageError(f"state: expected what predict returned, of shape {memories.shape}, got {values.shape}")
    return np.array(values, np.float64)


def with_starts(memories: Memories, network: Network, episode_start: ArrayLike | None) -> None:
    """Make memories fresh where an episode starts.

    Raises:
        UsageError: There is not a flag for each.
    """
    if episode_start is None:
        return
    starts = np.atleast_1d(np.asarray(episode_start)).astype(np.bool_)
    if starts.shape != (len(memories),):
        raise UsageError(f"episode_start: expected a flag for each of {len(memories)} observations, got shape {starts.shape}")
    memories[starts] = network.initial_memory
