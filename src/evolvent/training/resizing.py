"""A run that goes on with another population."""

from __future__ import annotations

from dataclasses import replace

from evolvent.algorithms import Resizable
from evolvent.errors import FileRefused, UsageError
from evolvent.training.algorithm_choice import NONE, algorithm_name
from evolvent.training.parts import Search
from evolvent.training.search import Progress


def refuse_fixed_size(search: Search) -> None:
    """Refuse another population where the algorithm cannot change it.

    Raises:
        UsageError: It cannot.
    """
    if search.config.restarts != NONE:
        raise UsageError(
            f"population: restarts, {search.config.restarts}, change it from what the run began with; begin another run"
        )
    if not isinstance(search.algorithm, Resizable):
        raise UsageError(
            f"population: {algorithm_name(search.config.algorithm)} keeps the size that the run began with; begin another run"
        )


def resized(search: Search, progress: Progress, source: str) -> Progress:
    """Return `progress` with a next population of as many as `search` says.

    What was saved before the change is of another size, also where the process was killed right after it: so it is done
    whenever a checkpoint is read.

    Args:
        search: The run's parts.
        progress: What was read.
        source: What it was read from, for the message.

    Raises:
        FileRefused: The state of the algorithm does not fit itself.
    """
    if not isinstance(search.algorithm, Resizable):
        return progress
    try:
        state = search.algorithm.resized(progress.algorithm, search.config.population)
    except Exception as problem:
        raise FileRefused(f"{source}: algorithm: its state does not fit the run, it ends in {problem!r:.200}") from problem
    return replace(progress, algorithm=state)
