"""The compiled step from observations to actions, of one or of many at once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Actions, Observations, Outputs, Row
from evolvent.errors import UsageError
from evolvent.jit import bind, specialise
from evolvent.lanes import as_tuple, buffer, to_float32
from evolvent.networks import Network
from evolvent.policies.actions import AUTO, action_rule, draws, num_outputs
from evolvent.seeding import Draw
from evolvent.spaces import ActionSpace, Box, Space

Act = Callable[..., bool]
Outputting = Callable[..., None]
Memories = NDArray[np.float64]  # (n, memory size)

KEPT: Final = 64  # compiled functions, by network, action space and rule


@functools.lru_cache(maxsize=KEPT)
def compile_act(network: Network, action_space: ActionSpace, rule: str = AUTO) -> Act:
    """Return a function that writes the actions of a row of parameters for observations.

    Args:
        network: What turns observations into outputs.
        action_space: Of the actions.
        rule: What makes actions of outputs; see `evolvent.policies.actions.action_rule`.

    Returns:
        A function of the row `(dim,)`, observations `(n, observation size)` and actions `(n, action size)`; where the network
        remembers, also of memories `(n, memory size)` float64, one for each observation, which it carries on; where the rule
        draws, also of the episode's key, a uint64, and of the step, 1 for the first. It returns whether every observation
        and every output of the network was a finite number.
    """
    template = TEMPLATES[bool(network.initial_memory), draws(action_space, rule)]
    return specialise(template, ACT=bound_act(network, action_space, rule))


@functools.lru_cache(maxsize=KEPT)
def compile_outputs(network: Network) -> Outputting:
    """Return a function that writes the outputs of a row for observations.

    Args:
        network: What turns observations into outputs.

    Returns:
        A function of the row `(dim,)`, observations `(n, num_inputs)` and outputs `(n, num_outputs)`; where the network
        remembers, also of memories `(n, memory size)`, which stay as they are.
    """
    forward = {"FORWARD": network.forward(), "RECALL": _recalling(network)}
    return specialise(_write_outputs_of_memories if network.initial_memory else _write_outputs, **forward)


@functools.lru_cache(maxsize=KEPT)
def compile_last_outputs(network: Network) -> Outputting:
    """Return a function that writes the outputs after the last step of each sequence, which begins with nothing remembered.

    Args:
        network: What turns observations into outputs.

    Returns:
        A function of the row `(dim,)`, sequences `(n, time, num_inputs)` and outputs `(n, num_outputs)`.
    """
    return specialise(_write_last_outputs, FORWARD=network.forward(), INITIAL_MEMORY=network.initial_memory)


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


def bound_act(network: Network, action_space: ActionSpace, rule: str) -> Act:
    """Return the step, not compiled: a function of row, observations, actions, memories, key and step."""
    return bind(
        _act,
        FORWARD=network.forward(),
        CHOOSE=action_rule(action_space, rule),
        RECALL=_recalling(network),
        KEEP=bind(_keep, MEMORY_SIZE=len(network.initial_memory)) if network.initial_memory else _keep_nothing,
        ACTION_SIZE=action_space.size,
    )


def _recalling(network: Network) -> Callable[..., Any]:
    size = len(network.initial_memory)
    return bind(_recall, MEMORY_SIZE=size) if size else _recall_nothing


# --- the names in capitals are bound above --------------------------------------------------------------------------

ACT: Any = None
FORWARD: Any = None
CHOOSE: Any = None
RECALL: Any = None
KEEP: Any = None
INITIAL_MEMORY: Any = ()
ACTION_SIZE = MEMORY_SIZE = 0
APART: Final = np.uint64(0x9FB21C651E98DF25)  # the keys of a batch's observations, each an episode of its own


def _act(row: Row, observations: Observations, actions: Actions, memories: Memories, key: np.uint64, step: int) -> bool:
    finite = True
    for i in range(len(observations)):
        for value in observations[i]:
            finite &= value - value == 0.0
        outputs, memory = FORWARD(row, RECALL(memories, i), observations[i])
        KEEP(memories, i, memory)
        for value in outputs:
            finite &= value - value == 0.0
        action = CHOOSE(outputs, Draw(key + np.uint64(i) * APART, step))
        for k in range(ACTION_SIZE):
            actions[i, k] = action[k]
    return finite


def _undrawn(row: Row, observations: Observations, actions: Actions) -> bool:
    return ACT(row, observations, actions, observations, np.uint64(0), 0)


def _drawn(row: Row, observations: Observations, actions: Actions, key: np.uint64, step: int) -> bool:
    return ACT(row, observations, actions, observations, key, step)


def _remembering(row: Row, observations: Observations, actions: Actions, memories: Memories) -> bool:
    return ACT(row, observations, actions, memories, np.uint64(0), 0)


def _drawn_remembering(
    row: Row, observations: Observations, actions: Actions, memories: Memories, key: np.uint64, step: int
) -> bool:
    return ACT(row, observations, actions, memories, key, step)


TEMPLATES: Final = {  # by whether the network remembers, and whether the rule draws
    (False, False): _undrawn,
    (False, True): _drawn,
    (True, False): _remembering,
    (True, True): _drawn_remembering,
}


def _recall(memories: Memories, i: int) -> Any:
    room = buffer(to_float32(memories[i, 0]), MEMORY_SIZE)
    for k in range(MEMORY_SIZE):
        room[k] = to_float32(memories[i, k])
    return as_tuple(room, MEMORY_SIZE)


def _recall_nothing(memories: Memories, i: int) -> Any:  # noqa: ARG001
    return ()


def _keep(memories: Memories, i: int, memory: Any) -> None:
    for k in range(MEMORY_SIZE):
        memories[i, k] = memory[k]


def _keep_nothing(memories: Memories, i: int, memory: Any) -> None:
    pass


def _write_outputs(row: Row, observations: Observations, outputs: Outputs) -> None:
    for i in range(len(observations)):
        values, _ = FORWARD(row, RECALL(observations, i), observations[i])
        for k in range(len(values)):
            outputs[i, k] = values[k]


def _write_outputs_of_memories(row: Row, observations: Observations, outputs: Outputs, memories: Memories) -> None:
    for i in range(len(observations)):
        values, _ = FORWARD(row, RECALL(memories, i), observations[i])
        for k in range(len(values)):
            outputs[i, k] = values[k]


def _write_last_outputs(row: Row, sequences: NDArray[np.float64], outputs: Outputs) -> None:
    for i in range(len(sequences)):
        memory = INITIAL_MEMORY
        for t in range(sequences.shape[1]):
            values, memory = FORWARD(row, memory, sequences[i, t])
            for k in range(len(values)):
                outputs[i, k] = values[k]
