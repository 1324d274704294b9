"""Do the blog article's five claims about evolution and gradients hold, each in one small experiment?

1 passes: a forward pass beside one with the backward pass, in time and memory, and how many of them a search needs.
2 convex: gradient descent beside evolution on convex losses, by dimension.
3 rugged: the share of seeds that reach the least of rugged losses, with the same number of evaluations.
4 global: how long it takes to find a needle, by dimension.
5 parallel: useful steps per second with one thread and with two.

The experiments stand in `_claims_*.py`. `--pictures` draws each of them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import _blas_threads  # noqa: F401 - before anything that imports NumPy
import _claims_convex
import _claims_global
import _claims_parallel
import _claims_passes
import _claims_rugged
from _harness import Bar, Report, conclude, flags

HEADINGS = ("claim", "case", "evolution", "other", "ratio")
DIMS, QUICK_DIMS = _claims_convex.DIMS, (2, 16, 64)
NEEDLES, QUICK_NEEDLES = (1, 2, 3, 4, 5), (1, 2, 3)


def measure(seeds: int, rounds: int, block_seconds: float, *, quick: bool) -> dict[str, Any]:
    """Return what every experiment found."""
    return {
        "seeds": seeds,
        "parallel": _claims_parallel.measure(rounds, block_seconds),
        "passes": _claims_passes.measure(seeds, rounds, block_seconds),
        "convex": _claims_convex.measure(seeds, QUICK_DIMS if quick else DIMS),
        "rugged": _claims_rugged.measure(seeds),
        "global": _claims_global.measure(seeds, QUICK_NEEDLES if quick else NEEDLES),
    }


def ratios(found: Mapping[str, Any]) -> dict[str, float]:
    """Return the figures that the verdicts stand on."""
    passes, learning = found["passes"]["passes"][-1], found["passes"]["learning"][-1]
    shares = {each["landscape"]: each for each in found["rugged"]}
    convex = {each["loss"]: each for each in found["convex"]}  # the largest dimension of each
    threads = {(each["rows"], each["population"]): each["two_over_one"] for each in found["parallel"]["cases"]}
    growth = found["global"]["growth"]
    return {
        "backward_over_forward": passes["both_over_forward"] - 1,
        "memory_both_over_forward": passes["both_bytes"] / passes["forward_bytes"],
        "passes_evolution_over_descent": _over(learning),
        "quadratic_evolution_over_descent": _over(convex["quadratic"]),
        "logistic_evolution_over_descent": _over(convex["logistic regression"]),
        "rastrigin_evolution": shares["Rastrigin"]["evolution"],
        "rastrigin_descent": shares["Rastrigin"]["descent"],
        "turned_rastrigin_evolution": shares["Rastrigin, turned"]["evolution"],
        "needle_growth_evolution": growth["trap"],
        "needle_growth_random": growth["random"],
        "slope_growth_evolution": growth["slope"],
        "threads_64": threads["good rows", 64],
        "threads_1024": threads["good rows", 1024],
    }


def _over(each: Mapping[str, Any]) -> float:
    return (each["evolution"] or 0) / (each["descent"] or 1)


def report(found: Mapping[str, Any], *, quick: bool) -> Report:
    """Return the rows, ratios and bars of all experiments; short turns say too little of threads to be held to a bar."""
    of = ratios(found)
    bars = {
        "backward_over_forward": Bar(value=of["backward_over_forward"], bound=1, unit=" times"),
        "passes_evolution_over_descent": Bar(value=of["passes_evolution_over_descent"], bound=10, unit=" times"),
        "quadratic_evolution_over_descent": Bar(value=of["quadratic_evolution_over_descent"], bound=10, unit=" times"),
        "logistic_evolution_over_descent": Bar(value=of["logistic_evolution_over_descent"], bound=10, unit=" times"),
        "rastrigin_evolution": Bar(value=of["rastrigin_evolution"], bound=0.9, unit=" of the seeds"),
        "rastrigin_descent": Bar(value=of["rastrigin_descent"], bound=0.1, unit=" of the seeds", at_least=False),
        "needle_growth_evolution": Bar(value=of["needle_growth_evolution"], bound=4, unit=" times a dimension"),
    }
    if found["parallel"]["cores"] > 1 and not quick:
        bars["threads_1024"] = Bar(value=of["threads_1024"], bound=1.5, unit=" times")
    rows = [
        *_claims_passes.rows(found["passes"]),
        *_claims_convex.rows(found["convex"]),
        *_claims_rugged.rows(found["rugged"]),
        *_claims_global.rows(found["global"]),
        *_claims_parallel.rows(found["parallel"]),
    ]
    return Report(
        name="claims",
        headings=HEADINGS,
        rows=rows,
        bars=bars,
        details={"ratios": of, **found},
        notes=[
            "1: evolution is the forward pass, other is forward and backward; then the passes that a search needs",
            "2, 3: other is gradient descent; 4: other is random search; 5: two threads, other is one",
            "a gradient with its value counts as three evaluations",
        ],
    )


def main() -> int:
    """Measure, draw if asked to, and return the exit code."""
    parser = flags(__doc__)
    parser.add_argument("--seeds", type=int, help="runs of each search (50, quick 4)")
    parser.add_argument("--rounds", type=int, help="turns of what is timed (7, quick 2)")
    parser.add_argument("--block-seconds", type=float, help="how long a turn is, at the least [s] (1, quick 0.1)")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="draw the experiments into this folder")
    parser.add_argument("--found", type=Path, metavar="FILE", help="measure nothing: take what --json printed earlier")
    options = parser.parse_args()
    quick = options.quick
    if options.found:
        found = json.loads(options.found.read_text(encoding="utf-8"))
    else:
        seeds, rounds = options.seeds or (4 if quick else 50), options.rounds or (2 if quick else 7)
        found = measure(seeds, rounds, options.block_seconds or (0.1 if quick else 1.0), quick=quick)
    if options.pictures:
        from _claims_pictures import draw  # noqa: PLC0415 - needs the extra "report"

        draw(found, options.pictures)
    if options.found:
        return 0
    return conclude(report(found, quick=quick), options)


if __name__ == "__main__":
    sys.exit(main())
