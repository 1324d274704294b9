"""How fast do the peers do the article's job on this machine, each in its own best way, and how fast do we beside them?

Each peer has an environment of its own in .peers/, made at the first run. A peer and Evolvent on one thread take turns: 64
fixed rows play 15 episodes each, random rows first and evolved ones then, and both search until CartPole is solved. A run
that was stopped goes on with the next peer; one that ended begins anew.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import evolvent as ev
from benchmarks._harness import REPOSITORY, circumstances, tell
from benchmarks.peers._contestants import CONTESTANTS, REFERENCE
from benchmarks.peers._duel import Failed, Plan, duel, started
from benchmarks.peers._environments import ENVIRONMENTS, NotInstalled
from benchmarks.peers._table import page_part, write

RESULTS = REPOSITORY / "benchmarks" / "results" / "peers.json"
PAGE = REPOSITORY / "docs" / "peers.md"
FULL = Plan(rounds=5, seconds=1.0, searches=5, budget=30.0)
QUICK = Plan(rounds=1, seconds=0.2, searches=1, budget=10.0)
FAILURES = (Failed, NotInstalled, OSError)


def write_populations(path: Path) -> None:
    """Write the fixed rows that everybody measures: 64 new ones, and 64 mutated copies of a champion."""
    network = ev.MLP(sizes=(4, 16, 2), activation="tanh")
    champion = ev.evolve("CartPole-v1", activation="tanh", runs_dir=None).row
    copies = np.repeat(champion[None], 64, axis=0)
    evolved = ev.Gaussian(strength=0.1)(copies, ev.stream(0, "mutation"))
    np.savez(path, random=network.initialise(64, ev.stream(0, "initial")), evolved=evolved)


def row_of(name: str, populations: Path, plan: Plan) -> dict[str, Any]:
    """Return the row of one contestant, or the reason why there are no figures."""
    contestant = CONTESTANTS[name]
    row: dict[str, Any] = {"peer": name, "label": contestant.label}
    try:
        with (
            started(name, contestant, populations) as theirs,
            started(f"{name}-reference", CONTESTANTS[REFERENCE], populations) as ours,
        ):
            about = {key: theirs.about[key] for key in ("version", "threads")}
            return {**row, **about, "setup_s": theirs.setup_s, "kinds": duel(theirs, ours, plan)}
    except FAILURES as problem:
        return {**row, "problem": str(problem)}


def measured(names: list[str], folder: Path, plan: Plan) -> list[dict[str, Any]]:
    """Return the rows of these contestants, each kept in `folder` as soon as it is done."""
    populations = ENVIRONMENTS / "populations.npz"
    write_populations(populations)
    rows: list[dict[str, Any]] = []
    for name in names:
        kept = folder / f"{name}.json"
        if not kept.exists():
            began = time.perf_counter()
            row = row_of(name, populations, plan)
            kept.write_text(json.dumps(row), encoding="utf-8")
            tell(f"{name}: {row.get('problem') or 'measured'}, {time.perf_counter() - began:.0f} s")
        rows.append(json.loads(kept.read_text(encoding="utf-8")))
    return rows


def result_of(rows: list[dict[str, Any]], load: float, *, quick: bool) -> dict[str, Any]:
    """Return what the JSON holds; `load` is the number of processes that had been at work before the run began."""
    day = time.strftime("%d %B %Y")
    return {"benchmark": "peers", "quick": quick, "day": day, "load_before": load, "rows": rows, **circumstances()}


def with_others(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows, and those of this machine's last run that were not measured now, in the order of the contestants."""
    last = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"rows": []}
    same_machine = last.get("machine") == circumstances()["machine"]
    by_name = {row["peer"]: row for row in [*(last["rows"] if same_machine else ()), *rows]}
    return [by_name[name] for name in CONTESTANTS if name in by_name]


def arguments() -> argparse.Namespace:
    """Return what the user asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", choices=sorted(CONTESTANTS), action="append", help="measure this peer; may be given again")
    parser.add_argument("--quick", action="store_true", help="one short turn each, written nowhere")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line of stdout, no table")
    return parser.parse_args()


def main() -> int:
    """Measure, write the results and the page, and return the exit code: 1 if a peer could not be measured."""
    options = arguments()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    names = options.only or list(CONTESTANTS)
    folder = ENVIRONMENTS / ("quick" if options.quick else "rows")
    folder.mkdir(parents=True, exist_ok=True)
    if options.only or options.quick:
        _forget(folder, names)
    rows = measured(names, folder, QUICK if options.quick else FULL)
    result = result_of(rows if options.quick else with_others(rows), load, quick=options.quick)
    if not options.quick:
        RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        write(PAGE, page_part(result))
    _forget(folder, names)
    print(json.dumps(result) if options.json else page_part(result))
    return 1 if any("problem" in row for row in rows) else 0


def _forget(folder: Path, names: list[str]) -> None:
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            (folder / f"{name}.json").unlink()


if __name__ == "__main__":
    sys.exit(main())
