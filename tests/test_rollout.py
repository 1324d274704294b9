"""The compiled rollout: any number of lanes gives the same bits."""

import itertools
import logging
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pytest

from evolvent import lanes as lanes_module
from evolvent.envs import CARTPOLE, Env, EnvSpec
from evolvent.errors import UsageError
from evolvent.evaluation import Conditions
from evolvent.jit import bind
from evolvent.lanes import exp, sin, tanh, to_float32, where
from evolvent.moments import Moments
from evolvent.networks import MLP
from evolvent.policies.actions import action_rule
from evolvent.seeding import Draw, stream, uniform
from evolvent.spaces import Box, Discrete
from evolvent.tasks import CompiledEnv
from evolvent.tasks.jobs import Jobs
from evolvent.tasks.rollout import compile_rollout, empty_results, lanes_for
from evolvent.tasks.side_by_side import taken

pytestmark = pytest.mark.compiled


class Walk(NamedTuple):
    position: Any
    wind: Any
    steps: Any


def walk_reset(draw):
    return Walk(uniform(draw, 0) - 0.5, 0.0, 0.0)


def walk_observe(state):
    return state.position, sin(state.wind)


def walk_step(state, action, draw):
    wind = 0.9 * state.wind + 0.2 * (uniform(draw, 0) - 0.5)
    push = where(action[0] > 0.0, 0.1, -0.1)
    position = state.position + push + wind
    return Walk(position, wind, state.steps + 1.0), exp(-position * position), (position < -1.5) | (position > 1.5)


def branching_step(state, action, draw):
    wind = 0.9 * state.wind + 0.2 * (uniform(draw, 0) - 0.5)
    push = -0.1
    if action[0] > 0.0:
        push = 0.1
    position = state.position + push + wind
    return Walk(position, wind, state.steps + 1.0), exp(-position * position), (position < -1.5) | (position > 1.5)


def steered_step(state, action, draw):
    return Walk(state.position + 0.1 * action[0], uniform(draw, 1), 0.0), -state.position, False


def world(step, action_space):
    spec = EnvSpec(
        id="Walk-v0",
        observation_space=Box.symmetric((np.inf, 1.0)),
        action_space=action_space,
        max_episode_steps=50,
        reward_threshold=None,
    )
    return Env(spec=spec, reset=walk_reset, observe=walk_observe, step=step)


WALK = world(walk_step, Discrete(n=2))


def roll(env, network, lanes, *, cap=300, population_size=13, episodes=7):
    population = network.initialise(population_size, stream(1, "initial"))
    population[3] = np.nan
    population[5, 2] = np.inf
    seeds = stream(1, "episodes").bits((population_size, episodes))
    nothing, results = np.zeros(0), empty_results(env, seeds.shape)
    compile_rollout(env, network, lanes)(Jobs(population, seeds, cap, nothing, nothing, np.zeros(1, np.int64)), results)
    return results.returns, results.steps, results.failed, results.truncated


