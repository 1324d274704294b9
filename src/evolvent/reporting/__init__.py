"""What a person looks at: learning curves and videos.

Matplotlib and the video libraries are optional and slow to import, so each function is imported when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evolvent.reporting.plots import plot
    from evolvent.reporting.stage import Episode, Stage
    from evolvent.reporting.video import Recording, record

_HOMES = {"Episode": "stage", "Recording": "video", "Stage": "stage", "plot": "plots", "record": "video"}

__all__ = ["Episode", "Recording", "Stage", "plot", "record"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'evolvent.reporting' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"evolvent.reporting.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
