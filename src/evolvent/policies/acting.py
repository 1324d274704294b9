"""The compiled step from observations to actions, for whoever steps a world in Python."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Actions, Observations, Outputs, Row
from evolvent.errors import UsageError
from evolvent.jit import bind, specialise
from evolvent.networks import Network
from evolvent.policies.actions import AUTO, action_rule, draws, num_outputs
from evolvent.seeding import Draw
from evolvent.spaces import ActionSpace, Box, Space

Act = Callable[..., bool]
Outputting = Callable[[Row, Observations, Outputs], None]
WatchedAct = Callable[..., int]

KEPT: Final = 64  # compiled functions, by network, action space and rule

NOT_FINITE: Final = 1
OUTSIDE: Final = 2


@functools.lru_cache(maxsize=KEPT)
def compile_act(network: Network, action_space: ActionSpace, rule: str = AUTO) -> Act:
    """Return a function that writes the actions of a row of parameters for observations.

    Args:
        network: What turns observations into outputs.
        action_space: Of the actions.
        rule: What makes actions of outputs; see `evolvent.policies.actions.action_rule`.

    Returns:
        A function of the row `(dim,)`, observations `(n, observation size)` and actions `(n, action size)`; where the rule
        draws, also of the episode's key, a uint64, and of the step, 1 for the first. It returns whether every observation
        and every output of the network was a finite number.
    """
    act = bind(_act, **_bindings(network, action_space, rule))
    return specialise(act) if draws(action_space, rule) else specialise(_act_undrawn, ACT=act)


class Desk(NamedTuple):
    """What a step needs besides the row, in one array: to hand a compiled function another one takes long for a small network.

    Args:
        whole: The array, of which all others are parts.
        observations: `(1, observation size)`, what is seen.
        bounds: `(2, observation size)`, the lower ones and the upper ones.
        actions: `(1, action size)`, what is done.
    """

    whole: NDArray[np.float64]
    observations: NDArray[np.float64]
    bounds: NDArray[np.float64]
    actions: NDArray[np.float64]


def desk(bounds: NDArray[np.float64], action_size: int) -> Desk:
    """Return a desk for observations within `bounds (2, observation size)` and actions of so many numbers."""
    width = bounds.shape[1]
    whole = np.concatenate([np.zeros(width), bounds.ravel(), np.zeros(action_size)])
    return Desk(
        whole=whole,
        observations=whole[:width].reshape(1, width),
        bounds=whole[width : 3 * width].reshape(2, width),
        actions=whole[3 * width :].reshape(1, action_size),
    )


def compile_watched_act(network: Network, action_space: ActionSpace, rule: str = AUTO) -> WatchedAct:
    """Return what does the same on a `Desk`, and watches what it is shown.

    Args:
        network: As for `compile_act`.
        action_space: As for `compile_act`.
        rule: As for `compile_act`.

    Returns:
        A function of the row `(dim,)` and the whole of a desk; where the rule draws, also of the episode's key and of the step.
        It returns a sum: `NOT_FINITE` if a number in the observation or in the outputs is not finite, and `OUTSIDE` if the
        observation lies outside its bounds.
    """
    act = bind(
        _watched_act,
        ACT=bind(_act, **_bindings(network, action_space, rule)),
        WIDTH=network.num_inputs,
        ACTION_SIZE=action_space.size,
    )
    return specialise(act) if draws(action_space, rule) else specialise(_watched_act_undrawn, ACT=act)


@functools.lru_cache(maxsize=KEPT)
def compile_outputs(network: Network) -> Outputting:
    """Return a function that writes the outputs `(n, num_outputs)` of a row for observations `(n, num_inputs)`."""
    return specialise(_write_outputs, FORWARD=network.forward(), INITIAL_MEMORY=network.initial_memory)


def refuse_misfits(network: Network, observation_space: Space, action_space: Space) -> None:
    """Refuse a network that takes other observations, or gives other outputs than the action space asks for.

    Raises:
        UsageError: The network does not fit; compiled code would read past the end of its inputs.
    """
    if network.num_inputs != observation_space.width:
        shown = f"shape {observation_space.shape}" if isinstance(observation_space, Box) else observation_space
        raise UsageError(f"network: {network.num_inputs} inputs do not fit observations of {shown}")
    if network.num_outputs != num_outputs(action_space):
        raise UsageError(f"network: {network.num_outputs} outputs do not fit the action space {action_space}")


def _bindings(network: Network, action_space: ActionSpace, rule: str) -> dict[str, Any]:
    return {
        "FORWARD": network.forward(),
        "CHOOSE": action_rule(action_space, rule),
        "INITIAL_MEMORY": network.initial_memory,
        "ACTION_SIZE": action_space.size,
    }


ACT: Any = None
FORWARD: Any = None
CHOOSE: Any = None
INITIAL_MEMORY: Any = ()
ACTION_SIZE = 0
WIDTH = 0
APART: Final = np.uint64(0x9FB21C651E98DF25)  # the keys of a batch's observations, each an episode of its own


def _act(row: Row, observations: Observations, actions: Actions, key: np.uint64, step: int) -> bool:
    finite = True
    for i in range(len(observations)):
        for value in observations[i]:
            finite &= value - value == 0.0
        outputs, _ = FORWARD(row, INITIAL_MEMORY, observations[i])
        for value in outputs:
            finite &= value - value == 0.0
        action = CHOOSE(outputs, Draw(key + np.uint64(i) * APART, step))
        for k in range(ACTION_SIZE):
            actions[i, k] = action[k]
    return finite


def _act_undrawn(row: Row, observations: Observations, actions: Actions) -> bool:
    return ACT(row, observations, actions, np.uint64(0), 0)


def _watched_act(row: Row, whole: NDArray[np.float64], key: np.uint64, step: int) -> int:
    flags = 0
    for k in range(WIDTH):
        if whole[k] < whole[WIDTH + k] or whole[k] > whole[2 * WIDTH + k]:
            flags = OUTSIDE
    observations, actions = whole[:WIDTH].reshape((1, WIDTH)), whole[3 * WIDTH :].reshape((1, ACTION_SIZE))
    if not ACT(row, observations, actions, key, step):
        flags += NOT_FINITE
    return flags


def _watched_act_undrawn(row: Row, whole: NDArray[np.float64]) -> int:
    return ACT(row, whole, np.uint64(0), 0)


def _write_outputs(row: Row, observations: Observations, outputs: Outputs) -> None:
    for i in range(len(observations)):
        values, _ = FORWARD(row, INITIAL_MEMORY, observations[i])
        for k in range(len(values)):
            outputs[i, k] = values[k]
