"""The compiled rollout: a template that is bound to a world, a network and an action rule.

Threads pull the next (individual, episode) from one shared counter, so uneven episodes balance themselves. What is
written for a job depends on that job alone, so any number of threads gives the same bits. Setting the counter to its
end is how a rollout is stopped early.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Counts, Flags, Population, Returns, Row, Seeds
from evolvent.envs import Env
from evolvent.jit import bind, specialise
from evolvent.lanes import take_next
from evolvent.networks import Network
from evolvent.policies.actions import action_rule
from evolvent.seeding import Draw

Rollout = Callable[[Population, Seeds, int, NDArray[np.int64], Returns, Counts, Flags], None]


def compile_rollout(env: Env, network: Network) -> Rollout:
    """Return the rollout of `network` in `env`.

    It takes a population `(pop, dim)`, seeds `(pop, episodes)`, the episode cap and a counter `(1,)`, and writes
    returns, steps and failures, each `(pop, episodes)`, of every job that it takes from the counter.
    """
    episode = bind(
        _episode,
        RESET=env.reset,
        OBSERVE=env.observe,
        STEP=env.step,
        FORWARD=network.forward(),
        CHOOSE=action_rule(env.spec.action_space),
        INITIAL_MEMORY=network.initial_memory,
    )
    return specialise(_rollout, EPISODE=episode)


# --- the template; the names in capitals are bound by compile_rollout -----------------------------------------------

RESET: Any = None
OBSERVE: Any = None
STEP: Any = None
FORWARD: Any = None
CHOOSE: Any = None
INITIAL_MEMORY: Any = ()
EPISODE: Any = None


def _rollout(  # noqa: PLR0913, PLR0917 - a kernel writes into what it is given
    population: Population,
    seeds: Seeds,
    cap: int,
    counter: NDArray[np.int64],
    returns: Returns,
    steps: Counts,
    failed: Flags,
) -> None:
    episodes = seeds.shape[1]
    jobs = seeds.shape[0] * episodes
    job = take_next(counter)
    while job < jobs:
        i, e = job // episodes, job % episodes
        returns[i, e], steps[i, e], failed[i, e] = EPISODE(population[i], seeds[i, e], cap)
        job = take_next(counter)


def _episode(row: Row, seed: np.uint64, cap: int) -> tuple[float, int, bool]:
    state, memory = RESET(Draw(seed, 0)), INITIAL_MEMORY
    total, length, over, failed = 0.0, 0, False, False
    while length < cap and not over:
        outputs, memory = FORWARD(row, memory, OBSERVE(state))
        for value in outputs:
            failed |= value - value != 0.0
        length += 1
        state, reward, terminated = STEP(state, CHOOSE(outputs), Draw(seed, length))
        total += reward
        over = terminated | failed
    return total, length, failed
