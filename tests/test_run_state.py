import json
import os
import signal
from dataclasses import replace
from typing import Any

import pytest

import evolvent as ev
from evolvent.errors import EnvironmentFailed, RunLocked, StorageFailed, UsageError
from evolvent.files import dump_json
from evolvent.training import RunInterrupted, recorder, run_state
from evolvent.training import run as run_module
from evolvent.training.manifest import read_manifest
from evolvent.training.run_lock import locked
from evolvent.training.run_state import LONGEST_REASON, RunState, mark_stopped, state_of
from tests.commands import OFTEN_SAVED, SMALL, SMALL_FLAGS, ended, started, until


def evolved(runs_dir, name="a", **settings) -> Any:
    callbacks = settings.pop("callbacks", ())
    return ev.evolve("CartPole-v1", runs_dir=runs_dir, name=name, callbacks=callbacks, **{**SMALL, **settings})


def raising(problem, at=3):
    def callback(generation):
        if generation.generation == at:
            raise problem

    return callback


def test_a_run_is_running_then_done(tmp_path):
    seen = []
    run = evolved(tmp_path, callbacks=[lambda _: seen.append(state_of(ev.open_run("a", tmp_path)))])
    assert {state.word for state in seen} == {"running"}
    assert str(os.getpid()) in seen[0].reason
    assert state_of(run.folder) == RunState("done")
    assert not state_of(run.folder).is_unfinished


@pytest.mark.parametrize(
    ("problem", "raised", "state"),
    [
        (KeyboardInterrupt(), RunInterrupted, RunState("stopped", "interrupted")),
        (KeyboardInterrupt("the system asked it to"), RunInterrupted, RunState("stopped", "the system asked it to")),
        (EnvironmentFailed("the world failed"), EnvironmentFailed, RunState("failed", "the world failed")),
        (ZeroDivisionError("x"), ZeroDivisionError, RunState("failed", "ZeroDivisionError: x")),
    ],
)
def test_a_run_that_stops_leaves_the_reason_and_forgets_it_when_it_goes_on(tmp_path, problem, raised, state):
    with pytest.raises(raised):
        evolved(tmp_path, callbacks=[raising(problem)])
    folder = ev.open_run("a", tmp_path)
    assert state_of(folder) == state
    assert state_of(folder).is_unfinished
    manifest: Any = read_manifest(folder)
    assert manifest["stopped"].keys() == {"reason", "failed", "time"}
    ev.resume(folder)
    assert state_of(folder) == RunState("done")
    assert "stopped" not in read_manifest(folder)


def test_a_finished_run_that_goes_on_is_not_done_until_it_is(tmp_path):
    run = evolved(tmp_path)
    with pytest.raises(RunInterrupted):
        ev.resume(run.folder, changes={"generations": 9}, callbacks=[raising(KeyboardInterrupt(), at=7)])
    assert state_of(run.folder).word == "stopped"
    assert "result" not in read_manifest(run.folder)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no such signal")
def test_a_run_whose_process_was_killed_is_dead(tmp_path):
    words = (*SMALL_FLAGS, "--generations", "1000000", "--max-steps", "500", "--runs-dir", tmp_path, "--name", "a")
    with started("train", "CartPole-v1", *words, program=("-c", OFTEN_SAVED)) as process:
        until(lambda: list(tmp_path.glob("*/a/checkpoint-*")))
        folder = ev.open_run("a", tmp_path)
        assert state_of(folder).word == "running"
        process.kill()
        ended(process)
    state = state_of(folder)
    assert (state.word, state.is_unfinished) == ("dead", True)
    assert f"process {process.pid} on" in state.reason


def test_a_run_that_the_system_ended_says_so(tmp_path):
    words = (*SMALL_FLAGS, "--generations", "1000000", "--max-steps", "500", "--runs-dir", tmp_path, "--name", "a")
    with started("train", "CartPole-v1", *words, program=("-c", OFTEN_SAVED)) as process:
        until(lambda: list(tmp_path.glob("*/a/checkpoint-*")))
        process.send_signal(signal.SIGTERM)
        assert ended(process)[0] == 143
    assert state_of(ev.open_run("a", tmp_path)) == RunState("stopped", "the system ended its process")


