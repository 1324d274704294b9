# pyright: basic
"""InvertedPendulum: a pole on a cart, paid for as long as it stands.

References:
    Barto, Sutton and Anderson 1983, Neuronlike adaptive elements that can solve difficult learning control problems,
    https://doi.org/10.1109/TSMC.1983.6313077; in the form of Gymnasium's version 5, which this follows, number by number.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evolvent.seeding import Draw
from evolvent.tasks.mujoco.finite import are_finite
from evolvent.tasks.mujoco.simulation import Controls, Simulation, simulate
from evolvent.tasks.mujoco.starts import add_uniform
from evolvent.tasks.mujoco.world import World

MAX_ANGLE = 0.2  # [rad]


class Settings(NamedTuple):
    """What the keyword arguments chose."""

    frame_skip: int
    noise: float


def settings(env: Any) -> Settings:
    """Return what the keyword arguments of `env` chose."""
    return Settings(int(env.frame_skip), float(env._reset_noise_scale))


def start(simulation: Simulation, settings: Settings, draw: Draw) -> None:
    """Write a first state."""
    add_uniform(simulation.qpos, settings.noise, draw, 0)
    add_uniform(simulation.qvel, settings.noise, draw, len(simulation.qpos))


def observe(simulation: Simulation, settings: Settings, observation: NDArray[np.float64]) -> None:  # noqa: ARG001
    """Write positions and velocities."""
    positions = len(simulation.qpos)
    for k in range(positions):
        observation[k] = simulation.qpos[k]
    for k in range(len(simulation.qvel)):
        observation[positions + k] = simulation.qvel[k]


def step(simulation: Simulation, settings: Settings, controls: Controls) -> tuple[float, bool]:
    """Pay 1 unless the pole leans too far."""
    simulate(simulation, controls, settings.frame_skip)
    stands = are_finite(simulation.qpos) and are_finite(simulation.qvel) and abs(simulation.qpos[1]) <= MAX_ANGLE
    return 1.0 if stands else 0.0, not stands


WORLD = World(settings=settings, start=start, observe=observe, step=step)
