"""How many individuals must be measured until one balances a pole, or two of them, for 100,000 steps?

The benchmark of classic neuroevolution, counted as its papers count: each row runs a search from many seeds until an
individual solves the task, and holds the mean or the median of the evaluations to a published number. Settings were chosen
on the seeds from 1,000 on; the reported ones are 0 to 49.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from _harness import Bar, Report, circumstances, conclude, flags, tell
from _poles_search import DAMPED, HIDDEN, Found, Row, Tasks, run

from evolvent.algorithms import CMAES, SNES, XNES, CoSyNE, RandomSearch, Restarts
from evolvent.crew import cores
from evolvent.networks import MLP, Elman, Recurrent

RESULTS = Path(__file__).parent / "results" / "poles.json"
PAGE = Path(__file__).parent.parent / "docs" / "pole-balancing.md"
BEGIN, END = "<!-- begin: written by benchmarks/poles.py -->", "<!-- end -->"
RUNS, QUICK_RUNS = 50, 5
WITHIN = 0.35  # of a published number that is to be met, not beaten


def feed_forward(*sizes: int, activation: str = "tanh") -> MLP:
    """Return a network without biases whose units are all alike."""
    return MLP(sizes=sizes, activation=activation, output_activation=activation, biases=False)


def recurrent(num_inputs: int, units: int, activation: str = "tanh") -> Recurrent:
    """Return a fully recurrent network without biases, whose first unit is the output."""
    return Recurrent(num_inputs=num_inputs, units=units, num_outputs=1, activation=activation, biases=False)


GUESSES = RandomSearch(distribution="uniform", scale=10.0)
ELMAN = Elman(sizes=(3, 3, 1), activation="tanh", output_activation="tanh", biases=False)
ROWS = {
    "guess-one": Row(
        task="1a: one pole",
        env_id="SinglePole-v0",
        network=feed_forward(4, 4, 1, activation="sigmoid"),
        algorithm=GUESSES,
        population_size=64,
        sigmoid=True,
        low=(1 - WITHIN) * 199,
        high=(1 + WITHIN) * 199,
        published="RWG 199",
    ),
    "guess-one-hidden": Row(
        task="1b: one pole, no velocities",
        env_id="SinglePoleNoVelocity-v0",
        network=recurrent(2, 5, "sigmoid"),
        algorithm=GUESSES,
        population_size=256,
        sigmoid=True,
        low=(1 - WITHIN) * 8557,
        high=(1 + WITHIN) * 8557,
        published="RWG 8,557",
    ),
    "one": Row(
        task="1a: one pole",
        env_id="SinglePole-v0",
        network=feed_forward(4, 1),
        algorithm=CMAES(sigma=3.0),
        population_size=8,
        high=98,
        published="CoSyNE 98",
    ),
    "one-hidden": Row(
        task="1b: one pole, no velocities",
        env_id="SinglePoleNoVelocity-v0",
        network=recurrent(2, 1),
        algorithm=CMAES(sigma=3.0),
        population_size=7,
        high=127,
        published="CoSyNE 127",
    ),
    "two-cma-es": Row(
        task="2a: two poles",
        env_id="DoublePole-v0",
        network=feed_forward(6, 6, 1),
        algorithm=CMAES(sigma=0.3),
        population_size=15,
        high=700,
        published="CMA-ES 895; CoSyNE 954",
    ),
    "two-cosyne": Row(
        task="2a: two poles",
        env_id="DoublePole-v0",
        network=feed_forward(6, 1, 1),
        algorithm=CoSyNE(start_range=10.0, mutation_strength=1.0),
        population_size=30,
        high=1100,
        published="CoSyNE 954",
    ),
    "two-hidden-snes": Row(
        task="2b: two poles, no velocities",
        env_id=HIDDEN,
        network=recurrent(3, 1),
        algorithm=SNES(sigma=1.0),
        population_size=8,
        statistic="median",
        high=300,
        published="CoSyNE 410, SNES about 200 (medians)",
    ),
    "two-hidden-xnes": Row(
        task="2b: two poles, no velocities",
        env_id=HIDDEN,
        network=recurrent(3, 1),
        algorithm=XNES(sigma=1.0),
        population_size=8,
        statistic="median",
        high=300,
        published="CoSyNE 410, xNES about 200 (medians)",
    ),
    "two-damped": Row(
        task="2b with damping, and 200 of 625 starts",
        env_id=DAMPED,
        network=ELMAN,
        algorithm=Restarts(algorithm=CMAES(sigma=0.3, min_step=0.05)),
        population_size=13,
        high=3416,
        published="CMA-ES 6,061; CoSyNE 3,416",
    ),
}


def runs_of(name: str, count: int, kept: dict[str, Any], options: argparse.Namespace) -> list[Found]:
    """Return the runs of a row, those that are kept and the others; each is kept as soon as it has ended, where asked for."""
    row, settings = ROWS[name], repr(ROWS[name])
    known = kept.get(name, {})
    found = [Found(**each) for each in known.get("runs", []) if known.get("settings") == settings][:count]
    with closing(Tasks(row, options.threads)) as tasks:
        for seed in range(options.first_seed + len(found), options.first_seed + count):
            found.append(run(row, tasks, seed))
            if options.keep:
                kept[name] = {"settings": settings, "runs": [asdict(each) for each in found], **circumstances()}
                RESULTS.write_text(json.dumps({"rows": kept}, indent=1) + "\n", encoding="utf-8")
    tell(f"{name}: {len(found)} runs, {statistics.mean(each.evaluations for each in found):,.0f} evaluations on average")
    return found


def line(name: str, found: list[Found]) -> tuple[Any, ...]:
    """Return a line of the table."""
    row, counts = ROWS[name], [each.evaluations for each in found]
    starts = [each.starts for each in found if each.starts is not None]
    solved = sum(each.solved for each in found)
    means = (statistics.mean(counts), statistics.median(counts), max(counts), statistics.pstdev(counts))
    return (name, row.task, f"{solved} of {len(found)}", *means, statistics.mean(starts) if starts else None, row.published)


def table(kept: dict[str, Any]) -> str:
    """Return the kept runs as a table of the page."""
    lines = [
        "| row | task | solved | mean | median | most | of 625 starts | published | minutes |",
        "|---|---|---:|---:|---:|---:|---:|---|---:|",
    ]
    for name in (each for each in ROWS if each in kept):
        found = [Found(**each) for each in kept[name]["runs"]]
        _, task, solved, mean, median, most, _, starts, published = line(name, found)
        minutes = sum(each.seconds for each in found) / 60
        shown = "–" if starts is None else f"{starts:.0f} on average, at least {min(each.starts or 0 for each in found)}"
        lines.append(
            f"| `{name}` | {task} | {solved} | {mean:,.0f} | {median:,.0f} | {most:,} | {shown} | {published} | {minutes:.1f} |"
        )
    machines = {
        f"{each['machine']['cores']} cores, {each['machine']['processor']}, {each['machine']['system']}"
        for each in kept.values()
    }
    return "\n".join(
        [*lines, "", f"Measured on {' and on '.join(sorted(machines))}, which was busy with other work: minutes are hints."]
    )


def write_page(kept: dict[str, Any]) -> None:
    """Put the table of the kept runs into the page, in the place of the one before."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{table(kept)}\n\n{END}{after}", encoding="utf-8")


