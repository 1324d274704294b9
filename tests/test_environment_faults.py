import math
import re
from contextlib import closing
from functools import partial
from itertools import count
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import ClipReward, TimeLimit

from evolvent.errors import EnvironmentFailed, UsageError
from evolvent.evaluation import Conditions, best_first
from evolvent.networks import MLP
from evolvent.policies.desk import NOT_FINITE, OUTSIDE, compile_watched_act, desk
from evolvent.seeding import stream
from evolvent.spaces import Discrete
from evolvent.tasks.gym_env import DEFAULT_CAP, GymEnv, describe
from evolvent.testing import FaultyEnv
from evolvent.training.failures import Failures

NETWORK = MLP(sizes=(2, 2))
TAKES_0, TAKES_1 = np.array([[0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 1]], np.float32)
RECTIFIED = MLP(sizes=(2, 3, 2), activation="relu")
LENGTH, LIMIT = 7, 50
SEEDS = np.arange(100, dtype=np.uint64)
NUMBERS = count()


def register(entry_point, limit: int | None = LIMIT, **settings):
    env_id = f"faults/World{next(NUMBERS)}-v0"
    gymnasium.register(env_id, entry_point=entry_point, max_episode_steps=limit, kwargs=settings)
    return env_id


def evaluate(env_id, rows=(TAKES_0,), episodes=1, network=NETWORK, **options):
    with closing(GymEnv(env_id, network, **options)) as task:
        seeds = np.tile(SEEDS[:episodes], (len(rows), 1))
        evaluation = task.evaluate(np.array(rows), Conditions(seeds=seeds))
        Failures(env_id).note(evaluation)
        return evaluation


faulty = partial(register, FaultyEnv)


def assert_failed(evaluation, individual=0):
    assert evaluation.failed[individual]
    assert np.isnan(evaluation.fitness[individual])
    assert best_first(evaluation)[-1] == individual


# --- what raises ---


@pytest.mark.parametrize(
    ("mode", "step", "message"),
    [("step_raises", 3, "RuntimeError: step"), ("exits", 3, "SystemExit: left"), ("reset_raises", 0, "RuntimeError: reset")],
)
def test_what_raises_fails_its_individual(mode, step, message, caplog):
    evaluation = evaluate(faulty(mode=mode, step=step), [TAKES_0] * 3, episodes=1)
    assert evaluation.failed.tolist() == [True] * 3
    assert evaluation.returns.tolist() == [[max(step - 1.0, 0.0)]] * 3
    assert_failed(evaluation, 2)
    assert f"(individual 0, episode 0, seed 0, step {step}): {message}" in caplog.text
    assert "Traceback" in caplog.text


@pytest.mark.parametrize(("mode", "step"), [("step_raises", 3), ("exits", 3), ("reset_raises", 0), ("nan_reward", 2)])
def test_what_fails_once_is_played_again_in_a_fresh_environment(mode, step, caplog):
    evaluation = evaluate(faulty(mode=mode, episode=2, step=step), [TAKES_0] * 3, episodes=1)
    assert not evaluation.failed.any()
    assert evaluation.returns.tolist() == [[7.0]] * 3
    assert not caplog.records


def test_an_environment_is_built_anew_for_each_episode_where_that_is_asked_for():
    env_id = faulty(mode="step_raises", episode=1, step=3)
    assert evaluate(env_id, [TAKES_0], episodes=3, fresh_env=True).failed.all()
    assert evaluate(faulty(mode="nan_reward", episode=2), [TAKES_0], episodes=3, fresh_env=True).returns.tolist() == [[7.0] * 3]


def test_rare_faults_are_all_counted_and_told_once(caplog):
    env_id = faulty(mode="step_raises", probability=0.1)
    evaluation = evaluate(env_id, [TAKES_0], episodes=60)
    alone = [evaluate(env_id, [TAKES_0], episodes=e + 1).steps[0, e] for e in range(0, 60, 7)]
    assert evaluation.steps[0, ::7].tolist() == alone
    assert 0 < (evaluation.returns < LENGTH).sum() < 60
    assert ((evaluation.returns == LENGTH) == (evaluation.returns == evaluation.steps)).all()
    assert caplog.text.count("failed") == 1 + len(alone)


@pytest.mark.parametrize("trouble", [OSError("no licence"), SystemExit(3)])
def test_a_constructor_that_gives_up_is_said(trouble):
    def build():
        raise trouble

    with pytest.raises(EnvironmentFailed, match=rf"World\d+-v0 cannot be built: {type(trouble).__name__}: "):
        GymEnv(register(build), NETWORK)
    with pytest.raises(EnvironmentFailed, match="cannot be built: RuntimeError: the constructor raises"):
        GymEnv(faulty(mode="constructor_raises"), NETWORK)


