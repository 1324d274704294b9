"""What an environment of Gymnasium's needs beside its id: a package that registers it or that it imports, care, arguments."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import gymnasium

from evolvent.extras import missing_extra

GAMES = "ALE/"  # the namespace of the Arcade Learning Environment
IN_JAX = ("phys2d/", "tabular/")
VERSION = "-v"
REMEMBER = {"BipedalWalker-v3", "BipedalWalkerHardcore-v3"}


def is_game(env_id: str) -> bool:
    """Return whether an id is that of a game of the Arcade Learning Environment.

    Examples:
        >>> is_game("ALE/Pong-v5"), is_game("ale_py:ALE/Pong-v5"), is_game("CartPole-v1")
        (True, True, False)
    """
    return env_id.removeprefix("ale_py:").startswith(GAMES)


def register_games(env_id: str) -> None:
    """Have the games registered if `env_id` is that of one, without the lines that each of them prints when it is built.

    Importing ale_py registers them. Where it is not installed nothing happens, and `what_is_missing` tells.
    """
    if not is_game(env_id):
        return
    if "ale_py" not in sys.modules:
        gymnasium.registry.pop(env_id, None)  # sent by another process; writing it again would be warned of
    try:
        ale_py: Any = importlib.import_module("ale_py")
    except ModuleNotFoundError:
        return
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)


def comes_with_gymnasium(env_id: str) -> bool:
    """Return whether an environment is one of Gymnasium's own.

    Examples:
        >>> comes_with_gymnasium("LunarLander-v3"), comes_with_gymnasium("evolvent/Rocket-v0")
        (True, False)
    """
    entry = gymnasium.registry[env_id].entry_point if env_id in gymnasium.registry else None
    return (entry if isinstance(entry, str) else getattr(entry, "__module__", "")).startswith("gymnasium.")


def remembers(env_id: str) -> bool:
    """Return whether `reset` is known to leave something of the last episode, on which the next one then depends.

    Gymnasium's walkers keep Box2D's world, as its lander did until version 3
    (https://github.com/Farama-Foundation/Gymnasium/issues/728): about every other episode goes another way.
    """
    return env_id in REMEMBER


def own_arguments(env_id: str) -> dict[str, Any]:
    """Return the keyword arguments that an environment is made with where nobody gives others: games show their memory.

    Its 128 bytes tell where everything is, and take a network of a few thousand parameters; a picture has 100,800 numbers.

    Examples:
        >>> own_arguments("ALE/Pong-v5"), own_arguments("CartPole-v1")
        ({'obs_type': 'ram'}, {})
    """
    return {"obs_type": "ram"} if is_game(env_id) else {}


def what_is_missing(env_id: str, problem: BaseException) -> str | None:
    """Return what an environment needs that is not here and how to get it, as the end of a sentence about it.

    Args:
        env_id: Of the environment.
        problem: What building it, or drawing it, raised.

    Returns:
        None where nothing is missing, or where the message of `problem` says it best.

    Examples:
        >>> what_is_missing("Ant-v3", ImportError("moved to another project"))
        'is not part of this version of Gymnasium any more; take Ant-v5'
    """
    if reason := missing_extra(problem):
        return reason
    if env_id.startswith(IN_JAX) and isinstance(problem, ImportError):
        return "is written in JAX, which Evolvent does not bring: pip install 'gymnasium[jax]'"
    if isinstance(problem, gymnasium.error.NamespaceNotFound) and is_game(env_id):
        return missing_extra(ModuleNotFoundError(name="ale_py"))
    if isinstance(problem, gymnasium.error.DependencyNotInstalled):
        return f"needs a package that is not installed: {problem}"
    if _leads_nowhere(env_id) and (newest := _newest(env_id)) != env_id:
        return f"is not part of this version of Gymnasium any more; take {newest}"
    return None


def _leads_nowhere(env_id: str) -> bool:
    """Return whether Gymnasium keeps the id only to say where the environment has gone, as it does with MuJoCo's v2 and v3."""
    return comes_with_gymnasium(env_id) and callable(gymnasium.registry[env_id].entry_point)


def _newest(env_id: str) -> str:
    """Return the id of the newest version that is registered, `env_id` itself where there is none."""
    name = env_id.rpartition(VERSION)[0]
    versions = [spec.version or 0 for spec in gymnasium.registry.values() if spec.id.rpartition(VERSION)[0] == name]
    return f"{name}{VERSION}{max(versions)}" if versions else env_id
