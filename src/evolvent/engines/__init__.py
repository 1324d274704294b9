"""Engines: where populations are measured."""

from evolvent.engines.base import Engine
from evolvent.engines.inline import Inline
from evolvent.engines.processes import Processes

AUTO = "auto"
ENGINES = (AUTO, "inline", "processes")

__all__ = ["AUTO", "ENGINES", "Engine", "Inline", "Processes"]
