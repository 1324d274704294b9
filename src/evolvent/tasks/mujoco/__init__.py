"""Gymnasium's MuJoCo environments, stepped from compiled code."""

from evolvent.tasks.mujoco.task import MujocoEnv, unavailable

__all__ = ["MujocoEnv", "unavailable"]
