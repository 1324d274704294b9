"""The task: whole episodes, on any number of threads, in any process; what can go wrong, and what it says then."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mujoco")

from evolvent.errors import UsageError
from evolvent.evaluation import Conditions
from evolvent.jit import kernel
from evolvent.moments import Moments
from evolvent.networks import MLP
from evolvent.policies.acting import compile_act
from evolvent.seeding import Draw, stream
from evolvent.spaces import Box
from evolvent.tasks import MujocoEnv
from evolvent.tasks.gym_env import describe, make
from evolvent.tasks.mujoco import library, simulation, unavailable
from evolvent.tasks.mujoco.worlds import WORLDS

NETWORK = MLP(sizes=(11, 4, 3), activation="tanh")  # for Hopper
SEEDS = stream(0, "episodes").bits((6, 3))
POPULATION = NETWORK.initialise(6, stream(0, "rows"))
POPULATION[0] = 0  # stands longest, beyond the cap
CAP = 60
CONDITIONS = Conditions(seeds=SEEDS, episode_cap=CAP)
SPACE = Box.symmetric((1.0, 1.0, 1.0))
START = Moments(count=10, mean=np.linspace(-1, 1, 11), squares=np.linspace(1, 40, 11))


@pytest.fixture(scope="module")
def task():
    with closing(MujocoEnv("Hopper-v5", NETWORK, threads=2)) as task:
        yield task


@pytest.fixture(scope="module")
def original():
    with library.quiet(), closing(make("Hopper-v5")) as env:
        yield env


def first_state(env, env_id, seed):
    """Return the positions and velocities with which our episode of `seed` begins."""
    data = library.new_data(env.model)
    ours, world = library.simulation_of(env.model, data, env.init_qpos, env.init_qvel), WORLDS[env_id]
    kernel(simulation.clear)(ours)
    kernel(world.start)(ours, world.settings(env), Draw(seed, 0))
    return ours.qpos.copy(), ours.qvel.copy()


def play(env, row, seed, normaliser=None, rule="auto"):
    """Play our episode in Gymnasium's environment, and return its total, its length, how it ended, and what was seen."""
    env.reset(seed=0)
    env.unwrapped.set_state(*first_state(env.unwrapped, "Hopper-v5", seed))
    act, actions, seen = compile_act(NETWORK, SPACE, rule), np.zeros((1, 3)), []
    observation, total, over = env.unwrapped._get_obs(), 0.0, False
    while len(seen) < CAP and not over:
        seen.append(observation)
        shown = observation if normaliser is None else (observation - normaliser.mean) * normaliser.scale
        act(row, shown[np.newaxis], actions)
        observation, reward, over, _, _ = env.step(actions[0].astype(np.float32))
        total += reward
    return total, len(seen), not over, seen


def same(one, other):
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in ("returns", "steps", "failed"))


def test_whole_episodes_are_gymnasiums(task, original):
    evaluation = task.evaluate(POPULATION, CONDITIONS)
    played = [[play(original, row, seed) for seed in seeds] for row, seeds in zip(POPULATION, SEEDS, strict=True)]
    assert evaluation.returns.tolist() == [[total for total, *_ in each] for each in played]
    assert evaluation.steps.tolist() == [[length for _, length, *_ in each] for each in played]
    assert evaluation.truncated.tolist() == [[truncated for *_, truncated, _ in each] for each in played]
    assert set(evaluation.truncated.ravel()) == {False, True}
    assert not evaluation.failed.any()
    assert evaluation.moments is None


def test_outputs_are_squashed_where_the_rule_says_so(task, original):
    with closing(MujocoEnv("Hopper-v5", NETWORK, action_rule="tanh")) as squashed:
        evaluation = squashed.evaluate(POPULATION, CONDITIONS)
    played = [play(original, row, seeds[0], rule="tanh") for row, seeds in zip(POPULATION, SEEDS, strict=True)]
    assert evaluation.returns[:, 0].tolist() == [total for total, *_ in played]
    assert evaluation.returns.tolist() != task.evaluate(POPULATION, CONDITIONS).returns.tolist()
    with pytest.raises(UsageError, match=r"^action_rule: 'sampled' does not fit Box"):
        MujocoEnv("Hopper-v5", NETWORK, action_rule="sampled")


