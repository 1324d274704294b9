"""The compiled rollout: a template that is bound to a world, a network and an action rule.

Threads pull the next (individual, episode) from one shared counter, so uneven episodes balance themselves. What is written
for a job depends on that job alone, so any number of threads and lanes gives the same bits. Setting the counter to its end
is how a rollout is stopped early.

There are two templates. The one below runs an episode at a time. The other, in `side_by_side`, runs several in the lanes of
vector registers; it is the faster one while the parameters of all lanes fit into the processor's nearest caches.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from evolvent.envs import Env
from evolvent.errors import UsageError
from evolvent.jit import COMPILES, CompilationFailed, explain, specialise
from evolvent.lanes import take_next
from evolvent.networks import Network
from evolvent.policies.actions import AUTO
from evolvent.tasks import jobs as jobs_and_results
from evolvent.tasks.episode import bindings_of, num_descriptors, parts_of
from evolvent.tasks.jobs import Jobs, Results, no_jobs
from evolvent.tasks.side_by_side import side_by_side

log = logging.getLogger("evolvent")

ADVICE = "; check_env tells more"

Rollout = Callable[[Jobs, Results], None]

MOST_LANES, LARGEST_IN_MOST = 16, 512  # parameters: those of all lanes fill 32 KiB, the nearest cache of most processors
FEWER_LANES, LARGEST_IN_LANES = 8, 4096  # parameters; beyond, vectors go over the outputs of one network


def lanes_for(network: Network) -> int:
    """Return how many episodes of `network` are best run side by side: 1 is one at a time.

    `benchmarks/scaling.py --part paths` measures it in five worlds; which world it is makes little difference.
    """
    if not COMPILES or network.dim > LARGEST_IN_LANES:
        return 1
    return MOST_LANES if network.dim <= LARGEST_IN_MOST else FEWER_LANES


def compile_rollout(
    env: Env, network: Network, lanes: int | None = None, *, rule: str = AUTO, normalised: bool = False
) -> Rollout:
    """Return the rollout of `network` in `env`.

    Args:
        env: The world.
        network: What acts in it.
        lanes: How many episodes run side by side, 1 for one at a time. It never changes a result. None chooses, and
            falls back to one where the world's functions cannot be compiled for lanes.
        rule: The name of the action rule.
        normalised: Whether the network sees observations normalised, and their sums are kept.

    Raises:
        UsageError: A function of the world cannot be compiled; the message names the line.
    """
    parts = parts_of(env, network, rule, normalised=normalised)
    alone = specialise(_rollout, **bindings_of(parts, _itself))
    count = lanes or lanes_for(network)
    if count == 1:
        return _compiled(alone, env, network)
    try:
        return _compiled(side_by_side(parts, count, network.dim), env, network)
    except UsageError as problem:
        if lanes is not None:
            raise
        compiled = _compiled(alone, env, network)
        log.warning("episodes run one at a time, several times slower than they could: in lanes, %s", problem)
        return compiled


def empty_results(env: Env, shape: tuple[int, ...], *, normalised: bool = False) -> Results:
    """Return zeros for `shape = (pop, episodes)` jobs in `env` to write into."""
    return jobs_and_results.empty_results(shape, num_descriptors(env), 2 * env.spec.observation_space.width * normalised)


def _compiled(rollout: Rollout, env: Env, network: Network) -> Rollout:
    """Return `rollout` once a call without jobs has compiled it."""
    try:
        rollout(no_jobs(network.dim), empty_results(env, (0, 1)))
    except CompilationFailed as problem:
        raise UsageError(f"env: {env.spec.id} cannot be compiled: {explain(problem)}{ADVICE}") from problem
    return rollout


# --- one episode at a time; the names in capitals are bound by compile_rollout ---------------------------------------

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


def _itself(value: Any, lane: int) -> Any:  # noqa: ARG001
    return value