# --- rewards ---


@pytest.mark.parametrize("step", [1, 2, LENGTH])
@pytest.mark.parametrize(
    ("reward", "shown"),
    [
        (math.nan, "nan"),
        (math.inf, "inf"),
        (np.float32(-np.inf), r"np.float32\(-inf\)"),
        (None, "None"),
        ("3.0", "'3.0'"),
        (np.str_("3.0"), r"np.str_\('3.0'\)"),
        (1 + 0j, r"\(1\+0j\)"),
        (np.array([1.0]), r"array\(\[1.\]\)"),
        (np.array([1.0, 2.0]), "array"),
        ([1.0], r"\[1.0\]"),
        ({}, "{}"),
    ],
)
def test_an_odd_reward_fails_its_individual(reward, shown, step, caplog):
    evaluation = evaluate(faulty(mode="odd_reward", value=reward, step=step, action=1), [TAKES_0, TAKES_1])
    assert evaluation.failed.tolist() == [False, True]
    assert_failed(evaluation, 1)
    assert evaluation.steps.tolist() == [[LENGTH], [step]]
    assert np.isfinite(evaluation.returns).all()
    [text] = [record.getMessage() for record in caplog.records]
    expected = rf"\(individual 1, episode 0, seed 0, step {step}\): reward: expected a finite number, got {shown}"
    assert re.search(expected, text)


@pytest.mark.parametrize(
    ("reward", "number"),
    [(True, 1.0), (np.True_, 1.0), (3, 3.0), (np.float16(0.5), 0.5), (np.uint8(7), 7.0), (np.array(2.0), 2.0)],
)
def test_any_real_number_is_a_reward(reward, number):
    evaluation = evaluate(faulty(mode="odd_reward", value=reward, step=4))
    assert evaluation.returns.tolist() == [[LENGTH - 1 + number]]
    assert not evaluation.failed.any()


def test_rewards_whose_sum_is_not_finite_are_said(caplog):
    evaluation = evaluate(faulty(mode="odd_reward", value=1e308))
    assert_failed(evaluation)
    assert "rewards: expected a finite sum, got inf" in caplog.text


# --- observations ---


@pytest.mark.parametrize("step", [0, 1, LENGTH])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_an_observation_that_is_not_finite_fails_its_individual(odd, dtype, step, caplog):
    shown = np.array([0.5, odd], dtype)
    evaluation = evaluate(faulty(mode="odd_observation", value=shown, step=step))
    assert_failed(evaluation)
    assert evaluation.steps.tolist() == [[step]]
    assert f"step {step}): observation: expected finite numbers, got {odd} at [1]" in caplog.text


@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_the_user_may_allow_observations_that_are_not_finite(odd, caplog):
    env_id = faulty(mode="odd_observation", value=np.array([odd, 0.5], np.float32), step=3)
    for network, rows in ((NETWORK, (TAKES_1,)), (RECTIFIED, np.ones((1, RECTIFIED.dim), np.float32))):
        evaluation = evaluate(env_id, rows, network=network, allow_nan_observations=True)
        assert evaluation.steps.tolist() == [[LENGTH]]
        assert not evaluation.failed.any()
    assert not caplog.records


def test_an_action_that_is_not_finite_fails_even_where_such_observations_are_allowed(caplog):
    class Steers(FaultyEnv):
        action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,))

        def step(self, action):
            return super().step(int(action[0]))

    env_id = register(Steers, mode="nan_observation", step=3)
    evaluation = evaluate(env_id, np.zeros((1, 3), np.float32), network=MLP(sizes=(2, 1)), allow_nan_observations=True)
    assert_failed(evaluation)
    assert "step 3): action: expected finite numbers, got [nan]" in caplog.text


def test_parameters_that_are_not_finite_are_no_fault_of_the_observations(caplog):
    for allowed in (False, True):
        assert_failed(evaluate(faulty(), TAKES_0[np.newaxis] * np.nan, allow_nan_observations=allowed))
    assert caplog.text.count("step 0): network: expected finite outputs") == 2


