# pyright: basic
"""Where compiled kernels are kept between two starts of Python: a private folder of checked files.

A file holds a kernel as Numba serialises it, behind the SHA-256 of its bytes. A file that is cut short, altered or from
another version means compiling again, never an error. Loading one runs machine code, so the folder must belong to this
user and be closed to others; if it cannot be, nothing is kept and one line says so.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle  # noqa: TID251 - Numba's own form of a compiled kernel, read only from a folder closed to other users
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from numba.core import types
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from evolvent.errors import EvolventError
from evolvent.files import save_atomically

log = logging.getLogger("evolvent")
compiling = logging.getLogger("evolvent.compiling")  # says at level INFO what is not found and compiled

MAGIC = b"evolvent kernel 1\n"
MAX_FILES = 300
MAX_AGE = 90 * 24 * 3600  # [s]


class KernelCache:
    """Keeps the compiled forms of one function, as Numba's dispatcher asks for it.

    Args:
        name: The function's name; it holds the fingerprint of all that the function depends on.
        folder: Where the files are; None keeps nothing.
    """

    def __init__(self, name: str, folder: Path | None) -> None:
        """Keep compiled forms of the function `name` in `folder`."""
        self.name = name
        self.folder = folder

    def load_overload(self, signature: Any, target: Any) -> Any:
        """Return the kernel compiled for `signature`, or None where there is none that can be trusted."""
        target.refresh()
        path = self._path(signature, target.codegen())
        if path is None:
            return None
        try:
            payload = checked(path.read_bytes())
            with suppress(OSError):
                os.utime(path)
            return CompileResult._rebuild(target, *pickle.loads(payload))  # noqa: S301, SLF001
        except FileNotFoundError:
            compiling.info("compiling %s", self.name)
            return None
        except Exception as problem:  # noqa: BLE001 - whatever is wrong with a kept kernel, compiling mends it
            log.warning("compiling %s again: its kept form cannot be read (%s)", self.name, problem)
            with suppress(OSError):
                path.unlink()
            return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep `compiled` for the next start; a full or read-only disk is no error."""
        compiling.info("compiled %s", self.name)
        path = self._path(signature, compiled.codegen)
        if path is None or compiled.lifted or compiled.library.has_dynamic_globals:
            return
        payload = dumps(compiled._reduce())  # noqa: SLF001
        try:
            save_atomically(path, MAGIC + hashlib.sha256(payload).digest() + payload)
            prune(path.parent)
        except (EvolventError, OSError) as problem:
            log.warning("the compiled kernel %s is not kept: %s", self.name, problem)

    def _path(self, signature: Any, codegen: Any) -> Path | None:
        if self.folder is None:
            return None
        content = (str(signature), _fields(signature), codegen.magic_tuple())
        key = hashlib.sha256(repr(content).encode()).hexdigest()[:16]
        return self.folder / f"{self.name}-{key}.kernel"


def _fields(kinds: Any) -> list[Any]:
    """Return the names of the fields of each NamedTuple in a signature, which compiled code knows by their places."""
    return [(getattr(kind, "fields", ()), _fields(kind)) for kind in kinds if isinstance(kind, types.BaseTuple)]


def checked(data: bytes) -> bytes:
    """Return the payload of a kernel file's bytes.

    Raises:
        ValueError: The bytes are not those that were saved.
    """
    digest, payload = data[len(MAGIC) : len(MAGIC) + 32], data[len(MAGIC) + 32 :]
    if not data.startswith(MAGIC) or hashlib.sha256(payload).digest() != digest:
        raise ValueError("it is damaged, or from another version")
    return payload


def prune(folder: Path) -> None:
    """Remove kernels unused for long, and the oldest ones where there are too many."""
    ages: list[tuple[float, Path]] = []
    for entry in folder.glob("*.kernel"):
        with suppress(FileNotFoundError):  # another process prunes as well
            ages.append((-entry.stat().st_mtime, entry))
    ages.sort()
    for index, (negative_time, path) in enumerate(ages):
        if index >= MAX_FILES or time.time() + negative_time > MAX_AGE:
            path.unlink(missing_ok=True)


def private_folder() -> Path | None:
    """Return the folder for this user's kernels, made if need be, or None where no private one can be had."""
    try:
        path = _default_folder()
    except RuntimeError as problem:
        log.warning("compiled kernels are not kept: %s; EVOLVENT_CACHE_DIR names a folder for them", problem)
        return None
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
        if os.name == "posix" and (status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077):
            raise PermissionError("it must belong to you and be closed to others (chmod 700)")
        if not os.access(path, os.W_OK):
            raise PermissionError("it is read-only")
    except OSError as problem:
        log.warning("compiled kernels are not kept in %s: %s", path, problem)
        return None
    return path


def _default_folder() -> Path:
    if chosen := os.environ.get("EVOLVENT_CACHE_DIR"):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or "~").expanduser() / "evolvent" / "kernels"
    if sys.platform == "darwin":
        return Path("~/Library/Caches/evolvent/kernels").expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "evolvent" / "kernels"
