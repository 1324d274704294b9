"""Where a picture or a video shall go."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from evolvent.errors import StorageFailed, UsageError


def check_destination(path: Path, suffixes: Iterable[str]) -> str:
    """Return the suffix of `path` in small letters, if a file of that kind can be written there.

    It is asked before the work begins; that the disk is full, for one, shows only when it is done.

    Args:
        path: Where to.
        suffixes: Those that can be made, in small letters.

    Raises:
        UsageError: The suffix is another one, or `path` is, or lies in, something of the wrong kind.
        StorageFailed: The folder cannot be written to.
    """
    suffix = path.suffix.lower()
    if suffix not in suffixes:
        raise UsageError(f"{path}: expected a name that ends in {', '.join(suffixes)}, got {path.suffix or 'none'}")
    if path.is_dir():
        raise UsageError(f"{path} is a folder; choose another name")
    if not path.parent.is_dir():
        raise UsageError(f"{path}: there is no folder {path.parent}; make it first, or choose another one")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise StorageFailed(f"cannot write to the folder {path.parent}; check its permissions, or choose another one")
    return suffix
