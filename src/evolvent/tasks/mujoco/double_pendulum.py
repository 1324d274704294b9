# pyright: basic
"""InvertedDoublePendulum: a pole on a pole on a cart, paid for standing still above it.

References:
    Towers et al. 2024, Gymnasium: a standard interface for reinforcement learning environments,
    https://arxiv.org/abs/2407.17032, whose environment of version 5 this follows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evolvent.lanes import clip
from evolvent.seeding import Draw
from evolvent.tasks.mujoco.simulation import Controls, Simulation, simulate
from evolvent.tasks.mujoco.starts import add_normal, add_uniform
from evolvent.tasks.mujoco.world import World

LARGEST = 10.0  # what is shown of a velocity or a force is at most this, either way


class Settings(NamedTuple):
    """What the keyword arguments chose."""

    frame_skip: int
    noise: float
    healthy_reward: float


def settings(env: Any) -> Settings:
    """Return what the keyword arguments of `env` chose."""
    return Settings(int(env.frame_skip), float(env._reset_noise_scale), float(env._healthy_reward))


def start(simulation: Simulation, settings: Settings, draw: Draw) -> None:
    """Write a first state."""
    add_uniform(simulation.qpos, settings.noise, draw, 0)
    add_normal(simulation.qvel, settings.noise, draw, len(simulation.qpos))


def observe(simulation: Simulation, settings: Settings, observation: NDArray[np.float64]) -> None:  # noqa: ARG001
    """Write where the cart is, sines and cosines of the angles, velocities, and the force that keeps the cart on its rail."""
    angles, velocities = len(simulation.qpos) - 1, len(simulation.qvel)
    observation[0] = simulation.qpos[0]
    for k in range(1, angles + 1):
        observation[k] = np.sin(simulation.qpos[k])
        observation[angles + k] = np.cos(simulation.qpos[k])
    for k in range(velocities):
        observation[2 * angles + 1 + k] = clip(simulation.qvel[k], -LARGEST, LARGEST)
    observation[2 * angles + 1 + velocities] = clip(simulation.qfrc_constraint[0], -LARGEST, LARGEST)


def step(simulation: Simulation, settings: Settings, controls: Controls) -> tuple[float, bool]:
    """Pay for standing, less for being away from the middle and for turning."""
    simulate(simulation, controls, settings.frame_skip)
    x, y = simulation.site_xpos[0, 0], simulation.site_xpos[0, 2]
    first, second = simulation.qvel[1], simulation.qvel[2]
    fell = y <= 1.0
    away = 0.01 * (x * x) + (y - 2.0) * (y - 2.0)
    turning = 0.001 * (first * first) + 0.005 * (second * second)
    return (0.0 if fell else settings.healthy_reward) - away - turning, fell


WORLD = World(settings=settings, start=start, observe=observe, step=step)
