"""What a MuJoCo world is beside its model: how an episode begins, what is shown, and what a step pays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The rules of a world, as text that runs inside a kernel.

    Args:
        settings: `settings(env) -> NamedTuple` of numbers, what the keyword arguments of Gymnasium's environment chose. This
            alone is Python: it is called once.
        start: `start(simulation, settings, draw)` writes the first positions and velocities.
        observe: `observe(simulation, settings, observation)` writes what is shown, `(observation size,)` float64.
        step: `step(simulation, settings, controls) -> (reward, terminated)`; the controls are float32, as Gymnasium's are.
    """

    settings: Callable[[Any], Any]
    start: Callable[..., None]
    observe: Callable[..., None]
    step: Callable[..., Any]
