# pyright: basic
"""Reacher and Pusher: arms that are paid for bringing something close to a goal.

References:
    Towers et al. 2024, Gymnasium: a standard interface for reinforcement learning environments,
    https://arxiv.org/abs/2407.17032, whose environments of version 5 these follow.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evolvent.seeding import Draw
from evolvent.tasks.mujoco.simulation import Controls, Simulation, simulate
from evolvent.tasks.mujoco.starts import add_uniform, between
from evolvent.tasks.mujoco.sums import cost_of
from evolvent.tasks.mujoco.world import World

JOINTS = 7  # of Pusher's arm
VELOCITY_NOISE = 0.005
FARTHEST = 0.2  # [m] that Reacher's goal is from the middle
NEAREST = 0.17  # [m] that Pusher's object is from its goal


class Settings(NamedTuple):
    """What the keyword arguments chose.

    Args:
        tip: The index of the body that is the arm's tip.
        object: Of what it pushes; in Reacher, of the tip.
        goal: Of the goal.
    """

    frame_skip: int
    tip: int
    object: int
    goal: int
    near_weight: float
    distance_weight: float
    control_weight: Any


def reacher_settings(env: Any) -> Settings:
    """Return what the keyword arguments of a Reacher chose."""
    tip = _body(env, "fingertip")
    return Settings(
        frame_skip=int(env.frame_skip),
        tip=tip,
        object=tip,
        goal=_body(env, "target"),
        near_weight=0.0,
        distance_weight=float(env._reward_dist_weight),
        control_weight=np.float32(env._reward_control_weight),
    )


def pusher_settings(env: Any) -> Settings:
    """Return what the keyword arguments of a Pusher chose."""
    return Settings(
        frame_skip=int(env.frame_skip),
        tip=_body(env, "tips_arm"),
        object=_body(env, "object"),
        goal=_body(env, "goal"),
        near_weight=float(env._reward_near_weight),
        distance_weight=float(env._reward_dist_weight),
        control_weight=np.float32(env._reward_control_weight),
    )


def start_reacher(simulation: Simulation, settings: Settings, draw: Draw) -> None:  # noqa: ARG001
    """Write a first state, with a goal drawn evenly from a disc."""
    qpos, qvel = simulation.qpos, simulation.qvel
    add_uniform(qpos, 0.1, draw, 0)
    add_uniform(qvel, VELOCITY_NOISE, draw, len(qpos))
    k = len(qpos) + len(qvel)
    x, y = between(-FARTHEST, FARTHEST, draw, k), between(-FARTHEST, FARTHEST, draw, k + 1)
    while np.sqrt(x * x + y * y) >= FARTHEST:
        k += 2
        x, y = between(-FARTHEST, FARTHEST, draw, k), between(-FARTHEST, FARTHEST, draw, k + 1)
    qpos[-2], qpos[-1] = x, y
    qvel[-2], qvel[-1] = 0.0, 0.0


def start_pusher(simulation: Simulation, settings: Settings, draw: Draw) -> None:  # noqa: ARG001
    """Write a first state, with an object drawn evenly from a rectangle without a disc around the goal."""
    qpos, qvel = simulation.qpos, simulation.qvel
    add_uniform(qvel, VELOCITY_NOISE, draw, 0)
    k = len(qvel)
    x, y = between(-0.3, 0.0, draw, k), between(-0.2, 0.2, draw, k + 1)
    while np.sqrt(x * x + y * y) <= NEAREST:
        k += 2
        x, y = between(-0.3, 0.0, draw, k), between(-0.2, 0.2, draw, k + 1)
    qpos[-4], qpos[-3], qpos[-2], qpos[-1] = x, y, 0.0, 0.0
    for k in range(1, 5):
        qvel[-k] = 0.0


def observe_reacher(simulation: Simulation, settings: Settings, observation: NDArray[np.float64]) -> None:
    """Write cosines and sines of the angles, the goal, velocities, and how far the tip is from the goal."""
    goal = len(simulation.qpos) - 2
    for k in range(2):
        observation[k] = np.cos(simulation.qpos[k])
        observation[2 + k] = np.sin(simulation.qpos[k])
        observation[4 + goal + k] = simulation.qvel[k]
        observation[6 + goal + k] = simulation.xpos[settings.tip, k] - simulation.xpos[settings.goal, k]
    for k in range(goal):
        observation[4 + k] = simulation.qpos[2 + k]


def observe_pusher(simulation: Simulation, settings: Settings, observation: NDArray[np.float64]) -> None:
    """Write angles and velocities of the arm, and where its tip, the object and the goal are."""
    for k in range(JOINTS):
        observation[k] = simulation.qpos[k]
        observation[JOINTS + k] = simulation.qvel[k]
    for k in range(3):
        observation[2 * JOINTS + k] = simulation.xpos[settings.tip, k]
        observation[2 * JOINTS + 3 + k] = simulation.xpos[settings.object, k]
        observation[2 * JOINTS + 6 + k] = simulation.xpos[settings.goal, k]


def step(simulation: Simulation, settings: Settings, controls: Controls) -> tuple[float, bool]:
    """Charge for the ways from the object to the goal and to the tip, and for the controls."""
    simulate(simulation, controls, settings.frame_skip)
    near = -_distance(simulation.xpos, settings.object, settings.tip) * settings.near_weight
    distance = -_distance(simulation.xpos, settings.object, settings.goal) * settings.distance_weight
    return distance - cost_of(controls, settings.control_weight) + near, False


def _distance(xpos: NDArray[np.float64], one: int, other: int) -> float:
    total = 0.0
    for k in range(3):
        apart = xpos[one, k] - xpos[other, k]
        total += apart * apart
    return np.sqrt(total)


def _body(env: Any, name: str) -> int:
    return int(env.data.body(name).id)


REACHER = World(settings=reacher_settings, start=start_reacher, observe=observe_reacher, step=step)
PUSHER = World(settings=pusher_settings, start=start_pusher, observe=observe_pusher, step=step)
