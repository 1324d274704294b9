"""A compiled world as a Gymnasium environment, stepped in plain Python."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.wrappers import HumanRendering, TimeLimit
from numpy.typing import NDArray

from evolvent.envs import Env
from evolvent.errors import UsageError
from evolvent.seeding import Draw
from evolvent.spaces import ActionSpace, Box, Discrete, MultiBinary, MultiDiscrete, Space

FPS = 30


class GymView(gymnasium.Env[Any, Any]):
    """Steps the functions of a compiled world in plain Python, with Gymnasium's API and without a time limit.

    Observations and the actions of a `Box` are float32, as in Gymnasium's own worlds. What a policy does in an episode is
    what it does in the compiled world, to the bit: there, too, a network is shown float32.

    Args:
        env: The world.
        render_mode: None, or "rgb_array" for pictures where the world has `picture`.

    Raises:
        UsageError: The world cannot be shown in this way.
    """

    def __init__(self, env: Env, render_mode: str | None = None) -> None:
        """Refuse pictures of a world that has none."""
        modes = [] if env.picture is None else ["rgb_array"]
        if render_mode is not None and render_mode not in modes:
            raise UsageError(
                f"render_mode: {env.spec.id} can be shown as {modes or None}, got {render_mode!r}"
                + ("" if modes else "; give its Env a function: picture(state) -> (height, width, 3) uint8")
            )
        self.metadata = {"render_modes": modes, "render_fps": FPS}
        self.render_mode = render_mode
        self.observation_space = _for_gymnasium(env.spec.observation_space)
        self.action_space = _for_gymnasium(env.spec.action_space)
        self._env = env
        self._key, self._steps = 0, 0
        self._state: Any = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin the episode of `seed`, the same one as in the compiled world; without a seed, one drawn from `np_random`."""
        super().reset(seed=seed, options=options)
        self._key = int(self.np_random.integers(2**63)) if seed is None else seed
        self._steps = 0
        with np.errstate(all="ignore"):
            self._state = self._env.reset(Draw(self._key, 0))
            return self._observation(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Step the world once; it is never truncated here, but by Gymnasium's `TimeLimit`.

        Raises:
            UsageError: The action is not one of the action space.
        """
        if self._state is None:
            raise gymnasium.error.ResetNeeded("call reset() before step()")
        self._steps += 1
        values = _as_values(action, self._env.spec.action_space)
        with np.errstate(all="ignore"):
            self._state, reward, terminated = self._env.step(self._state, values, Draw(self._key, self._steps))
            return self._observation(), float(reward), bool(terminated), False, {}

    def render(self) -> Any:
        """Return what the world looks like now, `(height, width, 3)` uint8; None without a render mode."""
        if self.render_mode is None or self._env.picture is None:
            return None
        return self._env.picture(self._state)

    def _observation(self) -> NDArray[np.float32]:
        values = np.array(self._env.observe(self._state), np.float32)
        return values.reshape(self.observation_space.shape)


def as_gymnasium(env: Env, render_mode: str | None = None) -> gymnasium.Env[Any, Any]:
    """Return a compiled world as a Gymnasium environment, for tools that want one; it steps in plain Python.

    `reset(seed=s)` begins the very episode that the compiled world plays for the seed `s`. After `max_episode_steps` of the
    spec, an episode is truncated.

    Args:
        env: The world.
        render_mode: None, "rgb_array" for pictures, "human" for a window (which needs pygame).

    Returns:
        The environment. Observations and the actions of a `Box` are float32.

    Raises:
        UsageError: The world has no `picture`, or the render mode is unknown.

    Examples:
        >>> from evolvent.envs import CARTPOLE
        >>> view = as_gymnasium(CARTPOLE)
        >>> observation, info = view.reset(seed=7)
        >>> observation.shape, view.step(1)[1]
        ((4,), 1.0)
    """
    return TimeLimit(view(env, render_mode=render_mode), env.spec.max_episode_steps)


def view(env: Env, *, render_mode: str | None = None) -> gymnasium.Env[Any, Any]:
    """Return what `as_gymnasium` does, without the time limit."""
    if render_mode == "human" and env.picture is not None:
        return HumanRendering(GymView(env, "rgb_array"))
    return GymView(env, render_mode)


def _for_gymnasium(space: Space) -> Any:
    if isinstance(space, Discrete):
        return gymnasium.spaces.Discrete(space.n, start=space.start)
    if isinstance(space, MultiDiscrete):
        counts, starts = (np.array(each).reshape(space.shape) for each in (space.nvec, space.start))
        return gymnasium.spaces.MultiDiscrete(counts, start=starts)
    if isinstance(space, MultiBinary):
        return gymnasium.spaces.MultiBinary(space.shape)
    if not isinstance(space, Box):
        raise UsageError(f"observation_space: a compiled world shows numbers, a Box, got {space}")
    low, high = (np.array(bounds, np.float32).reshape(space.shape) for bounds in (space.low, space.high))
    return gymnasium.spaces.Box(low, high, dtype=np.float32)


def _as_values(action: Any, space: ActionSpace) -> tuple[float, ...]:
    """Return an action as the compiled world is given it: as the number of a choice, or between the bounds in float64."""
    values = np.asarray(action).ravel()
    if values.size != space.size or values.dtype.kind not in "biuf":
        raise UsageError(f"action: expected one of {space}, got {action!r}")
    if not isinstance(space, Box):
        starts, counts = _choices(space)
        chosen = tuple(float(value) - start for value, start in zip(values, starts, strict=True))
        if not all(choice in range(count) for choice, count in zip(chosen, counts, strict=True)):
            raise UsageError(f"action: expected one of {space}, got {action!r}")
        return chosen
    single = values.astype(np.float32)
    low, high = (np.array(bounds) for bounds in (space.low, space.high))
    within = np.where(single <= low.astype(np.float32), low, np.where(single >= high.astype(np.float32), high, single))
    return tuple(map(float, within))


def _choices(space: Discrete | MultiDiscrete | MultiBinary) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the least of each value, and how many there are to choose from."""
    if isinstance(space, Discrete):
        return (space.start,), (space.n,)
    if isinstance(space, MultiDiscrete):
        return space.start, space.nvec
    return (0,) * space.size, (2,) * space.size
