"""Pictures of the experiments of benchmarks/claims.py, in the style of Evolvent's learning curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import style
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from evolvent.reporting.plots import BLUE, DARK, GREY, PALE, RED, STYLE, TITLE

LIGHT, GREEN = "#56b4e9", "#009e73"  # Okabe and Ito's sky blue and bluish green
NEW_LINE = "\n"
SEARCHES = {"evolution": ("evolution", BLUE), "descent": ("gradient descent", RED), "random": ("random search", GREY)}


def draw(found: Mapping[str, Any], folder: Path) -> None:
    """Write a picture of each experiment into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    drawings: dict[str, Callable[[Any, Mapping[str, Any]], None]] = {
        "passes": _passes,
        "convex": _convex,
        "rugged": _rugged,
        "global": _global,
        "parallel": _parallel,
    }
    with style.context({**STYLE, "font.size": 9.5}, after_reset=True):
        for name, drawing in drawings.items():
            figure: Any = Figure(figsize=(8.0, 3.6), dpi=120, facecolor="white", layout="constrained")
            drawing(figure, found)
            figure.savefig(folder / f"claims-{name}.png")


def _panel(axes: Any, title: str, xlabel: str, ylabel: str) -> None:
    axes.set_title(title, **{**TITLE, "fontsize": 10})
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.grid(axis="y", color=PALE, linewidth=0.8)
    axes.set_axisbelow(True)


def _bars(axes: Any, groups: Sequence[str], series: Sequence[tuple[str, str, Sequence[float]]], text: str) -> None:
    """Draw groups of bars with their values above them."""
    places, width = np.arange(len(groups)), 0.8 / len(series)
    for index, (name, colour, values) in enumerate(series):
        offset = (index - (len(series) - 1) / 2) * width
        drawn = axes.bar(places + offset, values, width * 0.92, color=colour, label=name)
        axes.bar_label(drawn, labels=[text.format(value) for value in values], padding=2, fontsize=8, color=DARK)
    axes.set_xticks(places, groups)
    axes.tick_params(axis="x", length=0)
    axes.margins(y=0.14)


def _passes(figure: Any, found: Mapping[str, Any]) -> None:
    time, memory, needed = figure.subplots(1, 3)
    passes, learning = found["passes"]["passes"], found["passes"]["learning"]
    sizes = list(dict.fromkeys(each["network"] for each in passes))
    batches = [[each for each in passes if each["batch"] == batch] for batch in (1, 256)]
    for axes, title, of in (
        (time, "Time", lambda each: each["both_over_forward"]),
        (memory, "Memory", lambda each: each["both_bytes"] / each["forward_bytes"]),
    ):
        series = [
            (f"batch of {batch[0]['batch']}", colour, [of(each) for each in batch])
            for batch, colour in zip(batches, (LIGHT, BLUE), strict=True)
        ]
        axes.set_yscale("log")
        _panel(axes, title, "layers of the network", "both passes over forward alone, log scale")
        _bars(axes, [_folded(name) for name in sizes], series, "{:.3g}")
        axes.tick_params(axis="x", labelsize=8)
        _room_above(axes, 3, "{:g}")
        axes.legend(frameon=False, fontsize=8, loc="upper left")
    _panel(needed, "Passes to learn", "parameters of the network", "forward passes, median, log scale")
    needed.set_yscale("log")
    series = [(name, colour, [each[key] or np.nan for each in learning]) for key, (name, colour) in _two()]
    _bars(needed, [f"{each['parameters']:,}\n{each['data'].replace(' ', NEW_LINE)}" for each in learning], series, "{:,.0f}")
    _room_above(needed, 8, "{:,.0f}")
    needed.legend(frameon=False, fontsize=8, loc="upper left")


def _folded(network: str) -> str:
    """Return the sizes of the layers on two lines where there are many."""
    sizes = network.split("-")
    return network if len(sizes) < 4 else "-".join(sizes[:2]) + "-\n" + "-".join(sizes[2:])


def _room_above(axes: Any, factor: float, numbers: str) -> None:
    """Leave room for the legend above bars on a log scale that begins at one, and write its numbers out."""
    axes.set_ylim(1, axes.get_ylim()[1] * factor)
    axes.yaxis.set_major_formatter(lambda value, _: numbers.format(value))
    axes.yaxis.set_minor_formatter(NullFormatter())
    if axes.get_ylim()[1] < 100:
        axes.set_yticks(ticks := [1, 2, 5, 10, 20], [str(tick) for tick in ticks])


def _two() -> list[tuple[str, tuple[str, str]]]:
    return [(key, SEARCHES[key]) for key in ("evolution", "descent")]


