"""What a table of runs says of each."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from evolvent.errors import EvolventError
from evolvent.files import JsonObject
from evolvent.training import Config, Generation, RunFolder, history
from evolvent.training.callbacks import COLUMNS
from evolvent.training.manifest import read_manifest
from evolvent.training.pace import Pace, TimeLeft
from evolvent.training.run import read_config
from evolvent.training.run_state import RunState, state_of

WHOLE_NUMBERS = {"generation", "failed", "training_steps", "validation_steps"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is known of a run without its world.

    Args:
        name: What it is called.
        state: What became of it.
        generations: How many are saved.
        test_mean: Its score, once it is done.
        champion: The champion's mean return over the validation episodes, while it is not.
        started: When it was begun.
        saved_at: When it was saved last [s since 1970].
        left: How long it can still take, while it is running.
        next_words: What to do next, after the name of the command.
    """

    name: str
    state: RunState
    generations: int
    test_mean: float | None
    champion: float | None
    started: str
    saved_at: float | None
    left: TimeLeft | None
    next_words: str

    def as_json(self, next_command: str) -> JsonObject:
        """Return the row in plain words and numbers."""
        left = self.left if self.left is not None and math.isfinite(self.left.seconds) else None
        return {
            "run": self.name,
            "state": self.state.word,
            "reason": self.state.reason,
            "generations": self.generations,
            "test_mean": self.test_mean,
            "champion": self.champion,
            "started": self.started,
            "seconds_left": None if left is None else left.seconds,
            "seconds_left_is_bound": None if left is None else left.is_bound,
            "next": next_command,
        }


def row_of(folder: RunFolder) -> Row:
    """Return what is known of a run; a file that cannot be read is no reason to hide the run."""
    state = state_of(folder)
    checkpoints = folder.checkpoints()
    manifest, world, config = _told(folder)
    result = manifest.get("result")
    is_done = state.word == "done" and isinstance(result, dict)
    name = folder.name.encode(errors="backslashreplace").decode()
    return Row(
        name=name,
        state=state,
        generations=checkpoints[0][0] if checkpoints else 0,
        test_mean=_number(result.get("test_mean")) if is_done and isinstance(result, dict) else None,
        champion=None if is_done else _champion(folder),
        started=str(manifest.get("started", "unknown"))[:19],
        saved_at=_saved_at(folder),
        left=_time_left(folder, config) if state.word == "running" and config is not None else None,
        next_words=_next(name, state, world),
    )


def _told(folder: RunFolder) -> tuple[JsonObject, str, Config | None]:
    """Return the manifest, the world and the settings, as far as they can be read."""
    manifest: JsonObject = {}
    world, config = "", None
    with suppress(EvolventError):
        world, config = read_config(folder)
    with suppress(EvolventError):
        manifest = read_manifest(folder)
    return manifest, world, config


def _champion(folder: RunFolder) -> float | None:
    champion = math.nan
    with suppress(EvolventError):
        champion = history.last(folder.history).get("champion", math.nan)
    return champion if math.isfinite(champion) else None


def _time_left(folder: RunFolder, config: Config) -> TimeLeft | None:
    """Return how long a run can still take, judged by its history; None where there is none, or another version's."""
    columns: dict[str, list[float]] = {}
    with suppress(EvolventError):
        columns = history.read(folder.history)
    if columns.keys() != set(COLUMNS) or not columns["generation"]:
        return None
    pace = Pace(config)
    for values in zip(*columns.values(), strict=True):
        pace.note(_generation(dict(zip(columns, values, strict=True))))
    return pace.left()


def _generation(values: dict[str, float]) -> Generation:
    typed: dict[str, Any] = {name: int(value) if name in WHOLE_NUMBERS else value for name, value in values.items()}
    return Generation(**typed)


def _saved_at(folder: RunFolder) -> float | None:
    with suppress(OSError):
        return folder.history.stat(follow_symlinks=False).st_mtime
    return None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _next(name: str, state: RunState, world: str) -> str:
    """Return the words of the command that makes sense next."""
    verb = "resume" if state.is_unfinished else "plot" if state.word == "running" else "play"
    return f"{verb} {name}{f' --env {world}' if ':' in world and verb != 'plot' else ''}"
