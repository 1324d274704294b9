"""An episode, alone or in a lane, and what it leaves: text that is bound to a world and a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from evolvent.envs import Env
from evolvent.jit import bind
from evolvent.lanes import as_tuple, buffer, to_float64
from evolvent.networks import Network
from evolvent.policies.actions import AUTO, action_rule
from evolvent.policies.normaliser import deviation_from, scaled
from evolvent.seeding import Draw


class Parts(NamedTuple):
    """What a rollout is made of.

    Args:
        begin: `begin(seed) -> episode`.
        advance: `advance(row, episode, centre, scale) -> (episode, over)`, one step.
        describe: `describe(state) -> (value, ...)`.
        num_descriptors: How many of these count.
        num_sums: How many sums of observations an episode keeps.
    """

    begin: Callable[..., Any]
    advance: Callable[..., Any]
    describe: Callable[..., Any]
    num_descriptors: int
    num_sums: int


def parts_of(env: Env, network: Network, rule: str = AUTO, *, normalised: bool) -> Parts:
    """Return the parts of the rollout of `network` in `env`.

    Args:
        env: The world.
        network: What acts in it.
        rule: The name of the action rule.
        normalised: Whether observations are normalised.
    """
    size = env.spec.observation_space.width
    num_sums = 2 * size * normalised
    return Parts(
        begin=bind(_begin, RESET=env.reset, INITIAL_MEMORY=network.initial_memory, INITIAL_SUMS=(0.0,) * num_sums),
        advance=bind(
            _advance,
            OBSERVE=env.observe,
            SHOWN=bind(_normalised, SIZE=size, NUM_SUMS=num_sums) if normalised else _as_it_is,
            FORWARD=network.forward(),
            CHOOSE=action_rule(env.spec.action_space, rule),
            STEP=env.step,
        ),
        describe=env.describe or _undescribed,
        num_descriptors=num_descriptors(env),
        num_sums=num_sums,
    )


def num_descriptors(env: Env) -> int:
    """Return how many numbers describe an episode of `env`."""
    return 0 if env.describe is None else len(env.describe(env.reset(Draw(np.uint64(0), 0))))


def bindings_of(parts: Parts, value_at: Any) -> dict[str, Any]:
    """Return what a rollout's names in capitals are bound to.

    Args:
        parts: Of the rollout.
        value_at: `value_at(value, lane)`, the number that belongs to one episode.
    """
    return {
        "BEGIN": parts.begin,
        "ADVANCE": parts.advance,
        "DESCRIBE": parts.describe,
        "WRITE_SUMS": _writer(parts.num_sums, value_at),
        "WRITE_DESCRIPTION": _writer(parts.num_descriptors, value_at),
    }


def _writer(count: int, value_at: Any) -> Callable[..., None]:
    return bind(_write, COUNT=count, VALUE_AT=value_at) if count else _write_nothing


# --- the names in capitals are bound above -----------------------------------------------------------------------------

RESET: Any = None
OBSERVE: Any = None
SHOWN: Any = None
STEP: Any = None
FORWARD: Any = None
CHOOSE: Any = None
INITIAL_MEMORY: Any = ()
INITIAL_SUMS: Any = ()
SIZE = 0
NUM_SUMS = 0


class Episode(NamedTuple):
    """An episode under way: numbers, or vectors of them."""

    state: Any
    memory: Any
    sums: Any
    total: Any
    failed: Any
    draw: Any


def _begin(seed: np.uint64) -> Episode:
    draw = Draw(seed, 0)
    return Episode(RESET(draw), INITIAL_MEMORY, INITIAL_SUMS, 0.0, False, draw)


def _advance(row: Any, episode: Episode, centre: Any, scale: Any) -> tuple[Episode, Any]:
    shown, sums = SHOWN(OBSERVE(episode.state), episode.sums, centre, scale)
    outputs, memory = FORWARD(row, episode.memory, shown)
    failed = episode.failed
    for value in outputs:
        failed = failed | (value - value != 0.0)
    draw = Draw(episode.draw.key, episode.draw.step + 1)
    state, reward, terminated = STEP(episode.state, CHOOSE(outputs, draw), draw)
    return Episode(state, memory, sums, episode.total + reward, failed, draw), terminated | failed


def _as_it_is(observation: Any, sums: Any, centre: Any, scale: Any) -> tuple[Any, Any]:  # noqa: ARG001
    return observation, sums


def _normalised(observation: Any, sums: Any, centre: Any, scale: Any) -> tuple[Any, Any]:
    shown = buffer(to_float64(observation[0]), SIZE)
    after = buffer(to_float64(observation[0]), NUM_SUMS)
    for k in range(SIZE):
        deviation = deviation_from(observation[k], centre[k])
        after[k] = sums[k] + deviation
        after[SIZE + k] = sums[SIZE + k] + deviation * deviation
        shown[k] = scaled(deviation, scale[k])
    return as_tuple(shown, SIZE), as_tuple(after, NUM_SUMS)


# --- writing what an episode leaves ---------------------------------------------------------------------------------

VALUE_AT: Any = None
COUNT = 0


def _undescribed(state: Any) -> tuple[Any, ...]:  # noqa: ARG001
    return (0.0,)


def _write(place: Any, values: Any, lane: int) -> None:
    for k in range(COUNT):
        place[k] = VALUE_AT(values[k], lane)


def _write_nothing(place: Any, values: Any, lane: int) -> None:
    pass
