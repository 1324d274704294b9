"""What a compiled world is: three pure functions over values, and what one must know to use them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evolvent.errors import UsageError
from evolvent.spaces import ActionSpace, Box, Space


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvSpec:
    """What one must know of a world, compiled or not, to make a policy for it.

    Args:
        id: The Gymnasium id.
        observation_space: Of what the world shows.
        action_space: Of what it takes.
        max_episode_steps: After so many steps an episode is truncated.
        reward_threshold: The mean return at which the world counts as solved, None where nobody says.
    """

    id: str
    observation_space: Space
    action_space: ActionSpace
    max_episode_steps: int
    reward_threshold: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Env:
    """A world that runs without any Python per step.

    The state is a NamedTuple of values, what varies within an episode. The functions have no branches and keep nothing
    outside their arguments.

    Args:
        spec: The spaces and limits, those of the Gymnasium world of the same id.
        reset: `reset(draw) -> state`.
        observe: `observe(state) -> (value, ...)`.
        step: `step(state, action, draw) -> (state, reward, terminated)`. The action is a tuple; a discrete one is one
            value 0.0, 1.0, ..., whatever its space starts at, one of several choices a value each, and a bit is 0.0 or 1.0.
        describe: `describe(state) -> (value, ...)`, the behaviour that an episode's last state shows; None for none.
        picture: `picture(state) -> (height, width, 3)` uint8, for `play` and `record`, in plain Python; None for none.
    """

    spec: EnvSpec
    reset: Callable[..., Any]
    observe: Callable[..., Any]
    step: Callable[..., Any]
    describe: Callable[..., Any] | None = None
    picture: Callable[[Any], NDArray[np.uint8]] | None = None

    @property
    def observation_space(self) -> Box:
        """What the world shows: numbers, as `observe` gives them.

        Raises:
            UsageError: The spec has a space of another kind.
        """
        space = self.spec.observation_space
        if not isinstance(space, Box):
            raise UsageError(
                f"env: {self.spec.id}: expected a Box for the observation_space of a compiled world, got {space};"
                " observe() can give a choice as one value for each, all 0 but one"
            )
        return space
