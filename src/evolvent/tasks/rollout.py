"""The compiled rollout: a template that is bound to a world, a network and an action rule.

Threads pull the next (individual, episode) from one shared counter, so uneven episodes balance themselves. What is
written for a job depends on that job alone, so any number of threads and lanes gives the same bits. Setting the counter
to its end is how a rollout is stopped early.

There are two templates. One runs an episode at a time. The other runs several side by side, one in each lane of vector
registers, and gives a lane its next episode as soon as one is over; it is the faster one while the parameters of all
lanes fit into the processor's nearest cache.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Counts, EpisodeFlags, Population, Returns, Seeds
from evolvent.envs import Env
from evolvent.errors import UsageError
from evolvent.instructions import first_aligned, lane_of, mask_bits, spread, vectors_at, with_lane
from evolvent.jit import COMPILES, CompilationFailed, bind, explain, specialise
from evolvent.lanes import take_next
from evolvent.networks import Network
from evolvent.policies.actions import action_rule
from evolvent.seeding import Draw

log = logging.getLogger("evolvent")

Rollout = Callable[[Population, Seeds, int, NDArray[np.int64], Returns, Counts, EpisodeFlags, EpisodeFlags], None]

MOST_LANES = 16
LARGEST_IN_LANES = 2048  # parameters


def lanes_for(network: Network) -> int:
    """Return how many episodes of `network` are best run side by side: 1 is one at a time."""
    return MOST_LANES if COMPILES and network.dim <= LARGEST_IN_LANES else 1


def compile_rollout(env: Env, network: Network, lanes: int | None = None) -> Rollout:
    """Return the rollout of `network` in `env`.

    Args:
        env: The world.
        network: What acts in it.
        lanes: How many episodes run side by side, 1 for one at a time. It never changes a result. None chooses, and
            falls back to one where the world's functions cannot be compiled for lanes.

    Returns:
        A function of a population `(pop, dim)`, seeds `(pop, episodes)`, the episode cap and a counter `(1,)`. It
        writes returns, steps, failures and truncations, each `(pop, episodes)`, of every job that it takes from the counter.

    Raises:
        UsageError: A function of the world cannot be compiled; the message names the line.
    """
    begin = bind(_begin, RESET=env.reset, INITIAL_MEMORY=network.initial_memory)
    choose = action_rule(env.spec.action_space)
    advance = bind(_advance, OBSERVE=env.observe, STEP=env.step, FORWARD=network.forward(), CHOOSE=choose)
    one_at_a_time = specialise(_rollout, BEGIN=begin, ADVANCE=advance)
    count = lanes or lanes_for(network)
    if count == 1:
        return _compiled(one_at_a_time, env, network)
    due = bind(_first_due, LANES=count)
    side_by_side = specialise(_rollout_in_lanes, BEGIN=begin, ADVANCE=advance, DUE=due, LANES=count, DIM=network.dim)
    try:
        return _compiled(side_by_side, env, network)
    except UsageError as problem:
        if lanes is not None:
            raise
        alone = _compiled(one_at_a_time, env, network)
        log.warning("episodes run one at a time, several times slower than they could: in lanes, %s", problem)
        return alone


def _compiled(rollout: Rollout, env: Env, network: Network) -> Rollout:
    """Return `rollout` once a call without jobs has compiled it."""
    nothing = np.zeros((0, 1))
    population, seeds = np.zeros((0, network.dim), np.float32), nothing.astype(np.uint64)
    try:
        flags = nothing.astype(np.bool_)
        rollout(population, seeds, 1, np.zeros(1, np.int64), nothing, nothing.astype(np.int64), flags, flags.copy())
    except CompilationFailed as problem:
        raise UsageError(f"env: {env.spec.id} cannot be compiled: {explain(problem)}") from problem
    return rollout


# --- an episode, in one lane or in many; the names in capitals are bound by compile_rollout -------------------------

RESET: Any = None
OBSERVE: Any = None
STEP: Any = None
FORWARD: Any = None
CHOOSE: Any = None
INITIAL_MEMORY: Any = ()


class Episode(NamedTuple):
    """An episode under way: numbers, or vectors of them."""

    state: Any
    memory: Any
    total: Any
    failed: Any
    draw: Any


def _begin(seed: np.uint64) -> Episode:
    draw = Draw(seed, 0)
    return Episode(RESET(draw), INITIAL_MEMORY, 0.0, False, draw)


def _advance(row: Any, episode: Episode) -> tuple[Episode, Any]:
    outputs, memory = FORWARD(row, episode.memory, OBSERVE(episode.state))
    failed = episode.failed
    for value in outputs:
        failed = failed | (value - value != 0.0)
    draw = Draw(episode.draw.key, episode.draw.step + 1)
    state, reward, terminated = STEP(episode.state, CHOOSE(outputs), draw)
    return Episode(state, memory, episode.total + reward, failed, draw), terminated | failed


# --- one episode at a time ------------------------------------------------------------------------------------------

BEGIN: Any = None
ADVANCE: Any = None


def _rollout(  # noqa: PLR0913, PLR0917 - a kernel writes into what it is given
    population: Population,
    seeds: Seeds,
    cap: int,
    counter: NDArray[np.int64],
    returns: Returns,
    steps: Counts,
    failed: EpisodeFlags,
    truncated: EpisodeFlags,
) -> None:
    episodes = seeds.shape[1]
    job = take_next(counter)
    while job < seeds.size:
        i, e = job // episodes, job % episodes
        row, episode = population[i], BEGIN(seeds[i, e])
        length, over = 0, False
        while length < cap and not over:
            episode, over = ADVANCE(row, episode)
            length += 1
        returns[i, e], steps[i, e] = episode.total, length
        failed[i, e], truncated[i, e] = episode.failed, not over
        job = take_next(counter)


# --- several side by side -------------------------------------------------------------------------------------------

LANES = 0
DIM = 0
DUE: Any = None


def _first_due(active: int, begun: NDArray[np.int64], cap: int) -> int:
    due = begun.max() + cap
    for lane in range(LANES):
        if active >> lane & 1:
            due = min(due, begun[lane] + cap)
    return due


def _rollout_in_lanes(  # noqa: PLR0913, PLR0917 - a kernel writes into what it is given
    population: Population,
    seeds: Seeds,
    cap: int,
    counter: NDArray[np.int64],
    returns: Returns,
    steps: Counts,
    failed: EpisodeFlags,
    truncated: EpisodeFlags,
) -> None:
    episodes = seeds.shape[1]
    room = np.zeros(DIM * LANES + 16, np.float32)
    offset = first_aligned(room)
    rows = vectors_at(room, offset, LANES)
    job_of, begun = np.zeros(LANES, np.int64), np.zeros(LANES, np.int64)
    lanes = spread(BEGIN(np.uint64(0)), LANES)
    now, active, free = 0, 0, (1 << LANES) - 1
    while True:
        for lane in range(LANES):
            if free >> lane & 1:
                job = take_next(counter)
                active &= ~(1 << lane)
                if job < seeds.size:
                    active |= 1 << lane
                    job_of[lane], begun[lane] = job, now
                    for k in range(DIM):
                        room[offset + k * LANES + lane] = population[job // episodes, k]
                    lanes = with_lane(lanes, lane, BEGIN(seeds[job // episodes, job % episodes]))
        if not active:
            return
        due = DUE(active, begun, cap)
        over = 0
        while not over and now < due:
            stepped, ended = ADVANCE(rows, lanes)
            lanes = spread(stepped, LANES)
            over = mask_bits(ended) & active
            now += 1
        free = 0
        for lane in range(LANES):
            if active >> lane & 1 and (over >> lane & 1 or now == begun[lane] + cap):
                i, e = job_of[lane] // episodes, job_of[lane] % episodes
                returns[i, e], steps[i, e] = lane_of(lanes.total, lane), now - begun[lane]
                failed[i, e], truncated[i, e] = lane_of(lanes.failed, lane), not over >> lane & 1
                free |= 1 << lane