def _convex(figure: Any, found: Mapping[str, Any]) -> None:
    for axes, name in zip(figure.subplots(1, 2, sharey=True), ("quadratic", "logistic regression"), strict=True):
        of = [each for each in found["convex"] if each["loss"] == name]
        dims = [each["dim"] for each in of]
        for (key, (label, colour)), marker in zip(_two(), ("o", "s"), strict=True):
            values = [each[key] or np.nan for each in of]
            axes.plot(dims, values, color=colour, marker=marker, markersize=5, linewidth=2)
            axes.annotate(
                label, (dims[-1], values[-1]), (-4, 9), textcoords="offset points", color=colour, horizontalalignment="right"
            )
        _panel(axes, name.capitalize(), "dimension, log scale", "evaluations, median, log scale")
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_xticks(dims, [str(dim) for dim in dims])
        ours, theirs = of[-1]["evolution"], of[-1]["descent"]
        if ours and theirs:
            axes.annotate("", (dims[-1], ours), (dims[-1], theirs), arrowprops={"arrowstyle": "<->", "color": GREY})
            middle = (ours * theirs) ** 0.5
            axes.text(dims[-1] * 0.9, middle, f"{ours / theirs:,.0f} times", color=DARK, horizontalalignment="right")


def _rugged(figure: Any, found: Mapping[str, Any]) -> None:
    axes = figure.subplots()
    _panel(axes, "Reached the target within the same number of evaluations", "", "share of the seeds [%]")
    names = [each["landscape"].replace(", ", ",\n").replace("'s ", "'s\n") for each in found["rugged"]]
    series = [(name, colour, [100 * each[key] for each in found["rugged"]]) for key, (name, colour) in SEARCHES.items()]
    _bars(axes, names, series, "{:.0f}")
    axes.set_ylim(0, 128)
    axes.set_yticks(range(0, 101, 25))
    axes.legend(frameon=False, ncols=3, loc="upper right")


def _global(figure: Any, found: Mapping[str, Any]) -> None:
    shares, times = figure.subplots(1, 2)
    by_dim = found["global"]["by_dim"]
    _panel(shares, "The trap: every run finds the needle in the end", "evaluations, log scale", "share of the runs [%]")
    for index, each in enumerate(by_dim):
        hits = np.sort(np.array(each["hits"]["trap"], np.float64))
        part = 100 * np.arange(1, len(hits) + 1) / len(hits)
        fade = 0.35 + 0.65 * (index + 1) / len(by_dim)
        shares.step(hits, part, where="post", color=BLUE, alpha=fade, linewidth=1.8)
        shares.text(hits[-1], 103, str(each["dim"]), color=BLUE, horizontalalignment="center")
    shares.text(0.02, 0.93, "dimension:", color=BLUE, transform=shares.transAxes)
    shares.set_xscale("log")
    shares.set_ylim(0, 112)
    _panel(times, "How long it takes", "dimension", "evaluations, mean, log scale")
    dims = [each["dim"] for each in by_dim]
    lines = (
        ("expected", "theory for the trap", DARK, "", (0, (5, 4))),
        ("trap", "trap, evolution", BLUE, "o", "-"),
        ("random", "trap, random search", GREY, "^", "-"),
        ("slope", "slope, evolution", GREEN, "s", "-"),
    )
    for key, label, colour, marker, line in lines:
        values = [each[key] for each in by_dim]
        times.plot(dims, values, color=colour, marker=marker, markersize=5, linestyle=line, linewidth=1.6, label=label)
    times.set_yscale("log")
    times.set_xticks(dims)
    times.legend(frameon=False, fontsize=8.5)


def _parallel(figure: Any, found: Mapping[str, Any]) -> None:
    axes = figure.subplots()
    _panel(axes, "What a second thread gains", "individuals in the population, log scale", "useful steps/s, times one thread")
    kinds = (
        ("good rows", "rows that balance", BLUE, "o"),
        ("first rows", "first rows, which soon fall", LIGHT, "s"),
        ("whole search", "a whole search", GREEN, "^"),
    )
    for kind, label, colour, marker in kinds:
        of = [each for each in found["parallel"]["cases"] if each["rows"] == kind]
        sizes = [each["population"] for each in of]
        low, middle, high = np.array([np.percentile(each["ratios"], (25, 50, 75)) for each in of]).T
        axes.errorbar(
            sizes, middle, (middle - low, high - middle), color=colour, marker=marker, capsize=3, linewidth=1.8, label=label
        )
    axes.axhline(2, color=DARK, linewidth=1.0, linestyle=(0, (5, 4)))
    axes.axhline(1, color=GREY, linewidth=1.0)
    axes.text(1.01, 2, "linear", color=DARK, transform=axes.get_yaxis_transform(), verticalalignment="center")
    axes.text(1.01, 1, "nothing", color=GREY, transform=axes.get_yaxis_transform(), verticalalignment="center")
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes := [16, 64, 256, 1024], [f"{size:,}" for size in sizes])
    axes.set_ylim(0, 2.2)
    axes.legend(frameon=False, loc="lower right")
