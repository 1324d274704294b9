"""An episode in an environment with Gymnasium's API, held to that API at every step."""

from __future__ import annotations

import logging
import re
from math import isfinite, nan
from numbers import Real
from reprlib import repr as shortened
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Row
from evolvent.envs import EnvSpec
from evolvent.errors import ContractBroken, EnvironmentFailed
from evolvent.moments import Moments
from evolvent.networks import Network
from evolvent.policies.actions import AUTO, draws, one_for_environment
from evolvent.policies.desk import NOT_FINITE, WatchedAct, begin, compile_watched_act, desk
from evolvent.policies.observations import encoder, input_bounds, input_name
from evolvent.tasks.gym_packages import comes_with_gymnasium
from evolvent.tasks.gym_view import GymView

log = logging.getLogger("evolvent")

OLDER_API = re.compile(r"unexpected keyword argument '(seed|options)'|not enough values to unpack \(expected 5, got 4\)")


class OutputsNotFinite(ContractBroken):
    """Raised when it was the network whose numbers are not finite: the environment has no part in it."""


class Played(NamedTuple):
    """How an episode went.

    Args:
        total: The sum of its rewards, of those before the problem if there was one.
        steps: How often `step` was called.
        truncated: Whether a limit ended it, the environment's or ours, and not the task's own end.
        problem: What the episode failed with; None if it did not.
        sums: `(2 * observation size,)`, of how far observations lay from the mean of the normaliser, and of the squares of
            that; None where there was none.
    """

    total: float
    steps: int
    truncated: bool
    problem: BaseException | None
    sums: NDArray[np.float64] | None = None


def reset_seed(env: Any, seed: int) -> int:
    """Return what `reset` of an environment is given for an episode's seed: its lower 32 bits, as NumPy's old generators want.

    A view of a compiled world is given all 64, with which it begins the very episode that the compiled world plays.
    """
    return seed if isinstance(env.unwrapped, GymView) else seed % 2**32


