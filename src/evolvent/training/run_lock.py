"""One process a run: a lock of the operating system, which is gone when the process is, however it ended."""

import os
import platform
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Final

from evolvent.errors import EvolventError, RunLocked, StorageFailed
from evolvent.files import dump_json, parse_object, read_bytes, refuse_leftovers, take
from evolvent.training.run_folder import RunFolder

_PATIENCE: Final = 0.3  # seconds; `is_locked` holds the lock for a moment, and a winner takes one to write its name
_LARGEST_LOCK: Final = 4096
_NO_FOLLOW: Final[int] = getattr(os, "O_NOFOLLOW", 0)
UNKNOWN: Final = "another process"

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        """Lock a byte far behind the content, which stays readable."""
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
        return True
else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextmanager
def locked(run: RunFolder) -> Generator[None]:
    """Hold a run for this process alone.

    The lock belongs to the open file, not to what is written in it: nothing has to be cleaned up after a dead process.
    Child processes do not inherit it, as long as they are not forked.

    Raises:
        RunLocked: If another process holds the run; the message names it.
        StorageFailed: If the file system cannot lock.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run = RunFolder(Path(folder))
        ...     with locked(run):
        ...         during = is_locked(run)
        ...     during, is_locked(run)
        (True, False)
    """
    try:
        descriptor = os.open(run.lock, os.O_RDWR | os.O_CREAT | _NO_FOLLOW, 0o666)
    except OSError as error:
        raise StorageFailed(_cannot_lock(run, error)) from error
    try:
        _acquire(descriptor, run)
        try:
            yield
        finally:
            with suppress(OSError):
                os.ftruncate(descriptor, 0)
    finally:
        with suppress(OSError):  # the lock is gone all the same
            os.close(descriptor)


def is_locked(run: RunFolder) -> bool:
    """Tell whether a living process holds the run; for tables only, it may be over by the time you read the answer.

    Where the lock cannot be looked at, the answer is no.
    """
    try:
        descriptor = os.open(run.lock, os.O_RDWR | _NO_FOLLOW)
    except OSError:
        return False
    try:
        return not _try_lock(descriptor)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, run: RunFolder) -> None:
    signature = _this_process()
    try:
        acquired = _try_patiently(descriptor)
    except OSError as error:
        raise StorageFailed(_cannot_lock(run, error)) from error
    if not acquired:
        raise RunLocked(f"{run.path} is in use by {holder(run) or UNKNOWN}; wait for it, stop it, or start another run")
    with suppress(OSError):  # the lock is held all the same, and a full disk is told where something has to be saved
        os.ftruncate(descriptor, 0)
        os.write(descriptor, signature)


def _try_patiently(descriptor: int) -> bool:
    deadline = time.monotonic() + _PATIENCE
    while not (acquired := _try_lock(descriptor)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return acquired


def _cannot_lock(run: RunFolder, error: OSError) -> str:
    return f"cannot lock {run.lock}: {error.strerror}; keep runs on a local disk that can be written: --runs-dir"


def _this_process() -> bytes:
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    return dump_json({"pid": os.getpid(), "host": platform.node(), "started": started}).encode()


def holder(run: RunFolder) -> str | None:
    """Return, in words, the process that holds the run, or that held it until it was killed; None where none is named."""
    try:
        record = parse_object(read_bytes(run.lock, _LARGEST_LOCK), str(run.lock))
        pid, host, started = (take(record, "pid", int, ""), take(record, "host", str, ""), take(record, "started", str, ""))
        refuse_leftovers(record, "")
    except EvolventError:
        return None
    return f"process {pid} on {host!r} since {started!r}"
