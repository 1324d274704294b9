"""The table of the page, from the rows of the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks._harness import quantity

BEGIN, END = "<!-- begin: written by benchmarks/peers/run.py -->", "<!-- end -->"
NOTHING = "–"
BUSY = "**The machine was busy with other work** (load {:.1f} before the run): these are hints, not measurements."
HEADINGS = (
    "peer",
    "threads",
    "random rows: useful steps/s",
    "wasted",
    "evolved rows: useful steps/s",
    "wasted",
    "Evolvent's 1 thread, times faster",
    "search until solved",
    "solved",
    "start",
)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the rows as a Markdown table: the fastest first, then those that could not be measured, with the reason."""
    measured = sorted((row for row in rows if "problem" not in row), key=_order, reverse=True)
    lines = [_line(HEADINGS), "|---" + "|---:" * (len(HEADINGS) - 1) + "|"]
    lines += [_line(_cells(row)) for row in measured]
    lines += [_line([row["label"], f"not measured: {row['problem']}", *[""] * 8]) for row in rows if "problem" in row]
    return "\n".join(lines)


def page_part(result: Mapping[str, Any]) -> str:
    """Return the table with the machine, the day and the versions that it belongs to."""
    machine, versions = result["machine"], result["versions"]
    busy = result.get("load_before", 0.0) > 1
    others = sorted({row["version"] for row in result["rows"] if "version" in row})
    return "\n\n".join(
        [
            table(result["rows"]),
            f"{machine['cores']} cores, {machine['processor']}, {machine['system']}, {result['day']};"
            f" Python {versions['python']}. " + "; ".join(others) + ".",
            *([BUSY.format(result["load_before"])] if busy else []),
        ]
    )


def write(page: Path, text: str) -> None:
    """Put text between the page's markers.

    Raises:
        ValueError: The page has no markers.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page}: expected the lines {BEGIN} and {END}, found neither or one; put them back")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def _order(row: Mapping[str, Any]) -> float:
    return row["kinds"].get("evolved", {}).get("speed", 0.0)


def _cells(row: Mapping[str, Any]) -> list[str]:
    kinds = row["kinds"]
    random, evolved, search = (kinds.get(kind, {}) for kind in ("random", "evolved", "search"))
    ratios = [each["reference_over_this"] for each in (random, evolved) if each]
    return [
        row["label"],
        str(row["threads"]),
        _number(random.get("speed")),
        _share(random.get("wasted_share")),
        _number(evolved.get("speed")),
        _share(evolved.get("wasted_share")),
        " and ".join(quantity(ratio) for ratio in ratios) or NOTHING,
        seconds(search.get("seconds")),
        f"{search['solved']} of {search['searches']}" if search else NOTHING,
        seconds(row["setup_s"]),
    ]


def seconds(value: float | None) -> str:
    """Return a time as a person reads it.

    Examples:
        >>> seconds(0.0123), seconds(4.56), seconds(None)
        ('12.3 ms', '4.56 s', '–')
    """
    if value is None:
        return NOTHING
    return f"{quantity(value * 1000)} ms" if value < 1 else f"{quantity(value)} s"


def _number(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{quantity(value / 1e6)} M" if value >= 1e6 else f"{quantity(value / 1e3)} k"


def _share(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.0%}"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
