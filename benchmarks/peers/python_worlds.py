"""How fast are populations measured in Gymnasium's own worlds, beside EvoTorch's GymNE and sb3-contrib's ARS?

Each has two processes and the same 64 networks with 16 hidden neurons; steps are those before the end of their episode.
A peer and Evolvent take turns, and a ratio is taken within a round.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks._harness import Bar, Report, conclude, flags, tell
from benchmarks.peers._contestants import Contestant
from benchmarks.peers._duel import Failed, Plan, duel, started
from benchmarks.peers._environments import ENVIRONMENTS, NotInstalled

BARS = {
    ("evotorch", "CartPole-v1"): 8.0,
    ("sb3", "CartPole-v1"): 20.0,
    ("evotorch", "LunarLander-v3"): 2.0,
    ("sb3", "LunarLander-v3"): 2.0,
}
LABELS = {"evotorch": "EvoTorch, GymNE with 2 Ray actors", "sb3": "sb3-contrib, ARS with 2 processes"}


def measured(peer: str, world: str, plan: Plan) -> dict[str, Any]:
    """Return the speeds of a peer and of Evolvent beside it."""
    arguments = ("--world", world)
    theirs = Contestant(label=LABELS[peer], script=f"python_by_{peer}", packages=peer, arguments=arguments)
    ours = Contestant(label="Evolvent", script="python_by_evolvent", arguments=arguments)
    name = f"python-{peer}-{world}"
    with started(name, theirs, Path()) as one, started(f"{name}-reference", ours, Path()) as other:
        return {"version": one.about["version"], **duel(one, other, plan)["random"]}


def main() -> int:
    """Measure and return the exit code."""
    parser = flags(__doc__)
    parser.add_argument("--peers", nargs="+", choices=sorted(LABELS), default=list(LABELS), help="which ones (both)")
    parser.add_argument(
        "--worlds", nargs="+", choices=["CartPole-v1", "LunarLander-v3"], default=["CartPole-v1", "LunarLander-v3"]
    )
    options = parser.parse_args()
    rounds, seconds = (2, 0.5) if options.quick else (7, 3.0)
    plan, load = Plan(rounds=rounds, seconds=seconds, searches=0, budget=0.0), os.getloadavg()[0]
    ENVIRONMENTS.mkdir(exist_ok=True)
    rows: list[tuple[Any, ...]] = []
    bars: dict[str, Bar] = {}
    versions: set[str] = set()
    for world in options.worlds:
        for peer in options.peers:
            try:
                found = measured(peer, world, plan)
            except (Failed, NotInstalled, OSError) as problem:
                tell(f"{peer} in {world}: not measured: {problem}")
                continue
            tell(f"{peer} in {world}: {rounds} rounds")
            rows.append((LABELS[peer], world, found["speed"], found["reference_speed"], found["reference_over_this"]))
            bars[f"over_{peer}_{world}"] = Bar(value=found["reference_over_this"], bound=BARS[peer, world], unit=" ×")
            versions.add(found["version"])
    report = Report(
        name="python_worlds",
        headings=("peer", "world", "its steps/s", "Evolvent's steps/s", "times faster"),
        rows=rows,
        bars=bars,
        details={"ratios": {name: bar.value for name, bar in bars.items()}, "peers": sorted(versions), "load_before": load},
        notes=[f"two processes each; {'; '.join(sorted(versions))}"],
    )
    return conclude(report, options) or len(rows) < len(options.worlds) * len(options.peers)


if __name__ == "__main__":
    sys.exit(main())
