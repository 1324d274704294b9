"""An engine of worker processes, for tasks in Python: any of them may die, hang or be killed, and the result is the same.

The pools of the standard library are not made for that: one of `multiprocessing` waits for ever for a worker that was killed,
one of `concurrent.futures` fails all work with it. Here each worker tells what it has done, a few jobs at a time; what a worker
that is gone has not told is done again by others, with the same seeds.
"""

from __future__ import annotations

import logging
import os
import statistics
import time
import weakref
from collections import deque
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Final

import numpy as np

from evolvent.arrays import Population
from evolvent.crew import cores
from evolvent.engines.blueprint import main_module, needs_main, pack
from evolvent.engines.last_words import last_words, refusal
from evolvent.engines.messages import Message
from evolvent.engines.work import Slice, Work
from evolvent.engines.worker import MEGABYTE, refuse_without_guard
from evolvent.engines.worker_process import PATIENCE, Event, WorkerProcess
from evolvent.errors import EngineFailed, UsageError
from evolvent.evaluation import Conditions, Evaluation
from evolvent.tasks import Task

log = logging.getLogger("evolvent")

TICK: Final = 0.2  # seconds between two looks at who is gone or silent
LONGEST_TICK: Final = 1.0  # seconds that count as waited: more of it is a machine that slept, or a program that was stopped
SHORTEST_LIMIT: Final = 60.0  # seconds that a job may always take
TIMES_MEDIAN: Final = 20  # of a usual job, which one may take
TIMES_AT_FIRST: Final = 10  # of that limit, for building the task and for the first job of all: something may be compiled
TIMES_FIRST: Final = 3  # of what the first jobs of others took, which a new worker may take for its own
SECONDS_A_SLICE: Final = 0.006  # of work that a message is worth at least
AT_ONCE: Final = 2  # slices that a worker has: one that it is at, and the next
DEATHS: Final = 10  # of workers that one population may cost, or
DEATHS_A_WORKER: Final = 3  # times their number, if that is more
DEATHS_AT_START: Final = 2  # where none of them ever built the task
MOST_TOLD: Final = 1000  # different warnings of worlds
STRIKES: Final = 2  # deaths of its worker that a job is failed for
STRIKES_FROM_OUTSIDE: Final = 4  # where something else killed the worker, each time while it did this one job


@dataclass(slots=True, eq=False)
class _Seat:
    """A worker and what it has to do; one is another one, whatever they hold, which is quick to tell."""

    worker: WorkerProcess
    in_hand: deque[Slice] = field(default_factory=deque[Slice])
    sent: set[int] = field(default_factory=set[int])
    ready: set[int] = field(default_factory=set[int])
    heard: float = 0.0
    num_reports: int = 0
    hung: bool = False
    gone: bool = False

    @property
    def fresh(self) -> bool:
        return not self.num_reports


