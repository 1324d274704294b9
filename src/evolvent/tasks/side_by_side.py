"""The rollout of several episodes side by side, one in each lane of vector registers.

A lane whose episode is over gets the next one at once. The parameters of all lanes lie interleaved: the first of each lane,
then the second of each. Where there are many jobs, a thread takes a stretch of neighbours at a time, because two cores that
write side by side wait for each other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import EpisodeFlags
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
from evolvent.jit import bind, specialise
from evolvent.lanes import take_next
from evolvent.tasks.episode import Parts, bindings_of
from evolvent.tasks.jobs import Jobs, Results

NEVER = 1 << 62
LONGEST = 64  # jobs in a stretch: as many flags lie in a line of the cache


def side_by_side(parts: Parts, lanes: int, dim: int) -> Any:
    """Return the rollout of `lanes` episodes at a time, of networks with `dim` parameters."""
    with_lanes = {"TAKEN": taken, "FIRST_DUE": _first_due, "DUE_AT": _due_at}
    bound = {name: bind(function, LANES=lanes) for name, function in with_lanes.items()}
    return specialise(_rollout_in_lanes, **bound, **bindings_of(parts, lane_of), LANES=lanes, DIM=dim)


# --- the names in capitals are bound above -----------------------------------------------------------------------------

LANES = 0
DIM = 0
TAKEN: Any = None
FIRST_DUE: Any = None
DUE_AT: Any = None
BEGIN: Any = None
ADVANCE: Any = None
DESCRIBE: Any = None
WRITE_SUMS: Any = None
WRITE_DESCRIPTION: Any = None


def taken(counter: NDArray[np.int64], size: int, held: tuple[int, int]) -> tuple[int, tuple[int, int]]:
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


def _first_due(ends: NDArray[np.int64]) -> int:
    due = NEVER
    for lane in range(LANES):
        due = min(due, ends[lane])
    return due


def _due_at(ends: NDArray[np.int64], now: int) -> int:
    due = 0
    for lane in range(LANES):
        due |= (ends[lane] == now) << lane
    return due


def _mark(flags: EpisodeFlags, i: Any, e: Any, flag: Any) -> None:
    """Set a flag, without writing what is there: the line of the cache that it lies in serves jobs of all threads."""
    if flags[i, e] != flag:
        flags[i, e] = flag


def _rollout_in_lanes(jobs: Jobs, results: Results) -> None:
    episodes = jobs.seeds.shape[1]
    room = np.zeros(DIM * LANES + 16, np.float32)
    offset = first_aligned(room)
    rows = vectors_at(room, offset, LANES)
    row_of, episode_of, ends = np.full(LANES, -1), np.zeros(LANES, np.int64), np.full(LANES, NEVER)
    lanes = spread(BEGIN(np.uint64(0)), LANES)
    held = 0, 0
    now, over, active, free = 0, 0, 0, (1 << LANES) - 1
    while True:
        described = DESCRIBE(lanes.state)
        while free:
            lane = lowest_bit(free)
            free &= free - 1
            if ends[lane] != NEVER:
                i, e = row_of[lane], episode_of[lane]
                results.returns[i, e], results.steps[i, e] = lane_of(lanes.total, lane), now - ends[lane] + jobs.cap
                _mark(results.failed, i, e, lane_of(lanes.failed, lane))
                _mark(results.truncated, i, e, not over >> lane & 1)
                WRITE_SUMS(results.sums[i, e], lanes.sums, lane)
                WRITE_DESCRIPTION(results.descriptors[i, e], described, lane)
            active, ends[lane] = active & ~(1 << lane), NEVER
            job, held = TAKEN(jobs.counter, jobs.seeds.size, held)
            if job < jobs.seeds.size:
                i = job // episodes
                e = job - i * episodes
                active, episode_of[lane], ends[lane] = active | 1 << lane, e, now + jobs.cap
                if row_of[lane] != i:
                    row_of[lane] = i
                    for k in range(DIM):
                        room[offset + k * LANES + lane] = jobs.population[i, k]
                lanes = with_lane(lanes, lane, BEGIN(jobs.seeds[i, e]))
        if not active:
            return
        due, over = FIRST_DUE(ends), 0
        while not over and now < due:
            read_memory_anew()
            stepped, ended = ADVANCE(rows, lanes, jobs.centre, jobs.scale)
            lanes = spread(stepped, LANES)
            over = mask_bits(ended) & active
            now += 1
        free = over | DUE_AT(ends, now) if now == due else over
