import errno
import itertools
import os
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolvent.errors import StorageFailed, UsageError
from evolvent.training import run_folder
from evolvent.training.run_folder import create, find_runs, open_run
from evolvent.training.run_name import check_name, safe_name
from tests.os_faults import every_failure, every_kill

FILES = {"run.toml": b"seed = 1\n", "manifest.json": b"{}"}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "C:\\x",
        "CON",
        "nul.txt",
        "com1",
        "a\0b",
        "a" * 65,
        "\u202eevil",
        ".x",
        "-x",
        "a b",
        "a\n",
        "a.",
        "Latest",
    ],
)
def test_unsafe_names_are_refused_and_nothing_is_written(tmp_path, name):
    with pytest.raises(UsageError, match="--name"):
        create(tmp_path / "runs", "CartPole-v1", name, FILES)
    assert not list(tmp_path.iterdir())


@given(st.text() | st.sampled_from(["CON", "nul.v1", "../..", "a" * 300, "", "ALE/Pong-v5", "x:" * 40]))
def test_any_env_id_gives_a_name_that_a_run_could_have(env_id):
    assert check_name(f"{safe_name(env_id)[:60]}-run")
    assert len(safe_name(env_id)) <= 64
    assert safe_name(safe_name(env_id)) == safe_name(env_id)


def test_long_env_ids_stay_apart():
    assert safe_name("a" * 100) != safe_name("a" * 101)


def test_a_run_is_created_with_its_files_and_a_lock(tmp_path):
    run = create(tmp_path / "new" / "runs", "ALE/Pong-v5", "first", FILES)
    assert run.path == tmp_path / "new" / "runs" / "ALE-Pong-v5" / "first"
    assert contents(run.path) == {**FILES, "lock": b""}
    assert [path.name for path in run.path.parent.iterdir()] == ["first"]


def test_an_existing_name_is_refused_with_two_ways_out(tmp_path):
    run = create(tmp_path, "CartPole-v1", "first", FILES)
    with pytest.raises(UsageError, match=f"choose another --name or resume it: evolvent resume {run.path}"):
        create(tmp_path, "CartPole-v1", "first", {"run.toml": b"other"})
    assert contents(run.path) == {**FILES, "lock": b""}
    for what in ("empty", "file"):
        taken = run.path.with_name(what)
        taken.mkdir() if what == "empty" else taken.touch()
        with pytest.raises(UsageError, match="exists"):
            create(tmp_path, "CartPole-v1", what, FILES)
    assert len(list(run.path.parent.iterdir())) == 3


def test_of_many_who_want_a_name_one_gets_it(tmp_path):
    barrier, outcomes = threading.Barrier(8), []

    def want(number):
        barrier.wait()
        try:
            outcomes.append(create(tmp_path, "A-v1", "a", {"run.toml": str(number).encode()}))
        except UsageError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=want, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (run,) = [outcome for outcome in outcomes if isinstance(outcome, run_folder.RunFolder)]
    assert sum("exists; choose another --name or resume it" in str(outcome) for outcome in outcomes) == 7
    assert [path.name for path in run.path.parent.iterdir()] == ["a"]


def test_runs_without_a_name_are_called_by_the_time_and_a_number(tmp_path, monkeypatch):
    monkeypatch.setattr(time, "strftime", lambda _format: "2030-01-31-120000")
    names = [create(tmp_path, "CartPole-v1", None, FILES).path.name for _ in range(3)]
    assert names == ["2030-01-31-120000", "2030-01-31-120000-2", "2030-01-31-120000-3"]


def test_killed_at_every_call_of_a_creation_there_is_no_run_or_all_of_it(tmp_path):
    seen, number = set(), itertools.count()
    for _ in every_kill(lambda: create(tmp_path, "CartPole-v1", "first", FILES)):
        runs = find_runs(tmp_path)
        seen.add(len(runs))
        for run in runs:
            assert contents(run.path) == {**FILES, "lock": b""}
            run.path.rename(tmp_path / "CartPole-v1" / f".seen-{next(number)}")
    assert seen == {0, 1}
    assert [run.name for run in find_runs(tmp_path)] == ["CartPole-v1/first"]


def test_drafts_of_killed_creations_are_removed_when_they_are_old(tmp_path):
    young, old = (tmp_path / "CartPole-v1" / f".run.{digit * 16}.tmp" for digit in "01")
    for draft in (young, old):
        draft.mkdir(parents=True)
        (draft / "run.toml").touch()
    os.utime(old, (0, 0))
    create(tmp_path, "CartPole-v1", "first", FILES)
    assert young.exists()
    assert not old.exists()