class Processes:
    """Measures populations in worker processes. Neither their number nor what becomes of them changes a result.

    Workers are started when the first population comes and stay until the engine is closed, or forgotten. One that dies is
    replaced and its work done again; an episode whose worker dies of it twice fails its individual. One that is silent for
    longer than an episode may take is ended. All of them end with this process, however that ends.

    Args:
        workers: How many, 0 for one a core.
        eval_timeout: How long an episode may take [s]; None for twenty times the usual one, at least a minute.
        worker_memory: What a worker may hold before another takes its place [MB]; None for an even share of the machine's.

    Examples:
        >>> from evolvent.networks import MLP
        >>> from evolvent.seeding import stream
        >>> from evolvent.tasks.gym_env import GymEnv
        >>> network = MLP(sizes=(4, 16, 2))
        >>> population, seeds = network.initialise(8, stream(0, "first")), stream(0, "episodes").bits((8, 3))
        >>> engine = Processes(workers=2)
        >>> engine.evaluate(GymEnv("CartPole-v1", network), population, Conditions(seeds=seeds)).returns.shape
        (8, 3)
        >>> engine.close()
    """

    kind = "worker processes"

    def __init__(self, workers: int = 0, *, eval_timeout: float | None = None, worker_memory: float | None = None) -> None:
        """Start nothing yet."""
        if workers < 0:
            raise UsageError(f"workers: expected at least 1, or 0 for one a core, got {workers}")
        if eval_timeout is not None and not eval_timeout > 0:
            raise UsageError(f"eval_timeout: expected a time above 0 [s], got {eval_timeout}")
        if worker_memory is not None and not worker_memory > 0:
            raise UsageError(f"worker_memory: expected a size above 0 [MB], got {worker_memory}")
        self.workers = workers or cores()
        self.utilisation = float("nan")
        self.repeatable = True
        self._eval_timeout = eval_timeout
        self._memory_limit = MEGABYTE * worker_memory if worker_memory is not None else _share_of_memory(self.workers)
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._seats: list[_Seat] = []
        self._process = os.getpid()
        weakref.finalize(self, _end_each, self._seats, self._process)
        self._waited = 0.0  # for what workers say, since the beginning [s]
        self._watched = 0.0  # how much of that when they were last looked after
        self._tasks: list[tuple[Task, bytes]] = []
        self._built: set[int] = set()  # tasks that all workers built once
        self._seconds: deque[float] = deque(maxlen=256)  # that jobs took of late
        self._usual = 0.0  # their median
        self._slowest_first = 0.0  # of the first jobs that workers reported [s]
        self._slices = 0
        self._deaths = 0
        self._busy = 0.0
        self._told: set[str] = set()

    def introduce(self, task: Task) -> None:
        """Prepare a task for being sent to workers, which `evaluate` does by itself where this was not called.

        Raises:
            UsageError: It cannot be sent.
        """
        self._number_of(task)

    def evaluate(self, task: Task, population: Population, conditions: Conditions) -> Evaluation:
        """Return what `population (pop, dim)` achieves in `task` under `conditions`.

        Raises:
            UsageError: The task cannot be sent to another process.
            EnvironmentFailed: A worker cannot build the task.
            EngineFailed: Workers cannot be started, or die again and again.
        """
        refuse_without_guard()
        number = self._number_of(task)
        work = Work(population, conditions, getattr(task, "episodes_apart", False), self._slices)
        began, self._busy, self._deaths = time.perf_counter(), 0.0, 0
        try:
            self._staff()
            self._introduce(number)
            while work.left:
                for seat in self._seats:
                    self._supply(seat, work, number)
                self._listen(work)
        except BaseException:
            self._end_all()
            raise
        self._slices = work.first
        self.utilisation = self._busy / max((time.perf_counter() - began) * len(self._seats), 1e-9)
        return work.joined()

    def close(self) -> None:
        """End the workers: those that are idle close their environments first."""
        for seat in self._seats:
            seat.worker.ask_to_leave()
        until = time.monotonic() + PATIENCE
        for seat in self._seats:
            seat.worker.wait(until)
        self._end_all()

    def _end_all(self) -> None:
        _end_each(self._seats, self._process)
        self._tasks.clear()
        self._built.clear()

    def _number_of(self, task: Task) -> int:
        for number, (known, _) in enumerate(self._tasks):
            if known is task:
                return number
        self._tasks.append((task, pack(task)))
        return len(self._tasks) - 1

    def _staff(self) -> None:
        """Start as many workers as there should be, or as the system allows."""
        while len(self._seats) < self.workers:
            try:
                self._seats.append(_Seat(WorkerProcess(self._events, self._memory_limit)))
            except OSError as problem:
                if not self._seats:
                    raise EngineFailed(
                        f"workers: not even one process can be started: {problem}; a worker needs 8 open files and 5 threads"
                        " (ulimit -n, ulimit -u), or take --engine inline"
                    ) from problem
                log.warning("workers: %d of %d can be started: %s", len(self._seats), self.workers, problem)
                self.workers = len(self._seats)

    def _introduce(self, number: int) -> None:
        """Have every worker build a task that is new, and wait until they have: one that dies of it is replaced meanwhile."""
        while number not in self._built and not all(number in seat.ready for seat in self._seats):
            for seat in self._seats:
                self._send_task(seat, number)
            self._listen(None)
        self._built.add(number)

    def _send_task(self, seat: _Seat, number: int) -> None:
        if number in seat.sent:
            return
        content = self._tasks[number][1]
        facts: dict[str, Any] = {"number": number, **({"main": main_module()} if needs_main(content) else {})}
        seat.worker.tell(Message("task", facts, {"content": np.frombuffer(content, np.uint8)}))
        seat.sent.add(number)
        seat.heard = self._waited

    def _supply(self, seat: _Seat, work: Work, number: int) -> None:
        """Give a worker what it can do next: a slice ahead, unless there is so little left that another may need it."""
        self._send_task(seat, number)
        ahead = AT_ONCE if work.waiting > AT_ONCE * len(self._seats) else 1
        while number in seat.ready and len(seat.in_hand) < ahead:
            given = work.take(len(self._seats), self._least())
            if given is None:
                return
            if not seat.in_hand:
                seat.heard = self._waited
            seat.in_hand.append(given)
            seat.worker.tell(work.message(number, given))

    def _listen(self, work: Work | None) -> None:
        """Wait for what workers say, a tick at most, and look after those that say nothing."""
        began = time.monotonic()
        try:
            worker, message = self._events.get(timeout=TICK)
        except Empty:
            pass
        else:
            seat = next((seat for seat in self._seats if seat.worker is worker), None)
            if seat is not None:
                self._hear(seat, message, work)
        self._waited += min(time.monotonic() - began, LONGEST_TICK)
        if self._waited - self._watched > TICK / 2:  # to ask the system about every worker at every word would take long
            self._watched = self._waited
            self._watch(work)

    def _hear(self, seat: _Seat, message: Message | None, work: Work | None) -> None:
        seat.heard = self._waited
        if message is None:
            self._bury(seat, work)
        elif message.word == "ready":
            seat.ready.add(message.facts["number"])
        elif message.word == "result":
            self._take(seat, message, work)
        elif message.word == "leaving":
            self._note_memory(seat, message.facts["megabytes"])
            self._replace(seat, work)
        elif message.word == "log":
            self._say_once(message.facts["level"], message.facts["text"])
        else:
            raise refusal(message)

    def _take(self, seat: _Seat, message: Message, work: Work | None) -> None:
        if work is None or not seat.in_hand or seat.in_hand[0].number != message.facts["slice"]:
            return
        given, before = seat.in_hand[0], seat.in_hand[0].reported
        work.note(given, message)
        seconds = message.facts["seconds"]
        self._busy += seconds
        self._seconds.append(seconds / max(given.reported - before, 1))
        self._usual = statistics.median(self._seconds)
        if seat.fresh:
            self._slowest_first = max(self._slowest_first, seconds)
        seat.num_reports += 1
        if not len(given.left):
            seat.in_hand.popleft()

    def _watch(self, work: Work | None) -> None:
        """End those who have been silent for too long, and notice those who went without a word."""
        for seat in list(self._seats):
            if seat not in self._seats:
                continue
            if not seat.gone and seat.worker.is_gone():
                self._hear_last(seat, work)
                continue
            if not (seat.in_hand or seat.sent - seat.ready) or not self._events.empty():  # it may have spoken already
                continue
            limit = self._limit(seat)
            if self._waited - seat.heard > limit:
                seat.hung = True
                self._bury(seat, work, f"it did not answer for {limit:.0f} s")

    def _hear_last(self, seat: _Seat, work: Work | None) -> None:
        """Hear all that a process said before it ended, also where its end of the pipe is held open by what it has started."""
        seat.gone = True
        try:
            while seat in self._seats:
                worker, message = self._events.get(timeout=TICK)
                other = next((each for each in self._seats if each.worker is worker), None)
                if other is not None:
                    self._hear(other, message, work)
        except Empty:
            self._bury(seat, work)

    def _bury(self, seat: _Seat, work: Work | None, how: str = "") -> None:
        """Replace a worker that is gone, and hold its death against what it was doing."""
        how = how or seat.worker.end_of_life()
        self._deaths += 1
        printed = seat.worker.printed()
        at_start = not (self._built or seat.worker.was_killed() or any(each.ready for each in self._seats))
        if self._deaths > (DEATHS_AT_START if at_start else max(DEATHS, DEATHS_A_WORKER * self.workers)):
            raise EngineFailed(
                f"workers: {self._deaths} processes died while one population was measured; the last one:"
                f" {how}{last_words(printed)}"
            )
        if work is not None and seat.in_hand:
            self._accuse(seat, work, how, printed)
        self._replace(seat, work)

    def _accuse(self, seat: _Seat, work: Work, how: str, printed: str) -> None:
        given = seat.in_hand.popleft()
        suspects = [int(job) for job in given.left]
        from_outside = seat.worker.was_killed() and not seat.hung
        allowed = STRIKES_FROM_OUTSIDE if from_outside else STRIKES
        alone = len(suspects) == 1
        again: list[int] = []
        for job in suspects:
            work.strikes[job] = work.strikes.get(job, 0) + (1 if alone or not from_outside else 0)
            if alone and work.strikes[job] >= allowed:
                if seat.hung:
                    self._note_time_limit()
                work.fail(job, f"its worker process died of it {work.strikes[job]} times: {how}{last_words(printed)}")
            else:
                again.append(job)
        work.give_back(again)

    def _note_memory(self, seat: _Seat, megabytes: int) -> None:
        self._say_once(logging.INFO, f"workers: one held {megabytes} MB; another takes its place", "replaced")
        if seat.num_reports == 1:
            self._say_once(
                logging.WARNING,
                f"worker_memory: a worker held {megabytes} MB after its first episodes, and may hold"
                f" {self._memory_limit / MEGABYTE:.0f}; to start another each time takes long: give more, or fewer workers",
                "worker_memory",
            )

    def _note_time_limit(self) -> None:
        self.repeatable = False
        self._say_once(
            logging.WARNING,
            "eval_timeout: an episode was ended by its time limit and counts as failed; a run in which the machine's speed"
            " decides cannot be repeated to the bit",
            "eval_timeout",
        )

    def _replace(self, seat: _Seat, work: Work | None) -> None:
        """Start another worker in the place of one that is gone or goes; what was not done is given out again."""
        if work is not None:
            for given in seat.in_hand:
                work.give_back(given.left)
        seat.worker.kill()
        self._seats.remove(seat)
        self._staff()

    def _least(self) -> int:
        """Return how many jobs are worth a message: fewer are done in less time than it takes to tell of them."""
        return int(SECONDS_A_SLICE / self._usual) if self._usual else 1

    def _limit(self, seat: _Seat) -> float:
        """Return how long a worker may be silent [s]."""
        limit = self._eval_timeout
        if limit is None:
            limit = max(SHORTEST_LIMIT, TIMES_MEDIAN * self._usual)
        if not seat.in_hand or not self._seconds:
            return max(TIMES_AT_FIRST * limit, SHORTEST_LIMIT)
        return max(limit, TIMES_FIRST * self._slowest_first) if seat.fresh else limit

    def _say_once(self, level: int, text: str, about: str = "") -> None:
        """Log what was not said before: of a world a number of texts at most, of what is ours each matter once."""
        if (about or text) not in self._told and (about or len(self._told) < MOST_TOLD):
            self._told.add(about or text)
            log.log(level, "%s", text)


def _end_each(seats: list[_Seat], process: int) -> None:
    """End workers, unless this is a fork of the process that has them. Each leaves the list once it is gone, not before.

    So what an interrupt breaks off can be done again.
    """
    if os.getpid() != process:
        return
    for seat in seats:
        seat.worker.strike()
    while seats:
        seats[-1].worker.kill()
        seats.pop()


def _share_of_memory(workers: int) -> float:
    """Return an even share of most of the machine's memory [bytes]; infinity where the system does not tell."""
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return float("inf")
    return max(0.8 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / workers, 5e8)
