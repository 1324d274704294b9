"""Which of Gymnasium's own worlds run out of the box, with nothing but their id?

Each world is evolved for two generations by `evolvent train ID --generations 2`, the command that a user would type, in an
empty folder. It counts as running when the command ends with exit code 0, says nothing on stderr, which is where warnings
and complaints go, and leaves nothing behind but the folder of its run.

The worlds are the newest versions of all that Gymnasium registers for classic control, toy text, Box2D and MuJoCo, and
five games of the Arcade Learning Environment. Left out are worlds that show pictures and nothing else.

`--keep` puts what was found, world by world, into `results/worlds_table.json`, and all of that into the table of
`docs/worlds.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium
from _harness import REPOSITORY, Bar, Report, circumstances, conclude, flags, quantity, tell
from startup import evolvent_command

import evolvent as ev
from evolvent.training.engine_choice import engine_name
from evolvent.training.run import read_config
from evolvent.training.run_folder import RunFolder

RESULTS = REPOSITORY / "benchmarks" / "results" / "worlds_table.json"
PAGE = REPOSITORY / "docs" / "worlds.md"
BEGIN, END = "<!-- begin: written by benchmarks/worlds_table.py -->", "<!-- end -->"
KINDS = {"classic_control": "classic control", "toy_text": "toy text", "box2d": "Box2D", "mujoco": "MuJoCo"}
GAMES = tuple(f"ALE/{name}-v5" for name in ("Pong", "SpaceInvaders", "Seaquest", "Qbert", "MsPacman"))
ONLY_PICTURES = {"CarRacing-v3"}
QUICK = ("CartPole-v1", "FrozenLake-v1", "LunarLander-v3")
PATIENCE = 3600.0  # seconds for a world
FORMS = {
    ("compiled", "inline"): "compiled, on threads",
    ("gymnasium", "processes"): "Gymnasium, in worker processes",
    ("gymnasium", "inline"): "Gymnasium, in one process",
}
HEADINGS = ("world", "kind", "observations", "actions", "network", "how it ran", "steps", "steps/s", "seconds")


def all_worlds() -> dict[str, str]:
    """Return the kind of each world by its id, kind after kind."""
    newest: dict[str, tuple[int, str]] = {}
    for spec in gymnasium.registry.values():
        kind = _kind(spec.entry_point)
        if kind in KINDS and (spec.version or 0) >= newest.get(spec.name, (0, ""))[0]:
            newest[spec.name] = (spec.version or 0, kind)
    found = {f"{name}-v{version}": kind for name, (version, kind) in sorted(newest.items())}
    own = {env_id: title for kind, title in KINDS.items() for env_id, of in found.items() if of == kind}
    return {env_id: kind for env_id, kind in own.items() if env_id not in ONLY_PICTURES} | dict.fromkeys(GAMES, "Atari")


def _kind(entry_point: Any) -> str:
    """Return the part of Gymnasium that a world comes from, "" for one from elsewhere or that is withdrawn."""
    package, _, rest = entry_point.partition("gymnasium.envs.") if isinstance(entry_point, str) else ("-", "", "")
    return "" if package else rest.partition(".")[0]


def try_out(env_id: str, root: Path) -> dict[str, Any]:
    """Evolve a world as a user would; return what was shown, or under "problem" what went wrong.

    Args:
        env_id: The world.
        root: Where a folder for it is made.
    """
    folder = Path(tempfile.mkdtemp(dir=root))
    words = ["train", env_id, "--generations", "2"]
    began = time.perf_counter()
    try:
        done = subprocess.run(
            [*evolvent_command(), *words], cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return {"problem": f"not over after {PATIENCE:.0f} s"}
    row = {"command": " ".join(["evolvent", *words]), "seconds": time.perf_counter() - began}
    if problem := complaint(done.returncode, done.stderr, [each.name for each in folder.iterdir()]):
        return {**row, "problem": problem}
    (manifest,) = folder.glob("runs/*/*/manifest.json")
    return {**row, "heading": done.stdout.partition("\n")[0], **shown(manifest.parent)}


def complaint(code: int, stderr: str, left: Sequence[str]) -> str:
    """Return what a user would complain of, "" for nothing.

    Args:
        code: The exit code.
        stderr: What was said there.
        left: What lies in the folder afterwards.
    """
    said = stderr.strip().splitlines()
    if code:
        return f"exit code {code}: {said[-1] if said else 'nothing was said'}"
    if said:
        return f"stderr: {said[0]}"
    others = sorted({*left} - {"runs"})
    return f"left in the current folder: {', '.join(others)}" if others else ""


def shown(folder: Path) -> dict[str, Any]:
    """Return what a finished run was of and how it went.

    Args:
        folder: Of the run.
    """
    _, config = read_config(RunFolder(folder))
    policy = ev.load_policy(folder / "best.safetensors")
    result = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["result"]
    return {
        "observations": str(policy.observation_space),
        "actions": str(policy.action_space),
        "network": "-".join(map(str, (policy.network.num_inputs, *config.hidden, policy.network.num_outputs))),
        "form": FORMS[config.world, engine_name(config)],
        "steps": result["env_steps"],
        "steps_per_second": result["env_steps"] / result["wall_seconds"],
    }


def cells(env_id: str, kind: str, row: Mapping[str, Any]) -> list[Any]:
    """Return a world's row of the table."""
    if "problem" in row:
        return [env_id, kind, row["problem"], None, None, "FAILED", None, None, row.get("seconds")]
    names = ("observations", "actions", "network", "form", "steps", "steps_per_second", "seconds")
    return [env_id, kind, *(row[name] for name in names)]


