"""Threads that share work. An interrupt of the caller leaves none of them stuck.

Waiting on the futures of `concurrent.futures` takes their locks in Python code, and an interrupt between taking one and
knowing of it leaves a thread waiting for ever. Here work and results go through queues written in C.
"""

from __future__ import annotations

import functools
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

Report = tuple[int, Any, BaseException | None]
Work = SimpleQueue[tuple[int, Callable[[], Any], SimpleQueue[Report]] | None]


class Crew:
    """A number of threads that do jobs, from the start until it is closed, or the program ends.

    Args:
        size: How many.
        name: Of the threads.

    Examples:
        >>> crew = Crew(2, "example")
        >>> crew.do([lambda: 1, lambda: 2, lambda: 3])
        [1, 2, 3]
        >>> crew.close()
    """

    def __init__(self, size: int, name: str) -> None:
        """Start the threads."""
        self.size = size
        self._process = os.getpid()
        self._work: Work = SimpleQueue()
        threads = [threading.Thread(target=_serve, args=(self._work,), name=name, daemon=True) for _ in range(size)]
        self._end = weakref.finalize(self, _end, self._work, threads)
        for thread in threads:
            thread.start()

    def do(self, jobs: Sequence[Callable[[], T]]) -> list[T]:
        """Return what each job returns, in their order; raise what one of them raises, while the others go on.

        Raises:
            RuntimeError: There are no threads: they were closed, or this process is a fork of the one that has them.
        """
        if not self._end.alive or os.getpid() != self._process:
            raise RuntimeError("its threads have ended; make a task after a fork, and use none that was closed")
        reports: SimpleQueue[Report] = SimpleQueue()
        for place, job in enumerate(jobs):
            self._work.put((place, job, reports))
        results: dict[int, T] = {}
        while len(results) < len(jobs):
            place, result, problem = reports.get()
            if problem is not None:
                raise problem
            results[place] = result
        return [results[place] for place in range(len(jobs))]

    def close(self) -> None:
        """End the threads once they have done what they are at; what none of them has begun is left."""
        self._end()


def _serve(work: Work) -> None:
    while (given := work.get()) is not None:
        place, job, reports = given
        try:
            result = job()
        except BaseException as problem:  # noqa: BLE001 - it is raised by whoever waits
            reports.put((place, None, problem))
        else:
            reports.put((place, result, None))
        given = job = result = None


def _end(work: Work, threads: list[threading.Thread]) -> None:
    try:
        while True:
            work.get_nowait()
    except Empty:
        pass
    for _ in threads:
        work.put(None)
    for thread in threads:
        if thread is not threading.current_thread() and thread.ident is not None:
            thread.join()


def share(job: Callable[[], Any]) -> None:
    """Have as many threads as there are cores do the same job at once, one that divides its work by a counter.

    Args:
        job: Called by each thread; it releases the interpreter lock while it computes.

    Examples:
        >>> done = []
        >>> share(lambda: done.append(True))
        >>> len(done) == cores()
        True
    """
    crew = _crew_of(os.getpid())
    crew.do([job] * crew.size)


@functools.cache
def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory() -> int | None:
    """Return the size of the machine's memory [bytes], or None where the system does not tell."""
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return None
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@functools.lru_cache(maxsize=1)
def _crew_of(_process: int) -> Crew:
    """Return the threads of this process: a fork has none of those of the process it was made of."""
    return Crew(cores(), "evolvent-shared")
