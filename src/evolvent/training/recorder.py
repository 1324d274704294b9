"""What a run leaves on disk while it goes on."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Generator
from contextlib import contextmanager

from evolvent.policies import Policy
from evolvent.training import checkpoint
from evolvent.training.callbacks import COLUMNS, Generation
from evolvent.training.history import History
from evolvent.training.manifest import version
from evolvent.training.run_folder import RunFolder
from evolvent.training.search import Progress, Search

SECONDS_BETWEEN_SAVES = 1.0


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

    def note(self, progress: Progress, generation: Generation) -> None:
        """Take note of a generation; it is on disk after the next save."""
        if self._history:
            self._history.append(dataclasses.astuple(generation))
        self.progress = progress

    def save_when_due(self) -> None:
        """Save where the last save is older than a second: that much work at most is ever done again."""
        if time.monotonic() - self._saved_at >= SECONDS_BETWEEN_SAVES:
            self.save()

    def save(self) -> None:
        """Save history, checkpoint and champion.

        Raises:
            StorageFailed: If one of them cannot be saved; what was saved before is untouched.
        """
        if self._folder and self._history and self.progress.generation:
            self._history.flush()
            checkpoint.save(self._folder, self.progress.generation, self.progress, version())
            if best := champion(self._search, self.progress):
                best.save(self._folder.best)
        self._saved_at = time.monotonic()


def champion(search: Search, progress: Progress) -> Policy | None:
    """Return the champion as a policy, None where rows are no network's."""
    if search.network is None or search.spec is None:
        return None
    return Policy(
        search.network,
        progress.champion,
        observation_space=search.spec.observation_space,
        action_space=search.spec.action_space,
        env_id="" if search.config.world == "python" else search.name,
        provenance={
            "evolvent": version(),
            "algorithm": search.config.algorithm,
            "seed": str(search.config.seed),
            "generation": str(progress.generation),
            "validation_mean": repr(progress.score.mean),
            "digest": progress.digest,
        },
    )


@contextmanager
def errors_logged(folder: RunFolder) -> Generator[None]:
    """Write warnings and tracebacks to the run's `errors.log` as well, which is made when there is one."""
    handler = logging.FileHandler(folder.errors_log, delay=True)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("evolvent")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()
