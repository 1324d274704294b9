"""What names an environment: a registered id, `module:Id`, or `module:name` of a function that makes one."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec as GymSpec

from evolvent.errors import UsageError, did_you_mean
from evolvent.tasks.gym_packages import register_games

Factory = Callable[..., Any]

VERSIONED = re.compile(r"-v\d+$")

_ONLY_HERE: dict[str, Factory] = {}  # functions that their text does not lead to, a lambda for one


def registered() -> list[str]:
    """Return all ids that Gymnasium knows, sorted."""
    return sorted(gymnasium.registry)


def is_registered(env_id: str) -> bool:
    """Return whether Gymnasium knows `env_id` without importing anything that the id names; games are registered first."""
    register_games(env_id)
    return env_id in gymnasium.registry


def registered_limits(env_id: str) -> tuple[int | None, float | None]:
    """Return the steps after which an episode is truncated and the return that counts as solved, without building the world."""
    spec = gymnasium.spec(env_id)
    return spec.max_episode_steps, spec.reward_threshold


def refuse_odd_module(env_id: str) -> None:
    """Refuse a text with a colon that has no name of a module before it.

    Raises:
        UsageError: It is such a text.
    """
    module, colon, _ = env_id.partition(":")
    if colon and env_id not in _ONLY_HERE and not _is_module(module):
        raise UsageError(
            f"env: {env_id!r} names no module before the colon; expected module:id, or an id that is registered;"
            " or module:function of one that makes an environment"
        )


def imports(env_id: str) -> bool:
    """Return whether the module that `module:name` names can be imported, True where none is named; `make` tells why not."""
    module, colon, _ = env_id.partition(":")
    if not colon:
        return True
    refuse_odd_module(env_id)
    try:
        importlib.import_module(module)
    except (Exception, SystemExit):  # noqa: BLE001 - whatever a user's module raises, it is told when the world is built
        return False
    return True


def factory_of(env_id: str) -> Factory | None:
    """Return the function or class that `module:name` names, None where the text is that of an id.

    The module is imported. Where it has both, an id that is registered and a function of the same name, the id is meant; but
    not one of Gymnasium's own without its version: a class Taxi in a user's module is that class.

    Examples:
        >>> factory_of("gymnasium.envs.classic_control:CartPoleEnv").__name__
        'CartPoleEnv'
        >>> factory_of("CartPole-v1"), factory_of("gymnasium:CartPole-v1")
        (None, None)
    """
    module, colon, name = env_id.partition(":")
    if not colon:
        return None
    if env_id in _ONLY_HERE:
        return _ONLY_HERE[env_id]
    if not imports(env_id) or _is_id(name, module):
        return None
    found = _found(module, name)
    return found if callable(found) else None


def text_of(factory: Factory) -> str:
    """Return the text that names a function which makes environments: `module:name`.

    Where a module has it at its top level, that text is all that another process needs to find it. A lambda, or a function
    within another one, is found in this process alone: the last one of its text.

    Examples:
        >>> from gymnasium.envs.classic_control import CartPoleEnv
        >>> text_of(CartPoleEnv), only_here(text_of(CartPoleEnv))
        ('gymnasium.envs.classic_control.cartpole:CartPoleEnv', False)
        >>> only_here(text_of(lambda: CartPoleEnv()))
        True
    """
    module: str = getattr(factory, "__module__", None) or "__main__"
    name: str = getattr(factory, "__qualname__", f"<{type(factory).__name__}>")
    text = f"{module}:{name}"
    if _is_module(module) and _found(module, name) == factory and not _is_id(name, module):
        _ONLY_HERE.pop(text, None)
    else:
        _ONLY_HERE[text] = factory
    return text


def only_here(env_id: str) -> bool:
    """Return whether no other process can find what `env_id` names: a local function, or one that was typed in."""
    if env_id in _ONLY_HERE:
        return True
    return env_id.startswith("__main__:") and not Path(getattr(sys.modules["__main__"], "__file__", None) or "-").is_file()


def hint(env_id: str) -> str:
    """Return what may be wrong with a text that names nothing, as the tail of a message; "" where nothing can be said."""
    module, colon, name = env_id.partition(":")
    if colon and module == "__main__":
        return ": what a script has is found in that script alone; give the name of its file, without .py, as the module"
    if colon and module in sys.modules:
        there = [each for each, value in vars(sys.modules[module]).items() if callable(value)]
        nearest = did_you_mean(name, [*gymnasium.registry, *there])
        neither = "" if VERSIONED.search(name) else f" and has no function {name}"
        return f": {module} was imported and registers no {name}{neither}{nearest}"
    if colon and module.endswith(".py") and Path(module).is_file():
        return f": a module is named without .py: {module.removesuffix('.py')}:{name}"
    here = Path(*module.split("."))
    here = here if here.is_dir() else here.with_suffix(".py")
    if colon and here.exists():
        return f": there is {here} here, where python -m evolvent looks and evolvent does not"
    return did_you_mean(env_id, gymnasium.registry)


def _is_module(name: str) -> bool:
    """Return whether a module can be imported by this name, if there is one."""
    return all(part.isidentifier() for part in name.split("."))


def _is_id(name: str, module: str) -> bool:
    """Return whether an id of this name is registered, or one that has a version besides, as `gymnasium.make` finds it."""
    if name in gymnasium.registry:
        return True
    versions = [spec for spec in gymnasium.registry.values() if spec.id.rpartition("-v")[0] == name]
    return any(module.startswith("gymnasium.") or not str(spec.entry_point).startswith("gymnasium.") for spec in versions)


def _found(module: str, name: str) -> Any:
    try:
        return attrgetter(name)(sys.modules[module])
    except (AttributeError, KeyError):
        return None


class Named(NamedTuple):
    """An environment that was given otherwise than as text.

    Args:
        env_id: The text that names it.
        env_kwargs: Keyword arguments that differ from the registered ones.
        max_steps: Another limit of steps than the registered one, None for none.
    """

    env_id: str
    env_kwargs: dict[str, Any]
    max_steps: int | None


def named(env: Any) -> Named | None:
    """Return what names an environment that was given as a function, or as the `spec` of one; None if it is neither.

    Raises:
        UsageError: It is an environment, which nothing can build anew, or its spec has wrappers that no text names.

    Examples:
        >>> named(gymnasium.make("Pendulum-v1", g=3.7, max_episode_steps=50).spec)
        Named(env_id='Pendulum-v1', env_kwargs={'g': 3.7}, max_steps=50)
    """
    kind = type(env).__name__
    if isinstance(env, gymnasium.Env | gymnasium.vector.VectorEnv):
        raise UsageError(
            f"env: expected what names an environment, got one, a {kind}; a run builds it anew: give env.spec,"
            " or a function at the top level of a module that makes one"
        )
    if isinstance(env, GymSpec):
        return _of_spec(env)
    return Named(text_of(env), {}, None) if callable(env) else None


def _of_spec(spec: GymSpec) -> Named:
    known = gymnasium.registry.get(spec.id)
    if known is None:
        raise UsageError(f"env: {spec.id}, the world of the spec, is not registered; import the module that does it first")
    if spec.additional_wrappers != known.additional_wrappers:
        wrappers = ", ".join(wrapper.name for wrapper in spec.additional_wrappers)
        raise UsageError(f"env: the spec of {spec.id} has wrappers ({wrappers}); give a function that makes and wraps it")
    changed = {
        name: value
        for name, value in spec.kwargs.items()
        if name != "render_mode" and not (name in known.kwargs and np.array_equal(value, known.kwargs[name]))
    }
    limit = spec.max_episode_steps
    return Named(spec.id, changed, None if limit == known.max_episode_steps else limit)
