"""Tasks: what is measured."""

from evolvent.tasks.base import Task
from evolvent.tasks.compiled_env import CompiledEnv

__all__ = ["CompiledEnv", "Task"]
