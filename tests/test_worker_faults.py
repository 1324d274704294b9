"""What becomes of workers changes no result: they die, hang, are killed, hold too much memory, or break off what they say."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from evolvent.engines import Processes, messages, processes, worker_process
from evolvent.engines.messages import Message
from evolvent.engines.worker import MEGABYTE, resident_bytes
from evolvent.errors import EngineFailed, EnvironmentFailed
from tests.measuring import (
    conditions,
    is_alive,
    members,
    others,
    pids,
    rows,
    same,
    undisturbed,
    warm,
    world,
)

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.usefixtures("_processes_unmeasured"),
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, and sends signals"),
]

POP, EPISODES = 12, 2


@pytest.fixture
def engine():
    with warm() as engine:
        yield engine


def measured(engine, mode="none", env_id=None, **arguments):
    task = world(mode, **({} if env_id is None else {"env_id": env_id}), **arguments)
    return engine.evaluate(task, rows(POP), conditions(POP, EPISODES))


# --- what happens once costs nothing ---


@pytest.mark.parametrize(
    "modes",
    [
        {"segfaults": None, "killed": None},
        {"exits": None, "exits_hard": 0, "step_raises": None, "nan_reward": None},
    ],
    ids=["deaths", "exits"],
)
def test_a_fault_that_happens_once_changes_no_bit(engine, tmp_path, modes):
    expected = undisturbed(POP, EPISODES)
    for mode, value in modes.items():
        flag = tmp_path / mode
        assert same(measured(engine, mode, value=value, step=3, flag=str(flag)), expected)
        assert flag.exists()


@pytest.mark.parametrize(("mode", "step"), [("hangs", 0), ("blocks", 4)])
def test_an_episode_that_hangs_once_changes_no_bit(tmp_path, mode, step):
    flag = tmp_path / "hung"
    with warm(eval_timeout=1.0) as engine:
        before = pids(engine)
        began = time.monotonic()
        assert same(
            measured(engine, mode, step=step, place="step" if step else "reset", flag=str(flag)), undisturbed(POP, EPISODES)
        )
        assert time.monotonic() - began > 0.9
        assert len(set(before) & set(pids(engine))) == 1
    assert flag.exists()


def test_a_worker_that_is_stopped_is_replaced():
    task = world()
    with warm(eval_timeout=1.0) as engine:
        engine.evaluate(task, rows(POP), conditions(POP, EPISODES))
        stopped = pids(engine)[0]
        os.kill(stopped, signal.SIGSTOP)
        assert same(engine.evaluate(task, rows(POP), conditions(POP, EPISODES)), undisturbed(POP, EPISODES))
        assert stopped not in pids(engine)
        assert not is_alive(stopped)


def test_all_workers_may_die_at_once(engine):
    for pid in pids(engine):
        os.kill(pid, signal.SIGKILL)
    assert same(measured(engine), undisturbed(POP, EPISODES))


@pytest.mark.parametrize(("after", "dies"), [(0, True), (7, True), (150, True), (60, False)])
def test_a_result_that_breaks_off_is_measured_again(tmp_path, after, dies):
    with closing(Processes(1)) as engine:
        found = measured(
            engine, env_id="tests.misbehaving:breaks_off", after=after, dies=dies, flag=str(tmp_path / "broken off")
        )
        assert same(found, undisturbed(POP, EPISODES))


def test_a_worker_is_missed_though_a_fork_of_it_holds_its_pipes(tmp_path):
    with closing(Processes(1)) as engine:
        found = measured(engine, env_id="tests.misbehaving:LeavesAFork", flag=str(tmp_path / "forked"))
        assert same(found, undisturbed(POP, EPISODES))


def test_a_message_that_breaks_off_anywhere_is_no_message():
    content: Any = io.BytesIO()
    messages.write(content, Message("result", {"begin": 0, "seconds": 0.5}, {"returns": np.zeros((3, 2))}))
    whole = content.getvalue()
    for before in (b"", whole):
        for k in range(len(whole)):
            events: Any = SimpleQueue()
            speaker: Any = "a worker"
            answers: Any = io.BytesIO(before + whole[:k])
            worker_process._forward(speaker, answers, events)
            heard = [events.get_nowait() for _ in range(events.qsize())]
            assert [message.word for _, message in heard[:-1]] == ["result"] * bool(before)
            assert heard[-1] == (speaker, None)


# --- what happens again and again costs exactly whom it happens to ---


@pytest.mark.parametrize(("mode", "settings"), [("segfaults", {}), ("hangs", {"eval_timeout": 1.0})])
def test_who_kills_its_worker_again_and_again_fails_alone(mode, settings):
    rare = {"probability": 0.02, "step": 3}
    doomed = undisturbed(POP, EPISODES, mode="step_raises", **rare)
    (failed,) = np.nonzero(doomed.failed)
    assert 1 <= len(failed) <= 2
    with warm(**settings) as engine:
        found = measured(engine, mode, **rare)
    assert found.failed.tolist() == doomed.failed.tolist()
    assert same(found, undisturbed(POP, EPISODES, **rare), others(POP, failed))
    problem, due = (each.problems[0] for each in (found, doomed) if each.problems)
    assert problem[:3] == due[:3]
    assert "its worker process died of it 2 times" in problem.text
    assert ("SIGSEGV" if mode == "segfaults" else "did not answer for") in problem.text
    if mode == "segfaults":
        assert "Fatal Python error: Segmentation fault" in problem.text
        assert "faults.py" in problem.text


def test_memory_that_runs_out_fails_the_episode_and_no_more(engine):
    rare = {"probability": 0.02, "step": 3}
    found = measured(engine, "allocates", value=4000, env_id="tests.misbehaving:little_memory", megabytes=500, **rare)
    assert found.failed.tolist() == undisturbed(POP, EPISODES, mode="step_raises", **rare).failed.tolist()
    assert "MemoryError" in found.problems[0].text


def test_too_many_deaths_end_the_evaluation(monkeypatch):
    monkeypatch.setattr(processes, "DEATHS", 2)
    monkeypatch.setattr(processes, "DEATHS_A_WORKER", 1)
    with warm() as engine:
        before = pids(engine)
        with pytest.raises(EngineFailed, match=r"^workers: 3 processes died while one population.*SIGABRT.*Aborted"):
            measured(engine, "aborts")
        assert not [pid for pid in before if is_alive(pid)]
        assert same(measured(engine), undisturbed(POP, EPISODES))  # a new start is as good as the first


def test_a_world_that_no_worker_can_build_ends_soon():
    with closing(Processes(2)) as engine, pytest.raises(EngineFailed, match=r"^workers: 3 processes died"):
        measured(engine, env_id="tests.misbehaving:dies_in_workers")


def test_a_world_that_a_worker_cannot_build_is_told(tmp_path):
    flag = tmp_path / "built"
    flag.touch()
    task = world("constructor_raises", flag=str(flag))
    flag.unlink()
    with closing(Processes(2)) as engine, pytest.raises(EnvironmentFailed, match="cannot be built: RuntimeError: the const"):
        engine.evaluate(task, rows(POP), conditions(POP, EPISODES))


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        (subprocess.Popen, BlockingIOError("no process to be had")),
        (threading.Thread, RuntimeError("can't start new thread")),
    ],
    ids=["processes", "threads"],
)
def test_where_no_process_can_be_started_it_is_said_what_one_needs(monkeypatch, place, problem):
    def refuse(*_, **__):
        raise problem

    engine, task = Processes(2), world()
    monkeypatch.setattr(place, "start" if place is threading.Thread else "__init__", refuse)
    with pytest.raises(EngineFailed, match=r"not even one process can be started: .*ulimit"):
        engine.evaluate(task, rows(1), conditions(1, 1))
    engine.close()


# --- what takes its time ---


def test_a_first_step_that_takes_long_is_waited_for():
    with closing(Processes(1, eval_timeout=1.0)) as engine:
        found = measured(engine, "slow_first_step", value=2.0)
        assert same(found, undisturbed(POP, EPISODES))
        assert engine._deaths == 0


def test_a_world_that_hangs_when_it_is_closed_is_not_waited_for_long(tmp_path):
    flag = tmp_path / "closed"
    flag.touch()  # so that it can be looked at here
    task = world("hangs", place="close", flag=str(flag))
    flag.unlink()
    with warm() as engine:
        assert same(engine.evaluate(task, rows(POP), conditions(POP, EPISODES)), undisturbed(POP, EPISODES))
        engine.close()
        assert flag.exists()
        assert not engine._seats


# --- what a world does to its process stays there ---


@pytest.mark.parametrize(
    ("mode", "value"),
    [
        ("prints", 3_000_000),
        ("closes_stdout", None),
        ("starts_thread", False),
        ("changes_folder", None),
        ("seeds_globals", None),
        ("sets_handlers", None),
        ("ignores_sigterm", None),
        ("spawns_child", None),
    ],
)
def test_what_a_world_does_to_its_process_changes_no_bit(capfd, mode, value):
    with closing(Processes(1)) as engine:
        assert same(measured(engine, mode, value=value, step=2, episode=1), undisturbed(POP, EPISODES))
        groups = set(pids(engine))
        printed = engine._seats[0].worker.printed()
        assert len(members(groups)) == (2 if mode == "spawns_child" else 1)
    assert not members(groups)
    assert len(printed) <= worker_process.KEPT_OUTPUT
    assert ("noise" in printed) == (mode == "prints")
    assert capfd.readouterr() == ("", "")


def test_a_worker_that_holds_too_much_is_replaced_between_episodes(engine, caplog):
    caplog.set_level("INFO")
    held = max(resident_bytes(pid) for pid in pids(engine)) / MEGABYTE
    with closing(Processes(1, worker_memory=held + 60)) as small:
        assert same(measured(small, "leaks", value=10, step=1), undisturbed(POP, EPISODES))
        assert resident_bytes(pids(small)[0]) / MEGABYTE < held + 60 + 10
    assert "another takes its place" in caplog.text


def test_few_threads_run_in_a_worker_unless_the_user_wants_more(monkeypatch):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with closing(Processes(1)) as engine:
        measured(engine)
        process = Path("/proc", str(pids(engine)[0]))
        surroundings = (process / "environ").read_bytes().split(b"\0")
        assert len(list((process / "task").iterdir())) <= 4
    assert b"OPENBLAS_NUM_THREADS=1" in surroundings
    assert b"OMP_NUM_THREADS=2" in surroundings


def test_a_machine_that_slept_ends_no_worker(monkeypatch):
    slept = []

    def monotonic():
        return time.monotonic() + 3600.0 * len(slept)

    with warm(eval_timeout=3.0) as engine:
        before = pids(engine)
        listen = engine._events.get

        def get(timeout):
            if len(slept) < 2:
                slept.append(1)
            return listen(timeout=timeout)

        monkeypatch.setattr(processes, "time", SimpleNamespace(monotonic=monotonic, perf_counter=time.perf_counter))
        monkeypatch.setattr(engine, "_events", SimpleNamespace(get=get, empty=lambda: True))
        assert same(measured(engine, "slow", value=0.05, step=1), undisturbed(POP, EPISODES))
        assert pids(engine) == before
        monkeypatch.undo()
    assert len(slept) == 2
