"""What `gymnasium.make` lets one change of a world, checked."""

from __future__ import annotations

import math
import numbers

from evolvent.errors import UsageError


def finite_number(name: str, given: object) -> float:
    """Return a number that a user gave for `name`.

    Raises:
        UsageError: It is no number, or not a finite one.

    Examples:
        >>> finite_number("g", 9)
        9.0
    """
    if not isinstance(given, bool) and isinstance(given, numbers.Real):
        try:
            number = float(given)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    raise UsageError(f"env_kwargs: {name}: expected a finite number, got {given!r}")


def truth_value(name: str, given: object) -> bool:
    """Return what a user gave for `name`, which is true or false.

    Raises:
        UsageError: It is neither.

    Examples:
        >>> truth_value("sutton_barto_reward", True)
        True
    """
    if isinstance(given, bool):
        return given
    raise UsageError(f"env_kwargs: {name}: expected True or False, got {given!r}")
