"""Which operators of the genetic algorithm reach a target in the fewest evaluations, on three small tasks?

One operator at a time is put in place of the baseline's, and everything else is left alone. The strength of mutation is
chosen anew for every row and task, out of four, on twenty seeds that are not among the reported ones; a row with the
sign flip alone, which has no strength, chooses its rate. So no operator is judged by a strength that suits another.

An evaluation is one individual on one episode of CartPole, on the four rows of XOR, or in one call of the function.
Episodes that confirm champions are counted apart. A run that spends its budget counts as slower than any other.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from _harness import Bar, Report, conclude, flags, tell
from numpy.typing import NDArray

import evolvent as ev

POPULATION, GENERATIONS = 32, 300
RATES = (0.01, 0.03, 0.1, 0.3)  # for the sign flip alone
TUNING_SEEDS = range(1000, 1020)
SURE = 3.0  # standard errors by which a row is called faster or slower than the baseline
STORED = Path(__file__).with_name("results") / "operators.json"

# In every text, S is the number that is chosen for the row and task.
BASELINE = {
    "selection": "truncation:num_parents=8",
    "crossover": "none",
    "mutation": "gaussian:strength=S",
    "strength": "constant",
}
OPERATORS = {
    "selection": ("truncation:num_parents=8", "truncation:num_parents=1", "tournament:size=3", "rank:pressure=2", "roulette"),
    "crossover": ("none", "uniform", "neuron", "one_point", "two_point", "blend"),
    "mutation": (
        "gaussian:strength=S",
        "gaussian:strength=S,rate=0.2",
        "uniform:strength=S",
        "uniform:strength=S,rate=0.2",
        "cauchy:strength=S",
        "cauchy:strength=S,rate=0.2",
        "multiplicative:strength=S",
        "multiplicative:strength=S,rate=0.2",
        "replacement:strength=S,rate=0.2",
        "replacement:strength=S,rate=0.05",
        "sign_flip:rate=S",
        "gaussian:strength=S+sign_flip:rate=0.05",
        "gaussian:strength=S,rate=0.2+sign_flip:rate=0.01",
        "gaussian:strength=S+replacement:strength=1,rate=0.05",
        "gaussian:strength=S,rate=0.2+replacement:strength=1,rate=0.01",
        "multiplicative:strength=S+gaussian:strength=S",
        "multiplicative:strength=S,rate=0.2+gaussian:strength=S,rate=0.2",
    ),
    "strength": ("constant", "decaying:generations=20", "decaying:generations=100", "self_adaptive"),
}
OPTIMUM = np.array([2.3, -1.7, 1.4, -2.6, 1.9])


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is searched for, and what a search begins with.

    Args:
        problem: As `evolvent.evolve` takes it.
        settings: Its target, and what differs from the problem's own start.
        episodes: How many evaluations an individual is in a generation.
        confirming: How many episodes confirm a champion in a generation.
        strengths: Those to choose from.
        baseline: What differs from the common baseline.
    """

    problem: str | ev.Supervised | ev.Function
    settings: Mapping[str, Any]
    episodes: int = 1
    confirming: int = 0
    strengths: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0)
    baseline: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def budget(self) -> int:
        """The evaluations after which a run gives up."""
        return POPULATION * GENERATIONS * self.episodes


def minus_rastrigin(row: NDArray[np.float64]) -> float:
    """Return minus Rastrigin's function, its optimum moved to where neither a sign nor a zero is of help."""
    away = row - OPTIMUM
    return -float((away**2 - 10 * np.cos(2 * np.pi * away) + 10).sum())


