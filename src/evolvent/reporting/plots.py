"""Learning curves: the only file that names Matplotlib."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evolvent.errors import UsageError
from evolvent.extras import require
from evolvent.files import save_atomically
from evolvent.reporting.destination import check_destination
from evolvent.training import Config, Run, RunFolder, Score, open_run
from evolvent.training.algorithm_choice import short_search
from evolvent.training.history import read
from evolvent.training.run import read_config

with require("matplotlib", extra="report", purpose="pictures"):
    from matplotlib import style
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter, MaxNLocator

Values = NDArray[np.float64]

FORMATS: dict[str, dict[str, Any]] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
LARGEST = 1e100  # beyond it Matplotlib's own arithmetic overflows
FEW = 40  # generations that get a dot each
TITLE_WIDTH = 66  # characters that fit beside each other

# Okabe and Ito's blue and vermilion, which every eye tells apart, and greys.
BLUE, RED, GREY, DARK, PALE = "#0072b2", "#d55e00", "#7a7a7a", "#333333", "#e6e6e6"
STYLE = {
    "font.size": 11.0,
    "axes.edgecolor": GREY,
    "axes.labelcolor": DARK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "xtick.color": DARK,
    "ytick.color": DARK,
    "lines.solid_capstyle": "round",
    "svg.hashsalt": "evolvent",
}

TITLE: dict[str, Any] = {"loc": "left", "fontsize": 12, "fontweight": "bold", "color": DARK, "pad": 10, "parse_math": False}


@dataclass(frozen=True, slots=True)
class Curves:
    """What is drawn, a value a generation; NaN where nothing can be."""

    generations: Values
    best: Values
    mean: Values
    champion: Values
    margin: Values
    steps: Values


def plot(run: Run | RunFolder | str | Path, path: str | Path) -> Path:
    """Draw the learning curve of a run; the same history gives the same picture.

    It shows the best and the mean fitness of every generation, the mean return of the champion so far with its 95 %
    confidence interval over the validation episodes, and the target. Values that are not finite leave a gap.

    Args:
        run: A run, its folder, or what `open_run` takes: a path, a name in `runs`, or `latest`.
        path: Where to, `.png`, `.svg` or `.pdf`; an older file is replaced.

    Returns:
        The path.

    Raises:
        UsageError: There is no such run, it kept no history, or the path cannot be used.
        FileRefused: The run's settings or history are damaged.
        StorageFailed: The picture cannot be written; an older file is untouched.
    """
    path = Path(path)
    suffix = check_destination(path, FORMATS)
    folder = _folder(run)
    env, config = read_config(folder)
    curves = _curves(folder, config)
    picture = io.BytesIO()
    with style.context(STYLE, after_reset=True):
        figure = _draw(curves, env, config)
        figure.savefig(picture, format=suffix[1:], metadata=FORMATS[suffix])
    save_atomically(path, picture.getvalue())
    return path


def _folder(run: Run | RunFolder | str | Path) -> RunFolder:
    if isinstance(run, RunFolder):
        return run
    if isinstance(run, (str, Path)):
        return open_run(str(run), Path("runs"))
    if run.folder is None:
        raise UsageError("run: it was kept nowhere (runs_dir=None), so that there is no history to draw")
    return run.folder


def _curves(folder: RunFolder, config: Config) -> Curves:
    columns = read(folder.history)
    if not columns.get("generation"):
        raise UsageError(f"the run {folder.name} has no generation yet; evolvent resume {folder.path} goes on with it")
    scores = [
        Score(mean, std, config.validation_episodes or config.episodes)
        for mean, std in zip(columns["champion"], columns["champion_std"], strict=True)
    ]
    return Curves(
        generations=np.array(columns["generation"]),
        best=_drawable(columns["best"]),
        mean=_drawable(columns["mean"]),
        champion=_drawable(columns["champion"]),
        margin=_drawable([score.margin for score in scores]),
        steps=np.add(columns["training_steps"], columns["validation_steps"]),
    )


def _drawable(values: Sequence[float]) -> Values:
    array = np.array(values)
    return np.where(np.abs(array) < LARGEST, array, np.nan)


def _draw(curves: Curves, env: str, config: Config) -> Any:
    figure: Any = Figure(figsize=(8.0, 4.5), dpi=150, facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    x, marker = curves.generations, "o" if len(curves.generations) <= FEW else ""
    width = 1.5 if len(x) <= 10 * FEW else 0.5
    axes.plot(x, curves.mean, color=GREY, linewidth=width, marker=marker, markersize=3)
    axes.plot(x, curves.best, color=RED, linewidth=width, marker=marker, markersize=3)
    band = curves.champion - curves.margin, curves.champion + curves.margin
    axes.fill_between(x, *band, step="post", color=BLUE, alpha=0.2, linewidth=0)
    axes.plot(x, curves.champion, color=BLUE, linewidth=2.2, drawstyle="steps-post", marker=marker, markersize=4)
    labels = [
        ("champion, 95 % interval", BLUE, _last(curves.champion)),
        ("best of generation", RED, _last(curves.best)),
        ("mean of generation", GREY, _last(curves.mean)),
    ]
    if config.target is not None and abs(config.target) < LARGEST:
        axes.axhline(config.target, color=DARK, linewidth=1.0, linestyle=(0, (5, 4)), zorder=3)
        labels.append((f"target {config.target:g}", DARK, config.target))
    _label(axes, labels)
    _scale(axes, curves)
    named = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in env)
    search = short_search(config.algorithm, config.restarts)
    title = f"{named}, {search}, population {config.population}, seed {config.seed}"
    axes.set_title(fill(title, TITLE_WIDTH), **TITLE)
    return figure


def _scale(axes: Any, curves: Curves) -> None:
    """Give generations below and, at the same places, environment steps above."""
    x = curves.generations
    axes.set_xlabel("generation")
    axes.set_ylabel("mean return of an episode")
    axes.grid(axis="y", color=PALE, linewidth=0.8)
    axes.set_axisbelow(True)
    room = max(0.5, 0.01 * (x[-1] - x[0])) if len(x) <= FEW else 0.0
    axes.set_xlim(x[0] - room, x[-1] + room)
    ticks = [tick for tick in MaxNLocator(7, integer=True).tick_values(x[0], x[-1]) if x[0] <= tick <= x[-1]]
    axes.set_xticks(ticks)
    above = axes.secondary_xaxis("top")
    written = EngFormatter(sep=" ")
    steps = np.interp(ticks, x, curves.steps)
    above.set_xticks(ticks, labels=[written(float(f"{count:.3g}")) for count in steps])
    above.set_xlabel("environment steps", color=GREY, fontsize=9)
    above.tick_params(length=0, labelsize=9, labelcolor=GREY)
    above.spines["top"].set_visible(False)


def _label(axes: Any, labels: Sequence[tuple[str, str, float]]) -> None:
    """Write what each line is beside its end, moved apart where the ends are close."""
    low, high = axes.get_ylim()
    shown = sorted(((value - low) / (high - low), text, colour) for text, colour, value in labels if not np.isnan(value))
    for place, (_, text, colour) in zip(_apart([each[0] for each in shown]), shown, strict=True):
        axes.text(1.02, place, text, color=colour, transform=axes.transAxes, verticalalignment="center")


def _apart(places: Sequence[float], distance: float = 0.07) -> list[float]:
    """Return ascending places of 0 to 1, moved upwards, then downwards, until neighbours are at a distance.

    Examples:
        >>> [round(place, 2) for place in _apart([0.1, 0.5, 0.52, 1.0])]
        [0.1, 0.5, 0.57, 1.0]
        >>> [round(place, 2) for place in _apart([0.98, 0.99, 1.0])]
        [0.86, 0.93, 1.0]
    """
    apart: list[float] = []
    for place in places:
        apart.append(max(place, apart[-1] + distance) if apart else place)
    limit = 1.0
    for index in reversed(range(len(apart))):
        apart[index] = min(apart[index], limit)
        limit = apart[index] - distance
    return apart


def _last(values: Values) -> float:
    """Return the last value that is a number, NaN where none is."""
    finite = values[~np.isnan(values)]
    return float(finite[-1]) if len(finite) else np.nan
