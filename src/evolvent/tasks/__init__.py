"""Tasks: what is measured."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from evolvent.tasks.base import Task
from evolvent.tasks.compiled_env import CompiledEnv
from evolvent.tasks.function import Function
from evolvent.tasks.supervised import Supervised

if TYPE_CHECKING:
    from evolvent.tasks.mujoco import MujocoEnv

__all__ = ["CompiledEnv", "Function", "MujocoEnv", "Supervised", "Task"]


def __getattr__(name: str) -> Any:
    """Import what stands on an optional dependency when it is first asked for."""
    if name != "MujocoEnv":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module("evolvent.tasks.mujoco").MujocoEnv
