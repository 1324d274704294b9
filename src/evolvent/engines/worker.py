"""What a worker process does: builds the task it is sent, measures the jobs it is given, and says how it goes.

It is started with pipes for stdin and stdout. Both are taken out of reach at once, so that whatever an environment reads or
prints there does no harm. It lives no longer than its supervisor, whatever the environment is doing at that moment.
"""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import logging
import multiprocessing.spawn
import os
import re
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path
from queue import SimpleQueue
from types import FrameType
from typing import Any, Final

import numpy as np

from evolvent.engines.blueprint import unpack
from evolvent.engines.messages import Message, read, write
from evolvent.errors import EvolventError, UsageError
from evolvent.evaluation import Conditions, Evaluation
from evolvent.lifeline import end_group
from evolvent.moments import Moments
from evolvent.tasks import Task

SECONDS_A_REPORT: Final = 0.05  # that a worker computes before it says what it has; fewer would cost more than they tell
MEGABYTE: Final = 1e6  # bytes
COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")  # of Gymnasium's warnings

Tell = Callable[[Message], None]

_serving = threading.Event()
_importing = threading.Event()


def in_worker() -> bool:
    """Return whether this process is a worker of another one."""
    return _serving.is_set()


def refuse_without_guard() -> None:
    """Refuse to begin anything where a worker imports what it needs: it would be begun again in every worker of it.

    Raises:
        UsageError: It is being imported.
    """
    if _importing.is_set():
        raise UsageError(
            "workers: a worker process imports the script that defines the environment, and the script begins a run there too;"
            ' put what begins it under if __name__ == "__main__": or the environment in a module of its own'
        )


def main() -> None:
    """Serve the supervisor at the other end of stdin and stdout until it says `close`, or is gone."""
    _serving.set()
    commands, answers = _take_pipes()
    faulthandler.enable()
    tell = functools.partial(_told, answers, threading.Lock())
    logging.getLogger("evolvent").addHandler(_Forwarded(tell))
    warnings.showwarning = _show_warning
    waiting: SimpleQueue[Message | None] = SimpleQueue()
    threading.Thread(target=_listen, args=(commands, waiting), daemon=True, name="evolvent-listener").start()
    signal.signal(signal.SIGTERM, _leave)
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        _serve(waiting, tell, limit=float(sys.argv[2]))
    os._exit(0)


def _serve(waiting: SimpleQueue[Message | None], tell: Tell, *, limit: float) -> None:
    """Do what is asked; `limit` [bytes] is the memory beyond which the worker asks to be replaced."""
    tasks: dict[int, Task] = {}
    pace = _Pace()
    try:
        while (message := waiting.get()) is not None and message.word != "close":
            if message.word == "task":
                number = message.facts["number"]
                tasks[number] = _built(message)
                tell(Message("ready", {"number": number}))
            elif not _measure(tasks[message.facts["task"]], message, tell, pace, limit):
                break
    except (Exception, SystemExit) as problem:  # noqa: BLE001 - the task's own, whatever it is: the supervisor raises it
        tell(_refusal(problem))
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the supervisor waits a while, then it kills
        for task in tasks.values():
            task.close()


def _built(message: Message) -> Task:
    _importing.set()
    if "main" in message.facts:
        multiprocessing.spawn.prepare(message.facts["main"])
    task = unpack(message.arrays["content"].tobytes())
    build: Callable[[], None] | None = getattr(task, "build", None)
    if build is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the supervisor has built the same, and said what there was to warn of
            build()
    _importing.clear()
    return task


@dataclass(slots=True)
class _Pace:
    """How many jobs take about as long as a report is worth: one at first, and what was learnt is kept from slice to slice."""

    jobs: int = 1

    def learn(self, jobs: int, seconds: float) -> None:
        self.jobs = max(1, min(2 * self.jobs, int(jobs * SECONDS_A_REPORT / max(seconds, 1e-9))))