TASKS = {
    "cartpole": Task(
        problem="CartPole-v1",
        settings={"hidden": (16,), "episodes": 3, "validation_episodes": 100, "target": 475.0},
        episodes=3,
        confirming=100,
    ),
    "xor": Task(
        problem=ev.Supervised([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0], loss="cross_entropy", name="xor"),
        settings={"hidden": (4,), "activation": "tanh", "target": -0.05},  # 95 % for the right class
        strengths=(0.3, 1.0, 3.0, 10.0),  # the larger the weights, the surer an answer
    ),
    "rastrigin": Task(
        problem=ev.Function(minus_rastrigin, dim=len(OPTIMUM), name="rastrigin"),
        settings={"target": -0.5},  # the next best valley has no better than -0.99
        baseline={"mutation": "gaussian:strength=S,rate=0.2"},  # at a rate of 1 no run at all arrives
    ),
}


class Outcome(NamedTuple):
    """What one seed came to."""

    evaluations: float  # to the target; infinite where it was not reached within the budget
    validation: int
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An operator on a task.

    Args:
        task: Its name.
        varied: The part that the operator is.
        operator: Its text.
        chosen: The number for S.
        tuning: For every number tried, the mean evaluations on the tuning seeds, a failure counted as the budget.
        outcomes: One a reported seed.
    """

    task: str
    varied: str
    operator: str
    chosen: float
    tuning: Mapping[float, float]
    outcomes: Sequence[Outcome]

    @property
    def evaluations(self) -> list[float]:
        """Those of every seed."""
        return [each.evaluations for each in self.outcomes]

    @property
    def reached(self) -> float:
        """The share of seeds that reached the target."""
        return statistics.mean(math.isfinite(each) for each in self.evaluations)

    @property
    def is_baseline(self) -> bool:
        """Whether the operator is the baseline's own."""
        return self.operator == baseline(self.task)[self.varied]

    def cells(self, beside: Row) -> tuple[Any, ...]:
        """Return the row of the table, compared with the baseline's."""
        middle = statistics.median(self.evaluations)
        return (
            self.task,
            self.varied,
            self.operator,
            self.chosen,
            f"{100 * self.reached:.0f} %",
            middle if math.isfinite(middle) else ">budget",
            statistics.median(each.validation for each in self.outcomes),
            "baseline" if self.is_baseline else verdict(self.evaluations, beside.evaluations),
        )

    def record(self) -> dict[str, Any]:
        """Return what the JSON holds."""
        return {
            "task": self.task,
            "varied": self.varied,
            "operator": self.operator,
            "chosen": self.chosen,
            "tuning": {f"{number:g}": mean for number, mean in self.tuning.items()},
            "evaluations": [int(each) if math.isfinite(each) else None for each in self.evaluations],
        }


HEADINGS = ("task", "varied", "operator", "S", "reached", "evaluations", "validation", "beside_baseline")


def baseline(task: str) -> dict[str, str]:
    """Return the operators that a task's rows differ from in one."""
    return {**BASELINE, **TASKS[task].baseline}


def outcome(task: Task, operators: Mapping[str, str], number: float, seed: int) -> Outcome:
    """Return what the run with this seed comes to. A score of fresh test episodes has to agree that the target is reached."""
    run = ev.evolve(
        task.problem,
        seed=seed,
        population=POPULATION,
        generations=GENERATIONS,
        workers=1,
        genetic={part: text.replace("S", f"{number:g}") for part, text in operators.items()},
        runs_dir=None,
        **task.settings,
    )
    generations = run.progress.generation
    reached = run.reason == "target reached" and run.solved
    evaluations = POPULATION * task.episodes * generations if reached else math.inf
    return Outcome(evaluations, task.confirming * generations, run.progress.score.mean)


def tuned(task: Task, operators: Mapping[str, str]) -> tuple[float, dict[float, float]]:
    """Return the number with the fewest mean evaluations on the tuning seeds, and these means."""
    grid = RATES if operators["mutation"] == "sign_flip:rate=S" else task.strengths
    tried = {number: [outcome(task, operators, number, seed) for seed in TUNING_SEEDS] for number in grid}
    means = {number: statistics.mean(min(each.evaluations, task.budget) for each in all_) for number, all_ in tried.items()}
    scores = {number: statistics.mean(each.score for each in all_) for number, all_ in tried.items()}
    return min(grid, key=lambda number: (means[number], -scores[number])), means


