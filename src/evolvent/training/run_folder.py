"""Where a run lives: `runs/<env>/<name>/`, how it comes into being and how it is found again."""

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from evolvent.errors import StorageFailed, UsageError, did_you_mean
from evolvent.files import save_atomically, sync_folder
from evolvent.files.disk import is_leftover, temporary_name
from evolvent.training.run_name import LATEST, check_name, safe_name

_CHECKPOINT: Final = re.compile(r"checkpoint-([0-9]{1,18})\.safetensors")
_STALE_AFTER: Final = 3600.0  # seconds; nobody takes that long to create a run


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run and the paths in it; a value, nothing is read or written.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def name(self) -> str:
        """What the run is called in messages and tables: `<env>/<name>`."""
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def run_toml(self) -> Path:
        """The resolved configuration; a folder that has it is a run."""
        return self.path / "run.toml"

    @property
    def manifest(self) -> Path:
        """Versions, machine, command and digest."""
        return self.path / "manifest.json"

    @property
    def history(self) -> Path:
        """A row a generation."""
        return self.path / "history.csv"

    @property
    def best(self) -> Path:
        """The best policy so far."""
        return self.path / "best.safetensors"

    @property
    def errors_log(self) -> Path:
        """Tracebacks."""
        return self.path / "errors.log"

    @property
    def lock(self) -> Path:
        """What the process that works on the run holds locked."""
        return self.path / "lock"

    def checkpoint(self, generation: int) -> Path:
        """The state after one generation."""
        return self.path / f"checkpoint-{generation}.safetensors"

    def checkpoints(self) -> list[tuple[int, Path]]:
        """List generation and path of every checkpoint there is, newest first; symbolic links are passed over.

        Raises:
            StorageFailed: If the operating system cannot list the folder; one that is gone has none.
        """
        try:
            named = [(_CHECKPOINT.fullmatch(path.name), path) for path in self.path.iterdir() if not path.is_symlink()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise StorageFailed(f"cannot list {self.path}: {error.strerror}; check its permissions and the disk") from error
        return sorted(((int(match[1]), path) for match, path in named if match), reverse=True)


def create(runs_dir: Path, env_id: str, name: str | None, files: Mapping[str, bytes]) -> RunFolder:
    """Make the folder of a new run with its first files, in one step: a killed process leaves all of it or none.

    Args:
        runs_dir: Where runs are kept; made if it is missing.
        env_id: The environment, as the user wrote it.
        name: The name of the run, or `None` for the local time, with `-2`, `-3` ... if that is taken.
        files: The content of each first file by its name; `run.toml` is among them.

    Returns:
        The new folder.

    Raises:
        UsageError: If the name is not allowed or taken, or a symbolic link would lead out of `runs_dir`.
        StorageFailed: If the operating system refuses any step.
    """
    names = _free_names() if name is None else iter((check_name(name),))
    try:
        env_dir = _env_dir(runs_dir, env_id)
        _remove_stale(env_dir)
        draft = env_dir / temporary_name("run")
        draft.mkdir()
        try:
            for file_name, content in {**files, "lock": b""}.items():
                save_atomically(draft / file_name, content)
            path = _publish(draft, names)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except (OSError, StorageFailed) as error:
        raise StorageFailed(f"cannot create a run in {runs_dir} (--runs-dir chooses another place): {error}") from error
    return RunFolder(path)


def open_run(path_or_name: str, runs_dir: str | Path = "runs", prefer: Callable[[RunFolder], bool] | None = None) -> RunFolder:
    """Find a run by its folder, by `<env>/<name>`, by a name that only one run has, or by the word `latest`.

    Args:
        path_or_name: What to find.
        runs_dir: Where runs are kept.
        prefer: `latest` is the newest run that this says yes to, the newest of all where it says no to each.

    Raises:
        UsageError: If there is no such run or more than one. The message gives the nearest names.
    """
    if os.path.isfile(os.path.join(path_or_name, "run.toml")):  # noqa: PTH113, PTH118 - no error for any string
        return RunFolder(Path(path_or_name).absolute())
    runs = find_runs(Path(runs_dir))
    if path_or_name == LATEST:
        matches = [next((run for run in runs if prefer is not None and prefer(run)), runs[0])] if runs else []
    else:
        matches = [run for run in runs if path_or_name in {run.name, run.path.name}]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise UsageError(f"several runs are called {path_or_name!r}; say which: {', '.join(run.name for run in matches)}")
    if not runs:
        raise UsageError(f"no run {path_or_name!r}: there are no runs in {runs_dir}; say where they are: --runs-dir")
    known = {run.name for run in runs} | {run.path.name for run in runs}
    raise UsageError(f"no run {path_or_name!r} in {runs_dir}{did_you_mean(path_or_name, known) or f'; newest: {runs[0].name}'}")


def find_runs(runs_dir: Path) -> list[RunFolder]:
    """List the runs in a folder, the one begun last first; hidden folders and symbolic links are passed over."""
    begun: list[tuple[int, str, RunFolder]] = []
    for env_dir in _visible_folders(runs_dir):
        for path in _visible_folders(env_dir):
            run = RunFolder(path)
            with suppress(OSError):
                begun.append((run.run_toml.stat(follow_symlinks=False).st_mtime_ns, run.name, run))
    return [run for _, _, run in sorted(begun, key=lambda entry: entry[:2], reverse=True)]


def _visible_folders(folder: Path) -> list[Path]:
    with suppress(OSError):
        return [path for path in folder.iterdir() if not path.name.startswith(".") and path.is_dir() and not path.is_symlink()]
    return []


def _free_names() -> Iterator[str]:
    now = time.strftime("%Y-%m-%d-%H%M%S")
    yield now
    for number in count(2):
        yield f"{now}-{number}"


def _env_dir(runs_dir: Path, env_id: str) -> Path:
    runs_dir.mkdir(parents=True, exist_ok=True)
    root = runs_dir.resolve()
    env_dir = root / safe_name(env_id)
    with suppress(FileExistsError):
        env_dir.mkdir()
    if env_dir.resolve() != env_dir or not env_dir.is_dir():
        raise UsageError(f"{env_dir} must be a folder, not a file or a symbolic link; remove it or choose another --runs-dir")
    sync_folder(root)
    sync_folder(root.parent)
    return env_dir


def _publish(draft: Path, names: Iterator[str]) -> Path:
    path = draft
    for name in names:
        path = draft.with_name(name)
        with suppress(FileExistsError, NotADirectoryError):
            _rename_to_new(draft, path)
            sync_folder(path.parent)
            return path
    raise UsageError(f"the run {path} exists; choose another --name or resume it: evolvent resume {path}")


def _rename_to_new(draft: Path, path: Path) -> None:
    """Rename a folder; POSIX would put it in the place of an empty one, and says "not empty" for a full one."""
    if os.path.lexists(path):
        raise FileExistsError
    try:
        draft.rename(path)
    except OSError:
        if os.path.lexists(path):
            raise FileExistsError from None
        raise


def _remove_stale(env_dir: Path) -> None:
    for path in env_dir.iterdir():
        with suppress(OSError):
            if is_leftover(path.name) and time.time() - path.stat(follow_symlinks=False).st_mtime > _STALE_AFTER:
                shutil.rmtree(path, ignore_errors=True)
