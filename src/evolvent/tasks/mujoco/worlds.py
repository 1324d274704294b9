"""The worlds whose rules are known, by their Gymnasium ids."""

from __future__ import annotations

from typing import Final

from evolvent.tasks.mujoco import planar
from evolvent.tasks.mujoco.world import World

WORLDS: Final[dict[str, World]] = {
    "HalfCheetah-v5": planar.WORLD,
    "Hopper-v5": planar.WORLD,
    "Swimmer-v5": planar.WORLD,
    "Walker2d-v5": planar.WORLD,
}
