"""What a run leaves on disk while it goes on."""

from __future__ import annotations

import io
import logging
import math
import os
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any

from evolvent.errors import StorageFailed
from evolvent.files import lacks_room
from evolvent.policies import Policy
from evolvent.training import checkpoint
from evolvent.training.callbacks import COLUMNS, Generation
from evolvent.training.history import History
from evolvent.training.manifest import version
from evolvent.training.parts import Search
from evolvent.training.run_folder import RunFolder
from evolvent.training.search import Progress

log = logging.getLogger("evolvent")

SECONDS_BETWEEN_SAVES = 1.0
SECONDS_TO_WAIT_FOR_ROOM = 60.0
SECONDS_BETWEEN_TRIES = 1.0


class Recorder:
    """Holds how far a run has come, and keeps its history, checkpoints and best policy in its folder.

    Args:
        folder: Where, locked by this process; None keeps nothing on disk.
        search: The run's parts.
        progress: How far the run has come.
    """

    def __init__(self, folder: RunFolder | None, search: Search, progress: Progress) -> None:
        """Begin, or go on with, the files of `folder`."""
        self.progress = progress
        self._folder = folder
        self._search = search
        self._history = History(folder.history, COLUMNS) if folder else None
        self._saved_at = time.monotonic()
        self._num_saved = progress.generation

    def note(self, progress: Progress, generation: Generation) -> None:
        """Take note of a generation; it is on disk after the next save."""
        if self._history:
            self._history.append([getattr(generation, name) for name in COLUMNS])
        self.progress = progress

    def save_when_due(self) -> None:
        """Save where the last save is older than a second: that much work at most is ever done again."""
        if time.monotonic() - self._saved_at >= SECONDS_BETWEEN_SAVES:
            self.save()

    def save(self, *, patient: bool = True) -> None:
        """Save history, checkpoint and champion.

        Args:
            patient: Where there is no room for them, wait for some; an interrupt ends that.

        Raises:
            StorageFailed: If one of them cannot be saved; what was saved before is untouched.
        """
        until = time.monotonic() + (SECONDS_TO_WAIT_FOR_ROOM if patient else 0.0)
        told = False
        while (failure := self._try_to_save()) is not None:
            if not lacks_room(failure) or time.monotonic() >= until:
                raise StorageFailed(f"{failure}{self._how_to_go_on()}") from failure
            if not told:
                log.warning("%s; waiting up to %g s for that", failure, SECONDS_TO_WAIT_FOR_ROOM)
            told = True
            time.sleep(SECONDS_BETWEEN_TRIES)

    def _try_to_save(self) -> StorageFailed | None:
        try:
            self._save()
        except StorageFailed as failure:
            return failure
        return None

    def _save(self) -> None:
        if self._folder and self._history and self.progress.generation:
            self._history.flush()
            checkpoint.save(self._folder, self.progress.generation, self.progress, version())
            self._num_saved = self.progress.generation
            best = champion(self._search, self.progress)
            if best and math.isfinite(self.progress.score.mean):  # before the first confirmation nobody is
                best.save(self._folder.best)
        self._saved_at = time.monotonic()

    def _how_to_go_on(self) -> str:
        if self._folder is None or not self._folder.path.is_dir():
            return ""
        kept = f"kept up to generation {self._num_saved - 1}" if self._num_saved else "no generation is kept yet"
        return f"; {kept}, then go on with: evolvent resume {self._folder.path}"


def champion(search: Search, progress: Progress) -> Policy | None:
    """Return the champion as a policy, None where rows are no network's."""
    if search.network is None or search.spec is None:
        return None
    return Policy(
        search.network,
        progress.champion,
        observation_space=search.spec.observation_space,
        action_space=search.spec.action_space,
        action_rule=search.config.action_rule,
        env_id="" if search.config.world == "python" else search.name,
        env_kwargs=search.config.env_kwargs,
        normaliser=progress.champion_moments,
        provenance={
            "evolvent": version(),
            "algorithm": search.config.algorithm,
            "seed": str(search.config.seed),
            "generation": str(progress.generation),
            "validation_mean": repr(progress.score.mean),
            "digest": progress.digest,
        },
    )


class _ErrorsLog(logging.FileHandler):
    """Appends to a file that is no symbolic link; a run goes on where that cannot be done."""

    def _open(self) -> io.TextIOWrapper[Any]:
        def without_links(path: str, flags: int) -> int:
            return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)

        return open(self.baseFilename, "a", encoding="utf-8", opener=without_links)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, if that can be done."""
        with suppress(OSError):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - overrides
        """Say nothing: the terminal has the message as well."""

    def close(self) -> None:
        """Close the file, if there is one."""
        with suppress(OSError):
            super().close()


@contextmanager
def errors_logged(folder: RunFolder) -> Generator[None]:
    """Write warnings and tracebacks to the run's `errors.log` as well, which is made when there is one."""
    handler = _ErrorsLog(folder.errors_log, delay=True)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("evolvent")
    handlers: list[logging.Handler] = [handler]
    if not logger.hasHandlers() and logging.lastResort:
        handlers.append(logging.lastResort)  # with a handler of ours, Python would no longer show warnings by itself
    for each in handlers:
        logger.addHandler(each)
    try:
        yield
    finally:
        for each in handlers:
            logger.removeHandler(each)
        handler.close()