class Player:
    """Plays episodes in one environment.

    Args:
        env: The environment, with Gymnasium's API.
        spec: What it says of itself.
        network: What turns observations into outputs.
        action_rule: The name of what makes actions of them.
        allow_nan_observations: Whether the network is shown numbers that are not finite. Its outputs for them choose an
            action as all outputs do, so long as the action itself is a finite number.
    """

    def __init__(
        self, env: Any, spec: EnvSpec, network: Network, *, action_rule: str = AUTO, allow_nan_observations: bool = False
    ) -> None:
        """Compile the network's step."""
        self._env = env
        self._spec = spec
        self._allow_nan = allow_nan_observations
        self._network, self._rule = network, action_rule
        self._acts: dict[bool, WatchedAct] = {}
        self._act(normalised=False)
        self._draws = draws(spec.action_space, action_rule)
        self._as_handed = one_for_environment(spec.action_space)
        self._desk = desk(input_bounds(spec.observation_space), spec.action_space.size, len(network.initial_memory))
        self._values = self._desk.observations[0]
        self._show = encoder(spec.observation_space, self._values)
        self._told_outside = comes_with_gymnasium(spec.id)  # where the user could mend nothing

    def play(self, row: Row, seed: int, cap: int, normaliser: Moments | None = None) -> Played:
        """Play an episode of at most `cap` steps.

        Args:
            row: `(dim,)`, the network's parameters.
            seed: Of the episode.
            cap: After so many steps it is truncated.
            normaliser: By which observations are normalised before the network is shown them; None shows them as they are.

        Raises:
            EnvironmentFailed: The environment has another API than Gymnasium's.
        """
        total, steps, over, terminated = 0.0, 0, False, False
        show, act, as_handed = self._show, self._act(normalised=normaliser is not None), self._as_handed
        drawn = self._draws
        key, whole, actions = np.uint64(seed), self._desk.whole, self._desk.actions
        begin(self._desk, self._network, normaliser)
        try:
            step, observation = self._env.step, self._reset(seed)
            while steps < cap and not over:
                show(observation)
                if flags := act(row, whole, key, steps + 1) if drawn else act(row, whole):
                    self._look_closer(flags, steps)
                steps += 1
                answer = step(as_handed(actions))
                try:
                    observation, reward, terminated, truncated, _ = answer
                except (TypeError, ValueError):
                    raise self._older_api(f"step() gave {_described(answer)}") from None
                total += float(reward) if isinstance(reward, float) and isfinite(reward) else _as_number(reward)
                over = terminated or truncated
            show(observation)
            self._look_at_last(total, steps)
        except EnvironmentFailed:
            raise
        except (Exception, SystemExit) as problem:
            if isinstance(problem, TypeError | ValueError) and OLDER_API.search(str(problem)):
                raise self._older_api(f"{type(problem).__name__}: {problem}") from problem
            return Played(total, steps, False, problem)
        return Played(total, steps, not terminated, None, None if normaliser is None else self._desk.sums.copy())

    def _act(self, *, normalised: bool) -> WatchedAct:
        if normalised not in self._acts:
            self._acts[normalised] = compile_watched_act(
                self._network, self._spec.action_space, self._rule, normalised=normalised
            )
        return self._acts[normalised]

    def _reset(self, seed: int) -> Any:
        answer: Any = self._env.reset(seed=reset_seed(self._env, seed))
        match answer:
            case (observation, dict()):
                return observation
            case _:
                raise self._older_api(f"reset() gave {_described(answer)}")

    def _look_closer(self, flags: int, steps: int) -> None:
        if not flags & NOT_FINITE:
            self._tell_outside(steps)
        elif np.isfinite(self._values).all():
            raise OutputsNotFinite("network: expected finite outputs, got others")
        else:
            self._refuse_odd_numbers()
            if not np.isfinite(actions := self._desk.actions[0]).all():
                raise OutputsNotFinite(f"action: expected finite numbers, got {actions} for {self._values}")

    def _look_at_last(self, total: float, steps: int) -> None:
        self._refuse_odd_numbers()
        self._tell_outside(steps)
        if not isfinite(total):
            raise ContractBroken(f"rewards: expected a finite sum, got {total}")

    def _refuse_odd_numbers(self) -> None:
        if not self._allow_nan and not (finite := np.isfinite(self._values)).all():
            odd = int(np.argmin(finite))
            raise ContractBroken(f"observation: expected finite numbers, got {self._values[odd]}{self._place(odd)}")

    def _tell_outside(self, steps: int) -> None:
        if self._told_outside:
            return
        values, (low, high) = self._values, self._desk.bounds
        if (outside := (values < low) | (values > high)).any():
            odd = int(np.argmax(outside))
            log.warning(
                "%s: an observation lies outside its space: %s%s after step %d, expected %s to %s; said once",
                self._spec.id,
                values[odd],
                self._place(odd),
                steps,
                low[odd],
                high[odd],
            )
            self._told_outside = True

    def _place(self, index: int) -> str:
        name = input_name(self._spec.observation_space, index)
        return f" at {name}" if name else ""

    def _older_api(self, found: str) -> EnvironmentFailed:
        return EnvironmentFailed(
            f"{self._spec.id}: expected Gymnasium's API, in which reset(seed=, options=) gives (observation, info) and"
            f" step(action) gives (observation, reward, terminated, truncated, info); {found}, as in the older gym's API:"
            " bring the environment up to date, or wrap it with the package shimmy"
        )


def _as_number(reward: Any) -> float:
    value = np.asarray(reward)[()] if hasattr(reward, "__array__") else reward
    is_number = isinstance(value, float) or any(isinstance(value, kind) for kind in (Real, np.bool_))
    number = float(value) if is_number else nan
    if not isfinite(number):
        raise ContractBroken(f"reward: expected a finite number, got {shortened(reward)}")
    return number


def _described(answer: Any) -> str:
    kind = type(answer).__name__
    return f"a {kind} of {len(answer)}" if hasattr(answer, "__len__") else kind
