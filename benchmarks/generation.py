"""What does a generation cost beside its rollout: asking, telling, seeds, the digest, the history, saving, progress?

Two searches for CartPole run as they do on the command line, on a terminal and in a folder, and the time of their
rollouts is taken off. Large populations are asked for, told of and digested beside a copy of them, which is what
memory alone takes. Contestants take turns; the median over the rounds is reported.
"""

from __future__ import annotations

import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _harness import Bar, Report, block, conclude, flags, tell

import evolvent as ev
from evolvent.arrays import Population
from evolvent.cli.progress import Progress as ProgressLine
from evolvent.engines import Inline
from evolvent.evaluation import mean_return
from evolvent.tasks import Task
from evolvent.training import checkpoint, run_folder
from evolvent.training.beginning import default_config
from evolvent.training.callbacks import COLUMNS
from evolvent.training.config import merge
from evolvent.training.digest import FIRST, chained
from evolvent.training.history import History
from evolvent.training.parts import Search, prepare
from evolvent.training.recorder import Recorder
from evolvent.training.scoring import episode_seeds
from evolvent.training.search import advance, begin

ENV = "CartPole-v1"
SEARCHES = {"defaults": None, "article": "article"}
LARGE = ((256, 10_000), (1024, 10_000), (64, 1_000_000))
SMALL = (64, 114)  # the article's job
PARTS = ("ask", "tell", "digest", "copy")
NO_END = 1_000_000_000


class Terminal(io.StringIO):
    """A file that looks like a terminal."""

    def isatty(self) -> bool:
        """Return that it is one."""
        return True


class TimedEngine:
    """Measures populations here, and how long that takes [s]."""

    def __init__(self) -> None:
        """Begin with no time spent."""
        self.seconds = 0.0
        self._engine = Inline()
        self.kind, self.workers = self._engine.kind, self._engine.workers
        self.utilisation, self.repeatable = self._engine.utilisation, self._engine.repeatable

    def evaluate(self, task: Task, population: Population, conditions: ev.Conditions) -> ev.Evaluation:
        """Return what `population` achieves, and note the time."""
        began = time.perf_counter()
        evaluation = self._engine.evaluate(task, population, conditions)
        self.seconds += time.perf_counter() - began
        return evaluation

    def close(self) -> None:
        """Hold nothing."""


def prepared(recipe: str | None) -> Search:
    """Return the parts of a search that never ends by itself."""
    endless = {"target": None, "generations": NO_END}
    return prepare(ENV, merge(default_config(ENV, recipe), endless, "benchmark"))


def outside_rollout(recipe: str | None, seconds: float) -> tuple[float, int]:
    """Return what a generation of a whole search takes beside its rollouts [ms], and over how many it was measured."""
    search = replace(prepared(recipe), engine=(engine := TimedEngine()))
    with tempfile.TemporaryDirectory() as root, ProgressLine(Terminal(), search.config, "a benchmark") as line:
        folder = run_folder.create(Path(root), search.name, "run", {})
        recorder = Recorder(folder, search, begin(search))

        def generation() -> int:
            progress, record = advance(search, recorder.progress)
            recorder.note(progress, record)
            recorder.save_when_due()
            line.on_generation(record)
            return 1

        generation()
        engine.seconds = 0.0
        count, elapsed = block(generation, seconds)
    search.close()
    return (elapsed - engine.seconds) / count * 1e3, count


def parts_of_a_loop(seconds: float) -> dict[str, float]:
    """Return what each thing that a loop does beside ask, tell and digest takes [ms] when done alone."""
    search = prepared(None)
    progress, record = advance(search, begin(search))
    with tempfile.TemporaryDirectory() as root, ProgressLine(Terminal(), search.config, "a benchmark") as line:
        folder = run_folder.create(Path(root), search.name, "run", {})
        history = History(folder.history, COLUMNS)
        row = tuple(getattr(record, name) for name in COLUMNS)
        works: dict[str, Callable[[], Any]] = {
            "seeds": lambda: episode_seeds(0, 5, "training", episodes=search.config.episodes),
            "history row": lambda: history.append(row),
            "progress line": lambda: line.on_generation(record),
            "checkpoint, once a second": lambda: checkpoint.save(folder, 1, progress, "0"),
        }
        times = {name: _milliseconds(work, seconds) for name, work in works.items()}
    search.close()
    return times


def _milliseconds(work: Callable[[], Any], seconds: float) -> float:
    def once() -> int:
        work()
        return 1

    count, elapsed = block(once, seconds)
    return elapsed / count * 1e3