def test_any_call_of_a_creation_that_fails_is_told_with_a_way_out(tmp_path):
    told = 0
    counter = itertools.count()
    for names, error in every_failure(errno.EROFS, lambda: create(tmp_path / str(next(counter)), "A-v1", "a", FILES)):
        assert names
        if error is not None:
            told += 1
            assert isinstance(error, StorageFailed)
            assert "--runs-dir" in str(error)
    assert told > 20


def test_symbolic_links_do_not_lead_out_of_the_runs(tmp_path):
    outside, runs_dir = tmp_path / "outside", tmp_path / "runs"
    create(outside, "A-v1", "a", FILES)
    runs_dir.mkdir()
    (runs_dir / "A-v1").symlink_to(outside / "A-v1")
    with pytest.raises(UsageError, match="symbolic link"):
        create(runs_dir, "A-v1", "b", FILES)
    create(runs_dir, "B-v1", "b", FILES)
    (runs_dir / "B-v1" / "linked").symlink_to(outside / "A-v1" / "a")
    with pytest.raises(UsageError, match="exists"):
        create(runs_dir, "B-v1", "linked", FILES)
    assert [run.name for run in find_runs(runs_dir)] == ["B-v1/b"]
    assert len(list((outside / "A-v1").iterdir())) == 1


@pytest.fixture
def runs_dir(tmp_path):
    for age, (env_id, name) in enumerate([("A-v1", "old"), ("B-v1", "same"), ("A-v1", "same"), ("A-v1", "new")], start=1):
        run = create(tmp_path, env_id, name, FILES)
        os.utime(run.run_toml, (age, age))
    (tmp_path / "A-v1" / "no-run").mkdir()
    (tmp_path / "stray").touch()
    return tmp_path


def test_runs_are_found_newest_first(runs_dir):
    assert [run.name for run in find_runs(runs_dir)] == ["A-v1/new", "A-v1/same", "B-v1/same", "A-v1/old"]
    assert find_runs(runs_dir / "missing") == []


def test_a_run_is_opened_by_latest_by_its_name_by_env_and_name_or_by_its_folder(runs_dir):
    for text, name in (
        ("latest", "A-v1/new"),
        ("old", "A-v1/old"),
        ("B-v1/same", "B-v1/same"),
        (str(runs_dir / "A-v1" / "same"), "A-v1/same"),
    ):
        assert open_run(text, runs_dir).name == name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("same", "several runs are called 'same'; say which: A-v1/same, B-v1/same"),
        ("odl", 'did you mean "old"'),
        ("A-v1/nwe", 'did you mean "A-v1/new"'),
        ("xyz", "newest: A-v1/new"),
        ("no-run", "no run 'no-run'"),
        ("", "no run ''"),
        ("a\0b", "no run"),
        ("a" * 5000, "no run"),
    ],
)
def test_what_is_no_run_is_answered_with_the_nearest_one(runs_dir, text, words):
    with pytest.raises(UsageError, match=words):
        open_run(text, runs_dir)


def test_where_there_are_no_runs_the_message_says_so(tmp_path):
    with pytest.raises(UsageError, match=r"there are no runs in .*--runs-dir"):
        open_run("latest", tmp_path)


def test_checkpoints_are_listed_by_number_and_links_are_passed_over(tmp_path):
    run = create(tmp_path, "A-v1", "a", FILES)
    for generation in (9, 10, 2):
        run.checkpoint(generation).touch()
    for name in ("checkpoint-.safetensors", "checkpoint-1.safetensors.tmp", "checkpoint--1.safetensors", "best.safetensors"):
        (run.path / name).touch()
    run.checkpoint(11).symlink_to(run.checkpoint(9))
    assert [generation for generation, _ in run.checkpoints()] == [10, 9, 2]
    assert run_folder.RunFolder(tmp_path / "missing").checkpoints() == []
    assert run_folder.RunFolder(run.checkpoint(9)).checkpoints() == []


def test_a_folder_that_cannot_be_listed_is_a_failure_of_storage(tmp_path, monkeypatch):
    def iterdir(_path):
        raise PermissionError(errno.EACCES, "Permission denied")

    run = create(tmp_path, "A-v1", "a", FILES)
    monkeypatch.setattr(type(tmp_path), "iterdir", iterdir)
    with pytest.raises(StorageFailed, match=r"cannot list .*: Permission denied; check its permissions"):
        run.checkpoints()
