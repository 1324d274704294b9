"""What a run's folder says of its circumstances: versions, machine, command and, at the end, the result."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import sys
import time

from evolvent.errors import FileRefused
from evolvent.files import JsonObject, parse_object, read_bytes, take, take_object
from evolvent.training.run_folder import RunFolder

PACKAGES = ("evolvent", "numpy", "numba", "llvmlite", "gymnasium", "safetensors")
FORMAT_VERSION = 1
LARGEST_TEXT = 1 << 20  # bytes of a manifest or a configuration


def version() -> str:
    """Return the version of Evolvent that is installed."""
    return _version("evolvent")


def circumstances() -> JsonObject:
    """Return where, when and with what a run begins."""
    return {
        "format_version": FORMAT_VERSION,
        "command": " ".join(sys.argv),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "machine": {"system": platform.platform(), "processor": platform.machine(), "cores": os.cpu_count() or 1},
    }


@functools.cache
def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def read_manifest(folder: RunFolder) -> JsonObject:
    """Return the manifest of the run in `folder`.

    Raises:
        FileRefused: It is damaged, or too new.
    """
    source = str(folder.manifest)
    content = parse_object(read_bytes(folder.manifest, LARGEST_TEXT, follow_links=False), source)
    check_format(content, source)
    return content


def check_format(manifest: JsonObject, source: str) -> None:
    """Refuse a manifest of another format.

    Raises:
        FileRefused: Its format is another, or not told.
    """
    if (found := take(dict(manifest), "format_version", int, source)) != FORMAT_VERSION:
        written_by = take(take_object(dict(manifest), "versions", source), "evolvent", str, source)
        raise FileRefused(
            f"{source} was written by Evolvent {written_by[:40]!r} in format {found};"
            f" this version reads formats up to {FORMAT_VERSION}. Upgrade Evolvent to go on with this run"
        )


def changed_versions(manifest: JsonObject) -> str:
    """Return which versions differ from those that a manifest tells, in words, or an empty text."""
    before = manifest.get("versions")
    now = circumstances()["versions"]
    if not isinstance(before, dict) or not isinstance(now, dict):
        return "the versions are not known"
    return ", ".join(f"{name} {before.get(name)} then, {now[name]} now" for name in now if before.get(name) != now[name])
