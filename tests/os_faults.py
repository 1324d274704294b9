"""Makes a call to the operating system fail, or be the last one that a process makes."""

import errno
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from evolvent.errors import EvolventError

CALLS = ("open", "write", "fsync", "ftruncate", "close", "replace", "rename", "mkdir", "unlink", "rmdir")
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
ERRORS = (*NO_ROOM, errno.EIO, errno.EROFS, errno.EACCES)


class Killed(BaseException):
    """Stands for the death of the process: from then on no call gets through, so that no cleaning up is done either."""


@contextmanager
def interposed(before: Callable[[int, str], None]) -> Iterator[list[str]]:
    """Have `before(number, name)` called ahead of every call, from 1 on; give the list of their names."""
    names: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, partial(_interposed, getattr(os, name), name, names, before))
        yield names


def _interposed(call, name, names, before, *arguments, **options):
    names.append(name)
    if name == "close":
        call(*arguments, **options)
        return before(len(names), name)
    before(len(names), name)
    if name == "write":
        return call(arguments[0], arguments[1][:1000])
    return call(*arguments, **options)


def killed_at(doomed: int):
    """Kill at call number `doomed`."""

    def before(number: int, name: str) -> None:
        if number >= doomed:
            raise Killed(name)

    return interposed(before)


def failing_at(doomed: int, code: int):
    """Fail at call number `doomed`."""

    def before(number: int, name: str) -> None:
        if number == doomed:
            raise OSError(code, os.strerror(code), name)

    return interposed(before)


def every_kill(action: Callable[[], object]) -> Iterator[int]:
    """Run `action` again and again, killed at its first, second ... call, until it survives."""
    for doomed in itertools.count(1):
        try:
            with killed_at(doomed):
                action()
        except Killed:
            yield doomed
        else:
            return


def every_failure(code: int, action: Callable[[], object]) -> Iterator[tuple[list[str], Exception | None]]:
    """Run `action` with its first, second ... call failing; give all its calls and what it raised, until none failed."""
    for doomed in itertools.count(1):
        raised = None
        with failing_at(doomed, code) as names:
            try:
                action()
            except EvolventError as error:
                raised = error
        if len(names) < doomed:
            return
        yield names, raised