def test_a_normaliser_is_applied_and_what_it_saw_is_gathered(task, original):
    conditions = Conditions(seeds=SEEDS, episode_cap=CAP, normaliser=START)
    evaluation = task.evaluate(POPULATION, conditions)
    played = [[play(original, row, seed, START) for seed in seeds] for row, seeds in zip(POPULATION, SEEDS, strict=True)]
    assert evaluation.returns.tolist() == [[total for total, *_ in each] for each in played]
    seen = np.array([observation for each in played for *_, episode in each for observation in episode])
    assert evaluation.moments.count == len(seen)
    np.testing.assert_allclose(evaluation.moments.mean, seen.mean(axis=0), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(evaluation.moments.deviation, seen.std(axis=0), rtol=1e-8)


@pytest.mark.parametrize("threads", [1, 3])
def test_neither_threads_nor_what_was_before_change_a_bit(task, threads):
    first = task.evaluate(POPULATION, CONDITIONS)
    assert same(first, task.evaluate(POPULATION, CONDITIONS))
    with closing(MujocoEnv("Hopper-v5", NETWORK, threads=threads)) as other:
        backwards = other.evaluate(POPULATION[::-1], Conditions(seeds=SEEDS[::-1], episode_cap=CAP))
        assert backwards.returns[::-1].tobytes() == first.returns.tobytes()
        assert backwards.steps[::-1].tobytes() == first.steps.tobytes()


ELSEWHERE = """
import sys
from tests.test_mujoco import CONDITIONS, NETWORK, POPULATION
from evolvent.tasks.mujoco import MujocoEnv

task = MujocoEnv("Hopper-v5", NETWORK)
sys.stdout.write(task.evaluate(POPULATION, CONDITIONS).returns.tobytes().hex())
task.close()
"""


@pytest.mark.slow
def test_another_process_gets_the_same_bits(task):
    done = subprocess.run([sys.executable, "-c", ELSEWHERE], capture_output=True, text=True, check=False, cwd=ROOT, timeout=55)
    assert done.stdout == task.evaluate(POPULATION, CONDITIONS).returns.tobytes().hex(), done.stderr


ROOT = Path(__file__).parents[1]


def test_a_row_of_nan_fails_alone(task):
    rows = POPULATION.copy()
    rows[1], rows[3, -1] = np.nan, np.inf
    evaluation, sound = task.evaluate(rows, CONDITIONS), task.evaluate(POPULATION, CONDITIONS)
    assert evaluation.failed.tolist() == [False, True, False, True, False, False]
    assert np.isnan(evaluation.fitness[evaluation.failed]).all()
    assert not evaluation.truncated[1].any()
    others = ~evaluation.failed
    assert evaluation.returns[others].tobytes() == sound.returns[others].tobytes()


def test_numbers_that_are_not_finite_fail_the_individual(monkeypatch):
    """Gymnasium's environment would show such states too, where MuJoCo is told not to begin anew after them."""
    monkeypatch.setattr(library, "new_data", unstable(library.new_data))
    with closing(MujocoEnv("Hopper-v5", NETWORK, env_kwargs={"terminate_when_unhealthy": False})) as task:
        evaluation = task.evaluate(POPULATION, CONDITIONS)
    assert evaluation.failed.all()
    assert (evaluation.steps < CAP).all()
    assert not np.any(evaluation.truncated)


def unstable(new_data):
    def made(model):
        model.opt.disableflags |= int(library.mujoco.mjtDisableBit.mjDSBL_AUTORESET)
        model.opt.gravity[:] = 1e300
        return new_data(model)

    return made


def test_an_unstable_simulation_is_gymnasiums_and_writes_no_file(tmp_path, monkeypatch, original):
    monkeypatch.chdir(tmp_path)
    env = original.unwrapped
    data = library.new_data(env.model)
    ours, world = library.simulation_of(env.model, data, env.init_qpos, env.init_qvel), WORLDS["Hopper-v5"]
    step, observe = kernel(world.step), kernel(world.observe)
    for name, value in (("qvel", 1e11), ("qpos", np.nan), ("qpos", 1e12), ("qvel", np.inf)):
        with library.quiet():
            library.mujoco.mj_resetData(env.model, env.data)
            kernel(simulation.clear)(ours)
            for each in (getattr(ours, name), getattr(env.data, name)):
                each[2] = value
            observation, reward, terminated, _, _ = original.step(np.zeros(3, np.float32))
        shown = np.zeros(11)
        paid, over = step(ours, world.settings(env), np.zeros(3, np.float32))
        observe(ours, world.settings(env), shown)
        np.testing.assert_array_equal(shown, observation)
        np.testing.assert_array_equal(paid, reward)
        assert over == terminated
        assert np.array([each.number for each in data.warning]).sum() > 0
    assert not list(tmp_path.iterdir())


def test_its_spec_is_gymnasiums_and_so_are_keyword_arguments():
    kwargs = {"terminate_when_unhealthy": False, "healthy_z_range": (-10, 10), "healthy_angle_range": (-9, 9)}
    with closing(MujocoEnv("Hopper-v5", NETWORK, env_kwargs={**kwargs, "healthy_reward": 100})) as task:
        assert task.spec == describe("Hopper-v5")
        evaluation = task.evaluate(POPULATION[:1], Conditions(seeds=SEEDS[:1]))
    assert (evaluation.steps == 1000).all()
    assert np.all(evaluation.truncated)
    assert (evaluation.returns > 50_000).all()
    with pytest.raises(UsageError, match=r"11 inputs do not fit observations of shape \(12,\)"):
        MujocoEnv("Hopper-v5", NETWORK, env_kwargs={"exclude_current_positions_from_observation": False})


@pytest.mark.compiled
@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals a thread")
def test_an_interrupt_stops_the_threads_and_the_next_evaluation_is_sound(task):
    many = Conditions(seeds=np.broadcast_to(SEEDS[:1, :1], (6, 100_000)), episode_cap=60)
    expected = task.evaluate(POPULATION, CONDITIONS)
    with interrupted_once():
        task.evaluate(POPULATION, many)
    assert same(expected, task.evaluate(POPULATION, CONDITIONS))


@contextmanager
def interrupted_once():
    """Interrupt this thread until it has noticed, as one who waits presses Ctrl-C again."""
    noticed, caller, before = threading.Event(), threading.get_ident(), signal.getsignal(signal.SIGINT)

    def interrupt(*_):
        if not noticed.is_set():
            noticed.set()
            raise KeyboardInterrupt

    def insist():
        while not noticed.wait(0.05):
            signal.pthread_kill(caller, signal.SIGINT)

    presser = threading.Thread(target=insist)
    signal.signal(signal.SIGINT, interrupt)
    try:
        presser.start()
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        noticed.set()
        presser.join()
        signal.signal(signal.SIGINT, before)


# --- what cannot be had ----------------------------------------------------------------------------------------------


def test_a_world_whose_rules_are_not_known_is_refused():
    assert unavailable("Hopper-v5") is None
    assert "Hopper-v4 is not one of Ant-v5, " in str(unavailable("Hopper-v4"))
    with pytest.raises(UsageError, match="env: CartPole-v1 is not one of"):
        MujocoEnv("CartPole-v1", NETWORK)
    with pytest.raises(UsageError, match="threads: expected at least 1, got 0"):
        MujocoEnv("Hopper-v5", NETWORK, threads=0)
    with pytest.raises(UsageError, match="network: 4 inputs do not fit"):
        MujocoEnv("Hopper-v5", MLP(sizes=(4, 3)))


class Other:
    """A MuJoCo of another kind: the one that is installed, but for what is changed."""

    def __init__(self, **changed):
        self.__dict__ |= changed

    def __getattr__(self, name):
        return getattr(INSTALLED, name)


INSTALLED = library.mujoco


def stepped_twice(model, data):
    INSTALLED.mj_step(model, data, 2)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (None, 'pip install "evolvent[mujoco]"'),
        (Other(__version__="5.0.0"), "MuJoCo 5.0.0 is not one of the versions 3.x, 4.x that are known"),
        (Other(__file__="/nowhere/mujoco/__init__.py"), "there is no library in"),
        (Other(mj_step=stepped_twice), "differs when it is stepped through the library"),
        (Other(MjData=lambda _: object()), "as compiled code needs it: 'object' object has no attribute"),
    ],
)
def test_another_mujoco_is_not_called(monkeypatch, other, reason):
    monkeypatch.setattr(library, "mujoco", other)
    library.problem.cache_clear()
    library.addresses.cache_clear()
    try:
        assert reason in unavailable("Hopper-v5")
        with pytest.raises(UsageError, match="env: MuJoCo"):
            MujocoEnv("Hopper-v5", NETWORK)
    finally:
        library.problem.cache_clear()
        library.addresses.cache_clear()


def test_a_function_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(library.FUNCTIONS, "mj_step", "mj_stride")
    library.problem.cache_clear()
    library.addresses.cache_clear()
    try:
        assert "has no mj_stride" in str(unavailable("Hopper-v5"))
    finally:
        library.problem.cache_clear()
        library.addresses.cache_clear()


def test_an_environment_without_a_setting_is_refused_in_words(monkeypatch):
    from gymnasium.envs.mujoco.hopper_v5 import HopperEnv  # noqa: PLC0415

    plain = HopperEnv.__init__

    def without(self, **kwargs):
        plain(self, **kwargs)
        del self._healthy_z_range

    monkeypatch.setattr(HopperEnv, "__init__", without)
    with pytest.raises(UsageError, match=r"Hopper-v5 .* no attribute '_healthy_z_range'"):
        MujocoEnv("Hopper-v5", NETWORK)


def test_it_is_not_imported_with_the_other_tasks():
    code = "import sys, evolvent.tasks; print('mujoco' in sys.modules, 'evolvent.tasks.mujoco' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ))
    assert done.stdout.split() == ["False", "False"]
