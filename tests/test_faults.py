import os
import random
import shutil
import signal
import subprocess
import sys
import time
from itertools import count, cycle
from pathlib import Path
from typing import Any

import pytest

import evolvent as ev
from evolvent.errors import StorageFailed, UsageError
from evolvent.files import disk
from evolvent.training import RunFolder, find_runs
from evolvent.training.history import read
from evolvent.training.run_lock import is_locked
from tests.commands import (
    OFTEN_SAVED,
    PATIENCE,
    SMALL,
    SMALL_FLAGS,
    ascii_only,
    command,
    ended,
    evolvent,
    handles_signals,
    started,
    until,
)
from tests.os_faults import ERRORS, NO_ROOM, Killed, interposed

pytestmark = [
    pytest.mark.compiled,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals"),
]

KILLS = int(os.environ.get("EVOLVENT_KILLS", "10"))
LONG = 4000  # generations; a run of them takes a second or two
FOR_EVER = 10**9
LAST = SMALL["generations"] - 1

# A warm parent: each line it reads is a run to begin or to go on with, in a child that it kills after so many seconds.
NURSERY = """
import os, sys, time
from pathlib import Path
import evolvent as ev
from evolvent.training import find_runs, recorder
from tests.commands import SMALL

def carry_on(runs_dir, generations):
    runs = find_runs(Path(runs_dir))
    if not runs:
        return ev.evolve("CartPole-v1", runs_dir=runs_dir, workers=2, **{**SMALL, "generations": generations})
    return ev.resume(runs[0])

recorder.SECONDS_BETWEEN_SAVES = 0.01
ev.evolve("CartPole-v1", runs_dir=None, workers=1, **SMALL)
print("ready", flush=True)
for line in sys.stdin:
    runs_dir, generations, seconds = line.split()
    child = os.fork()
    if not child:
        print(carry_on(runs_dir, int(generations)).progress.digest, flush=True)
        os._exit(0)
    doomed_at = time.monotonic() + (float(seconds) if float(seconds) >= 0 else 1e9)
    while not (ended := os.waitpid(child, os.WNOHANG)[0]) and (left := doomed_at - time.monotonic()) > 0:
        time.sleep(min(left, 0.005))
    if not ended:
        os.kill(child, 9)
        os.waitpid(child, 0)
    print("over", flush=True)
"""

UNDER_A_LIMIT = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
from evolvent.cli import main
from evolvent.training import recorder
recorder.SECONDS_TO_WAIT_FOR_ROOM = float(sys.argv[2])
sys.argv = ["evolvent", *sys.argv[3:]]
main.main()
"""

ON_A_SMALL_DISK = """
import sys, threading
from pathlib import Path
import evolvent as ev
from evolvent.errors import StorageFailed
from evolvent.training import recorder
from tests.commands import SMALL

def fill():
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(512))
        except OSError:
            pass

settings = {**SMALL, "population": 200}
whole = ev.evolve("CartPole-v1", runs_dir=None, **{**settings, "generations": 12}).progress.digest
folder = ev.evolve("CartPole-v1", runs_dir=sys.argv[1], **settings).folder
before = folder.checkpoint(6).read_bytes()
filler = Path(sys.argv[1], "filler")
recorder.SECONDS_TO_WAIT_FOR_ROOM = 0.3
recorder.SECONDS_BETWEEN_TRIES = 0.05
try:
    ev.resume(folder, changes={"generations": 9}, callbacks=[lambda generation: fill()])
except StorageFailed as error:
    print(error)
assert folder.checkpoint(6).read_bytes() == before
assert not list(folder.path.glob(".*.tmp"))
filler.unlink()
recorder.SECONDS_TO_WAIT_FOR_ROOM = 30.0

def fill_for_a_while(generation):
    if generation.generation == 9:
        fill()
        threading.Timer(0.5, filler.unlink).start()