@pytest.mark.parametrize("step", [0, 2, LENGTH])
@pytest.mark.parametrize(
    ("observation", "shown"),
    [
        (np.zeros((1, 2), np.float32), "float32 of shape (1, 2)"),
        (np.zeros((2, 1)), "float64 of shape (2, 1)"),
        (np.zeros(3), "float64 of shape (3,)"),
        (0.0, "float64 of shape ()"),
        (np.array(["1.0", "2.0"]), "<U3 of shape (2,)"),
        (np.zeros(2, complex), "complex128 of shape (2,)"),
        (None, "object of shape ()"),
        ({"position": 1.0}, "object of shape ()"),
    ],
)
def test_an_observation_of_another_shape_or_type_fails_its_individual(observation, shown, step, caplog):
    evaluation = evaluate(faulty(mode="odd_observation", value=observation, step=step))
    assert_failed(evaluation)
    assert evaluation.steps.tolist() == [[step]]
    assert f"step {step}): observation: expected numbers of shape (2,), got {shown}" in caplog.text


@pytest.mark.parametrize("observation", [[0, 1], (0.5, True), np.zeros(2, np.uint8), np.zeros(2, np.float16)])
def test_numbers_of_other_types_are_an_observation(observation):
    assert not evaluate(faulty(mode="odd_observation", value=observation)).failed.any()


@pytest.mark.parametrize("step", [0, 3, LENGTH])
def test_an_observation_outside_its_space_is_said_once(step, caplog):
    evaluation = evaluate(faulty(mode="odd_observation", value=np.array([1.0, -1.5]), step=step), episodes=3)
    assert evaluation.returns.tolist() == [[LENGTH] * 3]
    [text] = [record.getMessage() for record in caplog.records]
    assert text.endswith(
        f"an observation lies outside its space: -1.5 at [1] after step {step}, expected -1.0 to 1.0; said once"
    )


def test_acting_under_watch_says_what_is_odd():
    act, on = compile_watched_act(NETWORK, Discrete(n=2)), desk(np.array([[-1.0, -math.inf], [1.0, math.inf]]), 1)
    for shown, flags in [
        ([1.0, 9.0], 0),
        ([-1.5, 0.0], OUTSIDE),
        ([0.0, math.nan], NOT_FINITE),
        ([math.inf, 0.0], NOT_FINITE + OUTSIDE),
    ]:
        on.observations[:] = shown
        assert act(TAKES_1, on.whole) == flags
    on.observations[:] = 0.0
    assert (act(TAKES_1, on.whole), on.actions.tolist()) == (0, [[1.0]])
    assert act(TAKES_1 * np.nan, on.whole) == NOT_FINITE


def test_an_environment_may_show_the_same_array_again_and_again():
    rows = NETWORK.initialise(10, stream(0, "first"))
    copies, reuses = (evaluate(faulty(mode=mode), rows, episodes=10) for mode in ("none", "reused_buffer"))
    assert copies.returns.tobytes() == reuses.returns.tobytes()
    assert len(np.unique(copies.returns)) > 50


# --- the API ---


class OldSignature(FaultyEnv):
    def reset(self):  # type: ignore[override]
        return super().reset()[0]


class OldPair(FaultyEnv):
    def reset(self, **how):
        return tuple(super().reset(**how)[0])


class OldWorld:
    observation_space, action_space, spec = FaultyEnv.observation_space, FaultyEnv.action_space, None

    @property
    def unwrapped(self):
        return self


@pytest.mark.parametrize(
    ("entry_point", "mode", "found"),
    [
        (FaultyEnv, "old_step", r"step\(\) gave a tuple of 4"),
        (FaultyEnv, "old_reset", r"reset\(\) gave a ndarray of 2"),
        (OldPair, "none", r"reset\(\) gave a tuple of 2"),
        (OldSignature, "none", r"TypeError: .*unexpected keyword argument 'seed'"),
        (lambda mode: ClipReward(FaultyEnv(mode), 0, 1), "old_step", r"ValueError: not enough values to unpack"),
    ],
)
def test_the_older_gyms_api_is_named_at_once(entry_point, mode, found, caplog):
    env_id = register(entry_point, mode=mode)
    with pytest.raises(
        EnvironmentFailed, match=rf"^{env_id}: expected Gymnasium's API, .*truncated, info\); {found}"
    ) as caught:
        evaluate(env_id, [TAKES_0] * 2)
    assert caught.value.exit_code == 4
    assert not caplog.records


def test_an_environment_of_another_library_is_refused():
    with pytest.raises(EnvironmentFailed, match=r"cannot be built: TypeError: .*must inherit from the gymnasium\.Env class"):
        GymEnv(register(OldWorld), NETWORK)


# --- how an episode ends ---


