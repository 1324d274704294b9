import math
import os
import signal
import sys
import threading
from contextlib import ExitStack, closing
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from evolvent.engines import Inline
from evolvent.envs import CARTPOLE, Env, EnvSpec
from evolvent.errors import EnvironmentFailed, UsageError
from evolvent.evaluation import Conditions, best_first, mean_return
from evolvent.lanes import Value
from evolvent.networks import MLP
from evolvent.seeding import Draw, stream, uniform
from evolvent.spaces import Box, Discrete
from evolvent.tasks import CompiledEnv
from evolvent.tasks.gym_env import DEFAULT_CAP, GymEnv, describe, make
from evolvent.training.failures import Failures
from tests.reference import mlp

NETWORK = MLP(sizes=(4, 5, 2), activation="tanh")
LINEAR = MLP(sizes=(4, 2))
BALANCES = np.array([0, 0.1, 0, 0.2, 0, 1, 0, 0.3, 0, 0], np.float32)
FALLS = np.array([0, 0, 0, 0, 0, 0, 0, 0, 0, 1], np.float32)


class TwoButtons(gymnasium.Env):
    """Pays one a step for seven steps; what happens at button 4 is said when it is made."""

    observation_space = spaces.Box(-1.0, 1.0, (2,))
    action_space = spaces.Discrete(2, start=3)

    def __init__(self, fault="None"):
        self.fault, self.length = fault, 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed, options=options)
        self.length = 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        assert action in (3, 4)
        self.length += 1
        fault = self.fault if action == 4 else "None"
        if fault == "Raises":
            raise ZeroDivisionError("a fault of the world")
        if fault == "Exits":
            sys.exit("a world that leaves")
        reward = {"NaNReward": math.nan, "InfReward": math.inf}.get(fault, 1.0)
        if fault == "OneNumber":
            return np.zeros(1, np.float32), 1.0, False, False, {}
        shown = {"NaNObservation": math.nan, "InfObservation": -math.inf}.get(fault, 0.0)
        return np.array([0.0, shown], np.float32), reward, self.length == 7, fault == "Truncates", {}


class Shows(gymnasium.Env):
    """Has the spaces that it is told to have."""

    def __init__(self, observation_space, action_space):
        self.observation_space, self.action_space = observation_space, action_space


def broken():
    raise OSError("no licence")


def needy():
    raise gymnasium.error.DependencyNotInstalled("pip install more")


def register(name, entry_point: Any, **settings):
    gymnasium.register(f"test/{name}-v0", entry_point=entry_point, kwargs=settings)


SMALL_BOX = spaces.Box(-1.0, 1.0, (2,))
FAULTS = ["Exits", "Raises", "OneNumber", "NaNReward", "InfReward", "NaNObservation", "InfObservation"]
register("TwoButtons", TwoButtons)
register("Broken", broken)
register("Needs", needy)
register("Spoken", Shows, observation_space=spaces.Text(5), action_space=SMALL_BOX)
register("Named", Shows, observation_space=SMALL_BOX, action_space=spaces.Dict(a=SMALL_BOX))
for name in [*FAULTS, "Truncates"]:
    register(name, TwoButtons, fault=name)

BUTTONS = MLP(sizes=(2, 2), output_activation="tanh")
PRESSES_3, PRESSES_4 = (np.array([0, 0.5, 0, 0.5, *biases], np.float32) for biases in ((1, 0), (0, 1)))


@pytest.fixture
def opened():
    """Give a function that hands back a task, to be closed when the test is over."""
    with ExitStack() as stack:
        yield lambda task: stack.enter_context(closing(task))


@pytest.fixture
def task(opened):
    """Give a function that makes CartPole's task of a kind, compiled or Gymnasium's own."""

    def make(kind, network=NETWORK):
        return opened(CompiledEnv(CARTPOLE, network) if kind == "compiled" else GymEnv("CartPole-v1", network))

    return make


def same(one, other):
    parts = ("fitness", "returns", "steps", "failed")
    return all(getattr(one, part).tobytes() == getattr(other, part).tobytes() for part in parts)


def example(count, episodes):
    return NETWORK.initialise(count, stream(0, "first")), stream(0, "episodes").bits((count, episodes))


# --- every task ---


@pytest.mark.parametrize("kind", ["compiled", "gymnasium"])
def test_an_evaluation_has_the_promised_shapes(task, kind):
    population, seeds = example(5, 3)
    before = population.copy()
    evaluation = task(kind).evaluate(population, Conditions(seeds=seeds))
    assert [each.shape for each in (evaluation.fitness, evaluation.returns, evaluation.steps, evaluation.failed)] == [
        (5,),
        (5, 3),
        (5, 3),
        (5,),
    ]
    assert evaluation.fitness.tolist() == evaluation.returns.mean(axis=1).tolist()
    assert evaluation.steps.tolist() == evaluation.returns.tolist()
    assert not evaluation.failed.any()
    assert same(Inline().evaluate(task(kind), population, Conditions(seeds=seeds)), evaluation)
    assert population.tobytes() == before.tobytes()


