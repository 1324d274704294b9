"""Tasks: what is measured."""

from evolvent.tasks.base import Task
from evolvent.tasks.compiled_env import CompiledEnv
from evolvent.tasks.function import Function
from evolvent.tasks.supervised import Supervised

__all__ = ["CompiledEnv", "Function", "Supervised", "Task"]
