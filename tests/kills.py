"""Kills workers, and whole programs with their workers, at random moments: the digest of the run must stay what it is.

    python -m tests.kills --kills 1000 --keep

prints what came of it; `--keep` puts that into `benchmarks/results/kills.json` and into the table of `docs/faults.md`.
"""

import argparse
import importlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from evolvent.training import find_runs, recorder
from evolvent.training.config import Config, merge
from evolvent.training.run import RunInterrupted, resume, start
from tests.commands import SMALL
from tests.measuring import FAULTY, is_alive

REPOSITORY = Path(__file__).resolve().parent.parent
RESULTS = REPOSITORY / "benchmarks" / "results" / "kills.json"
PAGE = REPOSITORY / "docs" / "faults.md"
BEGIN, END = "<!-- begin: written by python -m tests.kills --keep -->", "<!-- end -->"
QUICK_WORLD = ("mode=slow", "value=0.002", "step=1")
SETTINGS = {**SMALL, "population": 16, "generations": 20, "env_kwargs": QUICK_WORLD, "world": "gymnasium"}
WORKERS = 2
DEATHS_ALLOWED = 8  # a generation, of the ten that an evaluation may cost
HANG = 120.0  # seconds without an end
ORPHANED = 2.0  # seconds after which what is left of a killed program counts as left for good
TOKEN = "EVOLVENT_KILLED_PROGRAM"  # noqa: S105 - a variable that tells the processes of one program


@dataclass
class Summary:
    """What came of killing.

    Args:
        kills: How many processes were killed.
        runs: In how many runs.
        differing: Runs that came to another digest.
        orphans: Processes that outlived their program.
        hangs: Runs that came to no end.
        seconds: From each kill until another worker was there and had built its world, or until all was gone.
    """

    kills: int = 0
    runs: int = 0
    differing: int = 0
    orphans: int = 0
    hangs: int = 0
    noticed: list[float] = field(default_factory=list[float])
    seconds: list[float] = field(default_factory=list[float])

    def told(self) -> dict[str, Any]:
        """Return it as the JSON keeps it."""
        counts = {name: value for name, value in asdict(self).items() if not isinstance(value, list)}
        slowest = {f"slowest_{name}": round(max(getattr(self, name), default=0.0), 3) for name in ("noticed", "seconds")}
        middle = {"usual_seconds": round(sorted(self.seconds)[len(self.seconds) // 2], 3) if self.seconds else 0.0}
        return {**counts, **slowest, **middle}


def search(runs_dir=None, generations=20, on_begin=None, callbacks=(), engine="processes"):
    """Carry a run in a quick world to its end, or go on with the one that is there; return its digest."""
    if runs_dir is not None and (runs := find_runs(Path(runs_dir))):
        return resume(runs[0], env=FAULTY, env_kwargs=QUICK_WORLD).progress.digest
    settings = {**SETTINGS, "generations": generations, "engine": engine, "workers": WORKERS}
    config = merge(Config(), settings, "kills")
    folder = None if runs_dir is None else Path(runs_dir)
    return start(FAULTY, config, runs_dir=folder, on_begin=on_begin, callbacks=callbacks).progress.digest


# --- workers ---


class Killer(threading.Thread):
    """Kills a worker of an engine now and then, and waits until another one has taken its place."""

    def __init__(self, engine, summary, dice, wanted):
        super().__init__(name="killer")
        self.engine, self.summary, self.dice, self.wanted = engine, summary, dice, wanted
        self.over = threading.Event()
        self.deaths = 0

    def run(self):
        """Kill until the run is over, or there were as many as wanted."""
        while not self.over.wait(self.dice.uniform(0.0, 0.3)) and self.summary.kills < self.wanted:
            seats = list(self.engine._seats)
            if seats and self.deaths < DEATHS_ALLOWED:
                self._kill(self.dice.choice(seats))
        if not self.over.wait(HANG):
            self.summary.hangs += 1
            signal.raise_signal(signal.SIGINT)

    def _kill(self, doomed):
        began = time.monotonic()
        with suppress(ProcessLookupError):
            os.kill(doomed.worker.pid, signal.SIGKILL)
            self.deaths += 1
            self.summary.kills += 1
        if self._sees(lambda: doomed not in self.engine._seats):
            self.summary.noticed.append(time.monotonic() - began)
            if self.dice.random() < 0.5:  # else the next may die while this one is not there yet
                self._sees(lambda: all(seat.ready for seat in list(self.engine._seats)))
                self.summary.seconds.append(time.monotonic() - began)

    def _sees(self, condition):
        until = time.monotonic() + HANG
        while not self.over.wait(0.002) and time.monotonic() < until:
            if condition():
                return True
        return False


def kill_workers(wanted, seed=0):
    """Kill so many workers, in as many runs as it takes."""
    summary, dice = Summary(), random.Random(seed)  # noqa: S311 - moments
    expected = search(engine="inline")
    while summary.kills < wanted:
        killers = []

        def begin(parts, killers=killers):
            killers.append(Killer(parts.engine, summary, dice, wanted))
            killers[0].start()

        def next_generation(_generation, killers=killers):
            killers[0].deaths = 0

        digest = None
        try:
            digest = search(on_begin=begin, callbacks=[next_generation])
        except RunInterrupted:
            if not summary.hangs:
                raise
        finally:
            for killer in killers:
                killer.over.set()
                killer.join()
        summary.runs += 1
        summary.differing += digest != expected
    return summary


# --- whole programs ---


def nursery():
    """Be a warm parent: of each line, begin or go on with a run in a child, which is killed after so many seconds."""
    recorder.SECONDS_BETWEEN_SAVES = 0.01
    search(generations=1, engine="inline")
    _say("ready")
    for line in sys.stdin:
        token, runs_dir, seconds = line.split()
        child = os.fork()
        if not child:
            os.environ[TOKEN] = token
            _say(search(runs_dir))
            os._exit(0)
        limit = float(seconds) if float(seconds) >= 0 else HANG
        until = time.monotonic() + limit
        while not (ended := os.waitpid(child, os.WNOHANG)[0]) and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.005))
        if not ended:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        _say("over")


def _say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def with_token(token):
    """Return the living processes of a program and of what it has started."""
    found, mark = [], f"{TOKEN}={token}\0".encode()
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (path / "environ").read_bytes() and is_alive(int(path.name)):
                found.append(int(path.name))
    return found


def kill_programs(wanted, seed=0):
    """Kill so many programs, each run of them again and again until it may come to its end."""
    summary, dice = Summary(), random.Random(seed)  # noqa: S311 - moments
    expected = search(engine="inline")
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "tests.kills", "--nursery"]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, cwd=REPOSITORY, **pipes) as process,
    ):
        parent: Any = process
        assert parent.stdout.readline() == "ready\n"
        began = time.monotonic()
        _raise(parent, summary, Path(folder, "whole"), -1.0)
        lasts = time.monotonic() - began
        while summary.kills < wanted:
            summary.runs += 1
            place = Path(folder, str(summary.runs))
            digest = None
            while digest is None and summary.kills < wanted and dice.random() < 0.9:
                digest = _raise(parent, summary, place, dice.uniform(0.0, lasts))
            digest = digest or _raise(parent, summary, place, -1.0)
            summary.hangs += digest is None
            summary.differing += digest not in {expected, None}
            shutil.rmtree(place)
        parent.stdin.close()
    return summary


