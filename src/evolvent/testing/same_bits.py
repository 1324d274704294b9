"""Whether a world is the same compiled, in lanes and in plain Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evolvent.envs import Env
from evolvent.errors import UsageError
from evolvent.jit import COMPILES
from evolvent.networks import MLP
from evolvent.policies.acting import compile_act
from evolvent.policies.actions import num_outputs
from evolvent.seeding import Draw, stream
from evolvent.tasks.jobs import Jobs, Results
from evolvent.tasks.rollout import ADVICE, compile_rollout, empty_results
from evolvent.testing.contract import Broken, call

LANES = 16
HIDDEN = 4
INDIVIDUALS, EPISODES = 6, 4
MOST_STEPS = 100
HINTS = {
    "'_replace'": "write all fields: State(x, v)",
    "'_asdict'": "write all fields: State(x, v)",
    "yield in a closure": "write the terms out, or a for loop, instead of a generator",
    "Untyped global name": "a function may name numbers, tuples, functions and NamedTuples",
}
FORMS = ("plain Python", "compiled code", "lanes")

Population = NDArray[np.float32]
Seeds = NDArray[np.uint64]
Roll = Callable[[int], Results]


def wrong_bits(env: Env) -> list[str]:
    """Return what cannot be compiled, or what differs between plain Python, compiled code and lanes; a line each."""
    if not COMPILES:
        return []
    network = MLP(sizes=(env.spec.observation_space.width, HIDDEN, num_outputs(env.spec.action_space)))
    population = network.initialise(INDIVIDUALS, stream(0, "check_env", "rows"))
    seeds = stream(0, "check_env", "episodes").bits((INDIVIDUALS, EPISODES))
    try:
        rolls = [_plain(env, network, population, seeds)]
        rolls += [_compiled(env, network, population, seeds, lanes) for lanes in (1, LANES)]
        return _compared(rolls, min(env.spec.max_episode_steps, MOST_STEPS))
    except UsageError as problem:
        text = str(problem).removeprefix(f"env: {env.spec.id} ").removesuffix(ADVICE)
        return ["; ".join([text, *(hint for part, hint in HINTS.items() if part in text)])]
    except Broken as problem:
        return [str(problem)]


def _compared(rolls: list[Roll], cap: int) -> list[str]:
    found: list[str] = []
    for one, other in ((0, 1), (1, 2)):
        if differences(rolls[one](cap), rolls[other](cap)).any():
            steps = next(steps for steps in range(1, cap + 1) if differences(rolls[one](steps), rolls[other](steps)).any())
            results = [rolls[each](steps) for each in (one, other)]
            i, e = np.argwhere(differences(*results))[0]
            found.append(
                f"step: {FORMS[one]} and {FORMS[other]} differ, first in the reward or the end of step {steps}: return"
                f" {results[0].returns[i, e]} and {results[1].returns[i, e]}; use the functions of evolvent.lanes, no others"
            )
    return found


def differences(one: Results, other: Results) -> NDArray[np.bool_]:
    """Return for each job whether two results of it differ, `(pop, episodes)`; NaN equals NaN."""
    returns = (one.returns != other.returns) & ~(np.isnan(one.returns) & np.isnan(other.returns))
    return returns | (one.steps != other.steps) | (one.truncated != other.truncated)


def _compiled(env: Env, network: MLP, population: Population, seeds: Seeds, lanes: int) -> Roll:
    rollout = compile_rollout(env, network, lanes)
    size = env.spec.observation_space.width

    def roll(cap: int) -> Results:
        results = empty_results(env, (INDIVIDUALS, EPISODES))
        rollout(Jobs(population, seeds, cap, np.zeros(size), np.ones(size), np.zeros(1, np.int64)), results)
        return results

    return roll


def _plain(env: Env, network: MLP, population: Population, seeds: Seeds) -> Roll:
    act = compile_act(network, env.spec.action_space)
    actions = np.zeros((1, env.spec.action_space.size))

    def chosen(row: NDArray[np.float32], state: Any) -> tuple[float, ...]:
        act(row, np.array([call("observe", env.observe, state)], np.float64), actions)
        return tuple(map(float, actions[0]))

    def roll(cap: int) -> Results:
        results = empty_results(env, (INDIVIDUALS, EPISODES))
        for (i, e), seed in np.ndenumerate(seeds):
            state, length, over = call("reset", env.reset, Draw(int(seed), 0)), 0, False
            while length < cap and not over:
                length += 1
                draw = Draw(int(seed), length)
                state, reward, over = call("step", env.step, state, chosen(population[i], state), draw)
                results.returns[i, e] += reward
            results.steps[i, e], results.truncated[i, e] = length, not over
        return results

    return roll
