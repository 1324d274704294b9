"""Threads for tasks; see `evolvent.crew`."""

from evolvent.crew import Crew

__all__ = ["Crew"]
