"""Episodes in a Gymnasium environment, one after the other."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np

from evolvent.arrays import Population
from evolvent.envs import EnvSpec
from evolvent.errors import EnvironmentFailed, EvolventError, UsageError
from evolvent.evaluation import Conditions, Evaluation, mean_return
from evolvent.networks import Network
from evolvent.policies.acting import refuse_misfits
from evolvent.spaces import Box, Discrete
from evolvent.tasks.base import refuse_odd_shapes
from evolvent.tasks.gym_episode import ContractBroken, Played, Player
from evolvent.tasks.gym_ids import factory_of, hint, is_registered, refuse_odd_module, registered_limits

log = logging.getLogger("evolvent")

DEFAULT_CAP = 10_000
MISSES_ARGUMENT = re.compile(r"missing \d+ required")


def make(env_id: str, render_mode: str | None = None, env_kwargs: Mapping[str, Any] | None = None) -> Any:
    """Return the Gymnasium environment that `env_id` names, without its registered time limit: the caller counts the steps.

    Args:
        env_id: A registered id; `module:id` for one that is registered when the module is imported; or `module:name` of a
            function that makes an environment.
        render_mode: None, "rgb_array" for pictures, "human" for a window.
        env_kwargs: Further keyword arguments of `gymnasium.make`, or of the function.

    Raises:
        UsageError: No such id is registered, the nearest one is named; or the function gives no environment.
        EnvironmentFailed: The environment cannot be built.
    """
    refuse_odd_module(env_id)
    factory = factory_of(env_id)
    options = {**(env_kwargs or {}), **({} if render_mode is None else {"render_mode": render_mode})}
    try:
        if factory is None:
            return gymnasium.make(env_id, max_episode_steps=-1, disable_env_checker=True, **options)
        env = factory(**options)
    except gymnasium.error.DependencyNotInstalled as problem:
        raise UsageError(f"env: {env_id} needs a package that is not installed: {problem}") from None
    except (Exception, SystemExit) as problem:
        if factory is None and isinstance(problem, gymnasium.error.Error | ModuleNotFoundError):
            raise _not_found(env_id, problem) from None
        raise _not_built(env_id, problem, options) from problem
    if not isinstance(env, gymnasium.Env):
        raise UsageError(
            f"env: {env_id} gave a {type(env).__name__}, expected an environment of Gymnasium's, a gymnasium.Env;"
            " evolvent.as_gymnasium makes one of a world of Evolvent's"
        )
    return env  # pyright: ignore[reportUnknownVariableType]


def _not_found(env_id: str, problem: Exception) -> UsageError:
    if is_registered(env_id):
        return UsageError(f"env: {env_id} needs something that is not installed: {problem}")
    return UsageError(f"env: {env_id!r} is not a registered Gymnasium environment{hint(env_id) or f': {problem}'}")


def _not_built(env_id: str, problem: BaseException, options: Mapping[str, Any]) -> EvolventError:
    text = str(problem)
    if isinstance(problem, TypeError):
        if "render_mode" in options and "render_mode" in text:
            return EnvironmentFailed(
                f"{env_id} cannot be shown or filmed: it takes no render_mode; it needs __init__(render_mode=None),"
                " metadata with render_modes, and render()"
            )
        if options and "unexpected keyword argument" in text:
            return UsageError(f"env_kwargs: {env_id}: {text}")
        if MISSES_ARGUMENT.search(text):
            return UsageError(f"env_kwargs: {env_id}: {text}; give it: --env-kwargs name=value")
    return EnvironmentFailed(f"{env_id} cannot be built: {type(problem).__name__}: {text}")


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
    max_steps, threshold = _limits(env_id, env)
    return EnvSpec(
        id=env_id,
        observation_space=observation_space,
        action_space=_space(env.action_space, "action"),
        max_episode_steps=max_steps or DEFAULT_CAP,
        reward_threshold=threshold,
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
        if _limits(env_id, self._env)[0] is None:
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


def _limits(env_id: str, env: Any) -> tuple[int | None, float | None]:
    """Return the steps after which an episode is truncated and the return that counts as solved, None where nobody says.

    Those of an id are registered. What a function has made may have a limit of its own; a wrapper that pays other rewards
    makes the threshold of the world within it worthless.
    """
    if factory_of(env_id) is None:
        return registered_limits(env.unwrapped.spec.id)
    threshold = None if env.spec is None or env.spec.additional_wrappers else env.spec.reward_threshold
    limits: list[int] = []
    while isinstance(env, gymnasium.Wrapper):
        if isinstance(env, gymnasium.wrappers.TimeLimit):
            limits.append(env._max_episode_steps)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        env = env.env  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return min(limits, default=None), threshold


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
