"""What does each preset reach, over how many seeds, and in how many steps?

Each preset is evolved as a user would, by `evolvent.evolve(ID, seed=...)`, with the seeds 0, 1, ...; what is reported is the
champion's mean return over the run's 100 test episodes, which are used for nothing else.

`--keep` keeps what every seed came to, and how its champion improved with training steps, in `results/presets.json` after
each run, and puts the table of all kept rows into `docs/presets.md`; runs that are there, with the same settings, are not done
again, so a measurement that was stopped goes on. It ends by saying what `training/presets.py` is to say of each world.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from _harness import REPOSITORY, Bar, Report, circumstances, conclude, flags, quantity, tell

import evolvent as ev
from evolvent.training.algorithm_choice import short_search
from evolvent.training.beginning import default_config
from evolvent.training.config import Config
from evolvent.training.presets import PRESETS, Measured

RESULTS = REPOSITORY / "benchmarks" / "results" / "presets.json"
PAGE = REPOSITORY / "docs" / "presets.md"
BEGIN, END = "<!-- begin: written by benchmarks/presets.py -->", "<!-- end -->"
QUICK = ("CartPole-v1",)
MOST_POINTS = 60  # of a learning curve
HEADINGS = ("world", "search", "network", "score", "solved", "seeds", "training_steps", "validation_steps", "seconds")


def measure(env_id: str, seed: int) -> dict[str, Any]:
    """Return what a run of the preset came to.

    Args:
        env_id: The world.
        seed: Of the run.
    """
    told: list[ev.Generation] = []
    began = time.perf_counter()
    run = ev.evolve(env_id, seed=seed, runs_dir=None, callbacks=[told.append])
    reached = run.reason == "target reached"
    return {
        "settings": fingerprint(env_id),
        "score": run.score.mean,
        "margin": run.score.margin,
        "solved": run.solved if run.config.target is not None else None,
        "solved_at": run.progress.training_steps if reached else None,
        "training_steps": run.progress.training_steps,
        "validation_steps": run.progress.validation_steps,
        "generations": run.progress.generation,
        "seconds": run.progress.seconds,
        "seconds_in_all": time.perf_counter() - began,
        "reason": run.reason,
        "digest": run.progress.digest,
        "curve": thinned([(each.training_steps, each.champion) for each in told]),
    }


def thinned(curve: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return the points at which a champion improved, and the last one, at most `MOST_POINTS` and evenly chosen of them."""
    better = [(steps, value) for k, (steps, value) in enumerate(curve) if value > (curve[k - 1][1] if k else -float("inf"))]
    if curve and (not better or better[-1] != curve[-1]):
        better += [curve[-1]] if curve[-1][1] > -float("inf") else []
    if len(better) <= MOST_POINTS:
        return better
    return [better[round(k * (len(better) - 1) / (MOST_POINTS - 1))] for k in range(MOST_POINTS)]


def fingerprint(env_id: str) -> str:
    """Return what the settings that are not the defaults come to: other ones are measured anew, whatever is added later."""
    usual = dataclasses.asdict(Config())
    own = {name: value for name, value in dataclasses.asdict(default_config(env_id)).items() if value != usual[name]}
    return hashlib.sha256(json.dumps({"env": env_id, **own}, sort_keys=True).encode()).hexdigest()[:16]


def kept() -> dict[str, Any]:
    """Return what was kept of earlier measurements."""
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"rows": {}}


def keep(env_id: str, seed: int, found: Mapping[str, Any], load: float) -> None:
    """Keep what a run came to, of runs with the same settings, and write the page anew."""
    result = kept()
    row = {key: old for key, old in result["rows"].get(env_id, {}).items() if old["settings"] == found["settings"]}
    row[str(seed)] = {**found, "day": time.strftime("%Y-%m-%d"), "load_before": load}
    rows = {**result["rows"], env_id: {key: row[key] for key in sorted(row, key=int)}}
    result = {"rows": {key: rows[key] for key in sorted(rows)}, **circumstances()}
    RESULTS.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    write_page(result)


def write_page(result: Mapping[str, Any]) -> None:
    """Put the table of what was kept between the marks of the page."""
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{PAGE}: expected the lines {BEGIN} and {END}, found neither or one; put them back")
    PAGE.write_text(f"{before}{BEGIN}\n\n{page_part(result)}\n\n{END}{after}", encoding="utf-8")


def summary(row: Mapping[str, Mapping[str, Any]]) -> Measured:
    """Return what the runs of a world come to together, as `training/presets.py` tells it."""
    runs = list(row.values())
    solved = [run["solved"] for run in runs if run["solved"] is not None]
    return Measured(
        score=float(f"{statistics.fmean(run['score'] for run in runs):.5g}"),
        seeds=len(runs),
        solved=sum(solved) if solved else None,
        training_steps=int(float(f"{statistics.median(run['training_steps'] for run in runs):.3g}")),
        seconds=float(f"{statistics.median(run['seconds'] for run in runs):.2g}"),
    )