def assert_same_bits(expected, actual):
    for one, other in zip(expected, actual, strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("lanes", [2, 16, 32])
@pytest.mark.parametrize(("env", "inputs"), [(CARTPOLE, 4), (WALK, 2)])
def test_lanes_never_change_a_result(env, inputs, lanes):
    network = MLP(sizes=(inputs, 8, 2))
    alone = roll(env, network, 1)
    assert alone[2][3].all()
    assert len(np.unique(alone[1])) > 5
    assert_same_bits(alone, roll(env, network, lanes))


@pytest.mark.parametrize("activation", ["tanh", "gelu"])
def test_networks_of_any_depth_run_in_lanes(activation):
    network = MLP(sizes=(4, 8, 5, 2), activation=activation)
    assert_same_bits(roll(CARTPOLE, network, 1), roll(CARTPOLE, network, 16))


def test_continuous_actions_and_worlds_that_never_end_run_in_lanes():
    env = world(steered_step, Box(low=(-1.0,), high=(1.0,), shape=(1,)))
    network = MLP(sizes=(2, 4, 1))
    alone = roll(env, network, 1, cap=40)
    assert (alone[1][~alone[2]] == 40).all()
    assert_same_bits(alone, roll(env, network, 16, cap=40))


@pytest.mark.parametrize("cap", [1, 2, 17])
def test_an_episode_that_reaches_its_cap_counts_in_full(cap):
    network = MLP(sizes=(4, 8, 2))
    alone = roll(CARTPOLE, network, 1, cap=cap)
    sound = ~alone[2]
    assert alone[1].max() == cap
    assert (alone[0][sound] == alone[1][sound]).all()
    assert (alone[3][sound] <= (alone[1][sound] == cap)).all()
    assert_same_bits(alone, roll(CARTPOLE, network, 16, cap=cap))


def test_an_episode_that_falls_in_its_last_step_is_not_cut_off():
    network = MLP(sizes=(4, 8, 2))
    lengths = roll(CARTPOLE, network, 1)[1][0]
    fell, cut_off = (roll(CARTPOLE, network, 16, cap=int(lengths[0]) - less)[3][0, 0] for less in (0, 1))
    assert not fell
    assert cut_off


def test_one_job_alone_keeps_the_other_lanes_out_of_it():
    network = MLP(sizes=(4, 8, 2))
    few = {"population_size": 6, "episodes": 1}
    assert_same_bits(roll(CARTPOLE, network, 1, **few), roll(CARTPOLE, network, 16, **few))


def test_many_jobs_go_in_stretches_and_none_is_left_out():
    many = {"population_size": 40, "episodes": 31, "cap": 20}
    network = MLP(sizes=(2, 8, 2))
    assert_same_bits(roll(WALK, network, 1, **many), roll(WALK, network, 16, **many))


def test_a_world_with_a_branch_on_a_value_runs_one_episode_at_a_time_and_says_so(caplog):
    network = MLP(sizes=(2, 8, 2))
    with caplog.at_level(logging.WARNING, "evolvent"):
        branching = roll(world(branching_step, Discrete(n=2)), network, None)
    assert "episodes run one at a time" in caplog.text
    assert "Walk-v0 cannot be compiled" in caplog.text
    assert "it branches on a value; write where(condition, yes, no)" in caplog.text
    assert f"{branching_step.__code__.co_firstlineno + 3}:" in caplog.text
    assert_same_bits(roll(WALK, network, 1), branching)


@pytest.mark.parametrize(
    ("sizes", "lanes"), [((4, 16, 2), 16), ((1, 170, 1), 16), ((4, 73, 2), 8), ((1, 1365, 1), 8), ((4, 64, 64, 2), 1)]
)
def test_the_larger_a_network_the_fewer_episodes_run_side_by_side(sizes, lanes):
    assert lanes_for(MLP(sizes=sizes)) == lanes


@pytest.mark.parametrize("size", [0, 1, 255, 600, 5_000, 20_011])
def test_threads_that_take_stretches_do_each_job_once(size):
    take, counter = bind(taken, LANES=16), np.zeros(1, np.int64)
    held, jobs = [(0, 0)] * 3, []
    for turn in itertools.cycle((0, 1, 1, 2)):
        job, held[turn] = take(counter, size, held[turn])
        if job >= size:
            break
        jobs.append(job)
    for mine in held:  # what a thread holds when the others find nothing more, it does itself
        jobs += range(mine[0], min(mine[1], size))
    assert sorted(jobs) == list(range(size))


def test_a_counter_at_its_end_leaves_nothing_to_take():
    counter = np.array([20_000], np.int64)
    job, _ = bind(taken, LANES=16)(counter, 20_000, (0, 0))
    assert job >= 20_000


def step_by_module(state, action, draw):
    return Walk(lanes_module.clip(state.position, -1.0, 1.0), uniform(draw, 0), action[0]), 1.0, False


def step_that_prints(state, action, draw):
    print(state.position)  # noqa: T201
    return Walk(state.position, uniform(draw, 0), action[0]), 1.0, False


def test_printing_in_lanes_is_refused_with_the_line():
    with pytest.raises(
        UsageError, match=rf"line {step_that_prints.__code__.co_firstlineno + 1}: print\(\) has no form in lanes"
    ):
        compile_rollout(world(step_that_prints, Discrete(n=2)), MLP(sizes=(2, 8, 2)), 16)


def step_with_text(state, action, draw):
    return Walk(state.position + "1", uniform(draw, 0), action[0]), 1.0, False


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (step_by_module, "call it by its own name: from evolvent.lanes import clip"),
        (step_with_text, "No implementation of function"),
    ],
)
def test_a_world_that_cannot_be_compiled_is_refused_in_one_line_that_names_the_place(step, reason):
    with pytest.raises(UsageError) as refused:
        roll(world(step, Discrete(n=2)), MLP(sizes=(2, 8, 2)), None)
    message = str(refused.value)
    assert reason in message
    assert f"test_rollout.py, line {step.__code__.co_firstlineno + 1}:" in message
    assert "\n" not in message


# --- memory, normalisers, descriptors -------------------------------------------------------------------------------


def echo_forward(row, memory, inputs):
    state = tanh(row[0] * to_float32(inputs[0]) + row[1] * memory[0] + row[2] * memory[1])
    return (row[3] * state, row[4] * memory[0]), (state, memory[0])