class Contest:
    """What the default algorithm does with a population, part by part, beside a copy of it.

    Args:
        size: Rows.
        dim: Parameters of each.
    """

    def __init__(self, size: int, dim: int) -> None:
        """Breed the first generation."""
        self._algorithm = ev.Genetic()
        initial = ev.stream(0, "initial").normal((size, dim))
        returns = ev.stream(0, "returns").uniform((size, 3))
        evaluation = mean_return(returns, np.ones((size, 3), np.int64), np.zeros(size, np.bool_))
        first = self._algorithm.init(initial, ev.stream(0, "init"))
        state = self._algorithm.tell(first, initial, evaluation)
        number = iter(range(NO_END))
        population, asked = self._algorithm.ask(state, ev.stream(0, 0, "ask"))
        self._works: dict[str, Callable[[], Any]] = {
            "ask": lambda: self._algorithm.ask(state, ev.stream(0, next(number), "ask")),
            "tell": lambda: self._algorithm.tell(asked, population, evaluation),
            "digest": lambda: chained(FIRST, population, returns),
            "copy": population.copy,
        }

    def measure(self, rounds: int, seconds: float) -> dict[str, float]:
        """Return the median time of each part [ms], all of them in turns."""
        times: dict[str, list[float]] = {}
        for _ in range(rounds):
            for name, work in self._works.items():
                times.setdefault(name, []).append(_milliseconds(work, seconds))
        return {name: statistics.median(each) for name, each in times.items()}


def measure(rounds: int, seconds: float) -> dict[str, Any]:
    """Return the times of whole loops, of their parts, and of large populations."""
    loops = {name: [outside_rollout(recipe, seconds) for _ in range(rounds)] for name, recipe in SEARCHES.items()}
    tell("loops measured")
    populations: list[dict[str, Any]] = []
    for size, dim in (SMALL, *LARGE):
        times = Contest(size, dim).measure(rounds, seconds)
        nanoseconds = {name: each * 1e6 / (size * dim) for name, each in times.items()}
        populations.append({"population": size, "dim": dim, "ms": times, "ns_a_parameter": nanoseconds})
        tell(f"{size} rows of {dim:,} parameters measured")
    return {
        "outside_rollout_ms": {name: statistics.median(ms for ms, _ in each) for name, each in loops.items()},
        "generations": {name: sum(count for _, count in each) for name, each in loops.items()},
        "parts_ms": parts_of_a_loop(seconds),
        "populations": populations,
    }


def own_cost(case: dict[str, Any]) -> float:
    """Return what ask, tell and digest take together [ns a parameter]."""
    return sum(case["ns_a_parameter"][name] for name in ("ask", "tell", "digest"))


def report(found: dict[str, Any]) -> Report:
    """Return the rows and bars of what was measured."""
    large = {f"{each['population']}x{each['dim']}": each for each in found["populations"][1:]}
    rows: list[list[Any]] = [[f"whole loop, {name}", ms, None] for name, ms in found["outside_rollout_ms"].items()]
    rows += [[name, ms, None] for name, ms in found["parts_ms"].items()]
    for each in found["populations"]:
        named = f"{each['population']} x {each['dim']:,}"
        rows += [[f"{part}, {named}", each["ms"][part], each["ns_a_parameter"][part]] for part in PARTS]
    bars = {
        f"{name}_outside_rollout": Bar(value=ms, bound=1, unit=" ms a generation", at_least=False)
        for name, ms in found["outside_rollout_ms"].items()
    } | {
        f"ask_tell_digest_{name}": Bar(value=own_cost(case), bound=1, unit=" ns a parameter", at_least=False)
        for name, case in large.items()
    }
    ratios = {f"over_copy_{name}": own_cost(case) / case["ns_a_parameter"]["copy"] for name, case in large.items()}
    return Report(
        name="generation",
        headings=("part", "ms", "ns a parameter"),
        rows=rows,
        bars=bars,
        details={"ratios": ratios, **found},
        notes=[
            "whole loop: a generation of a search for CartPole-v1 at population 64, less its rollouts; saved once a second",
            "ask, tell, digest: the default algorithm (truncation, Gaussian mutation, one elite) on rows x parameters",
            "copy: of the population, by NumPy on one thread",
        ],
    )


def main() -> int:
    """Measure and return the exit code."""
    parser = flags(__doc__)
    parser.add_argument("--rounds", type=int, help="how often each part is measured (7, quick 3)")
    parser.add_argument("--block-seconds", type=float, help="the least time of a measurement (1.0, quick 0.2)")
    options = parser.parse_args()
    rounds = options.rounds or (3 if options.quick else 7)
    seconds = options.block_seconds or (0.2 if options.quick else 1.0)
    return conclude(report(measure(rounds, seconds)), options)


if __name__ == "__main__":
    sys.exit(main())