print(ev.resume(folder, changes={"generations": 12}, callbacks=[fill_for_a_while]).progress.digest == whole)
"""

# A process of its own, because the peak of a child counts from the size of its parent.
MEASURED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""

IGNORING_HANGUPS = """
import os, signal, sys
signal.signal(signal.SIGHUP, signal.SIG_IGN)
os.execv(sys.executable, [sys.executable, "-m", "evolvent", *sys.argv[1:]])
"""


@pytest.fixture(scope="module")
def undisturbed():
    """The digest of the long run."""
    return ev.evolve("CartPole-v1", runs_dir=None, **{**SMALL, "generations": LONG}).progress.digest


@pytest.fixture
def long_run(tmp_path):
    """Start a run that goes on until it is stopped and is saved often, and wait for its first checkpoint."""
    flags = (*SMALL_FLAGS, "--generations", FOR_EVER, "--name", "a", "--runs-dir", tmp_path)
    with started("train", "CartPole-v1", *flags, program=("-c", OFTEN_SAVED)) as process:
        until(lambda: ev.open_run("a", tmp_path).checkpoints() if find_runs(tmp_path) else [])
        yield process, ev.open_run("a", tmp_path)


def assert_goes_on_to(digest, folder):
    """Go on with the run after what happened to it: the result must be the undisturbed one."""
    done = folder.checkpoints()[0][0] if folder.checkpoints() else 0
    assert done <= LONG
    run = ev.resume(folder, changes={"generations": LONG})
    assert run.progress.digest == digest
    assert read(folder.history)["generation"] == list(range(LONG))
    assert not [path for path in folder.path.iterdir() if path.name.endswith(".tmp")]


def assert_one_line(text, *words):
    assert text.count("\n") == 1
    assert "Traceback" not in text
    assert all(word in text for word in words)


# --- sudden death ---


@pytest.fixture(scope="module")
def nursery():
    # fork() is safe here: the parent has run its only threads to their end
    with subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", NURSERY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        parent: Any = process
        assert parent.stdout.readline() == "ready\n"
        yield parent
        parent.stdin.close()


def raised_by(nursery, runs_dir, generations, seconds=-1.0) -> str | None:
    """Have a child carry on with the run; give its digest, or None where it was killed before."""
    nursery.stdin.write(f"{runs_dir} {generations} {seconds}\n")
    said = nursery.stdout.readline()
    if said == "over\n":
        return None
    assert nursery.stdout.readline() == "over\n"
    return said.strip()


@pytest.mark.timeout(60 + 3 * KILLS)
def test_killed_at_any_moment_a_run_comes_to_the_same_result(nursery, tmp_path):
    generations = 250
    began = time.monotonic()
    digest = raised_by(nursery, tmp_path / "whole", generations)
    lasts = time.monotonic() - began
    assert digest is not None
    dice = random.Random(KILLS)  # noqa: S311 - the same moments every time, as far as moments go
    killed = 0
    for attempt in range(KILLS):
        runs_dir = tmp_path / str(attempt)
        while dice.random() < 0.7:
            killed += raised_by(nursery, runs_dir, generations, dice.uniform(0, lasts)) is None
        assert raised_by(nursery, runs_dir, generations) == digest
        (folder,) = find_runs(runs_dir)
        assert read(folder.history)["generation"] == list(range(generations))
        assert not [path for path in folder.path.iterdir() if path.name.endswith(".tmp")]
        shutil.rmtree(runs_dir)
    assert killed >= KILLS // 2


@pytest.mark.parametrize("seconds", [0.2, 1.3])
def test_a_command_that_is_killed_leaves_nothing_or_a_run_to_go_on_with(tmp_path, undisturbed, seconds):
    flags = (*SMALL_FLAGS, "--generations", FOR_EVER, "--runs-dir", tmp_path)
    with started("train", "CartPole-v1", *flags) as process:
        time.sleep(seconds)
        process.kill()
        assert ended(process)[0] == -signal.SIGKILL
    for folder in find_runs(tmp_path):
        assert_goes_on_to(undisturbed, folder)


def every_fault(tmp_path, monkeypatch, fault):
    """Run with `fault(first, name)` from the first, second ... call of the last save on; give the error and the folder."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)  # nobody cuts the power here
    for doomed in count(1):
        armed, seen = [], []

        def arm(generation, armed=armed):
            if generation.generation == LAST - 1:
                armed.append(generation)
                monkeypatch.setattr("evolvent.training.recorder.SECONDS_BETWEEN_SAVES", 0.0)

        def before(_number, name, armed=armed, seen=seen, doomed=doomed):
            seen.extend(armed and [name])
            if len(seen) >= doomed:
                fault(len(seen) == doomed, name)

        error = None
        monkeypatch.setattr("evolvent.training.recorder.SECONDS_BETWEEN_SAVES", PATIENCE)
        try:
            with interposed(before):
                ev.evolve("CartPole-v1", runs_dir=tmp_path, name=f"run-{doomed}", callbacks=[arm], **SMALL)
        except (Killed, StorageFailed, KeyboardInterrupt) as problem:
            error = problem
        if len(seen) < doomed:
            return
        yield error, RunFolder(tmp_path / "CartPole-v1" / f"run-{doomed}")


