"""Engines: where populations are measured."""

from evolvent.engines.base import Engine
from evolvent.engines.inline import Inline

ENGINES: dict[str, type[Inline]] = {"inline": Inline}

__all__ = ["ENGINES", "Engine", "Inline"]
