"""How does the rollout scale with threads, individuals and parameters, and is the fastest path chosen?

threads: two threads of one process beside two processes that know nothing of each other.
population: what a useful step costs, and what memory an individual takes, from 64 individuals to 65,536.
parameters: what a multiply-add costs from 100 parameters to 1,000,000, beside the most that the processor can do.
paths: how many episodes are best run side by side, by world and size of the network.

The parts stand in `_scaling_*.py`. `--keep` writes what was measured into `results/scaling.json`, part by part.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import _scaling_parameters
import _scaling_paths
import _scaling_population
import _scaling_threads
from _harness import Bar, Report, circumstances, conclude, flags
from _scaling_job import Part

PARTS = {
    "threads": _scaling_threads,
    "population": _scaling_population,
    "parameters": _scaling_parameters,
    "paths": _scaling_paths,
}
KEPT = Path(__file__).with_name("results") / "scaling.json"


def report(parts: Mapping[str, Part]) -> Report:
    """Return everything in one report."""
    bars: dict[str, Bar] = {}
    ratios: dict[str, float] = {}
    for part in parts.values():
        bars |= part.bars
        ratios |= part.ratios
    tables = {name: _rows(part) for name, part in parts.items()}
    return Report(name="scaling", headings=(), rows=(), bars=bars, details={"ratios": ratios, "parts": tables})


def keep(parts: Mapping[str, Part]) -> None:
    """Put what these parts found in the place of what they found before."""
    found = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    for name, part in parts.items():
        bars = {each: {"value": bar.value, "wanted": bar.demand, "met": bar.met} for each, bar in part.bars.items()}
        found[name] = {"bars": bars, "ratios": part.ratios, "rows": _rows(part), **circumstances()}
    KEPT.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _rows(part: Part) -> list[dict[str, object]]:
    return [dict(zip(part.headings, row, strict=True)) for row in part.rows]


def tables(parts: Mapping[str, Part], options: argparse.Namespace) -> int:
    """Print a table for each part and return the exit code."""
    codes: list[int] = []
    for name, part in parts.items():
        print(f"\n{name}\n")
        each = Report(name=name, headings=part.headings, rows=part.rows, bars=part.bars, details={}, notes=part.notes)
        codes.append(conclude(each, options))
    return max(codes)


def main() -> int:
    """Measure and return the exit code."""
    parser = flags(__doc__)
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS), help="which parts (all)")
    parser.add_argument("--rounds", type=int, help="turns of each contestant (7, quick 2)")
    parser.add_argument("--block-seconds", type=float, help="a turn, at the least [s] (1, quick 0.1)")
    parser.add_argument("--keep", action="store_true", help=f"write what was measured into {KEPT.parent.name}/{KEPT.name}")
    options = parser.parse_args()
    rounds = options.rounds or (2 if options.quick else 7)
    seconds = options.block_seconds or (0.1 if options.quick else 1.0)
    parts = {name: PARTS[name].measure(rounds, seconds, quick=options.quick) for name in options.part}
    if options.keep:
        keep(parts)
    return conclude(report(parts), options) if options.json else tables(parts, options)


if __name__ == "__main__":
    sys.exit(main())
