"""Learning curves: the only file that names Matplotlib."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evolvent.errors import UsageError
from evolvent.extras import require
from evolvent.files import save_atomically
from evolvent.training import Config, Run, RunFolder
from evolvent.training import history as history_file
from evolvent.training.run import read_config

with require("matplotlib", extra="report", purpose="pictures"):
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

SUFFIXES = (".png", ".svg", ".pdf")
SIZE = (8.0, 4.4)  # [inches]
RESOLUTION = 150  # [pixels an inch]
NUM_STEP_LABELS = 6
CHAMPION, BEST, MEAN, TARGET = "#0072b2", "#d55e00", "#7f7f7f", "#333333"  # told apart by colour-blind eyes too

Column = NDArray[np.float64]


def plot(run: Run | RunFolder | str | Path, path: str | Path) -> Path:
    """Draw the learning curve of a run.

    It shows the best and the mean fitness of each generation, and the champion's mean return over the validation episodes
    with its 95 % interval.

    Args:
        run: The run, its folder, or the folder's path.
        path: Where to, `.png`, `.svg` or `.pdf`; an older file is replaced.

    Returns:
        The path of the picture.

    Raises:
        UsageError: The path has another suffix, the run was kept nowhere, or it has no generation yet.
        FileRefused: The run's history or settings are damaged.
        StorageFailed: The picture cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path}: expected a name that ends in {', '.join(SUFFIXES)}, got {path.suffix or 'none'}")
    folder = _folder(run)
    env, config = read_config(folder)
    rows = history_file.read(folder.history) if folder.history.exists() else {}
    if not rows.get("generation"):
        raise UsageError(f"the run {folder.name} has no generation yet; evolvent resume {folder.path} goes on with it")
    figure: Any = Figure(figsize=SIZE, dpi=RESOLUTION, layout="constrained")
    _draw(figure, {name: np.array(values) for name, values in rows.items()}, env, config)
    picture = io.BytesIO()
    figure.savefig(picture, format=path.suffix[1:].lower())
    save_atomically(path, picture.getvalue())
    return path


def _folder(run: Run | RunFolder | str | Path) -> RunFolder:
    if isinstance(run, RunFolder):
        return run
    if isinstance(run, Run):
        if run.folder is None:
            raise UsageError("run: it was kept nowhere (runs_dir=None), so that there is no history to draw")
        return run.folder
    return RunFolder(Path(run))


def _draw(figure: Any, rows: dict[str, Column], env: str, config: Config) -> None:
    axes = figure.add_subplot()
    generations = rows["generation"]
    marks: dict[str, Any] = {"marker": "o", "markersize": 3} if len(generations) <= 30 else {}
    axes.plot(generations, _finite(rows["mean"]), color=MEAN, linewidth=1.2, label="mean of the population", **marks)
    axes.plot(generations, _finite(rows["best"]), color=BEST, linewidth=1.0, alpha=0.8, label="best of the population", **marks)
    champion = _finite(rows["champion"])
    margin = 1.96 * rows["champion_std"] / np.sqrt(config.validation_episodes)
    axes.fill_between(generations, champion - margin, champion + margin, color=CHAMPION, alpha=0.2, linewidth=0)
    axes.plot(generations, champion, color=CHAMPION, linewidth=2.0, label="champion, confirmed (95 %)", **marks)
    if config.target is not None:
        axes.axhline(config.target, color=TARGET, linewidth=1.0, linestyle=(0, (4, 3)), label=f"target {config.target:g}")
    axes.set_title(f"{env}, {config.algorithm}, population {config.population}, seed {config.seed}", loc="left", fontsize=11)
    axes.set_xlabel("generation")
    axes.set_ylabel("return of an episode")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    _add_steps(axes, generations, rows["training_steps"] + rows["validation_steps"])


def _add_steps(axes: Any, generations: Column, steps: Column) -> None:
    """Tell along the top how many environment steps it took."""
    marked = np.unique(np.linspace(0, len(generations) - 1, NUM_STEP_LABELS).astype(int))
    in_words: Any = EngFormatter(places=1)
    above = axes.secondary_xaxis("top")
    above.set_ticks(generations[marked], labels=[in_words(steps[at]) for at in marked])
    above.set_xlabel("environment steps", fontsize=9, color=MEAN)
    above.tick_params(labelsize=8, colors=MEAN)
    above.spines["top"].set_visible(False)


def _finite(values: Column) -> Column:
    return np.where(np.isfinite(values), values, np.nan)
