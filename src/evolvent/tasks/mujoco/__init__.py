"""Gymnasium's MuJoCo environments, stepped from compiled code; MuJoCo is imported when one is first asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from evolvent.tasks.mujoco.worlds import WORLDS

if TYPE_CHECKING:
    from evolvent.tasks.mujoco.library import quiet
    from evolvent.tasks.mujoco.task import MujocoEnv, unavailable

_HOMES = {"MujocoEnv": "task", "quiet": "library", "unavailable": "task"}

__all__ = ["WORLDS", "MujocoEnv", "quiet", "unavailable"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"evolvent.tasks.mujoco.{_HOMES[name]}"), name)