def test_killed_at_any_call_of_a_save_a_run_comes_to_the_same_result(tmp_path, monkeypatch):
    def die(_first, name):
        raise Killed(name)

    digest = ev.evolve("CartPole-v1", runs_dir=None, **SMALL).progress.digest
    deaths = 0
    for problem, folder in every_fault(tmp_path, monkeypatch, die):
        assert isinstance(problem, Killed)
        assert not folder.checkpoints() or folder.checkpoints()[0][0] == LAST + 1
        assert ev.resume(folder).progress.digest == digest
        assert read(folder.history)["generation"] == list(range(6))
        deaths += 1
    assert deaths > 20


def test_any_call_of_a_save_that_fails_costs_no_saved_generation(tmp_path, monkeypatch):
    codes, raised = cycle(ERRORS), []

    def fail(first, name):
        if first:
            raised.append(next(codes))
            raise OSError(raised[-1], os.strerror(raised[-1]), name)

    monkeypatch.setattr("evolvent.training.recorder.SECONDS_BETWEEN_TRIES", 0.0)
    digest = ev.evolve("CartPole-v1", runs_dir=None, **SMALL).progress.digest
    told = 0
    for problem, folder in every_fault(tmp_path, monkeypatch, fail):
        if problem is not None:
            assert str(folder.path) in str(problem)
            assert os.strerror(raised[-1]) in str(problem)
            assert raised[-1] not in NO_ROOM or folder.checkpoints()[0][0] == LAST + 1
            told += 1
        assert not folder.checkpoints() or folder.checkpoints()[0][0] == LAST + 1
        assert ev.resume(folder).progress.digest == digest
        assert read(folder.history)["generation"] == list(range(6))
    assert told > 10


def test_interrupted_at_any_call_of_a_save_a_run_is_saved(tmp_path, monkeypatch):
    def interrupt(first, _name):
        if first:
            raise KeyboardInterrupt

    digest = ev.evolve("CartPole-v1", runs_dir=None, **SMALL).progress.digest
    for problem, folder in every_fault(tmp_path, monkeypatch, interrupt):
        assert isinstance(problem, KeyboardInterrupt)
        assert folder.checkpoints()[0][0] == LAST + 1
        assert ev.resume(folder).progress.digest == digest
        assert read(folder.history)["generation"] == list(range(6))


def test_a_folder_that_goes_at_any_call_of_a_save_is_told(tmp_path, monkeypatch):
    gone = []

    def take_away(first, _name):
        if first:
            path = tmp_path / "CartPole-v1" / f"run-{len(gone) + 1}"
            gone.append(path)
            shutil.rmtree(path) if len(gone) % 2 else path.rename(tmp_path / f"moved-{len(gone)}")

    silent = []
    for problem, folder in every_fault(tmp_path, monkeypatch, take_away):
        assert folder.path == gone[-1]
        assert not folder.path.exists()
        if problem is None:
            silent.append(len(gone))
        else:
            assert isinstance(problem, StorageFailed)
            assert str(folder.path) in str(problem)
            assert "moved or deleted" in str(problem)
            assert "evolvent resume" not in str(problem)
    assert len(gone) > 20
    assert silent == list(range(len(gone) - len(silent) + 1, len(gone) + 1))  # when all was done
    assert len(silent) <= 5


