"""What became of a run: whether it goes on, is done, was stopped, failed, or its process is gone without a word."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal

from evolvent.errors import EvolventError
from evolvent.files import JsonObject, JsonValue, dump_json, save_atomically
from evolvent.training.manifest import read_manifest
from evolvent.training.run_folder import RunFolder
from evolvent.training.run_lock import holder, is_locked

LONGEST_REASON: Final = 500  # characters

Word = Literal["running", "done", "stopped", "failed", "dead"]


@dataclass(frozen=True, slots=True)
class RunState:
    """What became of a run.

    Args:
        word: running; done, it has a result; stopped, by its user; failed, by an error; dead, its process is gone without a
            word, as after a power cut.
        reason: Why, in words; empty where nothing is to be said.
    """

    word: Word
    reason: str = ""

    @property
    def is_unfinished(self) -> bool:
        """Whether nobody works on the run and it has not come to its end."""
        return self.word in {"stopped", "failed", "dead"}


def state_of(folder: RunFolder) -> RunState:
    """Return what became of the run in `folder`; a manifest that cannot be read tells nothing, and is no error.

    The operating system knows whether a run goes on. A result, or a mark of how it stopped, is taken away when it goes on; the
    name of its process is taken away when it ends in whatever way but that of being killed.
    """
    if is_locked(folder):
        return RunState("running", holder(folder) or "")
    try:
        manifest = read_manifest(folder)
    except EvolventError:
        manifest = {}
    stopped = manifest.get("stopped")
    if isinstance(manifest.get("result"), dict):
        return RunState("done")
    if isinstance(stopped, dict):
        return RunState("failed" if stopped.get("failed") is True else "stopped", str(stopped.get("reason", "")))
    if (process := holder(folder)) is not None:
        return RunState("dead", f"{process} is gone")
    return RunState("stopped")


def mark_begun(folder: RunFolder, changes: Mapping[str, JsonValue], generation: int) -> None:
    """Take the marks of an end out of the manifest, and note which settings were changed after so many generations.

    Raises:
        FileRefused: The manifest is damaged.
        StorageFailed: It cannot be saved.
    """
    manifest = read_manifest(folder)
    before = manifest.get("changes")
    noted: list[JsonValue] = [*(before if isinstance(before, list) else [])]
    if changes:
        noted.append({"after_generations": generation, "time": _now(), **changes})
    content: JsonObject = {name: value for name, value in manifest.items() if name not in {"result", "stopped"}}
    if noted:
        content["changes"] = noted
    if content != manifest:
        _save(folder, content)


def mark_done(folder: RunFolder, result: JsonObject) -> None:
    """Write the result into the manifest.

    Raises:
        FileRefused: The manifest is damaged.
        StorageFailed: It cannot be saved.
    """
    _save(folder, {**read_manifest(folder), "result": result})


def mark_stopped(folder: RunFolder | None, reason: str, *, failed: bool) -> None:
    """Write into the manifest why the run stopped before its end, as far as that can be done."""
    if folder is None:
        return
    words = reason.encode(errors="backslashreplace").decode()[:LONGEST_REASON]
    with suppress(EvolventError):
        _save(folder, {**read_manifest(folder), "stopped": {"reason": words, "failed": failed, "time": _now()}})


def _save(folder: RunFolder, manifest: JsonObject) -> None:
    save_atomically(folder.manifest, dump_json(manifest, indent=2).encode())


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")
