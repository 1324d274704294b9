"""Threads that share work. An interrupt of the caller leaves none of them stuck.

Waiting on the futures of `concurrent.futures` takes their locks in Python code, and an interrupt between taking one and
knowing of it leaves a thread waiting for ever. Here work and results go through queues written in C.
"""

from __future__ import annotations

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
        self._work: Work = SimpleQueue()
        threads = [threading.Thread(target=_serve, args=(self._work,), name=name, daemon=True) for _ in range(size)]
        self._end = weakref.finalize(self, _end, self._work, threads)
        for thread in threads:
            thread.start()

    def do(self, jobs: Sequence[Callable[[], T]]) -> list[T]:
        """Return what each job returns, in their order; raise what one of them raises, while the others go on."""
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
