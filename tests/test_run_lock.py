import errno
import json
import os
import signal
import subprocess
import sys

import pytest

from evolvent.errors import RunLocked, StorageFailed
from evolvent.training.run_folder import create
from evolvent.training.run_lock import is_locked, locked

FILES = {"run.toml": b""}
RACES = int(os.environ.get("EVOLVENT_RACES", "7"))

CHILD = """
import sys
from pathlib import Path
from evolvent.errors import RunLocked
from evolvent.training.run_folder import RunFolder
from evolvent.training.run_lock import locked
print("ready", flush=True)
for line in sys.stdin:
    try:
        with locked(RunFolder(Path(line.strip()))):
            print("won", flush=True)
            sys.stdin.readline()
    except RunLocked as error:
        print(error, flush=True)
        sys.stdin.readline()
"""


@pytest.fixture
def children():
    started = [
        subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        for _ in range(8)
    ]
    assert [answer(child) for child in started] == ["ready\n"] * 8
    yield started
    for child in started:
        with child:
            child.kill()


def answer(child):
    return child.stdout.readline()


def say(children, text):
    for child in children:
        child.stdin.write(f"{text}\n")


def test_of_two_to_eight_processes_exactly_one_holds_the_run_and_the_others_name_it(children, tmp_path):
    for attempt in range(RACES):
        run = create(tmp_path, "A-v1", str(attempt), FILES)
        racing = children[: 2 + attempt % 7]
        say(racing, run.path)
        answers = [answer(child) for child in racing]
        winner = answers.index("won\n")
        losers = answers[:winner] + answers[winner + 1 :]
        assert all(f"is in use by process {racing[winner].pid} on" in loser for loser in losers)
        assert is_locked(run)
        say(racing, "")


def test_the_lock_of_a_dead_process_is_gone(children, tmp_path):
    run = create(tmp_path, "A-v1", "a", FILES)
    dead, other = children[:2]
    say([dead], run.path)
    assert answer(dead) == "won\n"
    with pytest.raises(RunLocked, match=str(dead.pid)), locked(run):
        pass
    dead.send_signal(signal.SIGKILL)
    dead.wait()
    assert not is_locked(run)
    say([other], run.path)
    assert answer(other) == "won\n"
    assert json.loads(run.lock.read_bytes())["pid"] == other.pid


def test_a_lock_says_who_holds_it_and_forgets_it_at_the_end(tmp_path):
    run = create(tmp_path, "A-v1", "a", FILES)
    assert not is_locked(run)
    run.lock.write_bytes(b"what a dead process wrote" * 10)
    with locked(run):
        assert json.loads(run.lock.read_bytes()).keys() == {"pid", "host", "started"}
        assert is_locked(run)
    assert not is_locked(run)
    assert run.lock.read_bytes() == b""


def test_a_lock_with_nonsense_in_it_still_locks(tmp_path):
    run = create(tmp_path, "A-v1", "a", FILES)
    with locked(run):
        for nonsense in (b"\xff", b"[1]", b'{"pid": true}', b"x" * 10_000):
            run.lock.write_bytes(nonsense)
            with pytest.raises(RunLocked, match="in use by another process"), locked(run):
                pass


def test_a_lock_that_cannot_be_had_is_a_failure_of_storage(tmp_path):
    run = create(tmp_path, "A-v1", "a", FILES)
    run.lock.unlink()
    assert not is_locked(run)
    run.lock.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageFailed, match="--runs-dir"), locked(run):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_lock_is_held_where_its_file_cannot_be_written(tmp_path, monkeypatch):
    def write(_descriptor, _data):
        raise OSError(errno.ENOSPC, "No space left on device")

    run = create(tmp_path, "A-v1", "a", FILES)
    monkeypatch.setattr(os, "write", write)
    with locked(run):
        assert is_locked(run)
        with pytest.raises(RunLocked, match="in use by another process"), locked(run):
            pass


@pytest.mark.skipif(sys.platform == "win32", reason="Windows locks in another way")
def test_a_file_system_that_cannot_lock_is_a_failure_of_storage(tmp_path, monkeypatch):
    def flock(_descriptor, _operation):
        raise OSError(errno.ENOLCK, "No locks available")

    run = create(tmp_path, "A-v1", "a", FILES)
    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.raises(StorageFailed, match="No locks available; keep runs on a local disk"), locked(run):
        pass
    assert not is_locked(run)
