"""The only message for an optional dependency that is missing."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from evolvent.errors import UsageError


@contextmanager
def require(package: str, *, extra: str, purpose: str) -> Generator[None]:
    """Say how to install an optional dependency whose import, in the block below, finds it missing.

    Args:
        package: What pip calls it.
        extra: The extra of Evolvent that brings it.
        purpose: What cannot be done without it, in the plural.

    Raises:
        UsageError: A module is not found.

    Examples:
        >>> from evolvent.errors import UsageError
        >>> try:
        ...     with require("crystal-ball", extra="future", purpose="forecasts"):
        ...         import crystal_ball
        ... except UsageError as error:
        ...     print(error)
        forecasts need crystal-ball, which is not installed (no module 'crystal_ball'); pip install 'evolvent[future]'
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{purpose} need {package}, which is not installed (no module {error.name!r}); pip install 'evolvent[{extra}]'"
        ) from error
