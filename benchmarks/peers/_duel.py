"""A peer and Evolvent on one thread, taking turns, each in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._harness import median_ratio
from benchmarks.peers._contestants import Contestant
from benchmarks.peers._environments import ENVIRONMENTS, FOLDER, python_of

PATIENCE = 90.0  # for one answer [s]
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Failed(Exception):
    """Raised when a peer's process ends or answers nothing; its text is the end of what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured.

    Args:
        rounds: Turns of each for the fixed rows.
        seconds: How long a turn is, at the least.
        searches: How many turns search.
        budget: Stop searching after so long, both together [s].
    """

    rounds: int
    seconds: float
    searches: int
    budget: float


class Worker:
    """A peer's process.

    Args:
        name: Of the contestant, and of its log.
        contestant: What is started.
        populations: The file with the fixed rows.
    """

    def __init__(self, name: str, contestant: Contestant, populations: Path) -> None:
        """Start the process and wait until it is warm."""
        command = [python_of(contestant.packages), FOLDER / f"{contestant.script}.py", populations, *contestant.arguments]
        self._log = ENVIRONMENTS / f"{name}.log"
        began = time.perf_counter()
        with self._log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [str(each) for each in command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=ENVIRONMENTS,
                env={**os.environ, **ONE_THREAD},
            )
        try:
            self.about = self._answer()
        except BaseException:
            self.close()
            raise
        self.setup_s = time.perf_counter() - began

    def turn(self, kind: str, seed: int, seconds: float) -> dict[str, Any]:
        """Return what the peer did in at least so many seconds."""
        with contextlib.suppress(BrokenPipeError):  # the answer, which never comes, tells why
            print(json.dumps({"kind": kind, "seed": seed, "seconds": seconds}), file=self._process.stdin, flush=True)
        return self._answer()

    def close(self) -> None:
        """End the process by closing its input, and kill it if it does not end by itself."""
        try:
            self._process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        alarm = threading.Timer(PATIENCE, self._process.kill)
        alarm.start()
        try:
            line = next(iter(self._process.stdout or ()), "")
        finally:
            alarm.cancel()
        if not line:
            said = [each for each in self._log.read_text(encoding="utf-8", errors="replace").splitlines() if each.strip()]
            raise Failed(f"it ended or took longer than {PATIENCE:g} s: {(said or ['it said nothing'])[-1].strip()[:200]}")
        return json.loads(line)


@contextlib.contextmanager
def started(name: str, contestant: Contestant, populations: Path) -> Iterator[Worker]:
    """Yield a contestant's process, and end it."""
    worker = Worker(name, contestant, populations)
    try:
        yield worker
    finally:
        worker.close()


def duel(theirs: Worker, ours: Worker, plan: Plan) -> dict[str, Any]:
    """Return what the two came to, kind by kind, in alternating turns."""
    found: dict[str, Any] = {}
    for kind in theirs.about["kinds"]:
        pairs = list(_turns(theirs, ours, kind, plan))
        found[kind] = _searches(pairs) if kind == "search" else _rollouts(pairs)
    return found


def _turns(theirs: Worker, ours: Worker, kind: str, plan: Plan) -> Iterator[list[dict[str, Any]]]:
    ends = time.perf_counter() + plan.budget
    for number in range(plan.searches if kind == "search" else plan.rounds):
        if kind != "search" or number == 0 or time.perf_counter() < ends:
            yield [each.turn(kind, 1000 * number, plan.seconds) for each in (theirs, ours)]


def _rollouts(pairs: Sequence[Sequence[dict[str, Any]]]) -> dict[str, Any]:
    theirs, ours = ([each["useful_steps"] / each["wall_s"] for each in turns] for turns in zip(*pairs, strict=True))
    lines = [pair[0] for pair in pairs]
    return {
        "useful_steps": sum(each["useful_steps"] for each in lines),
        "wall_s": sum(each["wall_s"] for each in lines),
        "wasted_share": statistics.median(each["wasted_share"] for each in lines),
        "speed": statistics.median(theirs),
        "reference_speed": statistics.median(ours),
        "reference_over_this": median_ratio(ours, theirs),
    }


def _searches(pairs: Sequence[Sequence[dict[str, Any]]]) -> dict[str, Any]:
    theirs, ours = ([one for each in turns for one in each["searches"]] for turns in zip(*pairs, strict=True))
    both = [_to_solved(each) for each in (theirs, ours)]
    return {
        "searches": len(theirs),
        "solved": sum(_solved(each) for each in theirs),
        "seconds": both[0],
        "reference_seconds": both[1],
        "this_over_reference": both[0] / both[1] if both[0] and both[1] else None,
        "useful_steps": statistics.median(each["useful"] for each in theirs),
        "wasted_share": statistics.median(1 - each["useful"] / each["computed"] for each in theirs),
    }


def _solved(search: dict[str, Any]) -> bool:
    return search["held_out"] >= 475.0


def _to_solved(searches: Sequence[dict[str, Any]]) -> float | None:
    """Return the median time of the searches [s], those without success counted as longest; None where it is none of them."""
    times = sorted(each["seconds"] if _solved(each) else float("inf") for each in searches)
    median = statistics.median(times)
    return median if median < float("inf") else None