def _raise(parent, summary, runs_dir, seconds):
    """Have a child carry on with the run; return its digest, or None where it was killed before."""
    token = f"{os.getpid()}-{time.monotonic_ns()}"
    parent.stdin.write(f"{token} {runs_dir} {seconds}\n")
    said = parent.stdout.readline()
    if said != "over\n":
        assert parent.stdout.readline() == "over\n"
        return said.strip()
    began = time.monotonic()
    summary.kills += seconds >= 0
    while (left := with_token(token)) and time.monotonic() - began < ORPHANED:
        time.sleep(0.01)
    summary.orphans += len(left)
    summary.seconds.append(time.monotonic() - began)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    return None


# --- the long form ---


def main():
    """Kill as many of each as asked for, tell what came of it, and keep it."""
    parser = argparse.ArgumentParser(description="Kill workers and whole programs at random moments.")
    parser.add_argument("--kills", type=int, default=1000, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", action="store_true", help="put what was found into the repository")
    parser.add_argument("--nursery", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.nursery:
        return nursery()
    found = {
        "workers": kill_workers(options.kills, options.seed).told(),
        "programs": kill_programs(options.kills, options.seed).told(),
    }
    _say(json.dumps(found, indent=2))
    if options.keep:
        keep({"command": f"python -m tests.kills --kills {options.kills} --seed {options.seed} --keep", **found})
    return int(any(each[name] for each in found.values() for name in ("differing", "orphans", "hangs")))


def keep(found):
    """Write what was found where the documentation takes it from."""
    sys.path.insert(0, str(REPOSITORY / "benchmarks"))
    circumstances = importlib.import_module("_harness").circumstances
    RESULTS.write_text(json.dumps({**found, **circumstances()}, indent=2) + "\n", encoding="utf-8")
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{table(found)}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def table(found):
    """Return what was found as the page shows it."""
    lines = [
        "| killed | kills | runs | differing digests | processes left | hangs | noticed [s] | over, usually and at worst [s] |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, each in ((name, found[name]) for name in ("workers", "programs")):
        counts = " | ".join(f"{each[key]:,}" for key in ("kills", "runs", "differing", "orphans", "hangs"))
        noticed = f"{each['slowest_noticed']:.2f}" if each["slowest_noticed"] else "–"
        lines.append(f"| {name} | {counts} | {noticed} | {each['usual_seconds']:.2f}, {each['slowest_seconds']:.2f} |")
    return "\n".join([*lines, "", f"`{found['command']}`"])


if __name__ == "__main__":
    sys.exit(main())
