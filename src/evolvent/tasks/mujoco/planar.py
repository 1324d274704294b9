# pyright: basic
"""Swimmer, HalfCheetah, Hopper and Walker2d: bodies in a plane that are paid for moving on along x.

References:
    Towers et al. 2024, Gymnasium: a standard interface for reinforcement learning environments,
    https://arxiv.org/abs/2407.17032, whose environments of version 5 these follow, number by number.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evolvent.lanes import clip
from evolvent.seeding import Draw
from evolvent.tasks.mujoco.simulation import Controls, Simulation, simulate
from evolvent.tasks.mujoco.starts import add_normal, add_uniform
from evolvent.tasks.mujoco.sums import cost_of
from evolvent.tasks.mujoco.world import World

ANY = (-math.inf, math.inf)


class Settings(NamedTuple):
    """What varies between these worlds, and with the keyword arguments.

    Args:
        hidden: How many of the first positions are not shown.
        largest_velocity: What is shown of a velocity is at most this, either way.
        watches_state: Whether `state_range` counts, for all but the first two positions.
    """

    frame_skip: int
    dt: float
    hidden: int
    largest_velocity: float
    noise: float
    has_normal_velocities: bool
    forward_weight: float
    control_weight: Any
    healthy_reward: float
    ends_when_unhealthy: bool
    watches_state: bool
    state_range: tuple[float, float]
    z_range: tuple[float, float]
    angle_range: tuple[float, float]


def settings(env: Any) -> Settings:
    """Return what the keyword arguments of `env` chose; a body that cannot fall is always healthy, and paid nothing for it."""
    name = type(env).__name__
    falls, state_range = name in {"HopperEnv", "Walker2dEnv"}, getattr(env, "_healthy_state_range", None)
    return Settings(
        frame_skip=int(env.frame_skip),
        dt=float(env.dt),
        hidden=int(env.observation_structure["skipped_qpos"]),
        largest_velocity=10.0 if falls else math.inf,
        noise=float(env._reset_noise_scale),
        has_normal_velocities=name == "HalfCheetahEnv",
        forward_weight=float(env._forward_reward_weight),
        control_weight=np.float32(env._ctrl_cost_weight),
        healthy_reward=float(env._healthy_reward) if falls else 0.0,
        ends_when_unhealthy=falls and bool(env._terminate_when_unhealthy),
        watches_state=state_range is not None,
        state_range=_range(state_range or ANY),
        z_range=_range(env._healthy_z_range) if falls else ANY,
        angle_range=_range(env._healthy_angle_range) if falls else ANY,
    )


def start(simulation: Simulation, settings: Settings, draw: Draw) -> None:
    """Write a first state."""
    add_uniform(simulation.qpos, settings.noise, draw, 0)
    if settings.has_normal_velocities:
        add_normal(simulation.qvel, settings.noise, draw, len(simulation.qpos))
    else:
        add_uniform(simulation.qvel, settings.noise, draw, len(simulation.qpos))


def observe(simulation: Simulation, settings: Settings, observation: NDArray[np.float64]) -> None:
    """Write the positions, without the first where they are hidden, and the velocities."""
    shown = len(simulation.qpos) - settings.hidden
    for k in range(shown):
        observation[k] = simulation.qpos[settings.hidden + k]
    for k in range(len(simulation.qvel)):
        observation[shown + k] = clip(simulation.qvel[k], -settings.largest_velocity, settings.largest_velocity)


def step(simulation: Simulation, settings: Settings, controls: Controls) -> tuple[float, bool]:
    """Pay for speed along x and for health, less what the controls cost."""
    before = simulation.qpos[0]
    simulate(simulation, controls, settings.frame_skip)
    velocity = (simulation.qpos[0] - before) / settings.dt
    healthy = _is_healthy(simulation, settings)
    earned = settings.forward_weight * velocity + (settings.healthy_reward if healthy else 0.0)
    return earned - cost_of(controls, settings.control_weight), settings.ends_when_unhealthy and not healthy


def _is_healthy(simulation: Simulation, settings: Settings) -> bool:
    qpos, qvel = simulation.qpos, simulation.qvel
    healthy = (
        settings.z_range[0] < qpos[1] < settings.z_range[1] and settings.angle_range[0] < qpos[2] < settings.angle_range[1]
    )
    if settings.watches_state:
        low, high = settings.state_range
        for k in range(2, len(qpos)):
            healthy = healthy and low < qpos[k] < high
        for k in range(len(qvel)):
            healthy = healthy and low < qvel[k] < high
    return healthy


def _range(bounds: Any) -> tuple[float, float]:
    low, high = bounds
    return float(low), float(high)


WORLD = World(settings=settings, start=start, observe=observe, step=step)
