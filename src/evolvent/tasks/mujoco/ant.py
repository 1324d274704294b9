# pyright: basic
"""Ant: four legs that are paid for moving on along x, and may be shown what forces touch them.

References:
    Schulman et al. 2016, High-dimensional continuous control using generalized advantage estimation,
    https://arxiv.org/abs/1506.02438; in the form of Gymnasium's version 5, which this follows, number by number.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evolvent.lanes import clip
from evolvent.seeding import Draw
from evolvent.tasks.mujoco.finite import are_finite
from evolvent.tasks.mujoco.simulation import Controls, Simulation, compute_contact_forces, simulate
from evolvent.tasks.mujoco.starts import add_normal, add_uniform
from evolvent.tasks.mujoco.sums import cost_of, sum_of_squares
from evolvent.tasks.mujoco.world import World

FORCES = 6  # of a body in `cfrc_ext`; the first body is the world itself


class Settings(NamedTuple):
    """What the keyword arguments chose.

    Args:
        hidden: How many of the first positions are not shown.
        shows_forces: Whether `cfrc_ext` is shown, clipped to `force_range`.
        main_body: The index of the body whose speed is paid.
    """

    frame_skip: int
    dt: float
    hidden: int
    shows_forces: bool
    main_body: int
    noise: float
    forward_weight: float
    control_weight: Any
    contact_weight: float
    force_range: tuple[float, float]
    healthy_reward: float
    ends_when_unhealthy: bool
    z_range: tuple[float, float]


def settings(env: Any) -> Settings:
    """Return what the keyword arguments of `env` chose."""
    low, high = env._contact_force_range
    lowest, highest = env._healthy_z_range
    return Settings(
        frame_skip=int(env.frame_skip),
        dt=float(env.dt),
        hidden=int(env.observation_structure["skipped_qpos"]),
        shows_forces=bool(env._include_cfrc_ext_in_observation),
        main_body=int(env.data.body(env._main_body).id),
        noise=float(env._reset_noise_scale),
        forward_weight=float(env._forward_reward_weight),
        control_weight=np.float32(env._ctrl_cost_weight),
        contact_weight=float(env._contact_cost_weight),
        force_range=(float(low), float(high)),
        healthy_reward=float(env._healthy_reward),
        ends_when_unhealthy=bool(env._terminate_when_unhealthy),
        z_range=(float(lowest), float(highest)),
    )


def start(simulation: Simulation, settings: Settings, draw: Draw) -> None:
    """Write a first state."""
    add_uniform(simulation.qpos, settings.noise, draw, 0)
    add_normal(simulation.qvel, settings.noise, draw, len(simulation.qpos))


def observe(simulation: Simulation, settings: Settings, observation: NDArray[np.float64]) -> None:
    """Write the positions, without the first where they are hidden, the velocities, and the forces."""
    shown = len(simulation.qpos) - settings.hidden
    for k in range(shown):
        observation[k] = simulation.qpos[settings.hidden + k]
    for k in range(len(simulation.qvel)):
        observation[shown + k] = simulation.qvel[k]
    if settings.shows_forces:
        shown += len(simulation.qvel) - FORCES
        for k in range(FORCES, len(simulation.cfrc_ext)):
            observation[shown + k] = clip(simulation.cfrc_ext[k], settings.force_range[0], settings.force_range[1])


def step(simulation: Simulation, settings: Settings, controls: Controls) -> tuple[float, bool]:
    """Pay for speed along x and for health, less what the controls and the forces cost."""
    before = simulation.xpos[settings.main_body, 0]
    simulate(simulation, controls, settings.frame_skip)
    compute_contact_forces(simulation)
    velocity = (simulation.xpos[settings.main_body, 0] - before) / settings.dt
    z, (low, high) = simulation.qpos[2], settings.z_range
    healthy = are_finite(simulation.qpos) and are_finite(simulation.qvel) and low <= z <= high
    earned = velocity * settings.forward_weight + (settings.healthy_reward if healthy else 0.0)
    forces = np.clip(simulation.cfrc_ext, settings.force_range[0], settings.force_range[1])
    costs = cost_of(controls, settings.control_weight) + settings.contact_weight * sum_of_squares(forces)
    return earned - costs, settings.ends_when_unhealthy and not healthy


WORLD = World(settings=settings, start=start, observe=observe, step=step)
