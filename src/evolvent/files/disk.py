"""Bytes to and from disk: a save is either done or not done, whatever dies in between."""

import errno
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from evolvent.errors import FileRefused, StorageFailed, UsageError

LARGEST_FILE: Final = 1 << 33
START: Final = (1 << 20) + 8  # bytes; the longest header of a file of tensors, and its length

_WINDOWS: Final = os.name == "nt"
_WINDOWS_PATIENCE: Final = 2.5  # seconds; a virus scanner or a reader may hold the old file for a moment
_NO_FOLLOW: Final[int] = getattr(os, "O_NOFOLLOW", 0)
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | getattr(os, "O_BINARY", 0)
_OLD_FILE: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)  # a FIFO must not block us
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_LEFTOVER: Final = re.compile(r"\..+\.[0-9a-f]{16}\.tmp")


def save_atomically(path: Path, data: bytes) -> None:
    """Write a file so that, after a crash at any moment, its old or its new content is there in full.

    The bytes go to a temporary file in the same folder, are synced, and take the name `path` in one step; then the folder
    is synced. A symbolic link at `path` is replaced, never followed. The file can be read by its owner only. A folder that
    is gone is not made anew: what else was in it is gone too, and the caller must hear of it.

    Args:
        path: Where the content shall be.
        data: The whole content.

    Raises:
        StorageFailed: If the operating system refuses any step. `path` then holds its old content, or, where only the last
            step failed, the new one.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_atomically(Path(folder, "note"), b"hello")
        ...     read_bytes(Path(folder, "note"))
        b'hello'
    """
    temporary = path.with_name(temporary_name(path.name))
    try:
        _write_synced(temporary, data)
        _replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        raise StorageFailed(_cannot_save(path, len(data), error)) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def temporary_name(name: str) -> str:
    """Make the name under which something is written before it is called `name`; `is_leftover` recognises it."""
    return f".{name}.{secrets.token_hex(8)}.tmp"


def is_leftover(name: str) -> bool:
    """Tell whether `temporary_name` made this name.

    Examples:
        >>> is_leftover(".best.safetensors.0123456789abcdef.tmp"), is_leftover("best.safetensors")
        (True, False)
    """
    return _LEFTOVER.fullmatch(name) is not None


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files that a killed process left in `folder`, as far as the operating system lets us.

    Only the process that holds the lock of a run may call this: another one's unfinished save would be deleted as well.
    """
    with suppress(OSError):
        for entry in folder.iterdir():
            if is_leftover(entry.name) and not entry.is_dir():
                entry.unlink(missing_ok=True)


def lacks_room(failure: StorageFailed) -> bool:
    """Tell whether a save failed because the disk, the quota or the largest allowed file is full, which may pass."""
    return isinstance(failure.__cause__, OSError) and failure.__cause__.errno in _NO_ROOM


def room_needed(folder: Path, needed: int) -> str:
    """Say how many bytes a write needs and how many there are for it."""
    try:
        free = f"{shutil.disk_usage(folder).free} bytes are free there"
    except OSError:
        free = "the free space is unknown"
    return f"{needed} bytes are needed, {free}"


def read_bytes(
    path: Path,
    limit: int = LARGEST_FILE,
    *,
    follow_links: bool = True,
    check_start: Callable[[bytes, int], None] | None = None,
) -> bytes:
    """Read a whole regular file.

    Args:
        path: The file.
        limit: The most bytes it may hold.
        follow_links: Whether it may be behind a symbolic link, as people keep policies.
        check_start: Called with the first bytes, `START` at most, and the size of the file before the rest is read, to
            refuse what is not worth reading.

    Returns:
        Its content.

    Raises:
        UsageError: If there is no such file.
        FileRefused: If it is a folder, a device, a pipe, a link that may not or cannot be followed, or larger than `limit`.
        StorageFailed: If the operating system cannot read it.
    """
    try:
        if path.is_dir():
            raise FileRefused(f"{path} is a folder; expected a file")
        descriptor = os.open(path, _OLD_FILE if follow_links else _OLD_FILE | _NO_FOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise FileRefused(f"{path} is a device or a pipe; expected a regular file")
            if status.st_size > limit:
                raise FileRefused(f"{path} has {status.st_size} bytes; expected at most {limit}")
            if check_start is not None:
                check_start(file.read(min(status.st_size, START)), status.st_size)
                file.seek(0)
            return file.read(status.st_size)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # ValueError: a NUL in the path
        raise UsageError(f"no such file: {str(path)!r}; check the path") from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            kind = "a loop of symbolic links" if follow_links else "a symbolic link"
            raise FileRefused(f"{path} is {kind}; expected a regular file") from error
        raise StorageFailed(f"cannot read {path}: {error.strerror}; check its permissions and the disk") from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power loss; Windows offers no way to, and does nothing here."""
    if _WINDOWS:
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_synced(path: Path, data: bytes) -> None:
    descriptor = os.open(path, _NEW_FILE, 0o666)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace(source: Path, target: Path) -> None:
    deadline = time.monotonic() + _WINDOWS_PATIENCE
    while True:
        try:
            os.replace(source, target)  # noqa: PTH105 - the plain call, so that tests can fail and kill at it
        except PermissionError:
            if not _WINDOWS or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _cannot_save(path: Path, needed: int, error: OSError) -> str:
    if not path.parent.is_dir():
        return f"cannot save {path}: its folder is gone; was it moved or deleted?"
    room = room_needed(path.parent, needed)
    return f"cannot save {path}: {error.strerror}; {room}; make room or choose another folder"
