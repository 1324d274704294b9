"""The worlds whose rules are known, by their Gymnasium ids."""

from __future__ import annotations

from typing import Final

from evolvent.tasks.mujoco import ant, arms, double_pendulum, humanoid, pendulum, planar
from evolvent.tasks.mujoco.world import World

WORLDS: Final[dict[str, World]] = {
    "Ant-v5": ant.WORLD,
    "HalfCheetah-v5": planar.WORLD,
    "Hopper-v5": planar.WORLD,
    "Humanoid-v5": humanoid.WORLD,
    "InvertedDoublePendulum-v5": double_pendulum.WORLD,
    "InvertedPendulum-v5": pendulum.WORLD,
    "Pusher-v5": arms.PUSHER,
    "Reacher-v5": arms.REACHER,
    "Swimmer-v5": planar.WORLD,
    "Walker2d-v5": planar.WORLD,
}