@pytest.mark.parametrize("kind", ["compiled", "gymnasium"])
def test_a_row_is_measured_as_if_it_were_alone(task, kind):
    population, seeds = example(6, 2)
    measured = task(kind)
    whole = measured.evaluate(population, Conditions(seeds=seeds))
    assert same(whole, measured.evaluate(population, Conditions(seeds=seeds)))
    order = [3, 5, 0, 1, 4, 2]
    mixed = measured.evaluate(population[order], Conditions(seeds=seeds[order]))
    assert mixed.returns.tolist() == whole.returns[order].tolist()
    for i in range(6):
        alone = measured.evaluate(population[i : i + 1], Conditions(seeds=seeds[i : i + 1]))
        assert alone.returns.tolist() == whole.returns[i : i + 1].tolist()
    assert len(np.unique(whole.returns)) > 2


@pytest.mark.parametrize("kind", ["compiled", "gymnasium"])
@pytest.mark.parametrize(("cap", "length"), [(None, 500), (1, 1), (60, 60), (620, 620)])
def test_an_episode_that_reaches_its_cap_counts_in_full(task, kind, cap, length):
    seeds = stream(1, "episodes").bits((2, 1))
    evaluation = task(kind, LINEAR).evaluate(np.array([BALANCES, FALLS]), Conditions(seeds=seeds, episode_cap=cap))
    assert evaluation.steps[0, 0] == evaluation.returns[0, 0] == evaluation.fitness[0] == length
    assert evaluation.steps[1, 0] == evaluation.returns[1, 0] <= min(12, length)
    assert not evaluation.failed.any()


