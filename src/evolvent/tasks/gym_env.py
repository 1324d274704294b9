"""Episodes in a Gymnasium environment, one after the other."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from evolvent.arrays import Population
from evolvent.envs import EnvSpec
from evolvent.errors import EnvironmentFailed, UsageError, did_you_mean
from evolvent.evaluation import Conditions, Evaluation, mean_return
from evolvent.networks import Network
from evolvent.policies.acting import refuse_misfits
from evolvent.spaces import Box, Discrete
from evolvent.tasks.base import refuse_odd_shapes
from evolvent.tasks.gym_episode import ContractBroken, Played, Player

log = logging.getLogger("evolvent")

DEFAULT_CAP = 10_000


def make(env_id: str, render_mode: str | None = None, env_kwargs: Mapping[str, Any] | None = None) -> Any:
    """Return the Gymnasium environment registered under `env_id`, without its time limit: the caller counts the steps.

    Args:
        env_id: A registered id, or `module:id` for one that is registered when the module is imported.
        render_mode: None, "rgb_array" for pictures, "human" for a window.
        env_kwargs: Further keyword arguments of `gymnasium.make`.

    Raises:
        UsageError: No such id is registered; the nearest one is named.
        EnvironmentFailed: The environment cannot be built.
    """
    _refuse_odd_module(env_id)
    try:
        options = {**(env_kwargs or {}), **({} if render_mode is None else {"render_mode": render_mode})}
        return gymnasium.make(env_id, max_episode_steps=-1, disable_env_checker=True, **options)
    except gymnasium.error.DependencyNotInstalled as problem:
        raise UsageError(f"env: {env_id} needs a package that is not installed: {problem}") from None
    except (gymnasium.error.Error, ModuleNotFoundError) as problem:
        if env_id in gymnasium.registry:
            raise UsageError(f"env: {env_id} needs something that is not installed: {problem}") from None
        hint = _beside(env_id) or did_you_mean(env_id, gymnasium.registry)
        raise UsageError(f"env: {env_id!r} is not a registered Gymnasium environment{hint or f': {problem}'}") from None
    except (Exception, SystemExit) as problem:
        if render_mode is not None and isinstance(problem, TypeError) and "render_mode" in str(problem):
            raise EnvironmentFailed(
                f"{env_id} cannot be shown or filmed: it takes no render_mode; it needs __init__(render_mode=None),"
                " metadata with render_modes, and render()"
            ) from problem
        if env_kwargs and isinstance(problem, TypeError) and "unexpected keyword argument" in str(problem):
            raise UsageError(f"env_kwargs: {env_id}: {problem}") from problem
        raise EnvironmentFailed(f"{env_id} cannot be built: {type(problem).__name__}: {problem}") from problem


def _beside(env_id: str) -> str:
    """Return a hint that the module was imported and has registered no such id, or that it lies in the current folder."""
    module, colon, name = env_id.partition(":")
    if colon and module in sys.modules:
        return f": {module} was imported and registers no {name}{did_you_mean(name, gymnasium.registry)}"
    if colon and Path(f"{module}.py").is_file():
        return f": there is {module}.py here, where python -m evolvent looks and evolvent does not"
    return ""


def imports(env_id: str) -> bool:
    """Return whether the module that `module:id` names can be imported, True where none is named; `make` tells why not."""
    module, colon, _ = env_id.partition(":")
    if not colon:
        return True
    _refuse_odd_module(env_id)
    try:
        importlib.import_module(module)
    except (Exception, SystemExit):  # noqa: BLE001 - whatever a user's module raises, it is told when the world is built
        return False
    return True


def describe(env_id: str, env_kwargs: Mapping[str, Any] | None = None) -> EnvSpec:
    """Return the spaces and limits of a Gymnasium environment.

    Raises:
        UsageError: The id is unknown, or a space is of a kind that no policy can be made for.
        EnvironmentFailed: The environment cannot be built.
    """
    env = make(env_id, env_kwargs=env_kwargs)
    try:
        return spec_of(env_id, env)
    finally:
        env.close()


def spec_of(env_id: str, env: Any) -> EnvSpec:
    """Return the spaces and limits of `env`, which was made as `env_id`.

    Raises:
        UsageError: A space is of a kind that no policy can be made for.
    """
    observation_space = _space(env.observation_space, "observation")
    if isinstance(observation_space, Discrete):
        raise UsageError(f"{env_id}: observations of Discrete({observation_space.n}) are not supported yet; Box is")
    return EnvSpec(
        id=env_id,
        observation_space=observation_space,
        action_space=_space(env.action_space, "action"),
        max_episode_steps=_registered_limit(env) or DEFAULT_CAP,
        reward_threshold=env.unwrapped.spec.reward_threshold,
    )


class GymEnv:
    """Measures populations in a Gymnasium environment, in this process, an episode at a time.

    An episode that raises, or that shows or pays something that is not a finite number, fails its individual; the first
    such episode of a task is logged, with the traceback of an exception.

    Args:
        env_id: As for `make`.
        network: What turns observations into outputs; its sizes fit the environment's spaces.
        env_kwargs: Keyword arguments of the environment.
        allow_nan_observations: Show the network numbers that are not finite instead of failing the episode. Most networks
            then have outputs that are NaN: of discrete actions that chooses the first, in a Box it fails all the same.
    """

    def __init__(
        self,
        env_id: str,
        network: Network,
        *,
        env_kwargs: Mapping[str, Any] | None = None,
        allow_nan_observations: bool = False,
    ) -> None:
        """Build the environment once; every episode resets it."""
        self.spec = describe(env_id, env_kwargs)
        refuse_misfits(network, self.spec.observation_space, self.spec.action_space)
        self._dim = network.dim
        self._env = make(env_id, env_kwargs=env_kwargs)
        self._player = Player(self._env, self.spec, network, allow_nan_observations=allow_nan_observations)
        self._told = False
        if _registered_limit(self._env) is None:
            log.warning(
                "%s is registered without max_episode_steps: where no other limit is given, its episodes end after %d steps",
                env_id,
                DEFAULT_CAP,
            )

    def evaluate(self, population: Population, conditions: Conditions) -> Evaluation:
        """Return what `population (pop, dim)` achieves under `conditions`.

        Raises:
            EnvironmentFailed: The environment has another API than Gymnasium's.
        """
        refuse_odd_shapes(population, conditions, self._dim)
        if conditions.normaliser is not None:
            raise UsageError("normaliser: expected None, for a world of Gymnasium's shows observations as they are")
        shape = conditions.seeds.shape
        returns, steps = np.zeros(shape), np.zeros(shape, np.int64)
        failed, truncated = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
        cap = conditions.episode_cap or self.spec.max_episode_steps
        for i, row in enumerate(np.ascontiguousarray(population, np.float32)):
            for e, seed in enumerate(conditions.seeds[i]):
                played = self._player.play(row, int(seed), cap)
                returns[i, e], steps[i, e], truncated[i, e] = played.total, played.steps, played.truncated
                if played.problem is not None:
                    failed[i, e] = True
                    self._tell(played, f"individual {i}, episode {e}, seed {seed}")
        return mean_return(returns, steps, np.logical_or.reduce(failed, axis=1), truncated)

    def close(self) -> None:
        """Close the environment."""
        self._env.close()

    def _tell(self, played: Played, where: str) -> None:
        if not self._told:
            problem = played.problem
            log.error(
                "%s failed (%s, step %d): %s; more of it is only counted",
                self.spec.id,
                where,
                played.steps,
                problem if isinstance(problem, ContractBroken) else f"{type(problem).__name__}: {problem}",
                exc_info=None if isinstance(problem, ContractBroken) else problem,
            )
            self._told = True


def _registered_limit(env: Any) -> int | None:
    return gymnasium.spec(env.unwrapped.spec.id).max_episode_steps


def _space(space: Any, role: str) -> Box | Discrete:
    is_discrete, is_box = (isinstance(space, kind) for kind in (gymnasium.spaces.Discrete, gymnasium.spaces.Box))
    if is_discrete:
        return Discrete(n=int(space.n), start=int(space.start))
    if is_box:
        low, high = (tuple(float(bound) for bound in bounds.ravel()) for bounds in (space.low, space.high))
        return Box(low=low, high=high, shape=tuple(space.shape))
    raise UsageError(
        f"{role} space: {type(space).__name__} is not supported yet; "
        + ("Box is" if role == "observation" else "Box and Discrete are")
    )


def _refuse_odd_module(env_id: str) -> None:
    module, colon, _ = env_id.partition(":")
    if colon and not all(part.isidentifier() for part in module.split(".")):
        raise UsageError(f"env: {env_id!r} names no module before the colon; expected module:id, or an id that is registered")


def registered_limits(env_id: str) -> tuple[int | None, float | None]:
    """Return the steps after which an episode is truncated and the return that counts as solved, without building the world."""
    spec = gymnasium.spec(env_id)
    return spec.max_episode_steps, spec.reward_threshold


def is_registered(env_id: str) -> bool:
    """Return whether Gymnasium knows `env_id` without importing anything for it."""
    return env_id in gymnasium.registry


def registered() -> list[str]:
    """Return all ids that Gymnasium knows, sorted."""
    return sorted(gymnasium.registry)
