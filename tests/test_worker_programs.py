"""A program and its workers: signals, sudden death, scripts without a guard, limits of the system, and exit codes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import evolvent as ev
from evolvent.training import find_runs
from tests.commands import OFTEN_SAVED, SMALL, SMALL_FLAGS, command, ended, evolvent, started, until
from tests.kills import TOKEN, with_token
from tests.measuring import FAULTY

pytestmark = [
    pytest.mark.compiled,
    pytest.mark.timeout(120),
    pytest.mark.usefixtures("_processes_unmeasured"),
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, and sends signals"),
]

REPOSITORY = Path(__file__).resolve().parent.parent
SLOW = ("--env-kwargs", "mode=slow", "value=0.01", "step=1")
FAULT_FLAGS = (*SMALL_FLAGS, "--workers", "2")
GONE = 2.0  # seconds after which nothing of a program is left


def named(token):
    """Return the surroundings by which all processes of a program are known."""
    return {**os.environ, TOKEN: token}


def all_gone(token):
    deadline = time.monotonic() + GONE
    while (left := with_token(token)) and time.monotonic() < deadline:
        time.sleep(0.01)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    return not left


# --- the end of the program ---


@pytest.mark.parametrize(
    ("numbers", "code"),
    [((signal.SIGINT,), 130), ((signal.SIGTERM,), 143), ((signal.SIGHUP,), 143), ((signal.SIGINT, signal.SIGINT), 130)],
)
def test_a_signal_ends_the_program_and_its_workers(tmp_path, numbers, code):
    token = f"signal-{tmp_path.name}"
    flags = (*FAULT_FLAGS, "--generations", 10**6, "--name", "a", "--runs-dir", tmp_path, *SLOW)
    with started("train", FAULTY, *flags, program=("-c", OFTEN_SAVED), env=named(token)) as process:
        until(lambda: find_runs(tmp_path) and find_runs(tmp_path)[0].checkpoints())
        began = time.monotonic()
        for number in numbers:
            os.killpg(process.pid, number)
        returned, _out, err = ended(process)
        assert time.monotonic() - began < 5.0
    assert returned == code
    assert "Traceback" not in err
    assert err.count("\n") <= 1
    assert all_gone(token)
    assert find_runs(tmp_path)[0].checkpoints()


def test_whatever_workers_are_doing_they_end_with_their_program(tmp_path):
    token, flag = f"killed-{tmp_path.name}", tmp_path / "blocked"
    with started(
        *("train", "tests.misbehaving:hopeless", *FAULT_FLAGS, "--runs-dir", tmp_path, "--env-kwargs", f"flag={flag}"),
        cwd=REPOSITORY,
        env=named(token),
    ) as process:
        until(flag.exists)
        assert len(with_token(token)) >= 3 + 1  # the program, two workers, and what one of them has started
        process.kill()
        assert ended(process)[0] == -signal.SIGKILL
        assert all_gone(token)


# --- scripts ---

SCRIPT = """
import os, sys
import evolvent as ev
from evolvent.testing import FaultyEnv

with open("starts", "a") as file:
    file.write(f"{os.getpid()} {__name__}\\n")

class Mine(FaultyEnv):
    pass

def main():
    print(ev.evolve(Mine, workers=2, generations=2, population=8, runs_dir=None, target=None))

"""


def ran(tmp_path, text):
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf-8")
    done = subprocess.run([sys.executable, str(path)], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    return done, (tmp_path / "starts").read_text(encoding="utf-8").splitlines()


def test_a_script_without_a_guard_is_told_what_it_needs(tmp_path):
    done, starts = ran(tmp_path, f"{SCRIPT}main()\n")
    assert done.returncode == 1  # Python's own for what nobody caught
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("evolvent.errors.UsageError: workers: a worker process imports the script")
    assert 'if __name__ == "__main__":' in last
    assert done.stderr.count("UsageError: ") == 1
    assert 2 <= len(starts) <= 3


def test_a_script_with_a_guard_needs_nothing_else(tmp_path):
    done, starts = ran(tmp_path, f'{SCRIPT}if __name__ == "__main__":\n    main()\n')
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Run('__main__:Mine', score")
    assert [line.split()[1] for line in starts] == ["__main__", "__mp_main__", "__mp_main__"]


def test_a_script_whose_world_is_in_a_module_needs_no_guard(tmp_path):
    (tmp_path / "worlds_of_mine.py").write_text("from evolvent.testing import FaultyEnv as Mine\n", encoding="utf-8")
    script = SCRIPT.replace("class Mine(FaultyEnv):\n    pass", "from worlds_of_mine import Mine")
    done, starts = ran(tmp_path, f"{script}main()\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(starts) == 1


# --- exit codes, and limits of the system ---


def test_a_world_that_fails_too_often_ends_the_run_with_4(tmp_path):
    done = evolvent("train", FAULTY, *FAULT_FLAGS, "--runs-dir", tmp_path, "--env-kwargs", "mode=step_raises", "step=2")
    assert done.returncode == 4
    assert "8 of 8 individuals failed in generation 0" in done.stderr.splitlines()[-1]
    assert done.stderr.count("RuntimeError: step() raises, as it was told to; more of it is only counted") == 1


def test_workers_that_cannot_live_end_the_run_with_5(tmp_path):
    done = evolvent("train", "tests.misbehaving:dies_in_workers", *FAULT_FLAGS, "--runs-dir", tmp_path, cwd=REPOSITORY)
    assert done.returncode == 5
    assert "processes died while one population was measured" in done.stderr
    assert "Traceback" not in done.stderr


FEW_FILES = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv.pop(1)),) * 2)
from evolvent.cli.main import main
main()
"""


@pytest.mark.parametrize(("files", "code"), [(40, 0), (12, 5)])
def test_few_open_files_make_fewer_workers_or_an_end_in_words(tmp_path, files, code):
    words = ("train", FAULTY, *SMALL_FLAGS, "--workers", 16, "--generations", 2, "--runs-dir", tmp_path, "--json")
    done = subprocess.run(
        command(files, *words, program=("-c", FEW_FILES)), capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert "of 16 can be started" in done.stderr if code == 0 else "not even one process" in done.stderr
    if code == 0:
        plain = ev.evolve(FAULTY, engine="inline", runs_dir=None, **{**SMALL, "generations": 2}).progress.digest
        assert json.loads(done.stdout.splitlines()[-1])["digest"] == plain


FORKED = """
import os
import evolvent as ev

forks = []
os.register_at_fork(before=lambda: forks.append(1))
run = ev.evolve("evolvent.testing:FaultyEnv", workers=2, generations=2, population=8, runs_dir=None, target=None)
print(len(forks), run.progress.generation)
"""


def test_nothing_forks(tmp_path):
    done = subprocess.run([sys.executable, "-c", FORKED], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("0 2\n", "")
    for path in (REPOSITORY / "src").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "os.fork(" not in text
        assert "forkpty" not in text
        assert "preexec_fn" not in text
        assert '"fork' not in text
