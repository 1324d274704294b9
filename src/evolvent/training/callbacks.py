"""What callbacks are told, once a generation, and what they may answer."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """What a person wants to know of one generation; also, but for its last two fields, a row of `history.csv`.

    Args:
        generation: Its number, from 0.
        best: Highest fitness in the population.
        mean: Mean fitness of those who did not fail.
        failed: How many failed.
        champion: The champion's mean return over the validation episodes.
        champion_std: Standard deviation of these returns.
        training_steps: Steps spent on measuring populations so far.
        validation_steps: Steps spent on confirming candidates so far.
        seconds: Time that the search has taken so far, in all its sessions [s].
        workers: How many processes or threads measured it.
        utilisation: The share of their time that they were at work, 0 to 1; NaN where nobody measured it.
    """

    generation: int
    best: float
    mean: float
    failed: int
    champion: float
    champion_std: float
    training_steps: int
    validation_steps: int
    seconds: float
    workers: int = 1
    utilisation: float = math.nan


NOT_KEPT = ("workers", "utilisation")  # they differ from machine to machine, and say nothing of the search
COLUMNS = tuple(each.name for each in dataclasses.fields(Generation) if each.name not in NOT_KEPT)


@dataclass(frozen=True, slots=True)
class Stop:
    """Returned by a callback to end the run after this generation, which is kept.

    Args:
        reason: What to tell the user.
    """

    reason: str


Callback = Callable[[Generation], Stop | None]
