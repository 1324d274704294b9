"""What `gymnasium.make` calls for the worlds of ours that Gymnasium does not have."""

from __future__ import annotations

from typing import Any

from evolvent.envs import make_env
from evolvent.tasks.gym_view import view


def make(env_id: str, render_mode: str | None = None, **env_kwargs: Any) -> Any:
    """Return a compiled world as a Gymnasium environment, without a time limit, as `gymnasium.make` wants it.

    Args:
        env_id: One of `evolvent.envs.MAKERS`.
        render_mode: None, "rgb_array" for pictures, "human" for a window.
        **env_kwargs: Keyword arguments of the world.

    Raises:
        UsageError: The world does not know a keyword or its value.

    Examples:
        >>> make("DoublePoleNoVelocity-v0").reset(seed=0)[0].tolist()[0]
        0.0
    """
    return view(make_env(env_id, **env_kwargs), render_mode=render_mode)
