"""A Gymnasium environment that does what no environment should, when it is told to."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np

from evolvent.errors import UsageError, did_you_mean

LENGTH = 7


class FaultyEnv(gymnasium.Env[Any, Any]):
    """A small world of seven steps, with one fault that happens when you say.

    It shows two numbers, drawn evenly between -1 and 1 and anew in each step. Action 0 is paid with 1, action 1 with 1
    and the first number that was shown before. The seventh step terminates the episode. Use it to see what a training loop
    of your own does when an environment misbehaves:

    - `"none"`: no fault.
    - `"constructor_raises"`, `"reset_raises"`, `"step_raises"`: the method raises a RuntimeError.
    - `"exits"`: `step` leaves Python with `sys.exit`.
    - `"nan_reward"`, `"odd_reward"`: the step is paid with NaN, with `value`.
    - `"nan_observation"`, `"odd_observation"`: the first number shown is NaN, or `value` is shown.
    - `"wrong_shape"`: three numbers are shown.
    - `"old_step"`, `"old_reset"`: as in the older gym, `step` gives four values, or `reset` the bare observation.
    - `"ends"`: the step returns the pair `value` as `terminated` and `truncated`.
    - `"one_step"`: the episode terminates in its first step.
    - `"endless"`: no step ends the episode.
    - `"reused_buffer"`: every observation is the same array, which each step first fills with NaN.

    Args:
        mode: The fault, one of those above.
        value: What an odd reward, an odd observation or the end is.
        step: In which step of an episode the fault happens, from 1; 0 is the reset, None is every step and the reset.
        episode: In which episode, counted from 1 over the environment's life; None is every one.
        action: Only if this action is taken; None is any.
        probability: How likely the fault is where it can happen; drawn from the episode's seed.

    Raises:
        UsageError: There is no such mode.
        RuntimeError: The mode is `"constructor_raises"`.

    Examples:
        >>> env = FaultyEnv("nan_reward", step=2)
        >>> _ = env.reset(seed=0)
        >>> [env.step(0)[1] for _ in range(3)]
        [1.0, nan, 1.0]

        Registered, it can be evolved in:

        >>> gymnasium.register("Faulty-v0", FaultyEnv, kwargs={"mode": "step_raises", "probability": 0.005})
        >>> gymnasium.make("Faulty-v0").reset(seed=3)[0].shape
        (2,)
    """

    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (2,))
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(
        self,
        mode: str = "none",
        value: Any = None,
        *,
        step: int | None = None,
        episode: int | None = None,
        action: int | None = None,
        probability: float = 1.0,
    ) -> None:
        """Refuse an unknown mode, or raise if that is the fault."""
        if mode not in MODES:
            raise UsageError(f"mode: {mode!r} is unknown{did_you_mean(mode, MODES)}; expected one of {', '.join(MODES)}")
        if mode == "constructor_raises":
            raise RuntimeError("the constructor raises, as it was told to")
        self._mode, self._value, self._probability = mode, value, probability
        self._when = (step, episode, action)
        self._step = self._episode = 0
        self._buffer = np.zeros(2, np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Return the first observation and an empty dict, unless the fault is due."""
        super().reset(seed=seed, options=options)
        self._step, self._episode = 0, self._episode + 1
        due = self._is_due(None)
        if due and self._mode == "reset_raises":
            raise RuntimeError("reset() raises, as it was told to")
        observation = self._look(due=due)
        return observation if due and self._mode == "old_reset" else (observation, {})

    def step(self, action: Any) -> Any:
        """Return what a step returns, unless the fault is due."""
        self._step += 1
        due = self._is_due(action)
        if due and self._mode in LEAVES:
            LEAVES[self._mode]()
        reward = 1.0 + float(self._buffer[0]) * int(action)
        observation = self._look(due=due)
        if due and self._mode in REWARDS:
            reward: Any = REWARDS[self._mode](self._value)
        terminated, truncated = self._ends(due=due)
        if due and self._mode == "old_step":
            return observation, reward, terminated or truncated, {}
        return observation, reward, terminated, truncated, {}

    def _is_due(self, action: Any) -> bool:
        now = (self._step, self._episode, action)
        meant = all(wanted is None or wanted == given for wanted, given in zip(self._when, now, strict=True))
        return meant and (self._probability >= 1.0 or self.np_random.random() < self._probability)

    def _look(self, *, due: bool) -> Any:
        reused = self._mode == "reused_buffer"
        if reused:
            self._buffer.fill(math.nan)
        self._buffer[:] = self.np_random.uniform(-1.0, 1.0, 2)
        shown = self._buffer if reused else self._buffer.copy()
        return OBSERVATIONS[self._mode](shown, self._value) if due and self._mode in OBSERVATIONS else shown

    def _ends(self, *, due: bool) -> tuple[Any, Any]:
        if due and self._mode == "ends":
            return self._value
        return self._mode != "endless" and (self._step == LENGTH or self._mode == "one_step"), False


def _raise() -> None:
    raise RuntimeError("step() raises, as it was told to")


LEAVES: dict[str, Callable[[], object]] = {"step_raises": _raise, "exits": lambda: sys.exit("left, as it was told to")}
REWARDS: dict[str, Callable[[Any], Any]] = {"nan_reward": lambda _: math.nan, "odd_reward": lambda value: value}
OBSERVATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "nan_observation": lambda shown, _: np.array([math.nan, shown[1]], np.float32),
    "odd_observation": lambda _, value: value,
    "wrong_shape": lambda _, __: np.zeros(3, np.float32),
}
MODES = (
    *("none", "constructor_raises", "reset_raises", *LEAVES, *REWARDS, *OBSERVATIONS),
    *("old_step", "old_reset", "ends", "one_step", "endless", "reused_buffer"),
)
