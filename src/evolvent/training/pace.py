"""How fast a run goes, and how long it can still take."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from evolvent.training.algorithm_choice import NONE
from evolvent.training.callbacks import Generation
from evolvent.training.config import Config

WINDOW = 20  # generations that the speed is that of
ENOUGH = 18  # generations that tell whether episodes still change in length
FIRST = 5  # generations whose episodes are the ones to begin with
LONGER, SHORTER = 3.0, 0.5  # the steps of the last third of the generations, as multiples of the first ones'
SETTLED = 1.03  # the same as a multiple of those of the third before
CLOSE = 0.95  # to the most steps; too close to tell them apart


@dataclass(frozen=True, slots=True)
class TimeLeft:
    """How long a run can still take.

    Args:
        seconds: Until its first limit is reached [s]; NaN where too little is known.
        is_bound: Whether that is the most it can take at this speed, rather than what it will take if episodes stay as they
            are.
    """

    seconds: float
    is_bound: bool


class Pace:
    """Is told of each generation and says how fast they come and how long the rest can take.

    A generation takes longer as episodes do, and nobody can tell when a policy learns to balance for 500 steps instead of 20.
    So the rest is counted in steps, as if each episode went on to its limit, until episodes have changed, to half or to three
    times their first length, and have settled there.

    Args:
        config: The run's settings: its limits.

    Examples:
        >>> pace = Pace(Config(population=4, episodes=1, validation_episodes=0, max_steps=500, generations=10))
        >>> for number in range(2):
        ...     pace.note(
        ...         Generation(
        ...             generation=number, best=0.0, mean=0.0, failed=0, champion=0.0, champion_std=0.0,
        ...             training_steps=100 * (number + 1), validation_steps=0, seconds=1.0 * (number + 1),
        ...         )
        ...     )
        >>> pace.steps_per_second, pace.left()
        (100.0, TimeLeft(seconds=160.0, is_bound=True))
    """

    def __init__(self, config: Config) -> None:
        """Know nothing yet."""
        self._config = config
        self._steps: list[int] = []
        self._recent: deque[Generation] = deque(maxlen=WINDOW)
        self._most = 0 if config.world == "python" else _most_steps(config)

    @property
    def steps_per_second(self) -> float:
        """Of late; the first generation, which may have compiled something, counts as long as there is no other."""
        first, last = self._recent[0], self._recent[-1]
        if first is last:
            return _steps(last) / max(last.seconds, 1e-9)
        return (_steps(last) - _steps(first)) / max(last.seconds - first.seconds, 1e-9)

    def note(self, generation: Generation) -> None:
        """Take note of the next generation."""
        if self._recent:
            self._most = max(self._most, _steps(generation) - _steps(self._recent[-1]))
        self._recent.append(generation)
        self._steps.append(_steps(generation))

    def left(self) -> TimeLeft:
        """Return how long the run can still take."""
        config, last = self._config, self._recent[-1]
        generations = config.generations - last.generation - 1
        if generations <= 0:
            return TimeLeft(0.0, is_bound=True)
        if len(self._recent) < 2:
            return TimeLeft(math.nan, is_bound=True)
        seconds_a_step = 1.0 / max(self.steps_per_second, 1e-9)
        steps = self._steps_a_generation()
        limits = [(generations * steps * seconds_a_step, steps >= self._most and config.restarts == NONE)]
        if config.max_env_steps is not None:
            limits.append(((config.max_env_steps - _steps(last)) * seconds_a_step, True))
        if config.max_seconds is not None:
            limits.append((config.max_seconds - last.seconds, True))
        seconds, is_bound = min(limits)
        return TimeLeft(max(seconds, 0.0), is_bound=is_bound)

    def _steps_a_generation(self) -> float:
        """Return how many steps a generation is to be expected to take: the most, as long as episodes may become longer."""
        third = (len(self._steps) - 1) // 3
        if 3 * third < ENOUGH:
            return self._most
        begun = min(FIRST, third)
        first = (self._steps[begun] - self._steps[0]) / begun
        before, late = ((self._steps[i] - self._steps[i - third]) / third for i in (-1 - third, -1))
        changed = late <= SHORTER * first or (late >= LONGER * first and late <= SETTLED * before)
        expected = max(before, late)
        return expected if changed and expected < CLOSE * self._most else self._most


def _most_steps(config: Config) -> int:
    episodes = config.population * config.episodes + config.candidates * config.validation_episodes
    return episodes * config.max_steps


def _steps(generation: Generation) -> int:
    return generation.training_steps + generation.validation_steps
