"""A Gymnasium environment that does what no environment should, when it is told to."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from evolvent.errors import UsageError, did_you_mean
from evolvent.testing.faults import DEEDS, OBSERVATIONS, REWARDS

LENGTH = 7
PLACES = ("init", "reset", "step", "close")
IN_RESET = {"reset_raises", "old_reset"}
MODES = (
    *("none", "constructor_raises", "reset_raises", *DEEDS, *REWARDS, *OBSERVATIONS, "leaky_state", "reused_buffer"),
    *("old_step", "old_reset", "ends", "one_step", "endless"),
)


class FaultyEnv(gymnasium.Env[Any, Any]):
    """A small world of seven steps, with one fault that happens when you say.

    It shows two numbers, drawn evenly between -1 and 1 and anew in each step. Action 0 is paid with 1, action 1 with 1
    and the first number that was shown before. The seventh step terminates the episode. Use it to see what a training loop
    of your own does when an environment misbehaves. What it can do:

    - `"none"`: no fault.

    To its caller:

    - `"constructor_raises"`, `"reset_raises"`, `"step_raises"`: the method raises a RuntimeError.
    - `"nan_reward"`, `"odd_reward"`: the step is paid with NaN, with `value`.
    - `"nan_observation"`, `"odd_observation"`: the first number shown is NaN, or `value` is shown.
    - `"wrong_shape"`, `"wrong_dtype"`: three numbers are shown, or numbers of the type `value` (float64).
    - `"outside"`: the first number shown is `value` (2.0), which lies outside its space.
    - `"old_step"`, `"old_reset"`: as in the older gym, `step` gives four values, or `reset` the bare observation.
    - `"ends"`: the step returns the pair `value` as `terminated` and `truncated`.
    - `"one_step"`: the episode terminates in its first step.
    - `"endless"`: no step ends the episode.
    - `"reused_buffer"`: every observation is the same array, which each step first fills with NaN.
    - `"global_rng"`: what is shown is drawn from NumPy's global generator, which no seed of an episode reaches.
    - `"leaky_state"`: what is shown is divided by the number of the episode, which `reset` should have forgotten.

    To its process, in the method that `place` names:

    - `"exits"`, `"exits_hard"`: it is left with `sys.exit`, or ends at once with the code `value` (0).
    - `"segfaults"`, `"aborts"`, `"killed"`: it dies of a bad pointer, of an assertion in C, or of SIGKILL.
    - `"hangs"`, `"blocks"`: it sleeps for ever, or waits in C with the interpreter lock held.
    - `"slow"`, `"slow_first_step"`: it takes `value` seconds more (0.01), or once in a process (1.0).
    - `"leaks"`, `"allocates"`: `value` MB (1) are kept for ever; `value` MB are asked for, or more than there can be.
    - `"prints"`: `value` bytes (100) go to Python's stdout and to the descriptors 1 and 2.
    - `"closes_stdout"`: Python's stdout and the descriptor 1 are closed.
    - `"spawns_child"`, `"starts_thread"`: a process that sleeps for `value` seconds (600), or a thread without end, is left;
      Python waits for the thread before it exits if `value` is False.
    - `"changes_folder"`: the working directory becomes `value`, or the root.
    - `"seeds_globals"`: the global generators of Python and NumPy are seeded with `value` (0).
    - `"ignores_sigterm"`, `"sets_handlers"`: SIGTERM is ignored; SIGINT and SIGTERM are caught, and nothing is done.

    Whether a fault that is only probable happens is drawn whatever the mode is: `"none"` with the same probability shows and
    pays what the faulty world would have without its fault.

    Args:
        mode: The fault, one of those above.
        value: What some of them need; the number in brackets where there is none.
        step: In which step of an episode the fault happens, from 1; 0 is the reset, None is every step and the reset.
        episode: In which episode, counted from 1 over the environment's life; None is every one.
        action: Only if this action is taken; None is any.
        probability: How likely the fault is where it can happen; drawn from the episode's seed.
        place: Where a fault of the process happens: "init", "reset", "step" or "close". In "init" and "close" only `after`
            and `flag` are looked at.
        after: Only so many seconds after the environment was made.
        flag: The path of a file which is created when the fault happens; while it exists, the fault does not happen. So it
            happens once, whichever process comes first.

    Raises:
        UsageError: There is no such mode, or no such place.
        RuntimeError: The mode is `"constructor_raises"`.

    Examples:
        >>> env = FaultyEnv("nan_reward", step=2)
        >>> _ = env.reset(seed=0)
        >>> [env.step(0)[1] for _ in range(3)]
        [1.0, nan, 1.0]

        Registered, it can be evolved in, in worker processes too:

        >>> gymnasium.register("Faulty-v0", "evolvent.testing:FaultyEnv", kwargs={"mode": "step_raises", "probability": 0.005})
        >>> gymnasium.make("Faulty-v0").reset(seed=3)[0].shape
        (2,)
    """

    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (2,))
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(  # noqa: PLR0913 - all of it is given by name, where the environment is registered
        self,
        mode: str = "none",
        value: Any = None,
        *,
        step: int | None = None,
        episode: int | None = None,
        action: int | None = None,
        probability: float = 1.0,
        place: str = "step",
        after: float = 0.0,
        flag: str | Path | None = None,
    ) -> None:
        """Refuse an unknown mode, or do what is to be done here."""
        if mode not in MODES:
            raise UsageError(f"mode: {mode!r} is unknown{did_you_mean(mode, MODES)}; expected one of {', '.join(MODES)}")
        if place not in PLACES:
            raise UsageError(f"place: expected one of {', '.join(PLACES)}, got {place!r}")
        self._mode, self._value, self._probability = mode, value, probability
        self._places = _places(mode, place)
        self._when = (step, episode, action)
        self._begun, self._after, self._flag = time.monotonic(), after, flag
        self._step = self._episode = 0
        self._buffer = np.zeros(2, np.float32)
        self._misbehave("init", due="init" in self._places and self._is_free())

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Return the first observation and an empty dict, unless the fault is due."""
        super().reset(seed=seed, options=options)
        self._step, self._episode = 0, self._episode + 1
        due = self._is_due("reset", None)
        self._misbehave("reset", due=due)
        observation = self._look(due=due)
        return observation if due and self._mode == "old_reset" else (observation, {})

    def step(self, action: Any) -> Any:
        """Return what a step returns, unless the fault is due."""
        self._step += 1
        due = self._is_due("step", action)
        self._misbehave("step", due=due)
        reward = 1.0 + float(self._buffer[0]) * int(action)
        observation = self._look(due=due)
        if due and self._mode in REWARDS:
            reward: Any = REWARDS[self._mode](self._value)
        terminated, truncated = self._ends(due=due)
        if due and self._mode == "old_step":
            return observation, reward, terminated or truncated, {}
        return observation, reward, terminated, truncated, {}

    def close(self) -> None:
        """Do nothing, unless the fault is due."""
        self._misbehave("close", due="close" in self._places and self._is_free())

    def _is_due(self, place: str, action: Any) -> bool:
        now = (self._step, self._episode, action)
        if not all(wanted is None or wanted == given for wanted, given in zip(self._when, now, strict=True)):
            return False
        likely = self._probability >= 1.0 or self.np_random.random() < self._probability
        return likely and place in self._places and self._is_free()

    def _is_free(self) -> bool:
        """Return whether nothing but its place and its step keep the fault from happening, and leave the flag if so."""
        if self._after and time.monotonic() - self._begun < self._after:
            return False
        if self._flag is not None:
            try:
                os.close(os.open(self._flag, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            except FileExistsError:
                return False
        return True

    def _misbehave(self, place: str, *, due: bool) -> None:
        if not due:
            return
        if self._mode in DEEDS:
            DEEDS[self._mode](self._value)
        elif self._mode == "constructor_raises":
            raise RuntimeError("the constructor raises, as it was told to")
        elif self._mode == "reset_raises":
            raise RuntimeError(f"{place}() raises, as it was told to")

    def _look(self, *, due: bool) -> Any:
        reused = self._mode == "reused_buffer"
        if reused:
            self._buffer.fill(math.nan)
        self._buffer[:] = self.np_random.uniform(-1.0, 1.0, 2)
        if self._mode == "leaky_state":
            self._buffer /= self._episode
        shown = self._buffer if reused else self._buffer.copy()
        return OBSERVATIONS[self._mode](shown, self._value) if due and self._mode in OBSERVATIONS else shown

    def _ends(self, *, due: bool) -> tuple[Any, Any]:
        if due and self._mode == "ends":
            return self._value
        return self._mode != "endless" and (self._step == LENGTH or self._mode == "one_step"), False


def _places(mode: str, place: str) -> tuple[str, ...]:
    """Return the methods in which a fault can happen."""
    if mode in DEEDS:
        return (place,)
    if mode == "constructor_raises":
        return ("init",)
    if mode in OBSERVATIONS:
        return ("reset", "step")
    return ("reset",) if mode in IN_RESET else ("step",)