def cells(env_id: str, row: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    """Return a world's row of the table."""
    config, together = default_config(env_id), summary(row)
    network = f"{config.network} {'-'.join(map(str, config.hidden)) or 'linear'}"
    return [
        *(env_id, short_search(config.algorithm, config.restarts), network, together.score, together.solved, together.seeds),
        together.training_steps,
        statistics.median(run["validation_steps"] for run in row.values()),
        together.seconds,
    ]


def page_part(result: Mapping[str, Any]) -> str:
    """Return the table as Markdown, with the machine and the versions that it belongs to."""
    titles = [each.replace("_", " ") for each in HEADINGS]
    lines = [_line([*titles, "scores of the seeds"]), "|---" * 3 + "|---:" * 6 + "|---|"]
    for env_id, row in result["rows"].items():
        name, search, *others = (_in_table(cell) for cell in cells(env_id, row))
        scores = ", ".join(f"{run['score']:.6g}" for run in row.values())
        lines.append(_line([f"`{name}`", f"`{search}`", *others, scores]))
    machine, versions = result["machine"], result["versions"]
    busy = any(run["load_before"] > 1 for row in result["rows"].values() for run in row.values())
    note = "**The machine was busy with other work**: seconds are hints, not measurements."
    origin = (
        f"{machine['cores']} cores, {machine['processor']}, {machine['system']}; Python {versions['python']},"
        f" Evolvent {versions['evolvent']}, Gymnasium {versions['gymnasium']}."
    )
    return "\n".join([*lines, "", origin, *(["", note] if busy else [])])


def _line(texts: Sequence[str]) -> str:
    return "| " + " | ".join(texts) + " |"


def _in_table(cell: Any) -> str:
    if cell is None:
        return "–"
    return quantity(cell) if isinstance(cell, int | float) else str(cell).replace("|", "\\|")


def as_told(env_id: str, row: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what `training/presets.py` is to say of a world, or that it does."""
    measured, preset = summary(row), PRESETS.get(env_id)
    if preset is not None and preset.measured == measured:
        return f"{env_id}: training/presets.py says the same"
    return f"{env_id}: write into training/presets.py: measured={measured!r}"


def report(rows: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Report:
    """Return the rows, and the claim that each run reached its world's threshold, where there is one."""
    with_threshold = [run for row in rows.values() for run in row.values() if run["solved"] is not None]
    solved = sum(run["solved"] for run in with_threshold)
    return Report(
        name="presets",
        headings=HEADINGS,
        rows=[cells(env_id, row) for env_id, row in rows.items()],
        bars={"solved": Bar(value=solved, bound=len(with_threshold), unit=f" of {len(with_threshold)} runs")},
        details={"ratios": {"solved": solved / max(len(with_threshold), 1)}, "worlds": rows},
        notes=[
            "score: mean of the seeds' means over 100 test episodes; steps and seconds: medians, until the run ended",
            *(as_told(env_id, row) for env_id, row in rows.items()),
        ],
    )


def chosen(options: argparse.Namespace) -> list[str]:
    """Return the ids to measure; refuse those without a preset."""
    worlds = options.worlds or (QUICK if options.quick else sorted(PRESETS))
    if unknown := [env_id for env_id in worlds if env_id not in PRESETS]:
        raise SystemExit(f"--worlds: without a preset: {', '.join(unknown)}; there are {', '.join(sorted(PRESETS))}")
    return list(worlds)


def main() -> int:
    """Measure the presets and return the exit code."""
    parser = flags(__doc__)
    parser.add_argument("--worlds", nargs="+", metavar="ID", help="only these")
    parser.add_argument("--seeds", type=int, help="how many runs of each (5, quick 2)")
    parser.add_argument("--keep", action="store_true", help="keep what is found, and leave out what was kept before")
    options = parser.parse_args()
    seeds = options.seeds or (2 if options.quick else 5)
    rows: dict[str, dict[str, Any]] = {}
    for env_id in chosen(options):
        old = kept()["rows"].get(env_id, {}) if options.keep else {}
        row = rows[env_id] = {key: run for key, run in old.items() if run["settings"] == fingerprint(env_id)}
        for seed in range(seeds):
            if str(seed) in row:
                continue
            load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
            row[str(seed)] = found = {**measure(env_id, seed), "load_before": load}
            tell(f"{env_id}, seed {seed}: {found['score']:.6g} after {found['training_steps']:,} steps, {found['reason']}")
            if options.keep:
                keep(env_id, seed, found, load)
    return conclude(report(rows), options)


if __name__ == "__main__":
    sys.exit(main())