def verdict(ours: Sequence[float], baselines: Sequence[float]) -> str:
    """Return whether our runs take surely fewer or more evaluations than the baseline's, by a rank-sum test with ties.

    References:
        Mann and Whitney 1947, On a test of whether one of two random variables is stochastically larger than the other.
        https://doi.org/10.1214/aoms/1177730491
    """
    a, b = np.array(ours)[:, np.newaxis], np.array(baselines)[np.newaxis]
    wins = float((a < b).sum()) + float((a == b).sum()) / 2
    count = a.size + b.size
    ties = np.unique(np.concatenate([a.ravel(), b.ravel()]), return_counts=True)[1].astype(float)
    variance = a.size * b.size / 12 * (count + 1 - float((ties**3 - ties).sum()) / (count * (count - 1)))
    away = wins - a.size * b.size / 2
    if away**2 <= SURE**2 * variance:
        return "no sure difference"
    return "faster" if away > 0 else "slower"


def measured(seeds: Sequence[int], choose: Callable[[str, str, str], float | None]) -> Iterator[Row]:
    """Yield every operator on every task; where `choose` knows no number, it is tuned."""
    for name, task in TASKS.items():
        done: dict[tuple[str, ...], tuple[float, dict[float, float], list[Outcome]]] = {}
        for varied, texts in OPERATORS.items():
            for text in texts:
                operators = {**baseline(name), varied: text}
                key = tuple(operators.values())
                if key not in done:
                    stored = choose(name, varied, text)
                    number, means = tuned(task, operators) if stored is None else (stored, {})
                    done[key] = (number, means, [outcome(task, operators, number, seed) for seed in seeds])
                number, means, outcomes = done[key]
                yield Row(task=name, varied=varied, operator=text, chosen=number, tuning=means, outcomes=outcomes)
            tell(f"{name}: {varied}")


def stored_choice() -> Callable[[str, str, str], float | None]:
    """Return how to find the numbers that the full form chose."""
    records = json.loads(STORED.read_text(encoding="utf-8"))["operators"]
    chosen = {(each["task"], each["varied"], each["operator"]): float(each["chosen"]) for each in records}
    return lambda task, varied, operator: chosen.get((task, varied, operator))


def report(rows: Sequence[Row], seeds: int) -> Report:
    """Return the table, and the claim that the baselines themselves arrive."""
    baselines = {row.task: row for row in rows if row.is_baseline}
    ratios = {f"{name}_reached": row.reached for name, row in baselines.items()}
    must = math.ceil(0.9 * seeds)
    return Report(
        name="operators",
        headings=HEADINGS,
        rows=[row.cells(baselines[row.task]) for row in rows],
        bars={
            f"{name}_baseline_reached": Bar(value=round(row.reached * seeds), bound=must, unit=f" of {seeds}")
            for name, row in baselines.items()
        },
        details={
            "ratios": ratios,
            "seeds": seeds,
            "budgets": {name: task.budget for name, task in TASKS.items()},
            "baselines": {name: baseline(name) for name in TASKS},
            "operators": [row.record() for row in rows],
        },
        notes=[
            "evaluations: the median over all seeds, a run that spent its budget being slower than any other",
            *(f"budget of {name}: {task.budget:,} evaluations" for name, task in TASKS.items()),
            f"faster and slower: a rank-sum test against the baseline's seeds, beyond {SURE:g} standard errors",
        ],
    )


def main() -> int:
    """Measure and return the exit code."""
    parser = flags(__doc__)
    parser.add_argument("--seeds", type=int, help="how many runs a row, with the seeds 0, 1, ... (50, quick 3)")
    options: argparse.Namespace = parser.parse_args()
    seeds = options.seeds or (3 if options.quick else 50)
    choose = stored_choice() if options.quick else lambda _task, _varied, _operator: None
    return conclude(report(list(measured(range(seeds), choose)), seeds), options)


if __name__ == "__main__":
    sys.exit(main())
