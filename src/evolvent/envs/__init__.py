"""Compiled worlds, by their id: that of the same world of Gymnasium's, or one of ours."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from evolvent.envs import (
    acrobot,
    cartpole,
    damped_poles,
    hidden_velocities,
    mountain_car,
    mountain_car_continuous,
    pendulum,
    pole_balancing,
)
from evolvent.envs.base import Env, EnvSpec
from evolvent.errors import UsageError

MAKERS: dict[str, Callable[..., Env]] = {
    "Acrobot-v1": acrobot.make,
    "CartPole-v1": cartpole.make,
    "CartPoleNoVel-v1": hidden_velocities.make_cartpole,
    "DoublePole-v0": pole_balancing.make_two,
    "DoublePoleNoVelocity-v0": pole_balancing.make_two_hidden,
    "DoublePoleNoVelocityDamping-v0": damped_poles.make,
    "DoublePoleNoVelocityStarts-v0": pole_balancing.make_two_from_many_starts,
    "MountainCar-v0": mountain_car.make,
    "MountainCarContinuous-v0": mountain_car_continuous.make,
    "MountainCarContinuousNoVel-v0": hidden_velocities.make_car,
    "Pendulum-v1": pendulum.make,
    "PendulumNoVel-v1": hidden_velocities.make_pendulum,
    "SinglePole-v0": pole_balancing.make_one,
    "SinglePoleNoVelocity-v0": pole_balancing.make_one_hidden,
}
ENVS: dict[str, Env] = {env_id: make() for env_id, make in MAKERS.items()}
CARTPOLE = ENVS["CartPole-v1"]


def make_env(env_id: str, **kwargs: object) -> Env:
    """Return a compiled world, changed by keyword arguments as `gymnasium.make` takes them.

    Raises:
        UsageError: The world has no compiled form, or does not know a keyword or its value.

    Examples:
        >>> make_env("CartPole-v1", sutton_barto_reward=True).spec.id
        'CartPole-v1'
    """
    if env_id not in ENVS:
        raise UsageError(
            f"env: {env_id} is none of {', '.join(ENVS)}; MujocoEnv measures in those of MuJoCo, GymEnv in any other"
        )
    if not kwargs:
        return ENVS[env_id]
    if env_id not in MAKERS:
        raise UsageError(f"env_kwargs: {env_id} takes none, got {', '.join(kwargs)}")
    known = list(inspect.signature(MAKERS[env_id]).parameters)
    if unknown := [name for name in kwargs if name not in known]:
        raise UsageError(f"env_kwargs: {env_id} takes {', '.join(known) or 'none'}, got {', '.join(unknown)}")
    return MAKERS[env_id](**kwargs)


__all__ = ["CARTPOLE", "ENVS", "MAKERS", "Env", "EnvSpec", "make_env"]
