"""Gymnasium's MuJoCo environments, stepped from compiled code; MuJoCo is imported when one is first asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from evolvent.tasks.mujoco.worlds import WORLDS

if TYPE_CHECKING:
    from evolvent.tasks.mujoco.task import MujocoEnv, unavailable

__all__ = ["WORLDS", "MujocoEnv", "unavailable"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("evolvent.tasks.mujoco.task"), name)