def test_a_run_that_nothing_is_known_of_counts_as_stopped(tmp_path):
    folder = evolved(tmp_path).folder
    folder.manifest.write_text("{", encoding="utf-8")
    assert state_of(folder) == RunState("stopped")
    folder.manifest.unlink()
    assert state_of(folder) == RunState("stopped")
    folder.lock.write_bytes(b"nonsense")
    assert state_of(folder) == RunState("stopped")


def test_odd_words_in_a_manifest_are_text(tmp_path):
    folder = evolved(tmp_path).folder
    manifest = {name: value for name, value in read_manifest(folder).items() if name != "result"}
    for odd, expected in (
        ({"reason": ["x"], "failed": "yes"}, RunState("stopped", "['x']")),
        ({}, RunState("stopped", "")),
        ([], RunState("stopped", "")),
    ):
        folder.manifest.write_text(dump_json({**manifest, "stopped": odd}), encoding="utf-8")
        assert state_of(folder) == expected


def test_a_reason_is_cut_off_and_can_be_of_any_text(tmp_path):
    folder = evolved(tmp_path).folder
    mark_stopped(folder, "\udcff" + "x" * 10_000, failed=True)
    manifest: Any = read_manifest(folder)
    reason = manifest["stopped"]["reason"]
    assert reason.startswith("\\udcffxxx")
    assert len(reason) == LONGEST_REASON


def test_a_mark_that_cannot_be_saved_hides_no_error(tmp_path, monkeypatch):
    def save(*_):
        raise StorageFailed("full")

    monkeypatch.setattr(run_state, "save_atomically", save)
    with pytest.raises(ZeroDivisionError):
        evolved(tmp_path, callbacks=[raising(ZeroDivisionError())])
    assert state_of(ev.open_run("a", tmp_path)) == RunState("stopped")


def test_a_run_that_cannot_be_saved_says_so_if_it_can(tmp_path, monkeypatch):
    def save(*_):
        raise StorageFailed("no disk")

    monkeypatch.setattr(recorder.checkpoint, "save", save)
    with pytest.raises(StorageFailed):
        evolved(tmp_path)
    state = state_of(ev.open_run("a", tmp_path))
    assert state.word == "failed"
    assert state.reason.startswith("no disk")


# --- the moment at which a run begins ---


def test_a_run_that_is_refused_has_not_begun(tmp_path):
    begun = []
    config = replace(ev.evolve("CartPole-v1", runs_dir=None, **SMALL).config, generations=2)
    run: Any = run_module.start("CartPole-v1", config, name="a", runs_dir=tmp_path, on_begin=begun.append)
    assert [search.name for search in begun] == ["CartPole-v1"]
    with pytest.raises(UsageError, match="exists"):
        run_module.start("CartPole-v1", config, name="a", runs_dir=tmp_path, on_begin=begun.append)
    with locked(run.folder), pytest.raises(RunLocked):
        run_module.resume(run.folder, on_begin=begun.append)
    assert len(begun) == 1
    run_module.resume(run.folder, on_begin=begun.append)
    assert len(begun) == 2


def test_runs_of_the_first_version_are_understood(tmp_path):
    """What 0.1.0 leaves: a result, or no mark at all and an empty lock."""
    folder = evolved(tmp_path).folder
    assert state_of(folder).word == "done"
    manifest = {name: value for name, value in read_manifest(folder).items() if name != "result"}
    folder.manifest.write_text(json.dumps(manifest), encoding="utf-8")
    assert state_of(folder) == RunState("stopped")


def test_a_run_without_a_folder_leaves_no_mark():
    with pytest.raises(ZeroDivisionError):
        evolved(None, callbacks=[raising(ZeroDivisionError())])
