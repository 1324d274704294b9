"""Worker processes in odd surroundings: signals without names, folders with modules of ours, what is ended twice."""

import gc
import os
import signal
import sys
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import pytest

from evolvent.engines import Processes
from evolvent.engines.messages import Message
from evolvent.engines.work import Slice, Work
from evolvent.engines.worker_process import WorkerProcess
from evolvent.errors import UsageError
from evolvent.seeding import stream
from evolvent.tasks import Function
from evolvent.tasks.gym_env import GymEnv
from evolvent.testing import FaultyEnv
from tests.measuring import NETWORK, conditions, is_alive, pids, rows, same, undisturbed, warm, world

pytestmark = pytest.mark.timeout(120)

linux = pytest.mark.skipif(sys.platform != "linux", reason="sends signals, and looks into /proc")


def aborts(_row):
    """Return nothing: end the process that wants to know."""
    os.abort()


def measured(engine):
    return engine.evaluate(world(), rows(3), conditions(3, 1))


def test_a_function_whose_every_row_kills_its_worker_fails_them_all():
    task = Function(aborts, dim=2)
    with closing(Processes(1)) as engine:
        found = engine.evaluate(task, task.initialise(2, stream(0, "rows")), conditions(2, 1))
    assert found.failed.all()
    assert np.isnan(found.fitness).all()


@linux
def test_a_signal_without_a_name_is_told_by_its_number():
    worker = WorkerProcess(SimpleQueue(), float("inf"))
    os.kill(worker.pid, signal.SIGRTMIN + 6)
    try:
        assert worker.end_of_life() == f"it was ended by signal {signal.SIGRTMIN + 6}"
    finally:
        worker.kill()


def test_a_path_among_the_places_of_modules_is_passed_over(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path, Path("nowhere")])
    with closing(Processes(1)) as engine:
        assert same(measured(engine), undisturbed(3, 1))


def test_modules_in_the_current_folder_are_not_taken_for_those_of_python(monkeypatch, tmp_path):
    for name in ("json", "queue", "signal"):
        (tmp_path / f"{name}.py").write_text("raise AssertionError('not this one')")
    monkeypatch.chdir(tmp_path)
    with closing(Processes(1)) as engine:
        assert same(measured(engine), undisturbed(3, 1))


@linux
def test_a_worker_can_be_ended_twice_and_holds_nothing_afterwards():
    before = sorted(Path("/proc/self/fd").iterdir())
    worker = WorkerProcess(SimpleQueue(), float("inf"))
    worker.kill()
    assert not is_alive(worker.pid)
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(8)]  # their numbers are those that the worker had
    worker.kill()
    for each in held:
        os.close(each)
    assert sorted(Path("/proc/self/fd").iterdir()) == before


@linux
def test_an_engine_that_is_forgotten_leaves_no_worker():
    engine = Processes(1)
    measured(engine)
    (worker,) = pids(engine)
    assert is_alive(worker)
    del engine
    gc.collect()
    assert not is_alive(worker)


@linux
def test_an_end_that_is_interrupted_can_be_done_again(monkeypatch):
    engine = Processes(2)
    measured(engine)
    workers = pids(engine)
    kill = WorkerProcess.kill

    def interrupted(_worker):
        monkeypatch.setattr(WorkerProcess, "kill", kill)
        raise KeyboardInterrupt

    monkeypatch.setattr(WorkerProcess, "kill", interrupted)
    with pytest.raises(KeyboardInterrupt):
        engine.close()
    engine.close()
    assert not any(map(is_alive, workers))
    assert not engine._seats


def test_too_little_memory_for_one_episode_is_told(caplog):
    with closing(Processes(1, worker_memory=1.0)) as engine:
        assert same(measured(engine), undisturbed(3, 1))
    (said,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert said.startswith("worker_memory: a worker held ")
    assert "and may hold 1;" in said


@pytest.mark.parametrize("size", [0, -1.0, float("nan")])
def test_a_size_of_memory_that_is_none_is_refused(size):
    with pytest.raises(UsageError, match="worker_memory: expected"):
        Processes(1, worker_memory=size)


@linux
def test_a_worker_whose_words_wait_to_be_heard_is_not_taken_for_silent():
    with warm(1, eval_timeout=0.5) as engine:
        (seat,) = engine._seats
        seat.in_hand.append(Slice(0, np.arange(1)))
        seat.heard -= 10.0
        engine._events.put((seat.worker, Message("log", {"level": 10, "text": "here"})))
        engine._watch(None)
        assert engine._seats == [seat]
        engine._events.get()
        engine._watch(None)
        assert engine._seats != [seat]


@pytest.mark.parametrize(("dim", "episodes", "size"), [(2**20, 1, 8), (2**20, 3, 24), (2**30, 2, 1), (2, 1, 25)])
def test_slices_of_wide_rows_are_small(dim, episodes, size):
    population = np.broadcast_to(np.float32(0.0), (100, dim))
    work = Work(population, conditions(100, episodes), episodes_apart=True)
    given = work.take(2)
    assert given is not None
    assert len(given.jobs) == size


def test_a_short_limit_for_episodes_is_none_for_the_start_of_a_worker():
    with closing(Processes(1, eval_timeout=0.05)) as engine:
        assert same(engine.evaluate(world(), rows(1), conditions(1, 1)), undisturbed(1, 1))


def refuses_to_close():
    """Return a world that cannot be closed."""
    env = FaultyEnv()
    env.close = _refuse_to_close
    return env


def _refuse_to_close():
    raise RuntimeError("the window is gone")


def test_a_world_that_cannot_be_closed_is_told_of_once_and_measured_all_the_same(caplog):
    task = GymEnv("tests.test_engine_edges:refuses_to_close", NETWORK, fresh_env=True)
    with closing(task):
        found = task.evaluate(rows(3), conditions(3, 1))
    assert same(found, undisturbed(3, 1))
    assert caplog.messages == [f"{task.spec.id}: close() raised RuntimeError: the window is gone; said once"]
