"""What does each algorithm need on functions that everyone knows, and in two compiled worlds?

On functions: evaluations until one of an algorithm's two candidates is below the target, in 10 parameters and in 100. In
CartPole: training steps until the champion surely reaches 475. In Pendulum: the champion's mean return over 100 test episodes
after as many training steps for all, and how many seeds come above -200.

The settings stand in `_algorithms_functions.py` and `_algorithms_worlds.py`: one text an algorithm and kind of problem, chosen
by a few runs on other seeds than those reported, and not tuned further. Every seed is reported.

`--keep` puts what was found, problem by problem, into `results/algorithms.json`, and all of that into the tables of
`docs/algorithms.md` and its pictures.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import _blas_threads  # noqa: F401 - before NumPy
from _algorithms_functions import BUDGETS, FUNCTIONS, SETTINGS, population_size, search
from _algorithms_worlds import POPULATION, WORLDS, train
from _harness import REPOSITORY, Bar, Report, circumstances, conclude, flags, quantity, tell

RESULTS = REPOSITORY / "benchmarks" / "results" / "algorithms.json"
PAGE = REPOSITORY / "docs" / "algorithms.md"
PICTURES = REPOSITORY / "docs" / "images"
BEGIN, END = "<!-- begin: written by benchmarks/algorithms.py -->", "<!-- end -->"
ON_FUNCTIONS = {f"{name} {dim}": (name, dim) for dim in BUDGETS for name in FUNCTIONS}
PROBLEMS = (*ON_FUNCTIONS, *WORLDS)
QUICK = ("sphere 10", "turned ellipsoid 10", *WORLDS)
SURE = ("sphere 10", "ellipsoid 10", "turned ellipsoid 10", "sphere 100", "CartPole-v1")  # for CMA-ES
DRAWN = ("turned ellipsoid 10", "Rastrigin 10")  # beside the worlds
MORE = 4  # times as many seeds in worlds, where luck counts more
POINTS = 25  # of a curve that is kept
HEADINGS = ("problem", "algorithm", "population", "reached", "median", "median_score")

Found = dict[str, Any]
Job = tuple[str, str, int, bool]


def measured(job: Job) -> Found:
    """Return what one algorithm comes to on one problem with one seed."""
    problem, algorithm, seed, quick = job
    if problem in WORLDS:
        trained = train(problem, algorithm, seed, 20 if quick else None)
        every = max(len(trained.curve) // POINTS, 1)
        return {
            "reached": trained.reached,
            "spent": trained.training_steps,
            "validation": trained.validation_steps,
            "score": trained.score,
            "curve": trained.curve[every - 1 :: every],
        }
    name, dim = ON_FUNCTIONS[problem]
    found = search(name, dim, algorithm, seed)
    outcome = {"reached": found.evaluations is not None, "spent": found.evaluations, "score": found.lowest}
    return {**outcome, "curve": found.curve} if problem in DRAWN else outcome


def algorithms_on(problem: str) -> Sequence[str]:
    """Return the algorithms that are measured on a problem."""
    return list(WORLDS[problem].algorithms if problem in WORLDS else SETTINGS)


def rows(problems: Sequence[str], chosen: Sequence[str] | None, seeds: int, *, quick: bool) -> Iterator[tuple[str, Found]]:
    """Yield each problem with what every algorithm came to on it, a list of its seeds by its name."""
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as processes:
        for problem in problems:
            jobs = [
                (problem, algorithm, seed, quick)
                for algorithm in algorithms_on(problem)
                if chosen is None or algorithm in chosen
                for seed in range(seeds * (MORE if problem in WORLDS and not quick else 1))
            ]
            work: Callable[..., Any] = map if problem in WORLDS else processes.map  # a world's run has threads of its own
            found: Found = {}
            for job, outcome in zip(jobs, work(measured, jobs), strict=True):
                found.setdefault(job[1], []).append(outcome)
            tell(problem)
            yield problem, found


def reached(outcomes: Sequence[Found]) -> int:
    """Return how many seeds reached the target."""
    return sum(each["reached"] for each in outcomes)


def needed(outcomes: Sequence[Found]) -> float:
    """Return what a seed needed for that, in the median; infinite where most did not reach it."""
    return statistics.median(each["spent"] if each["reached"] else math.inf for each in outcomes)


def cells(problem: str, algorithm: str, outcomes: Sequence[Found]) -> list[Any]:
    """Return a row of the table: how many seeds reached the target, after how much in the median, and what they came to."""
    population = POPULATION if problem in WORLDS else population_size(algorithm, ON_FUNCTIONS[problem][1])
    middle, score = needed(outcomes), statistics.median(each["score"] for each in outcomes)
    return [
        problem,
        algorithm,
        population,
        f"{reached(outcomes)} of {len(outcomes)}",
        middle if math.isfinite(middle) else "more",
        f"{score:.4g}",
    ]


def report(found: Mapping[str, Found]) -> Report:
    """Return the rows, and the claims that CMA-ES and its like arrive where they must."""
    shares = {
        problem: statistics.mean(each["reached"] for outcomes in algorithms.values() for each in outcomes)
        for problem, algorithms in found.items()
    }
    claimed = {problem: found[problem]["cma_es"] for problem in SURE if "cma_es" in found.get(problem, {})}
    return Report(
        name="algorithms",
        headings=HEADINGS,
        rows=[cells(problem, name, each) for problem, algorithms in found.items() for name, each in algorithms.items()],
        bars={
            f"cma_es: {problem}": Bar(
                value=sum(each["reached"] for each in outcomes),
                bound=math.ceil(0.8 * len(outcomes)),
                unit=f" of {len(outcomes)}",
            )
            for problem, outcomes in claimed.items()
        },
        details={"ratios": {f"reached {problem}": share for problem, share in shares.items()}, "found": found},
        notes=[
            "median: evaluations to the target on functions, in CartPole training steps to the target, in Pendulum those spent",
            "median_score: on functions the lowest value, in worlds the mean return over 100 test episodes",
        ],
    )


def keep(problem: str, found: Found) -> None:
    """Put what was found on a problem in the place of what was kept of it, and write the page and the pictures anew."""
    from _algorithms_pictures import draw  # noqa: PLC0415 - Matplotlib is needed here only

    kept: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"found": {}}
    every = {**kept["found"], problem: {**kept["found"].get(problem, {}), **found}}
    result = {
        "found": {each: every[each] for each in PROBLEMS if each in every},
        "day": time.strftime("%d %B %Y").lstrip("0"),
        **circumstances(),
    }
    RESULTS.write_text(json.dumps(_rounded(result), allow_nan=False) + "\n", encoding="utf-8")
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{PAGE}: expected the lines {BEGIN} and {END}, found neither or one; put them back")
    PAGE.write_text(f"{before}{BEGIN}\n\n{page_part(result)}\n\n{END}{after}", encoding="utf-8")
    draw(result["found"], PICTURES)


def page_part(result: Mapping[str, Any]) -> str:
    """Return the tables as Markdown, with the machine and the day that they belong to."""
    found, machine, versions = result["found"], result["machine"], result["versions"]
    origin = (
        f"{machine['cores']} cores of an {machine['processor']}, {machine['system']}, Python {versions['python']}, NumPy"
        f" {versions['numpy']}, Numba {versions['numba']}, {result['day']}. No time was measured."
    )
    parts = [_function_table(found, dim) for dim in BUDGETS] + [_world_table(found)]
    return "\n\n".join([*filter(None, parts), origin])


def _function_table(found: Mapping[str, Found], dim: int) -> str:
    names = [name for name in FUNCTIONS if f"{name} {dim}" in found]
    if not names:
        return ""
    lines = [["", "population", *(f"{name}, {dim}" for name in names)], ["---", *["---:"] * (1 + len(names))]]
    for algorithm in SETTINGS:
        by_name = [_arrival(found[f"{name} {dim}"].get(algorithm)) for name in names]
        lines.append([f"`{SETTINGS[algorithm]}`", str(population_size(algorithm, dim)), *by_name])
    return _table(lines)


def _arrival(outcomes: Sequence[Found] | None) -> str:
    """Return the median to the target with the share of the seeds that arrived, where that is not all."""
    if not outcomes:
        return "–"
    middle = needed(outcomes)
    if not reached(outcomes):
        return f"never; {quantity(statistics.median(each['score'] for each in outcomes))}"
    text = f"{middle:,.0f}" if math.isfinite(middle) else "more"
    return text if reached(outcomes) == len(outcomes) else f"{text} ({reached(outcomes)} of {len(outcomes)})"


def _world_table(found: Mapping[str, Found]) -> str:
    names = [name for name in WORLDS if name in found]
    if not names:
        return ""
    lines = [["world", "algorithm", "reached", "training steps", "score: lowest, median, highest"]]
    lines.append(["---", "---", "---:", "---:", "---:"])
    for name in names:
        for algorithm, outcomes in found[name].items():
            world, scores, middle = WORLDS[name], sorted(each["score"] for each in outcomes), needed(outcomes)
            text = f"genetic, {world.mutation}" if algorithm == "genetic" else world.algorithms[algorithm]
            share = f"{reached(outcomes)} of {len(outcomes)}"
            if world.settings["target"] is None:
                middle = outcomes[0]["spent"]
            ends = ", ".join(f"{each:,.0f}" for each in (scores[0], statistics.median(scores), scores[-1]))
            lines.append([name, f"`{text}`", share, f"{middle:,.0f}" if math.isfinite(middle) else "more", ends])
    return _table(lines)


def _table(lines: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _rounded(value: Any) -> Any:
    """Return data whose floats have six digits."""
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, (list, tuple)):
        return [_rounded(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def main() -> int:
    """Measure and return the exit code."""
    parser = flags(__doc__)
    parser.add_argument("--problems", nargs="+", metavar="NAME", choices=PROBLEMS, help=f"only these of {', '.join(PROBLEMS)}")
    parser.add_argument("--algorithms", nargs="+", metavar="NAME", choices=list(SETTINGS), help="only these")
    parser.add_argument("--seeds", type=int, help=f"how many runs a row (5, quick 1); in worlds {MORE} times as many")
    parser.add_argument("--keep", action="store_true", help="put what is found into the page, its pictures and the results")
    options: argparse.Namespace = parser.parse_args()
    problems = options.problems or (QUICK if options.quick else PROBLEMS)
    found: dict[str, Found] = {}
    for problem, each in rows(problems, options.algorithms, options.seeds or (1 if options.quick else 5), quick=options.quick):
        found[problem] = each
        if options.keep and not options.quick:
            keep(problem, each)
    return conclude(report(found), options)


if __name__ == "__main__":
    sys.exit(main())
