"""Windows and films of the article's networks."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import numpy as np

from evolvent.article.limits import say_once
from evolvent.policies import Policy
from evolvent.reporting import Stage, record
from evolvent.reporting.stage import has_display

RECORDINGS = Path("recording")


def can_show() -> bool:
    """Return whether a window can be opened, and say it once if not."""
    if not has_display():
        say_once("render_env: there is no display to open a window on; going on without one")
    return has_display()


def filmed(policy: Policy, name: str, *, episodes: int, longest: int, seed: int) -> float:
    """Film episodes in the policy's world to the next free file of this name, and return their mean return."""
    RECORDINGS.mkdir(exist_ok=True)
    film = record(policy, policy.env_id, _unused(name), episodes=episodes, max_steps=longest, seed=seed)
    return float(np.mean([episode.total_reward for episode in film.episodes]))


def shown(policy: Policy, *, episodes: int, longest: int, seed: int) -> float:
    """Show episodes in the policy's world in a window, and return their mean return."""
    with Stage(policy, policy.env_id, "human", max_steps=longest, seed=seed) as stage:
        return float(np.mean([[*stage.episode(number)][-1].total_reward for number in range(episodes)]))


def _unused(name: str) -> Path:
    return next(path for number in count(1) if not (path := RECORDINGS / f"{name}-{number}.mp4").exists())