@pytest.mark.parametrize("kind", ["compiled", "gymnasium"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_parameters_that_are_not_finite_fail_and_rank_last(task, kind, bad):
    population, seeds = example(4, 2)
    NETWORK.named_views(population[0])["layer1.biases"][1] = bad
    population[2] = bad
    evaluation = task(kind).evaluate(population, Conditions(seeds=seeds))
    assert evaluation.failed.tolist() == [True, False, True, False]
    assert np.isnan(evaluation.fitness).tolist() == [True, False, True, False]
    assert sorted(best_first(evaluation)[:2]) == [1, 3]
    assert evaluation.steps[[0, 2]].max() <= 1
    untouched = task(kind).evaluate(population[[1, 3]], Conditions(seeds=seeds[[1, 3]]))
    assert evaluation.returns[[1, 3]].tolist() == untouched.returns.tolist()


@pytest.mark.parametrize("kind", ["compiled", "gymnasium"])
def test_shapes_that_do_not_fit_are_refused_before_anything_is_read(task, kind):
    population, seeds = example(4, 2)
    measured = task(kind)
    for rows in (population[:, :-1], population[0], np.zeros((4, 0), np.float32)):
        with pytest.raises(UsageError, match=rf"^population: expected rows of {NETWORK.dim} parameters"):
            measured.evaluate(rows, Conditions(seeds=seeds))
    for odd in (seeds[:3], np.concatenate([seeds, seeds]), seeds[:, 0]):
        with pytest.raises(UsageError, match=r"^seeds: expected a row for each of 4 individuals"):
            measured.evaluate(population, Conditions(seeds=odd))


@pytest.mark.parametrize("kind", ["compiled", "gymnasium"])
@pytest.mark.parametrize(("sizes", "message"), [((5, 2), "5 inputs do not fit"), ((4, 3), "3 outputs do not fit")])
def test_a_network_that_does_not_fit_the_world_is_refused(task, kind, sizes, message):
    with pytest.raises(UsageError, match=f"^network: {message}"):
        task(kind, MLP(sizes=sizes))


@pytest.mark.parametrize("kind", ["compiled", "gymnasium"])
def test_arrays_of_other_layouts_and_integer_types_will_do(task, kind):
    population, seeds = example(3, 2)
    seeds >>= np.uint64(1)
    measured = task(kind)
    plain = measured.evaluate(population, Conditions(seeds=seeds))
    rows: Any = np.asfortranarray(population, np.float64)
    signed: Any = np.asfortranarray(seeds, np.int64)
    other = measured.evaluate(rows, Conditions(seeds=signed))
    assert same(plain, other)


# --- compiled worlds ---


@pytest.mark.compiled
@pytest.mark.parametrize("threads", [2, 4])
def test_the_number_of_threads_changes_no_bit(opened, threads):
    population, seeds = example(150, 3)
    population[7] = np.nan
    alone = opened(CompiledEnv(CARTPOLE, NETWORK)).evaluate(population, Conditions(seeds=seeds))
    shared = opened(CompiledEnv(CARTPOLE, NETWORK, threads=threads))
    for _ in range(5):
        assert same(alone, shared.evaluate(population, Conditions(seeds=seeds)))


class Walk(NamedTuple):
    """Where a walker is, who is pushed about and paid at random."""

    position: Value


def walk(state, action, draw):
    position = state.position + action[0] + uniform(draw, 1) - 0.5
    return Walk(position), uniform(draw, 0), position > 3.0


WALK = Env(
    spec=EnvSpec(
        id="Walk",
        observation_space=Box.symmetric((math.inf,)),
        action_space=Box(low=(-0.25,), high=(1.0,), shape=(1,)),
        max_episode_steps=40,
        reward_threshold=None,
    ),
    reset=lambda draw: Walk(4.0 * uniform(draw, 2) - 2.0),
    observe=lambda state: (state.position,),
    step=walk,
)


def test_chance_in_a_world_depends_on_the_episode_and_the_step(opened):
    network = MLP(sizes=(1, 3, 1), initialiser="normal")
    population, seeds = network.initialise(4, stream(6, "first")), stream(6, "episodes").bits((4, 3))
    evaluation = opened(CompiledEnv(WALK, network)).evaluate(population, Conditions(seeds=seeds))
    for row, returns, steps, row_seeds in zip(population, evaluation.returns, evaluation.steps, seeds, strict=True):
        for total, length, seed in zip(returns, steps, row_seeds, strict=True):
            state, paid, k, over = WALK.reset(Draw(int(seed), 0)), 0.0, 0, False
            while k < 40 and not over:
                k += 1
                [output] = mlp.forward(network, row, np.array([state.position]))
                action = min(max(float(output), -0.25), 1.0)
                state, reward, over = walk(state, (action,), Draw(int(seed), k))
                paid += reward
            assert (total, length) == (paid, k)
    assert len(np.unique(evaluation.steps)) > 3


def test_no_thread_is_too_few():
    with pytest.raises(UsageError, match="threads: expected at least 1, got 0"):
        CompiledEnv(CARTPOLE, NETWORK, threads=0)


@pytest.mark.compiled
@pytest.mark.skipif(os.name != "posix", reason="Windows sends no signals")
def test_an_interrupt_stops_the_threads_early(opened, monkeypatch):
    given: list[Any] = []
    measured = opened(CompiledEnv(CARTPOLE, NETWORK, threads=2))
    rollout = measured._rollouts[False]
    population, seeds = example(4, 500_000)
    measured.evaluate(population, Conditions(seeds=seeds[:, :1]))
    monkeypatch.setitem(measured._rollouts, False, lambda jobs, results: (given.append(results), rollout(jobs, results)))
    threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        measured.evaluate(population, Conditions(seeds=seeds))
    measured.close()
    assert (given[0].steps == 0).any()


# --- Gymnasium's worlds ---


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_the_individual_that_met_it_and_no_other(opened, fault):
    measured = opened(GymEnv(f"test/{fault}-v0", BUTTONS))
    seeds = stream(0, "episodes").bits((3, 2))
    evaluation = measured.evaluate(np.array([PRESSES_3, PRESSES_4, PRESSES_3]), Conditions(seeds=seeds))
    assert evaluation.failed.tolist() == [False, True, False]
    assert evaluation.returns[[0, 2]].tolist() == [[7.0, 7.0], [7.0, 7.0]]
    assert best_first(evaluation).tolist() == [0, 2, 1]
    assert [(problem.individual, problem.episode) for problem in evaluation.problems] == [(1, 0), (1, 1)]


def test_a_fault_is_logged_once_with_its_traceback(opened, caplog):
    measured, failures = opened(GymEnv("test/Raises-v0", BUTTONS)), Failures("test/Raises-v0")
    for _ in range(2):
        failures.note(measured.evaluate(np.array([PRESSES_4]), Conditions(seeds=np.array([[5, 6]], np.uint64))))
    assert failures.count == 2
    assert caplog.text.count("failed") == 1
    assert "test/Raises-v0 failed (individual 0, episode 0, seed 5, step 1): " in caplog.text
    assert "ZeroDivisionError: a fault of the world" in caplog.text


def test_a_world_may_truncate_an_episode_itself(opened):
    seeds = np.ones((2, 1), np.uint64)
    measured = opened(GymEnv("test/Truncates-v0", BUTTONS))
    evaluation = measured.evaluate(np.array([PRESSES_3, PRESSES_4]), Conditions(seeds=seeds))
    assert evaluation.steps.tolist() == [[7], [1]]


def test_a_world_without_a_limit_gets_one():
    assert describe("test/TwoButtons-v0").max_episode_steps == DEFAULT_CAP


def test_continuous_actions_reach_the_world(opened):
    spec = describe("Pendulum-v1")
    assert spec.action_space == Box(low=(-2.0,), high=(2.0,), shape=(1,))
    assert spec.max_episode_steps == 200
    network = MLP(sizes=(3, 1))
    rows = np.array([[0, 0, 0, 0], [0, 0, 0, 9], [0, 0, 0, -9]], np.float32)
    seeds = np.full((3, 1), 4, np.uint64)
    evaluation = opened(GymEnv("Pendulum-v1", network)).evaluate(rows, Conditions(seeds=seeds, episode_cap=3))
    env, expected = make("Pendulum-v1"), []
    for torque in (0.0, 2.0, -2.0):
        env.reset(seed=4)
        expected.append([sum(float(env.step(np.array([torque], np.float32))[1]) for _ in range(3))])
    env.close()
    assert evaluation.returns.tolist() == expected
    assert len(np.unique(evaluation.returns)) == 3


@pytest.mark.parametrize(
    ("env_id", "message"),
    [
        ("CartPol-v1", r"^env: 'CartPol-v1' is not a registered .*did you mean \"CartPole-v1\""),
        ("CartPole-v9", r"^env: 'CartPole-v9' is not a registered .*did you mean \"CartPole-v1\""),
        ("Cart Pole", "^env: 'Cart Pole' is not a registered"),
        ("nowhere/Thing-v0", "^env: 'nowhere/Thing-v0' is not a registered .*envs --all lists them"),
        ("no_such_module:Thing-v0", "^env: 'no_such_module:Thing-v0'.*No module named 'no_such_module'; is it installed"),
        ("test/Spoken-v0", "^test/Spoken-v0: observation space: Text: not supported, for text is no number; wrap"),
        ("test/Named-v0", "^test/Named-v0: action space: Dict is not supported; .*: wrap the environment"),
    ],
)
def test_worlds_that_cannot_be_used_are_named(env_id, message):
    with pytest.raises(UsageError, match=message):
        GymEnv(env_id, NETWORK)


def test_a_file_in_the_place_of_a_module_is_told_how_it_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_sim.py").touch()
    with pytest.raises(UsageError, match=r"a module is named without \.py: my_sim:make_env$"):
        GymEnv("my_sim.py:make_env", NETWORK)


def test_a_package_that_a_world_needs_is_named():
    with pytest.raises(UsageError, match=r"^env: test/Needs-v0 needs a package that is not installed: pip install more"):
        describe("test/Needs-v0")


def test_a_world_that_cannot_be_built_is_no_fault_of_the_user():
    with pytest.raises(EnvironmentFailed, match=r"test/Broken-v0 cannot be built: OSError: no licence"):
        describe("test/Broken-v0")


def test_a_world_may_be_registered_by_the_module_in_its_name(tmp_path, monkeypatch):
    world = "'InAModule-v3', 'gymnasium.envs.classic_control:CartPoleEnv', max_episode_steps=33"
    (tmp_path / "my_worlds.py").write_text(f"import gymnasium\ngymnasium.register({world})\n")
    monkeypatch.syspath_prepend(tmp_path)
    spec = describe("my_worlds:InAModule-v3")
    assert (spec.id, spec.max_episode_steps, spec.action_space) == ("my_worlds:InAModule-v3", 33, Discrete(n=2))


# --- what an evaluation says ---


def test_a_mean_return_fails_whoever_was_not_paid_a_number():
    returns = np.array([[1.0, 2.0], [np.nan, 1.0], [1.0, np.inf], [5.0, 7.0], [0.0, 0.0]])
    failed = np.array([False, False, False, False, True])
    evaluation = mean_return(returns, np.ones((5, 2), np.int64), failed)
    assert evaluation.failed.tolist() == [False, True, True, False, True]
    np.testing.assert_array_equal(evaluation.fitness, [1.5, np.nan, np.nan, 6.0, np.nan])
    assert failed.tolist() == [False, False, False, False, True]


def test_best_first_keeps_the_order_of_equals():
    returns = np.array([[2.0], [3.0], [2.0], [np.nan], [3.0], [-np.inf], [2.0]])
    evaluation = mean_return(returns, np.ones((7, 1), np.int64), np.zeros(7, np.bool_))
    assert best_first(evaluation).tolist() == [1, 4, 0, 2, 6, 3, 5]
