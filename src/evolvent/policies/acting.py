"""The compiled step from observations to actions, for whoever steps a world in Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evolvent.arrays import Actions, Observations, Row
from evolvent.jit import specialise
from evolvent.networks import Network
from evolvent.policies.actions import action_rule
from evolvent.spaces import Space

Act = Callable[[Row, Observations, Actions], bool]


def compile_act(network: Network, action_space: Space) -> Act:
    """Return a function that writes the actions `(n, action size)` of a row for observations `(n, observation size)`.

    It returns whether every output of the network was a finite number.
    """
    return specialise(
        _act,
        FORWARD=network.forward(),
        CHOOSE=action_rule(action_space),
        INITIAL_MEMORY=network.initial_memory,
        ACTION_SIZE=action_space.size,
    )


FORWARD: Any = None
CHOOSE: Any = None
INITIAL_MEMORY: Any = ()
ACTION_SIZE = 0


def _act(row: Row, observations: Observations, actions: Actions) -> bool:
    finite = True
    for i in range(len(observations)):
        outputs, _ = FORWARD(row, INITIAL_MEMORY, observations[i])
        for value in outputs:
            finite &= value - value == 0.0
        action = CHOOSE(outputs)
        for k in range(ACTION_SIZE):
            actions[i, k] = action[k]
    return finite
