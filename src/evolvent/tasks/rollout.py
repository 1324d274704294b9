"""The compiled rollout: a template that is bound to a world, a network and an action rule.

Threads pull the next (individual, episode) from one shared counter, so uneven episodes balance themselves. Where there
are many, a thread takes a stretch of neighbours at a time, because two cores that write side by side wait for each other.
What is written for a job depends on that job alone, so any number of threads and lanes gives the same bits. Setting the
counter to its end is how a rollout is stopped early.

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
from evolvent.instructions import (
    first_aligned,
    lane_of,
    lowest_bit,
    mask_bits,
    read_memory_anew,
    spread,
    vectors_at,
    with_lane,
)
from evolvent.jit import COMPILES, CompilationFailed, bind, explain, specialise
from evolvent.lanes import as_tuple, buffer, take_next, to_float64
from evolvent.networks import Network
from evolvent.policies.actions import action_rule
from evolvent.seeding import Draw

log = logging.getLogger("evolvent")

MOST_LANES, LARGEST_IN_MOST = 16, 512  # parameters: those of all lanes fill 32 KiB, the nearest cache of most processors
FEWER_LANES, LARGEST_IN_LANES = 8, 4096  # parameters; beyond, vectors go over the outputs of one network


class Jobs(NamedTuple):
    """What a rollout is given, the same for each thread.

    Args:
        population: `(pop, dim)`.
        seeds: `(pop, episodes)`.
        cap: After so many steps an episode is truncated.
        centre: `(observation size,)`, what is taken off an observation where it is normalised.
        scale: `(observation size,)`, what the rest is multiplied with.
        counter: `(1,)`, the next job, or stretch of jobs.
    """

    population: Population
    seeds: Seeds
    cap: int
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    counter: NDArray[np.int64]


class Results(NamedTuple):
    """What a rollout writes, a place for each job.

    Args:
        returns: `(pop, episodes)`, the sum of rewards.
        steps: `(pop, episodes)`.
        failed: `(pop, episodes)`, whether an output of the network was not a finite number.
        truncated: `(pop, episodes)`, whether the cap ended it.
        descriptors: `(pop, episodes, n)`, of the last state; n is 0 where the world describes nothing.
        sums: `(pop, episodes, 2 * observation size)`, of the deviations of observations from the centre, and of their
            squares; of size 0 where observations are not normalised.
    """

    returns: Returns
    steps: Counts
    failed: EpisodeFlags
    truncated: EpisodeFlags
    descriptors: NDArray[np.float64]
    sums: NDArray[np.float64]


Rollout = Callable[[Jobs, Results], None]


def lanes_for(network: Network) -> int:
    """Return how many episodes of `network` are best run side by side: 1 is one at a time.

    `benchmarks/scaling.py --part paths` measures it in five worlds; which world it is makes little difference.
    """
    if not COMPILES or network.dim > LARGEST_IN_LANES:
        return 1
    return MOST_LANES if network.dim <= LARGEST_IN_MOST else FEWER_LANES


def compile_rollout(env: Env, network: Network, lanes: int | None = None, *, normalised: bool = False) -> Rollout:
    """Return the rollout of `network` in `env`.

    Args:
        env: The world.
        network: What acts in it.
        lanes: How many episodes run side by side, 1 for one at a time. It never changes a result. None chooses, and
            falls back to one where the world's functions cannot be compiled for lanes.
        normalised: Whether the network sees observations normalised, and their sums are kept.

    Raises:
        UsageError: A function of the world cannot be compiled; the message names the line.
    """
    parts = _parts(env, network, normalised=normalised)
    count = lanes or lanes_for(network)
    if count == 1:
        return _compiled(_one_at_a_time(parts), env, network)
    try:
        return _compiled(_side_by_side(parts, count, network.dim), env, network)
    except UsageError as problem:
        if lanes is not None:
            raise
        alone = _compiled(_one_at_a_time(parts), env, network)
        log.warning("episodes run one at a time, several times slower than they could: in lanes, %s", problem)
        return alone


def empty_results(env: Env, shape: tuple[int, int], *, normalised: bool = False) -> Results:
    """Return zeros for `shape = (pop, episodes)` jobs to write into."""
    return Results(
        returns=np.zeros(shape),
        steps=np.zeros(shape, np.int64),
        failed=np.zeros(shape, np.bool_),
        truncated=np.zeros(shape, np.bool_),
        descriptors=np.zeros((*shape, num_descriptors(env))),
        sums=np.zeros((*shape, 2 * env.spec.observation_space.size * normalised)),
    )


def num_descriptors(env: Env) -> int:
    """Return how many numbers describe an episode of `env`."""
    return 0 if env.describe is None else len(env.describe(env.reset(Draw(np.uint64(0), 0))))


class _Parts(NamedTuple):
    begin: Callable[..., Any]
    advance: Callable[..., Any]
    described: Callable[..., Any]
    num_descriptors: int
    num_sums: int


def _parts(env: Env, network: Network, *, normalised: bool) -> _Parts:
    size = env.spec.observation_space.size
    num_sums = 2 * size * normalised
    return _Parts(
        begin=bind(_begin, RESET=env.reset, INITIAL_MEMORY=network.initial_memory, INITIAL_SUMS=(0.0,) * num_sums),
        advance=bind(
            _advance,
            OBSERVE=env.observe,
            SHOWN=bind(_normalised, SIZE=size, NUM_SUMS=num_sums) if normalised else _as_it_is,
            FORWARD=network.forward(),
            CHOOSE=action_rule(env.spec.action_space),
            STEP=env.step,
        ),
        described=env.describe or _undescribed,
        num_descriptors=num_descriptors(env),
        num_sums=num_sums,
    )


def _one_at_a_time(parts: _Parts) -> Rollout:
    return specialise(_rollout, BEGIN=parts.begin, ADVANCE=parts.advance, **_writers(parts, _alone))


def _side_by_side(parts: _Parts, count: int, dim: int) -> Rollout:
    bindings = {
        "BEGIN": parts.begin,
        "ADVANCE": parts.advance,
        "DUE": bind(_first_due, LANES=count),
        "TAKEN": bind(_taken, LANES=count),
    }
    return specialise(_rollout_in_lanes, **bindings, **_writers(parts, lane_of), LANES=count, DIM=dim)


def _writers(parts: _Parts, at: Any) -> dict[str, Any]:
    write_sums = bind(_write, COUNT=parts.num_sums, AT=at) if parts.num_sums else _write_nothing
    write_description = bind(_write, COUNT=parts.num_descriptors, AT=at) if parts.num_descriptors else _write_nothing
    return {"DESCRIBE": parts.described, "WRITE_SUMS": write_sums, "WRITE_DESCRIPTION": write_description}


def _compiled(rollout: Rollout, env: Env, network: Network) -> Rollout:
    """Return `rollout` once a call without jobs has compiled it."""
    nobody, nothing = np.zeros((0, network.dim), np.float32), np.zeros(0)
    try:
        rollout(
            Jobs(nobody, np.zeros((0, 1), np.uint64), 1, nothing, nothing, np.zeros(1, np.int64)),
            empty_results(env, (0, 1)),
        )
    except CompilationFailed as problem:
        raise UsageError(f"env: {env.spec.id} cannot be compiled: {explain(problem)}") from problem
    return rollout


# --- an episode, in one lane or in many; the names in capitals are bound by compile_rollout -------------------------

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
    state, reward, terminated = STEP(episode.state, CHOOSE(outputs), draw)
    return Episode(state, memory, sums, episode.total + reward, failed, draw), terminated | failed


def _as_it_is(observation: Any, sums: Any, centre: Any, scale: Any) -> tuple[Any, Any]:  # noqa: ARG001
    return observation, sums


def _normalised(observation: Any, sums: Any, centre: Any, scale: Any) -> tuple[Any, Any]:
    shown = buffer(to_float64(observation[0]), SIZE)
    after = buffer(to_float64(observation[0]), NUM_SUMS)
    for k in range(SIZE):
        deviation = to_float64(observation[k]) - centre[k]
        after[k] = sums[k] + deviation
        after[SIZE + k] = sums[SIZE + k] + deviation * deviation
        shown[k] = deviation * scale[k]
    return as_tuple(shown, SIZE), as_tuple(after, NUM_SUMS)


# --- writing what an episode leaves ---------------------------------------------------------------------------------

AT: Any = None
COUNT = 0


def _undescribed(state: Any) -> tuple[Any, ...]:  # noqa: ARG001
    return (0.0,)


def _write(place: Any, values: Any, lane: int) -> None:
    for k in range(COUNT):
        place[k] = AT(values[k], lane)


def _write_nothing(place: Any, values: Any, lane: int) -> None:
    pass


def _alone(value: Any, lane: int) -> Any:  # noqa: ARG001
    return value


# --- one episode at a time ------------------------------------------------------------------------------------------

BEGIN: Any = None
ADVANCE: Any = None
DESCRIBE: Any = None
WRITE_SUMS: Any = None
WRITE_DESCRIPTION: Any = None


def _rollout(jobs: Jobs, results: Results) -> None:
    episodes = jobs.seeds.shape[1]
    job = take_next(jobs.counter)
    while job < jobs.seeds.size:
        i, e = job // episodes, job % episodes
        row, episode = jobs.population[i], BEGIN(jobs.seeds[i, e])
        length, over = 0, False
        while length < jobs.cap and not over:
            episode, over = ADVANCE(row, episode, jobs.centre, jobs.scale)
            length += 1
        results.returns[i, e], results.steps[i, e] = episode.total, length
        results.failed[i, e], results.truncated[i, e] = episode.failed, not over
        WRITE_SUMS(results.sums[i, e], episode.sums, 0)
        WRITE_DESCRIPTION(results.descriptors[i, e], DESCRIBE(episode.state), 0)
        job = take_next(jobs.counter)


# --- several side by side -------------------------------------------------------------------------------------------

LANES = 0
DIM = 0
DUE: Any = None
TAKEN: Any = None
NEVER = 1 << 62
LONGEST = 64  # jobs in a stretch: as many flags lie in a line of the cache


def _first_due(ends: NDArray[np.int64]) -> int:
    due = NEVER
    for lane in range(LANES):
        due = min(due, ends[lane])
    return due


def _mark(flags: EpisodeFlags, i: int, e: int, flag: Any) -> None:
    """Set a flag, without writing what is there: the line of the cache that it lies in serves jobs of all threads."""
    if flags[i, e] != flag:
        flags[i, e] = flag


def _taken(counter: NDArray[np.int64], size: int, held: tuple[int, int]) -> tuple[int, tuple[int, int]]:
    """Return the next job, at least `size` if there is none, and what is left of the stretch that the thread holds.

    An eighth of the jobs goes one by one, so that in the end no thread holds what another could do.
    """
    job, behind = held
    if job == behind:
        number = take_next(counter)
        length = max(1, min(LONGEST, size // (16 * LANES)))
        stretches = size * 7 // 8 // length
        job = number * length if number < stretches else stretches * length + number - stretches
        behind = job + (length if number < stretches else 1)
    return job, (job + 1, behind)


def _rollout_in_lanes(jobs: Jobs, results: Results) -> None:
    episodes = jobs.seeds.shape[1]
    room = np.zeros(DIM * LANES + 16, np.float32)
    offset = first_aligned(room)
    rows = vectors_at(room, offset, LANES)
    job_of, ends = np.full(LANES, NEVER), np.full(LANES, NEVER)
    lanes = spread(BEGIN(np.uint64(0)), LANES)
    held = 0, 0
    now, over, active, free = 0, 0, 0, (1 << LANES) - 1
    while True:
        described = DESCRIBE(lanes.state)
        while free:
            lane = lowest_bit(free)
            free &= free - 1
            if job_of[lane] != NEVER:
                i, e = job_of[lane] // episodes, job_of[lane] % episodes
                results.returns[i, e], results.steps[i, e] = lane_of(lanes.total, lane), now - ends[lane] + jobs.cap
                _mark(results.failed, i, e, lane_of(lanes.failed, lane))
                _mark(results.truncated, i, e, not over >> lane & 1)
                WRITE_SUMS(results.sums[i, e], lanes.sums, lane)
                WRITE_DESCRIPTION(results.descriptors[i, e], described, lane)
            active, job_of[lane], ends[lane] = active & ~(1 << lane), NEVER, NEVER
            job, held = TAKEN(jobs.counter, jobs.seeds.size, held)
            if job < jobs.seeds.size:
                active, job_of[lane], ends[lane] = active | 1 << lane, job, now + jobs.cap
                for k in range(DIM):
                    room[offset + k * LANES + lane] = jobs.population[job // episodes, k]
                lanes = with_lane(lanes, lane, BEGIN(jobs.seeds[job // episodes, job % episodes]))
        if not active:
            return
        due, over = DUE(ends), 0
        while not over and now < due:
            read_memory_anew()
            stepped, ended = ADVANCE(rows, lanes, jobs.centre, jobs.scale)
            lanes = spread(stepped, LANES)
            over = mask_bits(ended) & active
            now += 1
        free = over
        for lane in range(LANES):
            if ends[lane] == now:
                free |= 1 << lane
