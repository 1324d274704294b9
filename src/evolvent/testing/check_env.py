"""Is a world that somebody wrote as it must be? Says what to mend, all of it at once where that is possible."""

from __future__ import annotations

from evolvent.envs import Env
from evolvent.errors import UsageError
from evolvent.testing.branches import branches
from evolvent.testing.contract import RAISES
from evolvent.testing.notes import SIDE_BY_SIDE
from evolvent.testing.random_episodes import wrong_episodes
from evolvent.testing.same_bits import wrong_bits
from evolvent.testing.world_form import named, wrong_form


def check_env(env: Env, *, episodes: int = 20) -> None:
    """Refuse a world whose functions are not as `Env` wants them; return quietly if nothing is wrong.

    The spec and the form of the functions are looked at first. Then all functions are called with two numbers in the place
    of each value, which finds every branch; episodes of random actions are stepped in plain Python and held to the spaces;
    at last the world is compiled, for one episode at a time and for lanes, and all three have to agree to the bit. With
    NUMBA_DISABLE_JIT=1 nothing is compiled. What an earlier look finds may hide what a later one would.

    Args:
        env: The world.
        episodes: How many episodes of random actions, of 200 steps at most, are stepped.

    Raises:
        UsageError: Something is wrong; each line of the message names a function, the place, and what to write.

    Examples:
        >>> from dataclasses import replace
        >>> from evolvent.envs import CARTPOLE
        >>> check_env(CARTPOLE)
        >>> check_env(replace(CARTPOLE, observe=lambda state: [state.angle]))
        Traceback (most recent call last):
        ...
        evolvent.errors.UsageError: CartPole-v1: observe: expected a tuple of values, got a list; write (x, y, ...)
    """
    if not isinstance(env, Env):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(f"env: expected an Env, from evolvent.envs, got {named(env)}")
    if found := _found(env, episodes):
        name: object = getattr(env.spec, "id", "world")
        listed = found[0] if len(found) == 1 else f"{len(found)} things to mend\n  " + "\n  ".join(found)
        raise UsageError(f"{name}: {listed}")


def _found(env: Env, episodes: int) -> list[str]:
    if found := wrong_form(env):
        return found
    return _once(branches(env), wrong_episodes(env, episodes)) or wrong_bits(env)


def _once(in_lanes: list[str], in_episodes: list[str]) -> list[str]:
    """Return what both looks have found, of two lines on one place the one that says more."""
    raised = {_place(text) for text in in_episodes if RAISES in text}
    found = [text for text in in_lanes if SIDE_BY_SIDE not in text or _place(text) not in raised]
    told = {_place(text) for text in found}
    return found + [text for text in in_episodes if RAISES not in text or _place(text) not in told]


def _place(text: str) -> str:
    return text.split(": ")[1]
