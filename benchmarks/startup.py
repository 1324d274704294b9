"""How long does a person wait: from the start of the command to a policy that is solved, scored and saved?

Every time runs from the start of a process to its end. "first" is a machine that has no compiled kernels: each of its
runs has an empty cache folder of its own. "after" has the kernels of an earlier run, "load" acts once with a saved
policy. What the operating system keeps of files in memory, and Python's own compiled modules, stay as they are.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from _harness import Bar, Report, conclude, flags, tell

LOAD = "import evolvent as ev; ev.load_policy({path!r}).act([0.0, 0.0, 0.0, 0.0])"
GYMNASIUM_LOADED = "; import sys; print('gymnasium' in sys.modules)"
FLOOR = "import numba"  # what every start with a compiled kernel pays, whatever we do


def evolvent_command() -> list[str]:
    """Return the installed command, or the module where the command is not beside this Python."""
    suffix = ".exe" if os.name == "nt" else ""
    script = Path(sysconfig.get_path("scripts"), f"evolvent{suffix}")
    return [str(script)] if script.exists() else [sys.executable, "-m", "evolvent"]


def timed(command: Sequence[str], folder: Path, cache: Path) -> tuple[float, str]:
    """Run a command in `folder` with its kernels in `cache`; return the time it took [s] and its output."""
    environment = {**os.environ, "EVOLVENT_CACHE_DIR": str(cache)}
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    elapsed = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}")
    return elapsed, done.stdout


def python(code: str, folder: Path, cache: Path) -> tuple[float, str]:
    """Run a line of Python as `timed` runs a command."""
    return timed([sys.executable, "-c", code], folder, cache)


class Session:
    """Times commands in temporary folders.

    Args:
        root: Where the folders are made.
    """

    def __init__(self, root: Path) -> None:
        """Begin with nothing compiled."""
        self._root = root
        self._count = 0
        self.cache = self.empty_folder()
        self.policy = Path()
        self.solved: list[bool] = []

    def empty_folder(self) -> Path:
        """Return a new folder that only this user may enter."""
        self._count += 1
        folder = self._root / str(self._count)
        folder.mkdir(mode=0o700)
        return folder

    def train(self, seed: int) -> float:
        """Return the time that `evolvent train CartPole-v1` takes [s], and note whether it solved its world."""
        folder = self.empty_folder()
        command = [*evolvent_command(), "train", "CartPole-v1", "--quiet", "--seed", str(seed)]
        seconds, _ = timed(command, folder, self.cache)
        (manifest,) = folder.glob("runs/*/*/manifest.json")
        self.solved.append(json.loads(manifest.read_text(encoding="utf-8"))["result"]["solved"])
        self.policy = manifest.with_name("best.safetensors")
        return seconds

    def train_first(self, seed: int) -> float:
        """Return the time that it takes where nothing is compiled [s]; the kernels serve the next commands."""
        self.cache = self.empty_folder()
        return self.train(seed)

    def load(self) -> float:
        """Return the time that loading the last policy and acting once takes [s]."""
        return python(LOAD.format(path=str(self.policy)), self._root, self.cache)[0]

    def load_first(self) -> float:
        """Return the time that this takes where nothing is compiled [s]."""
        return python(LOAD.format(path=str(self.policy)), self._root, self.empty_folder())[0]

    def floor(self) -> float:
        """Return the time that importing Numba alone takes [s]."""
        return python(FLOOR, self._root, self.cache)[0]

    def loads_gymnasium(self) -> bool:
        """Return whether acting with a saved policy imports Gymnasium."""
        code = LOAD.format(path=str(self.policy)) + GYMNASIUM_LOADED
        return python(code, self._root, self.cache)[1].strip() == "True"


def report(times: dict[str, list[float]], solved: Sequence[bool], *, gymnasium: bool) -> Report:
    """Return the rows and bars of all times."""
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    bars = {
        "first": Bar(value=max(times["first"]), bound=15, unit=" s", at_least=False),
        "after": Bar(value=medians["after"], bound=2.5, unit=" s", at_least=False),
        "load": Bar(value=medians["load"], bound=1, unit=" s", at_least=False),
        "gymnasium_imports_of_load": Bar(value=int(gymnasium), bound=0, at_least=False, or_equal=True),
        "solved": Bar(value=sum(solved), bound=len(solved), unit=f" of {len(solved)} runs"),
    }
    rows = [(name, len(each), min(each), statistics.median(each), max(each)) for name, each in times.items()]
    ratios = {"first_over_after": medians["first"] / medians["after"], "load_over_floor": medians["load"] / medians["floor"]}
    return Report(
        name="startup",
        headings=("seconds", "runs", "fastest", "median", "slowest"),
        rows=rows,
        bars=bars,
        details={"ratios": ratios, "medians": medians, "times": times},
        notes=[
            "first, after: evolvent train CartPole-v1 --quiet --seed i, without and with compiled kernels",
            "load: python -c 'import evolvent as ev; ev.load_policy(f).act(observation)'; load_first: nothing compiled",
            "floor: python -c 'import numba'",
            "claims: the slowest first, the median of after and of load",
        ],
    )


def main() -> int:
    """Measure and return the exit code."""
    parser = flags(__doc__)
    parser.add_argument("--first", type=int, help="runs with nothing compiled (5, quick 2)")
    parser.add_argument("--after", type=int, help="runs of each other kind (20, quick 5)")
    options = parser.parse_args()
    num_first = options.first or (2 if options.quick else 5)
    num_after = options.after or (5 if options.quick else 20)
    with tempfile.TemporaryDirectory() as root:
        session = Session(Path(root))
        times: dict[str, list[float]] = {name: [] for name in ("first", "after", "load_first", "load", "floor")}
        for seed in range(num_first):
            times["first"].append(session.train_first(seed))
            times["load_first"].append(session.load_first())
            tell(f"first {seed + 1} of {num_first}: {times['first'][-1]:.2f} s")
        session.load()  # compiles what only loading needs
        for seed in range(num_after):
            times["after"].append(session.train(seed))
            times["load"].append(session.load())
            times["floor"].append(session.floor())
            tell(f"after {seed + 1} of {num_after}: {times['after'][-1]:.2f} s")
        return conclude(report(times, session.solved, gymnasium=session.loads_gymnasium()), options)


if __name__ == "__main__":
    sys.exit(main())
