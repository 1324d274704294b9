# pyright: basic
"""Humanoid: two legs and two arms that are paid for standing and for moving on along x.

References:
    Tassa, Erez and Todorov 2012, Synthesis and stabilization of complex behaviors through online trajectory optimization,
    https://doi.org/10.1109/IROS.2012.6386025; in the form of Gymnasium's version 5, which this follows, number by number.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evolvent.lanes import clip
from evolvent.seeding import Draw
from evolvent.tasks.mujoco.simulation import Controls, Simulation, compute_contact_forces, simulate
from evolvent.tasks.mujoco.starts import add_uniform
from evolvent.tasks.mujoco.sums import sum_of_squares
from evolvent.tasks.mujoco.world import World

INERTIA = 10  # numbers of a body in `cinert`; the first body is the world itself
MOTION = 6  # in `cvel`, as in `cfrc_ext`
FREE = 6  # degrees of freedom of the whole body, which no actuator moves


class Settings(NamedTuple):
    """What the keyword arguments chose.

    Args:
        hidden: How many of the first positions are not shown.
    """

    frame_skip: int
    dt: float
    hidden: int
    shows_inertia: bool
    shows_motion: bool
    shows_actuators: bool
    shows_forces: bool
    noise: float
    forward_weight: float
    control_weight: float
    contact_weight: float
    contact_range: tuple[float, float]
    healthy_reward: float
    ends_when_unhealthy: bool
    z_range: tuple[float, float]


def settings(env: Any) -> Settings:
    """Return what the keyword arguments of `env` chose."""
    low, high = env._contact_cost_range
    lowest, highest = env._healthy_z_range
    return Settings(
        frame_skip=int(env.frame_skip),
        dt=float(env.dt),
        hidden=int(env.observation_structure["skipped_qpos"]),
        shows_inertia=env._include_cinert_in_observation is True,
        shows_motion=env._include_cvel_in_observation is True,
        shows_actuators=env._include_qfrc_actuator_in_observation is True,
        shows_forces=env._include_cfrc_ext_in_observation is True,
        noise=float(env._reset_noise_scale),
        forward_weight=float(env._forward_reward_weight),
        control_weight=float(env._ctrl_cost_weight),
        contact_weight=float(env._contact_cost_weight),
        contact_range=(float(low), float(high)),
        healthy_reward=float(env._healthy_reward),
        ends_when_unhealthy=bool(env._terminate_when_unhealthy),
        z_range=(float(lowest), float(highest)),
    )


def start(simulation: Simulation, settings: Settings, draw: Draw) -> None:
    """Write a first state."""
    add_uniform(simulation.qpos, settings.noise, draw, 0)
    add_uniform(simulation.qvel, settings.noise, draw, len(simulation.qpos))


def observe(simulation: Simulation, settings: Settings, observation: NDArray[np.float64]) -> None:
    """Write positions and velocities, the inertia and the motion of each body, the forces of actuators and of contacts."""
    end = _append(observation, 0, simulation.qpos, settings.hidden)
    end = _append(observation, end, simulation.qvel, 0)
    if settings.shows_inertia:
        end = _append(observation, end, simulation.cinert, INERTIA)
    if settings.shows_motion:
        end = _append(observation, end, simulation.cvel, MOTION)
    if settings.shows_actuators:
        end = _append(observation, end, simulation.qfrc_actuator, FREE)
    if settings.shows_forces:
        _append(observation, end, simulation.cfrc_ext, MOTION)


def _append(observation: NDArray[np.float64], end: int, values: NDArray[np.float64], first: int) -> int:
    """Write `values` from the `first` on behind the `end` of what is written; return the new end."""
    for k in range(first, len(values)):
        observation[end + k - first] = values[k]
    return end + len(values) - first


def step(simulation: Simulation, settings: Settings, controls: Controls) -> tuple[float, bool]:
    """Pay for the speed of the centre of mass along x and for health, less what controls and forces cost."""
    before = _centre_of_mass(simulation)
    simulate(simulation, controls, settings.frame_skip)
    compute_contact_forces(simulation)
    velocity = (_centre_of_mass(simulation) - before) / settings.dt
    z, (low, high) = simulation.qpos[2], settings.z_range
    healthy = low < z < high
    earned = settings.forward_weight * velocity + (settings.healthy_reward if healthy else 0.0)
    contacts = settings.contact_weight * sum_of_squares(simulation.cfrc_ext)
    contacts = clip(contacts, settings.contact_range[0], settings.contact_range[1])
    costs = settings.control_weight * sum_of_squares(simulation.ctrl) + contacts
    return earned - costs, settings.ends_when_unhealthy and not healthy


def _centre_of_mass(simulation: Simulation) -> float:
    """Return its place along x [m]."""
    total = 0.0
    for k in range(len(simulation.body_mass)):
        total += simulation.body_mass[k] * simulation.xipos[k, 0]
    return total / simulation.total_mass


WORLD = World(settings=settings, start=start, observe=observe, step=step)
