"""The engine of worker processes: the same bits as in this process, whoever measures what in which order."""

import random
from contextlib import closing

import numpy as np
import pytest

import evolvent as ev
from evolvent.engines import Inline, Processes, work
from evolvent.engines.messages import Message
from evolvent.errors import UsageError
from evolvent.evaluation import Conditions
from evolvent.networks import MLP
from evolvent.seeding import stream
from evolvent.tasks import Function
from evolvent.tasks.gym_env import GymEnv
from evolvent.tasks.gym_ids import text_of
from evolvent.testing import FaultyEnv
from tests.commands import SMALL
from tests.measuring import NETWORK, conditions, rows, same, undisturbed, world
from tests.misbehaving import noisy_parabola, parabola

pytestmark = pytest.mark.timeout(180)

WORKERS = (1, 2, 4, 7)


@pytest.fixture(scope="module", params=WORKERS)
def engine(request):
    """Workers that all tests here share; none of them ends one."""
    with closing(Processes(request.param)) as engine:
        engine.evaluate(world(), rows(1), conditions(1, 1))
        yield engine


# --- the same bits ---


@pytest.mark.parametrize(("pop", "episodes"), [(1, 1), (1, 9), (5, 3), (40, 2)])
def test_the_bits_are_those_of_this_process(engine, pop, episodes):
    for seed in range(3):
        assert same(engine.evaluate(world(), rows(pop), conditions(pop, episodes, seed)), undisturbed(pop, episodes, seed))
    assert 0 < engine.utilisation <= 1


def test_the_order_of_finishing_changes_nothing(engine):
    slow = {"mode": "slow", "value": 0.004, "probability": 0.1}
    expected = undisturbed(20, 2, **{**slow, "mode": "none"})
    for _ in range(3):
        assert same(engine.evaluate(world(**slow), rows(20), conditions(20, 2)), expected)


@pytest.mark.parametrize("slices", [1, 3, 1000])
@pytest.mark.parametrize("seconds", [0.0, 1e-3, 10.0])
def test_the_sizes_of_slices_and_of_reports_change_nothing(engine, monkeypatch, slices, seconds):
    monkeypatch.setattr(work, "SLICES_A_WORKER", slices)
    task = GymEnv("tests.misbehaving:impatient", NETWORK, env_kwargs={"seconds": seconds})
    assert same(engine.evaluate(task, rows(30), conditions(30, 2)), undisturbed(30, 2))


def test_who_failed_where_is_told_alike(engine):
    fault = {"mode": "step_raises", "probability": 0.02}
    expected = undisturbed(30, 4, **fault)
    found = engine.evaluate(world(**fault), rows(30), conditions(30, 4))
    assert expected.failed.any()
    assert same(found, expected)
    first = found.problems[0]
    assert found.failed[first.individual]
    assert first.seed == int(conditions(30, 4).seeds[first.individual, first.episode])
    assert "RuntimeError: step() raises" in first.text


def test_seeds_of_any_size_come_through(engine):
    seeds = np.array([[0, 1, 2**32], [2**53 + 1, 2**63, 2**64 - 1]], np.uint64)
    for mode in ("none", "step_raises"):
        task = world(mode, step=3)
        expected = Inline().evaluate(task, rows(2), Conditions(seeds=seeds))
        assert same(engine.evaluate(task, rows(2), Conditions(seeds=seeds)), expected)
    assert engine.evaluate(task, rows(2)[1:], Conditions(seeds=seeds[1:, 2:])).problems[0].seed == 2**64 - 1


def test_a_world_whose_reset_forgets_nothing_can_be_built_anew_for_every_episode(engine):
    task = world("leaky_state", fresh_env=True)
    assert same(engine.evaluate(task, rows(10), conditions(10, 2)), undisturbed(10, 2))


def test_wide_rows_come_through(engine):
    network = MLP(sizes=(2, 20_000, 2))
    assert network.dim > 100_000
    task = world(network=network)
    assert same(
        engine.evaluate(task, rows(5, network), conditions(5, 2)), Inline().evaluate(task, rows(5, network), conditions(5, 2))
    )


def test_a_population_that_is_a_view_is_measured_like_a_copy(engine):
    population, seeds = np.asfortranarray(rows(6))[::-1], np.broadcast_to(conditions(1, 3).seeds, (6, 3))
    expected = Inline().evaluate(world(), population.copy(), Conditions(seeds=seeds.copy(), episode_cap=4))
    assert same(engine.evaluate(world(), population, Conditions(seeds=seeds, episode_cap=4)), expected)
    assert expected.truncated is not None
    assert expected.truncated.all()