# --- signals ---


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
def test_a_run_that_is_asked_to_stop_saves_and_tells_how_to_go_on(long_run, undisturbed, number, code):
    process, folder = long_run
    began = time.monotonic()
    os.killpg(process.pid, number)
    returncode, _, err = ended(process)
    assert returncode == code
    assert time.monotonic() - began < 5
    done = folder.checkpoints()[0][0]
    assert_one_line(err, f"stopped after generation {done - 1}, resume with: evolvent resume {folder.path}")
    assert not is_locked(folder)
    if done < LONG:
        assert_goes_on_to(undisturbed, folder)


@pytest.mark.parametrize(
    ("pause", "second", "code"),
    [(0.0, signal.SIGINT, 130), (0.003, signal.SIGINT, 130), (0.01, signal.SIGTERM, 143), (0.05, signal.SIGINT, 130)],
)
def test_a_second_signal_leaves_at_once(long_run, pause, second, code):
    process, folder = long_run
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(pause)
    if process.poll() is None:
        os.killpg(process.pid, second)
    began = time.monotonic()
    returncode, _, err = ended(process)
    assert time.monotonic() - began < 1
    assert returncode in {130, code}
    assert "Traceback" not in err
    generation = folder.checkpoints()[0][0]
    run = ev.resume(folder, changes={"generations": generation + 1})
    assert run.progress.generation == generation + 1
    assert read(folder.history)["generation"] == list(range(generation + 1))