def _measure(task: Task, message: Message, tell: Tell, pace: _Pace, limit: float) -> bool:
    """Measure jobs, a few at a time; return whether to go on."""
    jobs, rows, seeds = (message.arrays[name] for name in ("rows_of_jobs", "rows", "seeds"))
    normaliser = _normaliser(message)
    begin = 0
    while begin < len(jobs):
        end = min(begin + pace.jobs, len(jobs))
        stretches = [(k, k + 1) for k in range(begin, end)] if normaliser else [(begin, end)]  # moments are those of a job
        began = time.perf_counter()
        evaluations = [
            task.evaluate(
                rows[jobs[first:last]],
                Conditions(seeds=seeds[first:last], episode_cap=message.facts["cap"], normaliser=normaliser),
            )
            for first, last in stretches
        ]
        seconds = time.perf_counter() - began
        tell(_report(message, begin, evaluations, seconds))
        if (held := resident_bytes(os.getpid())) > limit:
            tell(Message("leaving", {"megabytes": round(held / MEGABYTE)}))
            return False
        pace.learn(end - begin, seconds)
        begin = end
    return True


def _report(message: Message, begin: int, evaluations: Sequence[Evaluation], seconds: float) -> Message:
    """Return what is told of jobs done: one evaluation of them all, or one of each, which then has its moments."""
    arrays: dict[str, Any] = {}
    for name in ("fitness", "returns", "steps", "failed", "truncated", "descriptors", "unplayable"):
        values = [getattr(each, name) for each in evaluations]
        if values[0] is not None:
            arrays[name] = np.concatenate(values)
    if all(each.moments is not None for each in evaluations):
        found = [each.moments for each in evaluations if each.moments is not None]
        arrays["counts"] = np.array([each.count for each in found], np.int64)
        arrays["mean"], arrays["squares"] = np.array([each.mean for each in found]), np.array([each.squares for each in found])
    problems: list[Any] = [
        [first + problem.individual, *problem[1:]] for first, each in enumerate(evaluations) for problem in each.problems or ()
    ]
    facts = {"slice": message.facts["slice"], "begin": begin, "seconds": seconds, "problems": problems}
    return Message("result", facts, arrays)


def _normaliser(message: Message) -> Moments | None:
    if "count" not in message.facts:
        return None
    return Moments(count=message.facts["count"], mean=message.arrays["mean"], squares=message.arrays["squares"])


def _refusal(problem: BaseException) -> Message:
    known = isinstance(problem, EvolventError)
    return Message(
        "refused",
        {
            "kind": type(problem).__name__ if known else "",
            "text": str(problem) if known else f"{type(problem).__name__}: {problem}",
            "details": "" if isinstance(problem, UsageError) else "".join(traceback.format_exception(problem)),
        },
    )


def _take_pipes() -> tuple[RawIOBase, RawIOBase]:
    """Return the pipes to the supervisor; what is read from stdin from now on is nothing, what is printed goes to stderr."""
    commands = os.fdopen(os.dup(0), "rb", buffering=0)
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return commands, answers  # pyright: ignore[reportReturnType]


def _listen(commands: RawIOBase, waiting: SimpleQueue[Message | None]) -> None:
    closing = False
    while (message := read(commands)) is not None:
        closing = closing or message.word == "close"
        waiting.put(message)
    if not closing:
        end_group()
    waiting.put(None)


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _told(answers: RawIOBase, lock: threading.Lock, message: Message) -> None:
    with lock:
        write(answers, message)


class _Forwarded(logging.Handler):
    """Has the supervisor log what the library warns of here."""

    def __init__(self, tell: Tell) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self._tell(Message("log", {"level": record.levelno, "text": record.getMessage()}))


def _show_warning(message: Warning | str, *_circumstances: object) -> None:
    logging.getLogger("evolvent").warning("%s", COLOURS.sub("", str(message)))


def resident_bytes(pid: int) -> int:
    """Return how much memory a process holds [bytes], 0 where the system does not tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