@pytest.mark.parametrize(("function", "noisy"), [(parabola, False), (noisy_parabola, True)])
def test_a_function_of_a_module_is_measured_like_here(engine, function, noisy):
    task = Function(function, dim=4, noisy=noisy)
    population = task.initialise(40, stream(3, "rows"))
    found = engine.evaluate(task, population, conditions(40, 3))
    expected = Inline().evaluate(task, population, conditions(40, 3))
    assert same(found, expected)
    assert found.failed.any() == noisy


def test_several_tasks_share_the_workers(engine):
    cartpole = MLP(sizes=(4, 2))
    tasks = [(world(), NETWORK), (world("step_raises", probability=0.02), NETWORK), (GymEnv("CartPole-v1", cartpole), cartpole)]
    for _ in range(2):
        for task, network in tasks:
            population = rows(6, network)
            assert same(
                engine.evaluate(task, population, conditions(6, 2)),
                Inline().evaluate(task, population, conditions(6, 2)),
            )


@pytest.mark.parametrize(("threads", "hashes"), [("1", "random"), ("2", "0"), ("4", "random")])
def test_threads_of_blas_and_hashes_change_nothing(monkeypatch, threads, hashes):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", threads)
    monkeypatch.setenv("PYTHONHASHSEED", hashes)
    with closing(Processes(1)) as engine:
        assert same(engine.evaluate(world(), rows(10), conditions(10, 2)), undisturbed(10, 2))


def test_a_run_has_the_digest_of_this_process():
    digests = {
        ev.evolve("CartPole-v1", world="gymnasium", engine=engine, workers=workers, runs_dir=None, **SMALL).progress.digest
        for engine, workers in (("inline", 1), ("processes", 1), ("processes", 3))
    }
    assert len(digests) == 1


# --- slices, without processes ---


@pytest.mark.parametrize("episodes_apart", [True, False])
def test_reports_in_any_order_make_the_same_evaluation(episodes_apart):
    dice = random.Random(1)  # noqa: S311 - an order
    for _ in range(50):
        pop, episodes, workers = dice.randint(1, 30), dice.randint(1, 4), dice.randint(1, 9)
        given = conditions(pop, episodes)
        measured = work.Work(rows(pop), given, episodes_apart)
        in_hand = []
        while measured.left:
            while (piece := measured.take(workers)) is not None:
                in_hand.append(piece)
            piece = in_hand.pop(dice.randrange(len(in_hand)))
            size = dice.randint(1, len(piece.left))
            report = _report(piece, given, episodes_apart, size)
            measured.note(piece, report)
            measured.note(piece, report)  # told twice: the second changes nothing
            if dice.random() < 0.3:
                measured.give_back(piece.left)
            elif len(piece.left):
                in_hand.append(piece)
        joined = measured.joined()
        assert np.array_equal(joined.returns, (given.seeds >> np.uint64(40)).astype(np.float64))
        assert joined.steps.tolist() == np.ones((pop, episodes), int).tolist()
        assert not joined.failed.any()


def _report(piece, given, episodes_apart, size):
    returns = (given.seeds >> np.uint64(40)).astype(np.float64)
    jobs = piece.left[:size]
    if episodes_apart:
        returns = returns.reshape(-1, 1)
    found = returns[jobs]
    arrays = {
        "fitness": found.mean(axis=1),
        "returns": found,
        "steps": np.ones(found.shape, np.int64),
        "failed": np.zeros(size, np.bool_),
    }
    return Message("result", {"begin": piece.reported, "problems": []}, arrays)


# --- what is refused ---


@pytest.mark.parametrize(("settings", "text"), [({"workers": -1}, "workers: expected"), ({"eval_timeout": 0}, "eval_timeout:")])
def test_odd_settings_are_refused(settings, text):
    with pytest.raises(UsageError, match=text):
        Processes(**settings)


def test_what_no_other_process_can_find_is_refused_in_words():
    only_here = text_of(lambda mode: FaultyEnv(mode=mode, step=1))
    with closing(Processes(1)) as engine:
        for task in (Function(lambda row: float(row.sum()), dim=2), world(env_id=only_here)):
            with pytest.raises(UsageError, match="engine='inline'"):
                engine.introduce(task)
