"""The history of a run: a CSV file with a row a generation, which survives being torn anywhere."""

import errno
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from operator import index
from pathlib import Path
from typing import Final, SupportsFloat, SupportsIndex, cast

from evolvent.errors import FileRefused, StorageFailed
from evolvent.files import read_bytes, room_needed, save_atomically

_COLUMN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_CELL: Final = re.compile(r"nan|-?(inf|[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?)")
_APPEND: Final[int] = os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


@dataclass(slots=True)
class History:
    r"""Appends rows to a history; a new file gets its header at once.

    To go on with a run, `trim` its history first.

    Args:
        path: The file; its folder must be there.
        columns: The names of the columns; the first is `generation`, which grows from row to row.

    Raises:
        FileRefused: If the file has other columns.
        StorageFailed: If the header cannot be written.
        ValueError: If a column has an impossible name or `generation` is not the first.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     history = History(Path(folder, "history.csv"), ("generation", "best"))
        ...     history.append((0, 9.5))
        ...     history.flush()
        ...     read(history.path)
        {'generation': [0.0], 'best': [9.5]}
    """

    path: Path
    columns: tuple[str, ...]
    _waiting: list[str] = field(default_factory=list[str], init=False, repr=False)
    _end: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.columns[:1] != ("generation",) or not all(_COLUMN.fullmatch(name) for name in self.columns):
            raise ValueError(f'columns are words, "generation" first; got {self.columns}')
        if not self.path.exists() or not self.path.stat().st_size:
            save_atomically(self.path, (",".join(self.columns) + "\n").encode())
        elif (there := tuple(_complete_lines(self.path)[:1])) != (",".join(self.columns),):
            raise FileRefused(f"{self.path} has the columns {there}; expected {self.columns}. Move it away to begin a new one")
        self._end = self.path.stat().st_size

    def append(self, values: Sequence[SupportsFloat]) -> None:
        """Keep a row until the next `flush`.

        Args:
            values: One number a column. Integers stay integers, floats get as many digits as they need.

        Raises:
            ValueError: If there are not as many values as columns.
        """
        if len(values) != len(self.columns):
            raise ValueError(f"a row has {len(self.columns)} values, one for each of {self.columns}; got {len(values)}")
        self._waiting.append(",".join(map(_cell, values)) + "\n")

    def flush(self) -> None:
        """Write the rows that wait and sync them; where that fails, all of them go on waiting and the file is as before.

        What an interrupt cut in two is done anew by the next call: no row is written twice.

        Raises:
            StorageFailed: If the operating system refuses to write, or the file is gone.
        """
        if not self._waiting:
            return
        data = "".join(self._waiting).encode()
        try:
            end = _append_synced(self.path, self._end, data)
        except FileNotFoundError as error:
            raise StorageFailed(f"cannot write to {self.path}: it was moved or deleted; see where it went") from error
        except OSError as error:
            raise StorageFailed(
                f"cannot write to {self.path}: {error.strerror}; {room_needed(self.path.parent, len(data))}; make room"
            ) from error
        self._end, self._waiting = end, []


def trim(path: Path, generation: int) -> int:
    """Cut a history back to a generation, and off a torn last line; no file is a history without rows.

    Args:
        path: The file.
        generation: The last one to keep.

    Returns:
        How many rows are left.

    Raises:
        FileRefused: If the file is not a history.
        StorageFailed: If the operating system refuses to read or write.
    """
    if not path.exists():
        return 0
    lines = _complete_lines(path)
    kept = lines[:1] + [line for line in lines[1:] if _numbers(line, lines[0], path)[0] <= generation]
    content = "".join(f"{line}\n" for line in kept).encode()
    if len(content) != path.stat().st_size:
        save_atomically(path, content)
    return max(len(kept) - 1, 0)


def read(path: Path) -> dict[str, list[float]]:
    """Read a history by columns; a last line without its end is passed over.

    Raises:
        UsageError: If there is no such file.
        FileRefused: If the file is not a history: a cell that is no number, a row of another length, generations that do
            not grow.
        StorageFailed: If the operating system cannot read it.
    """
    lines = _complete_lines(path)
    if not lines:
        return {}
    rows = [_numbers(line, lines[0], path) for line in lines[1:]]
    for before, after in pairwise(rows):
        if not before[0] < after[0]:
            raise FileRefused(f"{path}: generation {after[0]:.0f} follows {before[0]:.0f}; expected them to grow")
    return {name: [row[index] for row in rows] for index, name in enumerate(lines[0].split(","))}


def last(path: Path) -> dict[str, float]:
    """Read the last complete row of a history alone, whatever is above it; an empty one where there is none.

    Raises:
        UsageError: If there is no such file.
        FileRefused: If the file is not a history.
        StorageFailed: If the operating system cannot read it.
    """
    lines = _complete_lines(path)
    return dict(zip(lines[0].split(","), _numbers(lines[-1], lines[0], path), strict=True)) if len(lines) > 1 else {}


def _cell(value: SupportsFloat) -> str:
    try:
        return str(index(cast("SupportsIndex", value)))  # to ask isinstance about a protocol takes longer than all the rest
    except TypeError:
        return repr(float(value))


def _append_synced(path: Path, end: int, data: bytes) -> int:
    """Write `data` at `end`, in place of what an interrupted call left there, and return the new end."""
    descriptor = os.open(path, _APPEND)
    try:
        if (size := os.fstat(descriptor).st_size) < end:
            raise OSError(errno.EIO, f"it has {size} bytes, expected {end}")
        if size > end:
            os.ftruncate(descriptor, end)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(descriptor, end)
            raise
    finally:
        with suppress(OSError):  # the rows are synced or taken back by now: to fail here would have them written twice
            os.close(descriptor)
    return end + len(data)


def _complete_lines(path: Path) -> list[str]:
    """Give the lines of a history that have their end, the header first and checked."""
    try:
        lines = read_bytes(path, follow_links=False).decode("ascii").split("\n")[:-1]
    except UnicodeDecodeError as error:
        raise FileRefused(f"{path} is not a history: byte {error.start} is not ASCII. Move it away to go on") from error
    columns = lines[0].split(",") if lines else ["generation"]
    if columns[0] != "generation" or not all(map(_COLUMN.fullmatch, columns)) or len(set(columns)) < len(columns):
        raise FileRefused(f'{path} is not a history: it must begin with a line of names, "generation" first')
    return lines


def _numbers(line: str, header: str, path: Path) -> list[float]:
    cells = line.split(",")
    if len(cells) != header.count(",") + 1 or not cells[0].isdecimal() or not all(map(_CELL.fullmatch, cells)):
        raise FileRefused(f"{path} is not a history: expected a number for each of {header}, got {line[:80]!r}")
    return [float(cell) for cell in cells]
