"""The only messages for an optional dependency that is missing."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import NamedTuple

from evolvent.errors import UsageError


class Extra(NamedTuple):
    """What brings a library.

    Args:
        library: What people call it.
        name: Of the extra of Evolvent's.
    """

    library: str
    name: str


EXTRAS = {
    "ale_py": Extra("ale-py", "atari"),
    "Box2D": Extra("Box2D", "box2d"),
    "mujoco": Extra("MuJoCo", "mujoco"),
    "pygame": Extra("pygame for pictures", "classic-control"),
}  # by module, for those that environments import


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


def missing_extra(problem: BaseException) -> str | None:
    """Return which library is missing, and the line that installs it, where an extra of Evolvent's brings it.

    Args:
        problem: What was raised. It, or an error that led to it, tells that a module was not found.

    Examples:
        >>> missing_extra(ModuleNotFoundError("No module named 'Box2D'", name="Box2D"))
        "needs Box2D: pip install 'evolvent[box2d]'"
        >>> missing_extra(ValueError("unlucky number"))
    """
    cause: BaseException | None = problem
    while cause is not None:
        if isinstance(cause, ModuleNotFoundError):
            extra = EXTRAS.get((cause.name or "").partition(".")[0])
            return extra and f"needs {extra.library}: pip install 'evolvent[{extra.name}]'"
        cause = cause.__cause__ or cause.__context__
    return None