def keep(rows: Mapping[str, Mapping[str, Any]], load: float) -> None:
    """Put what was found about these worlds in the place of what was kept of them, and write the page anew."""
    kept: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"rows": {}}
    found = {**kept["rows"], **rows}
    ordered = {env_id: found[env_id] for env_id in all_worlds() if env_id in found}
    result = {
        "rows": ordered,
        "load_before": max(kept.get("load_before", 0.0), load),
        "day": time.strftime("%d %B %Y").lstrip("0"),
        **circumstances(),
    }
    RESULTS.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{PAGE}: expected the lines {BEGIN} and {END}, found neither or one; put them back")
    PAGE.write_text(f"{before}{BEGIN}\n\n{page_part(result)}\n\n{END}{after}", encoding="utf-8")


def page_part(result: Mapping[str, Any]) -> str:
    """Return the table as Markdown, with the machine, the day and the versions that it belongs to."""
    kinds, machine, versions = all_worlds(), result["machine"], result["versions"]
    lines = [_line(HEADINGS), "|---" * 6 + "|---:" * 3 + "|"]
    for env_id, row in result["rows"].items():
        name, *others = (_in_table(cell) for cell in cells(env_id, kinds[env_id], row))
        lines.append(_line([f"`{name}`", *others]))
    origin = (
        f"{machine['cores']} cores, {machine['processor']}, {machine['system']}, {result['day']}; Python {versions['python']},"
        f" Evolvent {versions['evolvent']}, Gymnasium {versions['gymnasium']}."
    )
    busy = "**The machine was busy with other work**: seconds and steps/s are hints, not measurements."
    return "\n".join([*lines, "", origin, *(["", busy] if result["load_before"] > 1 else [])])


def _line(texts: Sequence[str]) -> str:
    return "| " + " | ".join(texts) + " |"


def _in_table(cell: Any) -> str:
    if cell is None:
        return "–"
    return quantity(cell) if isinstance(cell, int | float) else str(cell).replace("|", "\\|")


def report(rows: Mapping[str, Mapping[str, Any]]) -> Report:
    """Return the rows and the claim that each world runs."""
    kinds = all_worlds()
    ran = sum("problem" not in row for row in rows.values())
    return Report(
        name="worlds_table",
        headings=HEADINGS,
        rows=[cells(env_id, kinds[env_id], row) for env_id, row in rows.items()],
        bars={"ran": Bar(value=ran, bound=len(rows), unit=f" of {len(rows)} worlds")},
        details={"ratios": {"ran": ran / len(rows)}, "worlds": rows},
        notes=[
            "each: evolvent train ID --generations 2, in an empty folder; exit code 0, stderr empty, nothing left but runs/",
            f"left out, for they show pictures alone: {', '.join(sorted(ONLY_PICTURES))}",
            "steps/s: of the run, validation included; seconds: of the whole command, with what is compiled the first time",
        ],
    )


def chosen(options: argparse.Namespace) -> list[str]:
    """Return the ids to try; refuse unknown ones."""
    known = all_worlds()
    worlds = options.worlds or (QUICK if options.quick else known)
    if unknown := [env_id for env_id in worlds if env_id not in known]:
        raise SystemExit(f"--worlds: unknown: {', '.join(unknown)}; known are {', '.join(known)}")
    return list(worlds)


def main() -> int:
    """Try the worlds and return the exit code."""
    parser = flags(__doc__)
    parser.add_argument("--worlds", nargs="+", metavar="ID", help="only these")
    parser.add_argument("--keep", action="store_true", help="put what is found into the page and the results")
    options = parser.parse_args()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    rows: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as root:
        for env_id in chosen(options):
            rows[env_id] = try_out(env_id, Path(root))
            tell(f"{env_id}: {rows[env_id].get('problem', 'ran')}, {rows[env_id].get('seconds', PATIENCE):.1f} s")
            if options.keep:
                keep({env_id: rows[env_id]}, load)
    return conclude(report(rows), options)


if __name__ == "__main__":
    sys.exit(main())
