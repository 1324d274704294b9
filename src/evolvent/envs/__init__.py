"""Compiled worlds, by the Gymnasium id of the same world."""

from evolvent.envs.base import Env, EnvSpec
from evolvent.envs.cartpole import CARTPOLE

ENVS: dict[str, Env] = {env.spec.id: env for env in (CARTPOLE,)}

__all__ = ["CARTPOLE", "ENVS", "Env", "EnvSpec"]
