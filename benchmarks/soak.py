"""Does a run with worker processes grow, and does it stay the same where there are far more workers than cores?

A tiny world is evolved for 10,000 generations of eight by two workers, in a process of its own. Every hundred
generations the memory of that process and of its largest worker are noted, and its open files, its threads and the machine's
pieces of shared memory. The slope of each is that of a straight line through the samples after the first fifth.

Then the same search is run shortly with two workers, and with four and eight times as many workers as there are cores, at the
lowest priority: slower, but no worker may be taken for dead, and the digests are equal.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from _harness import REPOSITORY, Bar, Report, conclude, flags, tell

WORKERS = 2
LOWEST = 19
SETTLED = 0.2  # of the samples are not looked at: by then everything has been used once
GROWTH_MB = 1.0  # in 1,000 generations
HELD = ("memory_main", "memory_worker", "files", "threads", "shared_memory")
UNITS = {"memory_main": "MB", "memory_worker": "MB"}


def job(generations: int, every: int, workers: int = WORKERS, nice: int = 0) -> dict[str, Any]:
    """Return what a process tells; see `_soak_job.py`."""
    arguments = [str(each) for each in (generations, every, workers, nice)]
    command = [sys.executable, "-m", "benchmarks._soak_job", *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}")
    found = json.loads(done.stdout.splitlines()[-1])
    tell(f"{generations} generations by {workers} workers at priority {nice}: {found['seconds']:.1f} s")
    return found


def growth(samples: list[list[float]]) -> dict[str, float]:
    """Return the slope of everything that is held, in 1,000 generations."""
    settled = np.array(samples[int(SETTLED * len(samples)) :])
    numbers = settled[:, 0] / 1000.0
    return {name: float(np.polyfit(numbers, settled[:, 1 + k], 1)[0]) for k, name in enumerate(HELD)}


def overload(times: list[int], generations: int) -> list[dict[str, Any]]:
    """Return a short run with two workers, and such with so many times more workers than cores."""
    cores = os.cpu_count() or 1
    runs = [{"workers": WORKERS, **job(generations, generations)}]
    runs += [{"workers": each * cores, **job(generations, generations, each * cores, LOWEST)} for each in times]
    return [{name: run[name] for name in ("workers", "seconds", "replaced", "digest")} for run in runs]


def report(long: dict[str, Any], runs: list[dict[str, Any]]) -> Report:
    """Return the table and the claims."""
    slopes = growth(long["samples"])
    first, last = long["samples"][int(SETTLED * len(long["samples"]))], long["samples"][-1]
    rows = [(name, UNITS.get(name, ""), first[1 + k], last[1 + k], slopes[name]) for k, name in enumerate(HELD)]
    same = sum(run["digest"] == runs[0]["digest"] for run in runs)
    bars = {
        f"growth_{name}": Bar(
            value=slopes[name], bound=GROWTH_MB if name in UNITS else 0.1, unit=" a 1,000", at_least=False, or_equal=True
        )
        for name in HELD
        if name != "shared_memory"  # other programs of the machine have some as well
    }
    bars["same_digests"] = Bar(value=same, bound=len(runs), unit=f" of {len(runs)}")
    bars["taken_for_dead"] = Bar(
        value=long["replaced"] + sum(run["replaced"] for run in runs), bound=0, at_least=False, or_equal=True
    )
    busiest = max(runs, key=lambda run: run["workers"])
    return Report(
        name="soak",
        headings=("held", "unit", f"after {first[0]:,} generations", f"after {last[0]:,}", "growth in 1,000"),
        rows=rows,
        bars=bars,
        details={"ratios": {f"growth_{name}": value for name, value in slopes.items()}, "overload": runs, **long},
        notes=[
            f"two workers: {long['seconds']:.0f} s; the machine's load is part of it",
            f"short: {runs[0]['seconds']:.1f} s by {WORKERS}, {busiest['seconds']:.1f} s by {busiest['workers']}, nice 19",
        ],
    )


def main() -> int:
    """Measure and return the exit code."""
    parser = flags(__doc__)
    parser.add_argument("--generations", type=int, help="how many (10,000, quick 500)")
    parser.add_argument("--times", type=int, nargs="+", help="how many times the cores workers there are (4 8, quick 4)")
    options: argparse.Namespace = parser.parse_args()
    if not Path("/proc/self/task").is_dir():
        tell("skipped: what processes hold can only be told on Linux")
        return 0
    generations = options.generations or (500 if options.quick else 10_000)
    long = job(generations, max(generations // 100, 1))
    return conclude(report(long, overload(options.times or ([4] if options.quick else [4, 8]), 20)), options)


if __name__ == "__main__":
    sys.exit(main())
