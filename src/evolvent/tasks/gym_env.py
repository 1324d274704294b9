"""Episodes in a Gymnasium environment, one after the other."""

from __future__ import annotations

import logging
import re
import traceback
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np

from evolvent.arrays import Population, Row
from evolvent.envs import EnvSpec
from evolvent.errors import EnvironmentFailed, EvolventError, UsageError
from evolvent.evaluation import MOST_PROBLEMS, Conditions, Evaluation, Problem, mean_return
from evolvent.moments import Moments
from evolvent.networks import Network
from evolvent.policies.acting import refuse_misfits
from evolvent.policies.action_noise import with_noise
from evolvent.policies.actions import AUTO, fitting_rule
from evolvent.tasks.base import refuse_odd_shapes
from evolvent.tasks.gym_episode import ContractBroken, OutputsNotFinite, Played, Player
from evolvent.tasks.gym_ids import factory_of, hint, is_registered, only_here, refuse_odd_module, registered_limits
from evolvent.tasks.gym_packages import own_arguments, register_games, remembers, what_is_missing
from evolvent.tasks.gym_spaces import action_space_of, shows_pictures, space_of
from evolvent.tasks.jobs import sound_moments
from evolvent.tasks.mujoco_log import keep_out_of_folder

log = logging.getLogger("evolvent")

DEFAULT_CAP = 10_000
REMEMBERED = 8  # environments whose spaces are known

_described: deque[tuple[str, dict[str, Any], Any, EnvSpec]] = deque(maxlen=REMEMBERED)

MISSES_ARGUMENT = re.compile(r"missing \d+ required")


def make(env_id: str, render_mode: str | None = None, env_kwargs: Mapping[str, Any] | None = None) -> Any:
    """Return the Gymnasium environment that `env_id` names, without its registered time limit: the caller counts the steps.

    Args:
        env_id: A registered id; `module:id` for one that is registered when the module is imported; or `module:name` of a
            function that makes an environment.
        render_mode: None, "rgb_array" for pictures, "human" for a window.
        env_kwargs: Further keyword arguments of `gymnasium.make`, or of the function.

    Raises:
        UsageError: No such id is registered, the nearest one is named; a package is missing, how to install it is said; or
            the function gives no environment.
        EnvironmentFailed: The environment cannot be built.
    """
    refuse_odd_module(env_id)
    register_games(env_id)
    factory = factory_of(env_id)
    keep_out_of_folder(getattr(gymnasium.registry.get(env_id), "entry_point", factory))
    options = {**own_arguments(env_id), **(env_kwargs or {}), **({} if render_mode is None else {"render_mode": render_mode})}
    try:
        if factory is None:
            return gymnasium.make(env_id, max_episode_steps=-1, disable_env_checker=True, **options)
        env = factory(**options)
    except (Exception, SystemExit) as problem:
        if missing := what_is_missing(env_id, problem):
            raise UsageError(f"env: {env_id} {missing}") from None
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
    module, _, name = env_id.partition(":")
    missing = getattr(problem.__cause__, "name", None)  # Gymnasium raises an error of its own from that of the import
    if name and missing and missing != module and not module.startswith(f"{missing}."):
        return UsageError(f"env: {env_id}: the module {module} needs {missing!r}, which is not installed")
    reason = str(problem).partition(". ")[0].rstrip(".")
    advice = "is it installed?" if ":" in env_id else "evolvent envs --all lists them, and yours are named module:Id"
    why = hint(env_id) or f": {reason}; {advice}"
    return UsageError(f"env: {env_id!r} is not a registered Gymnasium environment{why}")


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
    """Return the spaces and limits of a Gymnasium environment; those asked for last are remembered, as building may take long.

    Raises:
        UsageError: The id is unknown, or a space is of a kind that no policy can be made for.
        EnvironmentFailed: The environment cannot be built.
    """
    refuse_odd_module(env_id)
    register_games(env_id)
    made_by = factory_of(env_id) or _registered(env_id)
    for known in _described:
        if known[:2] == (env_id, dict(env_kwargs or {})) and known[2] is made_by is not None:
            return known[3]
    env = make(env_id, env_kwargs=env_kwargs)
    try:
        spec = spec_of(env_id, env)
    finally:
        _close(env_id, env)
    _described.append((env_id, dict(env_kwargs or {}), factory_of(env_id) or _registered(env_id), spec))
    return spec