@dataclass(frozen=True)
class Echo:
    """Remembers its last two inner states."""

    num_inputs: int = 2
    num_outputs: int = 2
    dim: int = 5
    initial_memory: tuple[Any, ...] = (np.float32(0.0), np.float32(0.25))

    def forward(self):
        return echo_forward

    def initialise(self, population_size, stream):
        return stream.normal((population_size, self.dim))


def test_a_network_remembers_within_an_episode_and_forgets_between_them():
    network, population, seeds = Echo(), Echo().initialise(6, stream(2, "initial")), stream(2, "e").bits((6, 5))
    one, many = (measure(WALK, network, lanes, population, seeds) for lanes in (1, 16))
    assert_same_bits((one.returns, one.steps), (many.returns, many.steps))
    for i, e in np.ndindex(*seeds.shape):
        total, steps, _ = played_in_python(WALK, network, population[i], seeds[i, e])
        assert one.steps[i, e] == steps
        assert one.returns[i, e] == pytest.approx(total, rel=1e-12)


def measure(env, network: Any, lanes, population, seeds, **conditions) -> Any:
    with closing(CompiledEnv(env, network, threads=2, lanes=lanes)) as task:
        return task.evaluate(population, Conditions(seeds=seeds, **conditions))


def played_in_python(env, network: Any, row, seed, normaliser=None):
    draw, forward, choose = Draw(seed, 0), network.forward(), action_rule(env.spec.action_space)
    state, memory, total, steps, over, shown = env.reset(draw), network.initial_memory, 0.0, 0, False, []
    while steps < env.spec.max_episode_steps and not over:
        observation = np.array(env.observe(state))
        shown.append(observation)
        if normaliser is not None:
            observation = (observation - normaliser.mean) * normaliser.scale
        outputs, memory = forward(row, memory, observation)
        steps += 1
        state, reward, over = env.step(state, choose(outputs, Draw(seed, steps)), Draw(seed, steps))
        total += reward
    return total, steps, (np.array(shown), state)


def test_observations_are_normalised_and_their_moments_gathered():
    network = MLP(sizes=(2, 6, 2), activation="tanh")
    population, seeds = network.initialise(5, stream(3, "initial")), stream(3, "e").bits((5, 4))
    normaliser = Moments(count=10, mean=np.array([0.2, -0.1]), squares=np.array([0.9, 4.0]))
    one, many = (measure(WALK, network, lanes, population, seeds, normaliser=normaliser) for lanes in (1, 16))
    assert_same_bits((one.returns, one.steps), (many.returns, many.steps))
    assert_same_bits((one.moments.mean, one.moments.squares), (many.moments.mean, many.moments.squares))
    shown = []
    for i, e in np.ndindex(*seeds.shape):
        _, steps, (observations, _) = played_in_python(WALK, network, population[i], seeds[i, e], normaliser)
        assert one.steps[i, e] == steps
        shown.append(observations)
    everything = np.concatenate(shown)
    assert one.moments.count == len(everything)
    assert one.moments.mean == pytest.approx(everything.mean(axis=0), rel=1e-10)
    assert one.moments.deviation == pytest.approx(everything.std(axis=0), rel=1e-10)
    assert one.steps.tolist() != measure(WALK, network, 1, population, seeds).steps.tolist()


def test_a_normaliser_that_has_seen_nothing_changes_nothing_and_failed_episodes_teach_it_nothing():
    network = MLP(sizes=(2, 6, 2))
    population, seeds = network.initialise(5, stream(3, "initial")), stream(3, "e").bits((5, 4))
    population[2] = np.nan
    plain = measure(WALK, network, 16, population, seeds)
    first = measure(WALK, network, 16, population, seeds, normaliser=Moments.of_none(2))
    assert plain.moments is None
    assert_same_bits((plain.returns, plain.steps), (first.returns, first.steps))
    assert first.moments.count == plain.steps[[0, 1, 3, 4]].sum()


def where_it_ended(state):
    return state.position, state.wind, state.steps


@pytest.mark.parametrize("cap", [None, 7])
def test_an_episode_is_described_by_its_last_state(cap):
    env = replace(WALK, describe=where_it_ended)
    network = MLP(sizes=(2, 6, 2))
    population, seeds = network.initialise(5, stream(3, "initial")), stream(3, "e").bits((5, 4))
    one, many = (measure(env, network, lanes, population, seeds, episode_cap=cap) for lanes in (1, 16))
    assert one.descriptors.shape == (5, 4, 3)
    assert_same_bits((one.descriptors,), (many.descriptors,))
    assert one.descriptors[:, :, 2].tolist() == one.steps.tolist()
    if cap is None:
        for i, e in np.ndindex(*seeds.shape):
            *_, (_, last) = played_in_python(env, network, population[i], seeds[i, e])
            assert one.descriptors[i, e] == pytest.approx(last, rel=1e-12)
    assert measure(WALK, network, 16, population, seeds).descriptors is None
