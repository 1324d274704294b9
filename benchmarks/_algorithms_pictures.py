"""Pictures of what benchmarks/algorithms.py measures, in the style of Evolvent's learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _algorithms_functions import CHECKPOINTS, FUNCTIONS, budget
from matplotlib import style
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter
from numpy.typing import NDArray

from evolvent.reporting.plots import BLUE, DARK, GREY, PALE, RED, STYLE, TITLE

GREEN, ORANGE, PINK = "#009e73", "#e69f00", "#cc79a7"  # of Okabe and Ito's
LOOKS: Mapping[str, tuple[str, str]] = {  # a colour for each kind of search
    "genetic": (RED, "-"),
    "cosyne": (RED, ":"),
    "openai_es": (ORANGE, "-"),
    "ars": (ORANGE, "--"),
    "pgpe": (ORANGE, ":"),
    "sep_cma_es": (GREEN, "-"),
    "snes": (GREEN, "--"),
    "cma_es": (BLUE, "-"),
    "xnes": (BLUE, "--"),
    "cma_es, restarts": (PINK, "--"),
    "random_search": (GREY, "-"),
}
GRID = 120


def draw(found: Mapping[str, Any], folder: Path) -> None:
    """Write the pictures that what was found suffices for into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    on_functions = [name for name in ("turned ellipsoid 10", "Rastrigin 10") if name in found]
    in_worlds = [name for name in ("CartPole-v1", "Pendulum-v1") if name in found]
    with style.context({**STYLE, "font.size": 9.5}, after_reset=True):
        for name, panels, panel in (("functions", on_functions, _function), ("worlds", in_worlds, _world)):
            if len(panels) < 2:
                continue
            figure: Any = Figure(figsize=(8.0, 4.2), dpi=120, facecolor="white", layout="constrained")
            axes = figure.subplots(1, 2)
            for each, problem in zip(axes, panels, strict=True):
                panel(each, problem, found[problem])
                each.grid(axis="y", color=PALE, linewidth=0.8)
                each.set_axisbelow(True)
            handles, labels = axes[0].get_legend_handles_labels()
            figure.legend(handles, labels, loc="outside lower center", ncols=6, frameon=False, fontsize=8.5)
            figure.savefig(folder / f"algorithms-{name}.png")


def _function(axes: Any, problem: str, found: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    name, _, dim = problem.rpartition(" ")
    spent = budget(name, int(dim)) * np.arange(1, CHECKPOINTS + 1) / CHECKPOINTS
    for algorithm, (colour, line) in LOOKS.items():
        if algorithm in found:
            middle = np.median([each["curve"] for each in found[algorithm]], axis=0)
            axes.plot(spent, middle, color=colour, linestyle=line, linewidth=1.6, label=algorithm)
    axes.axhline(FUNCTIONS[name].target, color=DARK, linewidth=1.0, linestyle=(0, (5, 4)))
    axes.set_yscale("log")
    axes.set_title(f"{name}, {dim} parameters", **{**TITLE, "fontsize": 10})
    axes.set_xlabel("evaluations")
    axes.set_ylabel("lowest value, median of the seeds")
    axes.xaxis.set_major_formatter(EngFormatter())


def _world(axes: Any, problem: str, found: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    most = min(max(each["curve"][-1][0] for all_ in found.values() for each in all_), 1_000_000 if problem[0] == "C" else 10**9)
    steps = np.linspace(0, most, GRID + 1)[1:]
    for algorithm, (colour, line) in LOOKS.items():
        if algorithm in found:
            curves = [_held(each["curve"], steps) for each in found[algorithm]]
            axes.plot(steps, np.mean(curves, axis=0), color=colour, linestyle=line, linewidth=1.6, label=algorithm)
    axes.set_title(problem, **{**TITLE, "fontsize": 10})
    axes.set_xlabel("training steps")
    axes.set_ylabel("champion's return, mean of the seeds")
    axes.xaxis.set_major_formatter(EngFormatter())


def _held(curve: Sequence[Sequence[float]], steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the champion's return at so many steps; before the first it is the first, and after the last the last."""
    at, values = np.array(curve, dtype=float).T
    return values[np.maximum(np.searchsorted(at, steps, side="right") - 1, 0)]