@pytest.mark.parametrize("step", [1, 4, LENGTH])
@pytest.mark.parametrize("ends", [(False, False), (False, True), (True, False), (True, True), (np.True_, np.False_)])
def test_rewards_count_up_to_the_step_that_ends_the_episode(ends, step):
    evaluation = evaluate(faulty(mode="ends", value=ends, step=step), episodes=2)
    length = step if any(ends) else (LENGTH if step < LENGTH else LIMIT)
    assert evaluation.returns.tolist() == evaluation.steps.tolist() == [[length] * 2]
    cut_off = bool(ends[1]) if any(ends) else step == LENGTH
    assert evaluation.truncated is not None
    assert evaluation.truncated.tolist() == [[cut_off and not ends[0]] * 2]
    assert not evaluation.failed.any()


@pytest.mark.parametrize(("inner", "cap"), [(3, None), (3, 5), (5, 3)])
def test_the_shorter_of_two_limits_holds(inner, cap):
    env_id = register(lambda: TimeLimit(TimeLimit(FaultyEnv("endless"), inner), inner + 1))
    with closing(GymEnv(env_id, NETWORK)) as task:
        evaluation = task.evaluate(TAKES_0[np.newaxis], Conditions(seeds=SEEDS[np.newaxis, :2], episode_cap=cap))
    assert evaluation.steps.tolist() == evaluation.returns.tolist() == [[3, 3]]
    assert evaluation.truncated is not None
    assert evaluation.truncated.all()


@pytest.mark.parametrize("limit", [1, 33, None])
def test_an_endless_world_ends_at_its_limit(limit, caplog):
    evaluation = evaluate(faulty(mode="endless", limit=limit), episodes=2)
    assert evaluation.steps.tolist() == evaluation.returns.tolist() == [[limit or DEFAULT_CAP] * 2]
    assert not evaluation.failed.any()
    assert not caplog.records


def test_an_episode_may_end_in_its_first_step(caplog):
    evaluation = evaluate(faulty(mode="one_step"), [TAKES_0, TAKES_1], episodes=100)
    assert (evaluation.steps == 1).all()
    assert evaluation.fitness[0] == 1.0
    assert np.isfinite(evaluation.fitness[1])
    assert not caplog.records


# --- the world that these tests use ---


def test_a_world_without_a_fault_obeys_gymnasium():
    with closing(FaultyEnv()) as env:
        first, _ = env.reset(seed=5)
        assert first in env.observation_space
        answers = [env.step(1) for _ in range(LENGTH)]
    assert [over for *_, over, _, _ in answers] == [False] * 6 + [True]
    shown = [first, *(observation for observation, *_ in answers)]
    assert [reward for _, reward, *_ in answers] == [1.0 + float(each[0]) for each in shown[:-1]]


def test_a_fault_that_is_unknown_is_refused():
    with pytest.raises(UsageError, match=r"^mode: 'endles' is unknown; did you mean \"endless\"\?; expected one of none, "):
        FaultyEnv("endles")


# --- seeds, and building ---


class OldGenerator(FaultyEnv):
    """Draws as many packages do: from NumPy's old generators, which take 32 bits."""

    def reset(self, *, seed=None, options=None):
        np.random.RandomState(seed)
        return super().reset(seed=seed, options=options)


def test_reset_is_given_no_more_bits_than_old_generators_take():
    with closing(GymEnv(register(OldGenerator), NETWORK)) as task:
        seeds = np.array([[2**64 - 1, 2**32 - 1, 2**32, 5]], np.uint64)
        evaluation = task.evaluate(TAKES_1[np.newaxis], Conditions(seeds=seeds))
    assert not evaluation.failed.any()
    assert evaluation.returns[0, 0] == evaluation.returns[0, 1] != evaluation.returns[0, 2]


def test_an_environment_is_built_once_to_be_looked_at_and_anew_where_its_id_means_another():
    built = []
    env_id = register(lambda: built.append(1) or FaultyEnv())
    for _ in range(3):
        describe(env_id)
    assert len(built) == 1
    gymnasium.registry.pop(env_id)
    another: Any = lambda: built.append(2) or FaultyEnv()  # noqa: E731
    gymnasium.register(env_id, entry_point=another)
    describe(env_id)
    describe(env_id, {})
    assert built == [1, 2]


def test_a_fresh_environment_that_cannot_be_built_fails_the_episode():
    built = []

    def once():
        built.append(1)
        if len(built) == 3:  # the first is looked at, the second acted in
            raise OSError("the port is in use")
        return FaultyEnv("step_raises", step=3, episode=1)

    with closing(GymEnv(register(once), NETWORK)) as task:
        evaluation = task.evaluate(np.array([TAKES_0] * 2), Conditions(seeds=np.array([[1], [2]], np.uint64)))
    assert evaluation.failed[0]
    assert evaluation.problems
    assert "the port is in use" in evaluation.problems[0].text
