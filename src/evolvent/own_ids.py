"""The worlds that Gymnasium does not have, known to it by their ids as soon as both packages are imported.

Nothing is imported for it: neither Gymnasium by us, nor a world before it is made. Where Evolvent is imported first, it waits
for the other one.
"""

from __future__ import annotations

import importlib.abc
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

GYMNASIUM = "gymnasium"
MADE_BY = "evolvent.tasks.own_worlds:make"

# By id: the steps after which an episode is truncated, and the return that counts as solved, as the worlds say it themselves.
OWN_IDS: dict[str, tuple[int, float | None]] = {
    "CartPoleNoVel-v1": (500, 475.0),
    "DoublePole-v0": (100_000, 100_000.0),
    "DoublePoleNoVelocity-v0": (100_000, 100_000.0),
    "DoublePoleNoVelocityDamping-v0": (1000, None),
    "DoublePoleNoVelocityStarts-v0": (1000, 1000.0),
    "MountainCarContinuousNoVel-v0": (999, 90.0),
    "PendulumNoVel-v1": (200, None),
    "SinglePole-v0": (100_000, 100_000.0),
    "SinglePoleNoVelocity-v0": (100_000, 100_000.0),
}


def announce() -> None:
    """Register our worlds with Gymnasium, now or as soon as it is imported.

    An id that somebody else has registered stays theirs.
    """
    gymnasium = sys.modules.get(GYMNASIUM)
    if gymnasium is not None and hasattr(gymnasium, "register"):
        _register(gymnasium)
    elif not any(isinstance(finder, _Waiting) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Waiting())


def _register(gymnasium: Any) -> None:
    for env_id, (max_steps, threshold) in OWN_IDS.items():
        if env_id not in gymnasium.registry:
            gymnasium.register(
                env_id,
                entry_point=MADE_BY,
                max_episode_steps=max_steps,
                reward_threshold=threshold,
                kwargs={"env_id": env_id},
            )


class _Waiting(importlib.abc.MetaPathFinder):
    """Notices that Gymnasium is being imported, and finds nothing else."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:  # noqa: ARG002
        """Return where Gymnasium is, loaded by what registers our worlds afterwards; None for any other name."""
        spec = PathFinder.find_spec(fullname, path) if fullname == GYMNASIUM else None
        if spec is not None and spec.loader is not None:
            spec.loader = _ThenOurs(spec.loader)
        return spec


class _ThenOurs(importlib.abc.Loader):
    """Loads Gymnasium as its own loader does, and registers our worlds.

    Args:
        own: Its own loader.
    """

    def __init__(self, own: Any) -> None:
        """Keep the loader that does the work."""
        self._own = own

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Return what its own loader makes."""
        return self._own.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module, which looks from then on as if nothing had been in between."""
        module.__loader__ = self._own
        if module.__spec__ is not None:
            module.__spec__.loader = self._own
        self._own.exec_module(module)
        _register(module)
