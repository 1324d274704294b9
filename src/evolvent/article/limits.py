"""What a number of the article's arguments may be, and the longest episode."""

from __future__ import annotations

import functools
import logging
import secrets
from numbers import Integral

from evolvent.errors import UsageError
from evolvent.seeding import MAX_SEED

log = logging.getLogger("evolvent")

LONGEST_EPISODE = 100_000  # steps, what the literature of pole balancing calls solved


def seed_or_any(seed: int | None) -> int:
    """Return `seed`, or any other if it is None."""
    return secrets.randbelow(MAX_SEED) if seed is None else seed


def at_least_one(name: str, value: int, *, at_least: int = 1) -> int:
    """Return `value`, a whole number.

    Raises:
        UsageError: It is none, or below `at_least`.
    """
    is_whole = isinstance(value, Integral) or (isinstance(value, float) and value.is_integer())
    if not is_whole or value < at_least:
        raise UsageError(f"{name}: expected a whole number of at least {at_least}, got {value!r}")
    return int(value)


def shortened(longest: int) -> int:
    """Return after how many steps an episode ends that was to end after `longest`."""
    if at_least_one("max_episode_length", longest) > LONGEST_EPISODE:
        say_once(f"max_episode_length: episodes end after {LONGEST_EPISODE:,} steps, which counts as solved")
    return min(longest, LONGEST_EPISODE)


@functools.cache
def say_once(message: str) -> None:
    """Log `message`, the first time in this process."""
    log.warning(message)
