"""Calls to a user's own function, guarded: what raises, or gives no finite number, fails its individual and no more."""

from __future__ import annotations

import logging
import math
import numbers
import reprlib
import threading
from collections.abc import Callable
from typing import Any

from evolvent.arrays import KINDS_OF_NUMBERS
from evolvent.errors import UsageError

log = logging.getLogger("evolvent")


class Measured:
    """Calls a function and answers NaN where it failed; the first failure is logged, further ones are only counted.

    Args:
        name: Of the function, for the log.
        function: Returns a number.
    """

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        """Call nothing yet."""
        self._name = name
        self._function = function
        self._told = False
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs to do the same: a lock stays where it is."""
        return {**self.__dict__, "_told": False, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what `__getstate__` gave."""
        self.__dict__.update(state, _lock=threading.Lock())

    def __call__(self, *arguments: Any) -> float:
        """Return what the function makes of `arguments`, NaN where that is no finite number."""
        try:
            value = self._function(*arguments)
        except (Exception, SystemExit):  # noqa: BLE001 - the function is the user's
            self._tell(f"{self._name} raised an error", with_traceback=True)
            return math.nan
        number = _finite(value)
        if math.isnan(number):
            self._tell(f"{self._name}: expected a finite number, got {reprlib.repr(value)}", with_traceback=False)
        return number

    def forget(self) -> None:
        """Forget that a failure was told: the next run tells its own."""
        self._told = False

    def _tell(self, message: str, *, with_traceback: bool) -> None:
        with self._lock:
            told, self._told = self._told, True
        if not told:
            log.error("%s; more of it is only counted", message, exc_info=with_traceback)


def _finite(value: Any) -> float:
    """Return a real number, or an array that is one, as a float; NaN for all else."""
    kind = getattr(getattr(value, "dtype", None), "kind", None)  # other libraries' arrays have dtypes without kinds
    if not isinstance(value, numbers.Real) and (getattr(value, "shape", None) != () or kind not in {*KINDS_OF_NUMBERS, None}):
        return math.nan
    try:
        number = float(value)
    except Exception:  # noqa: BLE001 - the value is the user's
        return math.nan
    return number if math.isfinite(number) else math.nan


def checked_name(name: str) -> str:
    """Return the name of data or of a function, which a run's folder is called by.

    Raises:
        UsageError: It is empty, or has a colon in it, with which files name the module of a world.
    """
    if not isinstance(name, str) or not name or ":" in name:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(f"name: expected a word or more, without a colon, got {name!r}")
    return name