def bars_of(name: str, found: list[Found]) -> dict[str, Bar]:
    """Return the claims of a row."""
    row, value = ROWS[name], _statistic(name, found)
    bars = {
        f"{name}: {row.statistic} evaluations": Bar(value=value, bound=row.high, at_least=False, or_equal=True),
        f"{name}: runs that solve": Bar(value=sum(each.solved for each in found), bound=len(found)),
    }
    if row.low is not None:
        bars[f"{name}: {row.statistic} evaluations, at the least"] = Bar(value=value, bound=row.low)
    return bars


def _statistic(name: str, found: list[Found]) -> float:
    """Return what a row is held to."""
    counts = [each.evaluations for each in found]
    return statistics.median(counts) if ROWS[name].statistic == "median" else statistics.mean(counts)


def main() -> int:
    """Measure and return the exit code."""
    parser = flags(__doc__)
    parser.add_argument("--row", nargs="+", choices=sorted(ROWS), help="which ones (all)")
    parser.add_argument("--runs", type=int, help=f"how many seeds each ({RUNS}, quick {QUICK_RUNS})")
    parser.add_argument("--first-seed", type=int, default=0, help="of the runs; settings were chosen on those from 1000 on")
    parser.add_argument("--threads", type=int, default=cores(), help="that share a generation; they change no result")
    parser.add_argument(
        "--keep",
        action="store_true",
        help=f"keep every run in results/{RESULTS.name}, go on from there, and write the page's table",
    )
    options = parser.parse_args()
    count = options.runs or (QUICK_RUNS if options.quick else RUNS)
    kept: dict[str, Any] = {}
    if options.keep:
        if options.first_seed or options.quick:
            parser.error("--keep keeps the seeds from 0 on, and all of them")
        kept = json.loads(RESULTS.read_text(encoding="utf-8"))["rows"] if RESULTS.exists() else {}
    found = {name: runs_of(name, count, kept, options) for name in options.row or ROWS}
    if options.keep:
        write_page(kept)
    headings = ("row", "task", "solved", "mean", "median", "most", "deviation", "of 625 starts", "published")
    report = Report(
        name="poles",
        headings=headings,
        rows=[line(name, each) for name, each in found.items()],
        bars={} if options.quick else {key: bar for name, each in found.items() for key, bar in bars_of(name, each).items()},
        details={
            "ratios": {name: round(_statistic(name, each) / ROWS[name].high, 3) for name, each in found.items()},
            "runs": {name: [asdict(each) for each in runs] for name, runs in found.items()},
        },
        notes=["evaluations: individuals measured up to and with the first that balances for 100,000 steps"],
    )
    return conclude(report, options)


if __name__ == "__main__":
    sys.exit(main())
