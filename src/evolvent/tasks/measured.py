"""Calls to a user's own function, guarded: what raises, or gives no finite number, fails its individual and no more."""

from __future__ import annotations

import logging
import math
import numbers
import reprlib
import threading
from collections.abc import Callable
from typing import Any

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

    def __call__(self, *arguments: Any) -> float:
        """Return what the function makes of `arguments`, NaN where that is no finite number."""
        try:
            value = self._function(*arguments)
        except (Exception, SystemExit):  # noqa: BLE001 - the function is the user's
            self._tell(f"{self._name} raised an error", with_traceback=True)
            return math.nan
        if isinstance(value, numbers.Real) or getattr(value, "shape", None) == ():
            try:
                number = float(value)  # pyright: ignore[reportArgumentType]
            except (TypeError, ValueError, OverflowError):
                number = math.nan
            if math.isfinite(number):
                return number
        self._tell(f"{self._name}: expected a finite number, got {reprlib.repr(value)}", with_traceback=False)
        return math.nan

    def _tell(self, message: str, *, with_traceback: bool) -> None:
        with self._lock:
            told, self._told = self._told, True
        if not told:
            log.error("%s; more of it is only counted", message, exc_info=with_traceback)
