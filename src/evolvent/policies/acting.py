"""The compiled step from observations to actions, for whoever steps a world in Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evolvent.arrays import Actions, Observations, Row
from evolvent.errors import UsageError
from evolvent.jit import specialise
from evolvent.networks import Network
from evolvent.policies.actions import action_rule, num_outputs
from evolvent.spaces import Box, Space

Act = Callable[[Row, Observations, Actions], bool]


def compile_act(network: Network, action_space: Space) -> Act:
    """Return a function that writes the actions `(n, action size)` of a row for observations `(n, observation size)`.

    It returns whether every observation and every output of the network was a finite number.
    """
    return specialise(
        _act,
        FORWARD=network.forward(),
        CHOOSE=action_rule(action_space),
        INITIAL_MEMORY=network.initial_memory,
        ACTION_SIZE=action_space.size,
    )


def refuse_misfits(network: Network, observation_space: Box, action_space: Space) -> None:
    """Refuse a network that takes other observations, or gives other outputs than the action space asks for.

    Raises:
        UsageError: The network does not fit; compiled code would read past the end of its inputs.
    """
    if network.num_inputs != observation_space.size:
        raise UsageError(f"network: {network.num_inputs} inputs do not fit observations of shape {observation_space.shape}")
    if network.num_outputs != num_outputs(action_space):
        raise UsageError(f"network: {network.num_outputs} outputs do not fit the action space {action_space}")


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
