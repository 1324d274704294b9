"""The compiled rollout in MuJoCo: a template that is bound to a world's rules, a network and an action rule.

Threads pull the next (individual, episode) from one shared counter, each with a simulation of its own, which every
episode clears first: what is written for a job depends on that job alone. Setting the counter to its end stops them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Row
from evolvent.jit import bind, specialise
from evolvent.lanes import take_next
from evolvent.networks import Network
from evolvent.policies.actions import AUTO, action_rule
from evolvent.policies.normaliser import deviation_from, scaled
from evolvent.seeding import Draw
from evolvent.spaces import Box
from evolvent.tasks.jobs import Jobs, Results
from evolvent.tasks.mujoco.finite import are_finite
from evolvent.tasks.mujoco.simulation import Simulation, clear, settle
from evolvent.tasks.mujoco.world import World

Rollout = Callable[[Jobs, Results, Simulation, Any], None]
Values = NDArray[np.float64]


def compile_rollout(world: World, network: Network, action_space: Box, *, rule: str = AUTO, normalised: bool) -> Rollout:
    """Return the rollout of `network` in `world`.

    Args:
        world: The rules.
        network: What acts.
        action_space: What its outputs are made into.
        rule: The name of the action rule.
        normalised: Whether observations are normalised, and their sums written.

    Returns:
        A function of jobs, of results to be written, of a simulation that nothing else uses meanwhile, and of the world's
        settings.
    """
    play = bind(
        _play,
        OBSERVE=world.observe,
        SHOW=_normalised if normalised else _as_it_is,
        FORWARD=network.forward(),
        INITIAL_MEMORY=network.initial_memory,
        CHOOSE=action_rule(action_space, rule),
        STEP=world.step,
        NUM_ACTIONS=action_space.size,
    )
    begin = bind(_begin, START=world.start)
    return specialise(_rollout, BEGIN=begin, PLAY=play, NUM_INPUTS=network.num_inputs)


# --- the names in capitals are bound by compile_rollout -------------------------------------------------------------

START: Any = None
BEGIN: Any = None
OBSERVE: Any = None
SHOW: Any = None
FORWARD: Any = None
INITIAL_MEMORY: Any = ()
CHOOSE: Any = None
STEP: Any = None
PLAY: Any = None
NUM_INPUTS = 0
NUM_ACTIONS = 0


def _rollout(jobs: Jobs, results: Results, simulation: Simulation, settings: Any) -> None:
    episodes = jobs.seeds.shape[1]
    observation, shown = np.zeros(NUM_INPUTS), np.zeros(NUM_INPUTS)
    controls = np.zeros(len(simulation.ctrl), np.float32)
    job = take_next(jobs.counter)
    while job < jobs.seeds.size:
        i, e = job // episodes, job % episodes
        BEGIN(simulation, settings, Draw(jobs.seeds[i, e], 0))
        buffers = observation, shown, controls
        own = jobs.seeds[i, e], results.sums[i, e]
        total, length, sound, over = PLAY(jobs, jobs.population[i], simulation, settings, buffers, own)
        results.returns[i, e], results.steps[i, e] = total, length
        results.failed[i, e], results.truncated[i, e] = not sound, sound and not over
        job = take_next(jobs.counter)


def _begin(simulation: Simulation, settings: Any, draw: Draw) -> None:
    clear(simulation)
    START(simulation, settings, draw)
    settle(simulation)


def _play(jobs: Jobs, row: Row, simulation: Simulation, settings: Any, buffers: Any, own: Any) -> tuple[float, int, bool, bool]:
    observation, shown, controls = buffers
    key, sums = own
    memory = INITIAL_MEMORY
    total, length, over = 0.0, 0, False
    while True:
        OBSERVE(simulation, settings, observation)
        sound = are_finite(observation)
        if over or length == jobs.cap or not sound:
            return total, length, sound, over
        outputs, memory = FORWARD(row, memory, SHOW(jobs, observation, shown, sums))
        for value in outputs:
            sound = sound and value - value == 0.0
        if not sound:
            return total, length, sound, over
        action = CHOOSE(outputs, Draw(key, length + 1))
        for k in range(NUM_ACTIONS):
            controls[k] = action[k]
        reward, over = STEP(simulation, settings, controls)
        total += reward
        length += 1


def _as_it_is(jobs: Jobs, observation: Values, shown: Values, sums: Values) -> Values:  # noqa: ARG001
    return observation


def _normalised(jobs: Jobs, observation: Values, shown: Values, sums: Values) -> Values:
    size = len(observation)
    for k in range(size):
        deviation = deviation_from(observation[k], jobs.centre[k])
        sums[k] += deviation
        sums[size + k] += deviation * deviation
        shown[k] = scaled(deviation, jobs.scale[k])
    return shown
