"""The compiled step for whoever steps a world in Python, an episode at a time: all it needs lies in one array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Observations, Row
from evolvent.jit import bind, specialise
from evolvent.moments import Moments
from evolvent.networks import Network
from evolvent.policies.acting import bound_act
from evolvent.policies.actions import AUTO, draws
from evolvent.policies.normaliser import deviation_from, scaled
from evolvent.spaces import ActionSpace

WatchedAct = Callable[..., int]

NOT_FINITE: Final = 1
OUTSIDE: Final = 2


class Desk(NamedTuple):
    """What a step needs besides the row, in one array: to hand a compiled function another one takes long for a small network.

    Args:
        whole: The array, of which all others are parts.
        observations: `(1, observation size)`, what is seen.
        bounds: `(2, observation size)`, the lower ones and the upper ones.
        actions: `(1, action size)`, what is done.
        memory: `(memory size,)`, what the network remembers; `begin` writes it for a new episode.
        normaliser: `(2, observation size)`, the mean and the scale by which observations are normalised, if they are.
        sums: `(2 * observation size,)`, of an episode's deviations from that mean and of their squares; likewise.
    """

    whole: NDArray[np.float64]
    observations: NDArray[np.float64]
    bounds: NDArray[np.float64]
    actions: NDArray[np.float64]
    memory: NDArray[np.float64]
    normaliser: NDArray[np.float64]
    sums: NDArray[np.float64]


def desk(bounds: NDArray[np.float64], action_size: int, memory_size: int = 0) -> Desk:
    """Return a desk for observations within `bounds (2, observation size)`, actions and a memory of so many numbers."""
    width = bounds.shape[1]
    sizes = {"observations": width, "bounds": 2 * width, "actions": action_size, "memory": memory_size}
    sizes |= {"normaliser": 2 * width, "sums": 2 * width, "shown": width}
    whole = np.zeros(sum(sizes.values()))
    *parts, _ = np.split(whole, np.cumsum(list(sizes.values()))[:-1])
    named = dict(zip(sizes, parts, strict=False))
    named["bounds"][:] = bounds.ravel()
    return Desk(
        whole=whole,
        observations=named["observations"].reshape(1, width),
        bounds=named["bounds"].reshape(2, width),
        actions=named["actions"].reshape(1, action_size),
        memory=named["memory"],
        normaliser=named["normaliser"].reshape(2, width),
        sums=named["sums"],
    )


def begin(at: Desk, network: Network, normaliser: Moments | None) -> None:
    """Have a desk ready for an episode: nothing is remembered and nothing summed up."""
    if at.memory.size:
        at.memory[:] = network.initial_memory
    if normaliser is not None:
        at.normaliser[:] = normaliser.mean, normaliser.scale
        at.sums[:] = 0.0


def compile_watched_act(
    network: Network, action_space: ActionSpace, rule: str = AUTO, *, normalised: bool = False
) -> WatchedAct:
    """Return the step on a `Desk`, which watches what it is shown.

    Args:
        network: As for `compile_act`.
        action_space: As for `compile_act`.
        rule: As for `compile_act`.
        normalised: Whether the network is shown observations normalised, and their sums are kept.

    Returns:
        A function of the row `(dim,)` and the whole of a desk; where the rule draws, also of the episode's key and of the step.
        It returns a sum: `NOT_FINITE` if a number in the observation or in the outputs is not finite, and `OUTSIDE` if the
        observation lies outside its bounds.
    """
    width, memory_size = network.num_inputs, len(network.initial_memory)
    behind = 3 * width + action_space.size + memory_size
    places = {"NORMALISER": behind, "SUMS": behind + 2 * width, "SHOWN": behind + 4 * width}
    act = bind(
        _watched_act,
        ACT=bound_act(network, action_space, rule),
        SHOW=bind(_normalised, WIDTH=width, **places) if normalised else bind(_as_it_is, WIDTH=width),
        WIDTH=width,
        ACTION_SIZE=action_space.size,
        MEMORY_SIZE=memory_size,
    )
    return specialise(act) if draws(action_space, rule) else specialise(_undrawn, ACT=act)


# --- the names in capitals are bound above --------------------------------------------------------------------------

WIDTH = ACTION_SIZE = MEMORY_SIZE = NORMALISER = SUMS = SHOWN = 0
ACT: Any = None
SHOW: Any = None


def _watched_act(row: Row, whole: NDArray[np.float64], key: np.uint64, step: int) -> int:
    flags = 0
    for k in range(WIDTH):
        if whole[k] < whole[WIDTH + k] or whole[k] > whole[2 * WIDTH + k]:
            flags = OUTSIDE
    actions = whole[3 * WIDTH : 3 * WIDTH + ACTION_SIZE].reshape((1, ACTION_SIZE))
    memories = whole[3 * WIDTH + ACTION_SIZE : 3 * WIDTH + ACTION_SIZE + MEMORY_SIZE].reshape((1, MEMORY_SIZE))
    if not ACT(row, SHOW(whole), actions, memories, key, step):
        flags += NOT_FINITE
    return flags


def _undrawn(row: Row, whole: NDArray[np.float64]) -> int:
    return ACT(row, whole, np.uint64(0), 0)


def _as_it_is(whole: NDArray[np.float64]) -> Observations:
    return whole[:WIDTH].reshape((1, WIDTH))


def _normalised(whole: NDArray[np.float64]) -> Observations:
    for k in range(WIDTH):
        deviation = deviation_from(whole[k], whole[NORMALISER + k])
        whole[SUMS + k] = whole[SUMS + k] + deviation
        whole[SUMS + WIDTH + k] = whole[SUMS + WIDTH + k] + deviation * deviation
        whole[SHOWN + k] = scaled(deviation, whole[NORMALISER + WIDTH + k])
    return whole[SHOWN : SHOWN + WIDTH].reshape((1, WIDTH))