def _registered(env_id: str) -> Any:
    return gymnasium.registry.get(env_id.rpartition(":")[2])


def spec_of(env_id: str, env: Any) -> EnvSpec:
    """Return the spaces and limits of `env`, which was made as `env_id`.

    Raises:
        UsageError: A space is of a kind that no policy can be made for.
        EnvironmentFailed: The environment does not say its spaces.
    """
    for name in ("observation_space", "action_space"):
        if getattr(env, name, None) is None:
            raise EnvironmentFailed(f"{env_id} has no {name}, which an environment of Gymnasium's sets in __init__")
    try:
        observation_space, action_space = space_of(env.observation_space, "observation"), action_space_of(env.action_space)
    except UsageError as problem:
        raise UsageError(f"{env_id}: {problem}") from None
    max_steps, threshold = _limits(env_id, env)
    return EnvSpec(
        id=env_id,
        observation_space=observation_space,
        action_space=action_space,
        max_episode_steps=max_steps or DEFAULT_CAP,
        reward_threshold=threshold,
    )


class GymEnv:
    """Measures populations in a Gymnasium environment, in this process, an episode at a time.

    An episode that raises, or that shows or pays something that is not a finite number, is played once more, in a fresh
    environment; what goes wrong again fails its individual. The first such episodes stand in `Evaluation.problems`.

    Where the conditions hold a normaliser, the network is shown observations normalised: of any space, the numbers that it has
    for inputs. The evaluation then holds the moments of those as they were, failed episodes left out.

    The environment is built when it is first needed. A task can be sent to another process, where it is built anew.

    Args:
        env_id: As for `make`.
        network: What turns observations into outputs; its sizes fit the environment's spaces.
        env_kwargs: Keyword arguments of the environment.
        action_rule: What makes actions of outputs, as for `CompiledEnv`.
        action_noise: As for `CompiledEnv`.
        allow_nan_observations: Show the network numbers that are not finite instead of failing the episode. Most networks
            then have outputs that are NaN: of discrete actions that chooses the first, in a Box it fails all the same.
        fresh_env: Build the environment anew for every episode, for one whose `reset` leaves something of the last one;
            of some of Gymnasium's own that is known, and done anyway.
    """

    episodes_apart = True

    def __init__(  # noqa: PLR0913 - the world, what acts in it, and what may be odd about either
        self,
        env_id: str,
        network: Network,
        *,
        env_kwargs: Mapping[str, Any] | None = None,
        action_rule: str = AUTO,
        action_noise: float = 0.0,
        allow_nan_observations: bool = False,
        fresh_env: bool = False,
    ) -> None:
        """Look at the environment's spaces."""
        self.spec = describe(env_id, env_kwargs)
        refuse_misfits(network, self.spec.observation_space, self.spec.action_space)
        if shows_pictures(self.spec.observation_space):
            log.warning(
                "%s shows pictures: each of their numbers is an input of its own, for there is no convolutional network yet",
                env_id,
            )
        self._network = network
        self._rule = with_noise(fitting_rule(action_rule, self.spec.action_space), self.spec.action_space, action_noise)
        self._env_kwargs = dict(env_kwargs or {})
        self._allow_nan = allow_nan_observations
        self._fresh_env = fresh_env or remembers(env_id)
        self._env: Any = None
        self._player: Player | None = None
        self._told_of_close = False

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs to do the same, Gymnasium's own entry for the id included.

        Raises:
            TypeError: No other process can find the function that makes the environment.
        """
        if only_here(self.spec.id):
            raise TypeError(f"{self.spec.id} is found in this process only")
        return {
            **self.__dict__,
            "_env": None,
            "_player": None,
            "registered": None if ":" in self.spec.id else gymnasium.registry.get(self.spec.id),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what `__getstate__` gave."""
        registered = state.pop("registered")
        if registered is not None:
            gymnasium.registry.setdefault(registered.id, registered)
        self.__dict__.update(state)

    def evaluate(self, population: Population, conditions: Conditions) -> Evaluation:
        """Return what `population (pop, dim)` achieves under `conditions`.

        Raises:
            EnvironmentFailed: The environment cannot be built, or has another API than Gymnasium's.
        """
        refuse_odd_shapes(population, conditions, self._network.dim)
        shape, normaliser = conditions.seeds.shape, conditions.normaliser
        returns, steps = np.zeros(shape), np.zeros(shape, np.int64)
        failed, unplayable, truncated = (np.zeros(shape, np.bool_) for _ in range(3))
        sums = np.zeros((*shape, 0 if normaliser is None else 2 * self._network.num_inputs))
        problems: list[Problem] = []
        cap = conditions.episode_cap or self.spec.max_episode_steps
        for i, row in enumerate(np.ascontiguousarray(population, np.float32)):
            for e, seed in enumerate(conditions.seeds[i].tolist()):
                played = self._play(row, seed, cap, normaliser)
                returns[i, e], steps[i, e], truncated[i, e] = played.total, played.steps, played.truncated
                if played.sums is not None:
                    sums[i, e] = played.sums
                if played.problem is not None:
                    failed[i, e], unplayable[i, e] = True, not isinstance(played.problem, OutputsNotFinite)
                    problems.append(Problem(i, e, seed, played.steps, *_in_words(played.problem)))
        evaluation = mean_return(returns, steps, np.logical_or.reduce(failed, axis=1), truncated)
        moments = None if normaliser is None else sound_moments(steps, failed, normaliser.mean, sums)
        return replace(evaluation, moments=moments, unplayable=unplayable, problems=tuple(problems[:MOST_PROBLEMS]) or None)

    def build(self) -> None:
        """Build the environment now instead of when it is first needed.

        Raises:
            EnvironmentFailed: It cannot be built.
        """
        self._ready()

    def close(self) -> None:
        """Close the environment, if there is one."""
        env, self._env, self._player = self._env, None, None
        problem = "" if env is None else _close(self.spec.id, env)
        if problem and not self._told_of_close:
            self._told_of_close = True
            log.warning("%s; said once", problem)

    def _play(self, row: Row, seed: int, cap: int, normaliser: Moments | None) -> Played:
        if self._fresh_env:
            self.close()
        played = self._ready().play(row, seed, cap, normaliser)
        if played.problem is None or isinstance(played.problem, OutputsNotFinite):
            return played
        self.close()
        try:
            again = self._ready().play(row, seed, cap, normaliser)
        except EnvironmentFailed as problem:
            return played._replace(problem=problem)
        if again.problem is not None:
            self.close()
        return again

    def _ready(self) -> Player:
        if self._player is None:
            self._env = make(self.spec.id, env_kwargs=self._env_kwargs)
            self._player = Player(
                self._env, self.spec, self._network, action_rule=self._rule, allow_nan_observations=self._allow_nan
            )
        return self._player


def _close(env_id: str, env: Any) -> str:
    """Close an environment, which has done its work, and return what it raises, in words."""
    try:
        env.close()
    except (Exception, SystemExit) as problem:  # noqa: BLE001 - the environment is the user's
        return f"{env_id}: close() raised {type(problem).__name__}: {problem}"
    return ""


def _in_words(problem: BaseException) -> tuple[str, str]:
    """Return what went wrong in a line, and the traceback of what the environment raised."""
    if isinstance(problem, ContractBroken):
        return str(problem), ""
    return f"{type(problem).__name__}: {problem}", "".join(traceback.format_exception(problem))


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
