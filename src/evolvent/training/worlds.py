"""Which world an id means, and in which form it runs: compiled where there is such a form, else Gymnasium's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, Literal

from evolvent.crew import cores
from evolvent.env_kwargs import as_arguments, as_text, refuse_text
from evolvent.envs import ENVS, Env, EnvSpec, make_env
from evolvent.errors import UsageError
from evolvent.networks import Network
from evolvent.policies import Policy
from evolvent.seeding import Draw
from evolvent.tasks import CompiledEnv, Task, gym_env, mujoco
from evolvent.tasks.gym_env import GymEnv
from evolvent.tasks.gym_ids import imports
from evolvent.tasks.gym_packages import own_arguments
from evolvent.training.config import Config

Form = Literal["compiled", "gymnasium"]


def env_spec(env_id: str, env_kwargs: Sequence[str] = ()) -> EnvSpec:
    """Return what is known of a world, without building it where it is compiled.

    Args:
        env_id: A registered id, or `module:id` or `module:function`, whose module is imported.
        env_kwargs: Keyword arguments of the world, as texts `name=value`.

    Raises:
        UsageError: Neither we nor Gymnasium know the id.
        EnvironmentFailed: Gymnasium knows it but cannot build it.
    """
    env = _of_values(env_id, env_kwargs)
    if env is not None:
        return replace(env.spec, id=env_id)
    with building(env_id):
        return gym_env.describe(env_id, as_arguments(env_kwargs))


def building(env_id: str) -> AbstractContextManager[None]:
    """Return a context in which a world of Gymnasium's can be built without a file of warnings in the current folder."""
    return mujoco.quiet() if env_id in mujoco.WORLDS else nullcontext()


def compiled_ids() -> list[str]:
    """Return the ids of all worlds that have a compiled form, those of MuJoCo whether it is installed or not."""
    return sorted({*ENVS, *mujoco.WORLDS})


def full_id(env_id: str) -> str:
    """Return the id of the compiled world that `env_id` names without a version, or `env_id` itself.

    Examples:
        >>> full_id("CartPole"), full_id("Taxi-v3")
        ('CartPole-v1', 'Taxi-v3')
    """
    return next((known for known in compiled_ids() if known.rpartition("-v")[0] == env_id), env_id)


def why_not_compiled(env_id: str) -> str | None:
    """Return why a world has no compiled form here, in words; None where it has one."""
    if env_id in mujoco.WORLDS:
        return mujoco.unavailable(env_id)
    return None if _of_values(env_id) is not None else f"{env_id} has no compiled form"


def default_form(env_id: str) -> Form:
    """Return the form in which a world runs where nobody says."""
    return "gymnasium" if why_not_compiled(env_id) else "compiled"


def make_task(env_id: str, network: Network, config: Config, *, training: bool = False) -> Task:
    """Return the task that measures `network` in the world `env_id`, as the settings have it.

    Args:
        env_id: As for `env_spec`.
        network: What acts in it.
        config: Which form of the world, its keyword arguments, the action rule, and how many threads share a
            compiled one.
        training: Whether populations are trained in it: with the settings' noise on their actions.

    Raises:
        UsageError: The world has no compiled form, or shows another number of values than its spec says; Gymnasium does not
            know it; or the action rule does not fit its actions.
        EnvironmentFailed: Gymnasium cannot build it.
    """
    env_kwargs = as_arguments(config.env_kwargs)
    acting: Any = {"action_rule": config.action_rule, "action_noise": config.action_noise if training else 0.0}
    if config.world == "gymnasium":
        with building(env_id):
            return GymEnv(env_id, network, env_kwargs=env_kwargs, **acting, fresh_env=config.fresh_env)
    if reason := why_not_compiled(env_id):
        raise UsageError(f"world: {reason}; use --world gymnasium (evolvent envs lists the compiled ones)")
    how: Any = {**acting, "threads": config.workers or cores(), "normalised": config.normalise}
    if (env := _of_values(env_id, config.env_kwargs)) is not None:
        _refuse_other_size(env)
        return CompiledEnv(env, network, **how)
    return mujoco.MujocoEnv(env_id, network, env_kwargs=env_kwargs, **how)


def _refuse_other_size(env: Env) -> None:
    """Refuse a world that shows more or fewer values than it says: compiled code would leave some out, or only fail."""
    try:
        shown = len(env.observe(env.reset(Draw(0, 0))))
    except Exception:  # noqa: BLE001 - of any kind, from the user's code: compiling it says what is wrong and where
        return
    if shown != (size := env.spec.observation_space.width):
        raise UsageError(
            f"env: {env.spec.id}: observe gives {shown} values, expected {size}, as observation_space of its spec has;"
            " evolvent.testing.check_env(env) tells all that is wrong with a world"
        )


def arguments_for(policy: Policy | None, env_id: str, chosen: Mapping[str, Any] | Sequence[str] | None) -> tuple[str, ...]:
    """Return the keyword arguments of the world in which a policy is to act, as texts `name=value`.

    Args:
        policy: Who acts; in the world that it was evolved for, its own arguments are taken where none are chosen.
        env_id: The world.
        chosen: What the user gave, None for nothing.

    Raises:
        UsageError: The policy's own arguments hold text, such as the name of a file: a policy does not decide what is opened.
    """
    if chosen is not None:
        return as_text(chosen)
    if policy is None or policy.env_id != env_id:
        return ()
    refuse_text(policy.env_kwargs, "the policy")
    return as_text(policy.env_kwargs)


def shown_arguments(env_id: str, env_kwargs: Sequence[str]) -> tuple[str, ...]:
    """Return the keyword arguments that a world is built with, as texts `name=value`: those given, and those of its kind.

    Examples:
        >>> shown_arguments("ALE/Pong-v5", ["difficulty=1"])
        ('difficulty=1', 'obs_type="ram"')
    """
    return as_text({**own_arguments(env_id), **as_arguments(env_kwargs)})


def _of_values(env_id: str, env_kwargs: Sequence[str] = ()) -> Env | None:
    """Return a compiled world written over values, None where there is none of this id."""
    name = env_id.rpartition(":")[2]
    return make_env(name, **as_arguments(env_kwargs)) if imports(env_id) and name in ENVS else None
