"""The compiled step from observations to actions, for whoever steps a world in Python."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Actions, Observations, Outputs, Row
from evolvent.errors import UsageError
from evolvent.jit import bind, specialise
from evolvent.networks import Network
from evolvent.policies.actions import action_rule, num_outputs
from evolvent.spaces import Box, Space

Bounds: TypeAlias = NDArray[np.float64]  # (2, observation size) the lower ones, the upper ones

Act = Callable[[Row, Observations, Actions], bool]
Outputting = Callable[[Row, Observations, Outputs], None]
WatchedAct = Callable[[Row, Observations, Bounds, Actions], int]

KEPT: Final = 64  # compiled functions, by network and action space

NOT_FINITE: Final = 1
OUTSIDE: Final = 2


@functools.lru_cache(maxsize=KEPT)
def compile_act(network: Network, action_space: Space) -> Act:
    """Return a function that writes the actions `(n, action size)` of a row for observations `(n, observation size)`.

    It returns whether every observation and every output of the network was a finite number.
    """
    return specialise(_act, **_bindings(network, action_space))


def compile_watched_act(network: Network, action_space: Space) -> WatchedAct:
    """Return what `compile_act` does, with the bounds of an observation as one more argument.

    The function returns a sum: `NOT_FINITE` if a number in the observations or in the outputs is not finite, and `OUTSIDE`
    if an observation lies outside the bounds.
    """
    return specialise(_watched_act, ACT=bind(_act, **_bindings(network, action_space)))


@functools.lru_cache(maxsize=KEPT)
def compile_outputs(network: Network) -> Outputting:
    """Return a function that writes the outputs `(n, num_outputs)` of a row for observations `(n, num_inputs)`."""
    return specialise(_write_outputs, FORWARD=network.forward(), INITIAL_MEMORY=network.initial_memory)


def refuse_misfits(network: Network, observation_space: Box, action_space: Space) -> None:
    """Refuse a network that takes other observations, or gives other outputs than the action space asks for.

    Raises:
        UsageError: The network does not fit; compiled code would read past the end of its inputs.
    """
    if network.num_inputs != observation_space.size:
        raise UsageError(f"network: {network.num_inputs} inputs do not fit observations of shape {observation_space.shape}")
    if network.num_outputs != num_outputs(action_space):
        raise UsageError(f"network: {network.num_outputs} outputs do not fit the action space {action_space}")


def _bindings(network: Network, action_space: Space) -> dict[str, Any]:
    return {
        "FORWARD": network.forward(),
        "CHOOSE": action_rule(action_space),
        "INITIAL_MEMORY": network.initial_memory,
        "ACTION_SIZE": action_space.size,
    }


ACT: Any = None
FORWARD: Any = None
CHOOSE: Any = None
INITIAL_MEMORY: Any = ()
ACTION_SIZE = 0


def _act(row: Row, observations: Observations, actions: Actions) -> bool:
    finite = True
    for i in range(len(observations)):
        for value in observations[i]:
            finite &= value - value == 0.0
        outputs, _ = FORWARD(row, INITIAL_MEMORY, observations[i])
        for value in outputs:
            finite &= value - value == 0.0
        action = CHOOSE(outputs)
        for k in range(ACTION_SIZE):
            actions[i, k] = action[k]
    return finite


def _watched_act(row: Row, observations: Observations, bounds: Bounds, actions: Actions) -> int:
    flags = 0
    for i in range(len(observations)):
        for k in range(len(observations[i])):
            if observations[i, k] < bounds[0, k] or observations[i, k] > bounds[1, k]:
                flags = OUTSIDE
    if not ACT(row, observations, actions):
        flags += NOT_FINITE
    return flags


def _write_outputs(row: Row, observations: Observations, outputs: Outputs) -> None:
    for i in range(len(observations)):
        values, _ = FORWARD(row, INITIAL_MEMORY, observations[i])
        for k in range(len(values)):
            outputs[i, k] = values[k]
