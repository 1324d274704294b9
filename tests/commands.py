"""Starts the command as a process of its own, and a run that is small enough for any test."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

SMALL = {  # with all that a preset may set: how worlds are tuned is no business of these tests
    "algorithm": "genetic",
    "biases": True,
    "normalise": False,
    "candidates": 1,
    "validation_every": 1,
    "population": 8,
    "generations": 6,
    "episodes": 1,
    "validation_episodes": 2,
    "test_episodes": 2,
    "hidden": (2,),
    "max_steps": 30,
    "target": None,
    "genetic": {"selection": "truncation:num_parents=2"},
}
SMALL_FLAGS = (
    *("--population", "8", "--generations", "6", "--episodes", "1", "--validation-episodes", "2", "--test-episodes", "2"),
    *("--algorithm", "genetic", "--biases", "--no-normalise", "--candidates", "1", "--validation-every", "1"),
    *("--hidden", "2", "--max-steps", "30", "--selection", "truncation:num_parents=2", "--no-target"),
)
PATIENCE = 30.0  # seconds


OFTEN_SAVED = """
import sys
from evolvent.cli.main import main
from evolvent.training import recorder
recorder.SECONDS_BETWEEN_SAVES = 0.05
sys.argv[0] = "evolvent"
main()
"""


def command(*words, program=("-m", "evolvent")):
    return [sys.executable, *program, *map(str, words)]


def evolvent(*words, **options):
    """Run the command to its end."""
    options = {"capture_output": True, "text": True, "timeout": PATIENCE, **options}
    return subprocess.run(command(*words), check=False, **options)


@contextmanager
def started(*words, program=("-m", "evolvent"), **options):
    """Start the command in a process group of its own, which is gone when the block is."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True, **options}
    with subprocess.Popen(command(*words, program=program), **options) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def until(condition):
    """Wait for something that is sure to happen, and return it."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return found


def handles_signals(process):
    """Tell whether the process has got as far as to look after SIGTERM itself."""
    lines = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii").splitlines()
    caught = next(line for line in lines if line.startswith("SigCgt:"))
    return int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1


def ended(process):
    """Wait for the end of a process; give its exit code and what it said."""
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def ascii_only():
    return {
        **os.environ,
        "LANG": "C",
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONIOENCODING": "ascii",
    }
