"""The ranges of operators' settings: what lies outside is refused by name."""

from __future__ import annotations

from collections.abc import Collection
from numbers import Integral, Real

from evolvent.errors import UsageError, did_you_mean

MAX_STRENGTH = 1e6
LARGEST = 1e30  # of a parameter, either way; far above what any network can use, and far below what overflows


def refuse_below(name: str, value: int, lowest: int) -> None:
    """Refuse a count below `lowest`.

    Raises:
        UsageError: It is, or it is no whole number.
    """
    if not isinstance(value, Integral) or value < lowest:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(f"{name}: expected a whole number of at least {lowest}, got {value}")


def refuse_outside(name: str, value: float, lowest: float, highest: float) -> None:
    """Refuse a number that does not lie between two others, and NaN.

    Raises:
        UsageError: It does not.
    """
    if not isinstance(value, Real) or not lowest <= value <= highest:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(f"{name}: expected a number from {lowest:g} to {highest:g}, got {value}")


def refuse_strength(strength: float, rate: float) -> None:
    """Refuse a strength that is not positive, or a rate that is no probability above zero.

    Raises:
        UsageError: One of them is; the message says which.
    """
    if not isinstance(strength, Real) or not 0 < strength <= MAX_STRENGTH:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(f"strength: expected a positive number, at most {MAX_STRENGTH:g}, got {strength}")
    refuse_rate(rate)


def refuse_rate(rate: float) -> None:
    """Refuse a rate that is no probability above zero.

    Raises:
        UsageError: It is not.
    """
    if not isinstance(rate, Real) or not 0 < rate <= 1:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(f"rate: expected a probability above 0, at most 1, got {rate}")


def refuse_not_positive(name: str, value: float, highest: float = MAX_STRENGTH) -> None:
    """Refuse a number that is not above 0, or beyond the highest.

    Raises:
        UsageError: It is not.
    """
    if not isinstance(value, Real) or not 0 < value <= highest:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(f"{name}: expected a positive number, at most {highest:g}, got {value}")


def refuse_unknown(name: str, value: str, known: Collection[str]) -> None:
    """Refuse text that is not one of those that are known.

    Raises:
        UsageError: It is not; the nearest is suggested.
    """
    if value not in known:
        hint = did_you_mean(value, known) if isinstance(value, str) else ""  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(f"{name}: expected {' or '.join(known)}, got {value!r}{hint}")