@pytest.mark.parametrize("sequence", range(max(1, KILLS // 5)))
def test_signals_in_any_number_leave_a_checkpoint_to_go_on_with(long_run, sequence):
    process, folder = long_run
    dice = random.Random(sequence)  # noqa: S311
    for _ in range(dice.randrange(2, 6)):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(dice.choice((0.0, dice.uniform(0, 0.02), dice.uniform(0, 0.5))))
    returncode, _, err = ended(process)
    assert returncode == 130
    assert "Traceback" not in err
    generation = folder.checkpoints()[0][0]
    ev.resume(folder, changes={"generations": generation + 1})
    assert read(folder.history)["generation"] == list(range(generation + 1))
    assert not [path for path in folder.path.iterdir() if path.name.endswith(".tmp")]


@pytest.mark.parametrize(
    ("number", "seconds"),
    [
        *((signal.SIGINT, seconds) for seconds in (0.0, 0.1, 0.2, 0.6)),
        *((signal.SIGTERM, seconds) for seconds in (0.05, 0.3, 1.2)),
    ],
)
def test_a_signal_before_the_first_generation_ends_it_without_a_traceback(tmp_path, number, seconds):
    flags = (*SMALL_FLAGS, "--generations", FOR_EVER, "--runs-dir", tmp_path / "runs")
    fresh = {**os.environ, "EVOLVENT_CACHE_DIR": str(tmp_path / "kernels")}
    with started("train", "CartPole-v1", *flags, env=fresh) as process:
        until(lambda: handles_signals(process))
        time.sleep(seconds)
        process.send_signal(number)
        began = time.monotonic()
        returncode, _, err = ended(process)
        assert time.monotonic() - began < 15  # what is being compiled is compiled to its end
    assert returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]
    assert_one_line(err, "evolvent: stopped")
    for folder in find_runs(tmp_path / "runs"):
        assert ev.resume(folder, changes={"generations": 3}).progress.generation >= 3


def test_a_hangup_that_is_to_be_ignored_is_ignored(tmp_path):
    flags = (*SMALL_FLAGS, "--generations", str(FOR_EVER), "--runs-dir", str(tmp_path))
    words = [sys.executable, "-c", IGNORING_HANGUPS, "train", "CartPole-v1", *flags]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        until(lambda: find_runs(tmp_path) and find_runs(tmp_path)[0].checkpoints())
        process.send_signal(signal.SIGHUP)
        time.sleep(0.2)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert ended(process)[0] == 143


# --- storage ---


def writes_fail(monkeypatch, code, times):
    """Arm a callback after which so many writes fail."""
    left = iter(())
    monkeypatch.setattr("evolvent.training.recorder.SECONDS_BETWEEN_SAVES", 0.0)

    def arm(generation):
        nonlocal left
        if generation.generation == LAST - 1:
            left = iter(range(times))

    def before(_number, name):
        if name == "write" and next(left, None) is not None:
            raise OSError(code, os.strerror(code))

    return arm, before


@pytest.mark.parametrize("code", NO_ROOM)
def test_a_run_waits_for_room_and_goes_on(tmp_path, monkeypatch, caplog, code):
    monkeypatch.setattr("evolvent.training.recorder.SECONDS_BETWEEN_TRIES", 0.001)
    digest = ev.evolve("CartPole-v1", runs_dir=None, **SMALL).progress.digest
    arm, before = writes_fail(monkeypatch, code, 20)
    with interposed(before):
        run: Any = ev.evolve("CartPole-v1", runs_dir=tmp_path, callbacks=[arm], **SMALL)
    assert run.progress.digest == digest
    assert read(run.folder.history)["generation"] == list(range(6))
    assert not [path for path in run.folder.path.iterdir() if path.name.endswith(".tmp")]
    (line,) = caplog.messages
    assert_one_line(f"{line}\n", os.strerror(code), str(run.folder.path), "bytes are needed", "are free there")
    assert line.endswith("; waiting up to 60 s for that")


@pytest.mark.parametrize("code", NO_ROOM)
def test_where_there_is_no_room_for_long_a_run_ends_and_tells_how_to_go_on(tmp_path, monkeypatch, code):
    monkeypatch.setattr("evolvent.training.recorder.SECONDS_TO_WAIT_FOR_ROOM", 0.2)
    monkeypatch.setattr("evolvent.training.recorder.SECONDS_BETWEEN_TRIES", 0.01)
    digest = ev.evolve("CartPole-v1", runs_dir=None, **SMALL).progress.digest
    arm, before = writes_fail(monkeypatch, code, FOR_EVER)
    names = []
    original = disk.temporary_name
    monkeypatch.setattr(disk, "temporary_name", lambda name: names.append(original(name)) or names[-1])
    with interposed(before), pytest.raises(StorageFailed) as caught:
        ev.evolve("CartPole-v1", runs_dir=tmp_path, name="a", callbacks=[arm], **SMALL)
    folder = ev.open_run("a", tmp_path)
    assert caught.value.exit_code == 6
    assert_one_line(f"{caught.value}\n", os.strerror(code), "bytes are needed", "are free there")
    assert str(caught.value).endswith(f"; kept up to generation {LAST - 1}, then go on with: evolvent resume {folder.path}")
    assert [generation for generation, _ in folder.checkpoints()] == [5, 4, 3]
    assert len(set(names)) == len(names) > 10
    assert ev.resume(folder).progress.digest == digest


@pytest.mark.parametrize("code", sorted({*ERRORS} - {*NO_ROOM}))
def test_what_does_not_pass_is_not_waited_for(tmp_path, monkeypatch, code):
    arm, before = writes_fail(monkeypatch, code, 1)
    monkeypatch.setattr(time, "sleep", lambda _seconds: pytest.fail("waited"))
    with interposed(before), pytest.raises(StorageFailed, match="kept up to generation 4"):
        ev.evolve("CartPole-v1", runs_dir=tmp_path, callbacks=[arm], **SMALL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait_for_room_at_once(tmp_path, number):
    settings = {**SMALL, "population": 500}
    folder: Any = ev.evolve("CartPole-v1", runs_dir=tmp_path, **settings).folder
    before = folder.checkpoint(6).read_bytes()
    with started("20000", "60", "resume", folder.path, "--generations", "9", program=("-c", UNDER_A_LIMIT)) as child:
        process: Any = child
        assert "waiting up to 60 s" in process.stderr.readline()
        process.send_signal(number)
        began = time.monotonic()
        returncode, _, err = ended(process)
        assert time.monotonic() - began < 5
    assert returncode == 6
    assert_one_line(err, "File too large", f"kept up to generation {LAST}, then go on with: evolvent resume {folder.path}")
    assert folder.checkpoint(6).read_bytes() == before


def test_a_real_disk_that_is_full_loses_nothing_and_is_used_again_when_there_is_room(tmp_path):
    mount = 'mount -t tmpfs -o size=256k none "$1" && exec "$0" -c "$2" "$1"'
    words = ["unshare", "-rm", "sh", "-c", mount, sys.executable, str(tmp_path), ON_A_SMALL_DISK]
    if (
        shutil.which("unshare") is None
        or subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("this system lets nobody mount")
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    told, same = done.stdout.splitlines()
    assert_one_line(f"{told}\n", "No space left on device", "bytes are needed, 0 bytes are free there", "evolvent resume")
    assert same == "True"


def test_a_disk_that_is_full_costs_no_saved_generation(tmp_path):
    settings = {**SMALL, "population": 500}
    digest = ev.evolve("CartPole-v1", runs_dir=None, **{**settings, "generations": 9}).progress.digest
    folder: Any = ev.evolve("CartPole-v1", runs_dir=tmp_path, **settings).folder
    before = folder.checkpoint(6).read_bytes()
    limited = [sys.executable, "-c", UNDER_A_LIMIT, "20000", "0", "resume", str(folder.path), "--generations", "9"]
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run(limited, capture_output=True, text=True, check=False, timeout=PATIENCE, env=unmeasured)
    assert done.returncode == 6
    assert_one_line(done.stderr, "File too large", "bytes are needed", "are free there", str(folder.path))
    assert folder.checkpoint(6).read_bytes() == before
    assert ev.resume(folder, changes={"generations": 9}).progress.digest == digest


def test_torn_at_every_byte_of_its_last_rows_a_history_is_the_one_of_a_whole_run(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)  # nobody cuts the power here
    whole: Any = ev.evolve("CartPole-v1", runs_dir=tmp_path, **{**SMALL, "generations": 4})
    checkpoint = whole.folder.checkpoint(4)
    kept, digest = checkpoint.read_bytes(), ev.resume(whole.folder, changes={"generations": 6}).progress.digest
    text = whole.folder.history.read_bytes()
    last_rows = b"".join(text.splitlines(keepends=True)[-2:])
    for length in range(len(text) - len(last_rows), len(text) + 1):
        for _, path in whole.folder.checkpoints():
            path.unlink()
        checkpoint.write_bytes(kept)
        whole.folder.history.write_bytes(text[:length])
        assert ev.resume(whole.folder).progress.digest == digest
        assert read(whole.folder.history)["generation"] == list(range(6))


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_rows_that_are_lost_are_told(tmp_path, caplog, rows):
    folder: Any = ev.evolve("CartPole-v1", runs_dir=tmp_path, **SMALL).folder
    lines = folder.history.read_bytes().splitlines(keepends=True)
    folder.history.write_bytes(b"".join(lines[: rows + 1]))
    ev.resume(folder)
    assert f"{folder.history}: {rows} of 6 rows are there; the rest is lost" in caplog.text


@pytest.mark.parametrize("name", ["a folder", "a link", "a full disk"])
def test_a_run_goes_on_where_warnings_cannot_be_written_to_its_folder(tmp_path, monkeypatch, capsys, name):
    folder: Any = ev.evolve("CartPole-v1", runs_dir=tmp_path, **SMALL).folder
    folder.history.unlink()
    if name == "a folder":
        folder.errors_log.mkdir()
    elif name == "a link":
        folder.errors_log.symlink_to(tmp_path / "elsewhere")
    else:
        full = Path("/dev/full").open("a", encoding="utf-8")  # noqa: SIM115 - the log closes it
        monkeypatch.setattr("evolvent.training.recorder._ErrorsLog._open", lambda _self: full)
    assert ev.resume(folder).progress.generation == 6
    assert "Traceback" not in capsys.readouterr().err
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_gone_while_the_run_goes_on_is_told(long_run):
    process, folder = long_run
    shutil.rmtree(folder.path.rename(folder.path.with_name("moved")))
    returncode, _, err = ended(process)
    assert returncode == 6
    assert_one_line(err, str(folder.path), "moved or deleted")
    assert not folder.path.exists()


@pytest.mark.parametrize("place", ["/proc/self/runs", "a file", "a file/runs"])
def test_a_place_where_nothing_can_be_written_is_told(tmp_path, place):
    (tmp_path / "a file").touch()
    done = evolvent("train", "CartPole-v1", *SMALL_FLAGS, "--quiet", "--runs-dir", place, cwd=tmp_path)
    assert done.returncode == 6
    assert_one_line(done.stderr, "cannot create a run", "--runs-dir chooses another place")


@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only_is_told(tmp_path):
    tmp_path.chmod(0o500)
    done = evolvent("train", "CartPole-v1", *SMALL_FLAGS, "--quiet", cwd=tmp_path)
    tmp_path.chmod(0o700)
    assert done.returncode == 6
    assert_one_line(done.stderr, "cannot create a run in runs", "--runs-dir chooses another place")


def test_one_process_a_run(long_run, tmp_path):
    process, folder = long_run
    done = evolvent("resume", "a", "--runs-dir", tmp_path)
    assert done.returncode == 7
    assert_one_line(done.stderr, f"in use by process {process.pid} on")
    assert "running" in evolvent("runs", "--runs-dir", tmp_path).stdout
    process.send_signal(signal.SIGINT)
    assert ended(process)[0] == 130
    with started("resume", folder.path) as one, started("resume", folder.path) as other:
        until(lambda: one.poll() is not None or other.poll() is not None)
        loser, winner = (one, other) if one.poll() is not None else (other, one)
        assert loser.returncode == 7
        winner.send_signal(signal.SIGINT)
        assert ended(winner)[0] == 130


# --- odd surroundings ---


def test_a_reader_who_leaves_is_no_error(tmp_path):
    flags = (*SMALL_FLAGS, "--generations", FOR_EVER, "--runs-dir", tmp_path)
    with started("train", "CartPole-v1", *flags) as child:
        process: Any = child
        assert [process.stdout.readline().split()[0] for _ in range(3)] == ["CartPole-v1", "gen", "0"]
        process.stdout.close()
        process.stdout = None
        returncode, _, err = ended(process)
    assert (returncode, err) == (0, "")
    (folder,) = find_runs(tmp_path)
    assert folder.checkpoints()


@pytest.mark.parametrize("words", [["--help"], ["envs", "--all"], ["envs", "--json"], ["train", "--help"], ["--version"]])
def test_a_reader_who_was_never_there_is_no_error(words):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command(*words), stdout=writing, stderr=subprocess.PIPE, check=False, timeout=PATIENCE)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_error(tmp_path, closed):
    words = command("train", "CartPole-v1", *SMALL_FLAGS, "--name", "a", "--runs-dir", tmp_path)
    done = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", *words], capture_output=True, check=False, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, b"")
    assert ev.open_run("a", tmp_path).checkpoints()[0][0] == 6


@pytest.mark.parametrize(
    "words", [["train", "CartPole-v1", *SMALL_FLAGS], ["envs"], ["train", "--help"], ["train", "Ünknown-v1"]]
)
def test_a_terminal_that_knows_ascii_only_is_no_error(tmp_path, words):
    done = evolvent(*words, cwd=tmp_path, env=ascii_only(), encoding="ascii")
    assert done.returncode == (2 if "Ünknown-v1" in words else 0)
    assert "Traceback" not in done.stderr


def test_a_run_needs_less_than_300_megabytes(tmp_path):
    ev.evolve("CartPole-v1", runs_dir=None, generations=1)
    words = command("train", "CartPole-v1", "--quiet", "--no-target", "--generations", "50", "--runs-dir", tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *words], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    assert int(done.stdout) * (1 if sys.platform == "darwin" else 1024) < 300e6


def test_nothing_is_made_of_a_run_that_cannot_begin(tmp_path):
    with pytest.raises(UsageError):
        ev.evolve("CartPole-v1", runs_dir=tmp_path / "runs", name="../a", **SMALL)
    assert evolvent("train", "CartPole-v1", "--population", "0", cwd=tmp_path).returncode == 2
    assert not (tmp_path / "runs").exists() or not find_runs(tmp_path / "runs")
