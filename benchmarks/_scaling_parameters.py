"""Part 3 of benchmarks/scaling.py: what a multiply-add costs by the number of parameters, beside the processor's peak."""

from __future__ import annotations

import itertools
import statistics
from dataclasses import dataclass, field

import _scaling_peak
from _harness import block, tell
from _scaling_job import ENV, Games, Part, evaluation, standing_rows

import evolvent as ev
from evolvent.tasks.rollout import lanes_for

HIDDEN = ((14,), (142,), (1428,), (14_285,), (9, 9), (28, 28), (96, 96), (312, 312), (996, 996))
QUICK_HIDDEN = ((16,),)
CAP = 100  # steps of an episode: the largest networks take a tenth of a millisecond for one
ENOUGH = 100_000_000  # multiply-adds, for a call to take milliseconds
MOST_NUMBERS = 8_000_000  # in a population
FEWEST_LANES = 8
MOST_IN_LANES = 200_000  # parameters
LOOKS = 30  # at the peak in each round


@dataclass(slots=True)
class Contestant:
    """One network on one path, and what a multiply-add cost in each round [ns].

    Args:
        network: With one or two hidden layers.
        lanes: How many episodes run side by side.
    """

    network: ev.MLP
    lanes: int
    costs: list[float] = field(default_factory=list[float])

    _games: Games = field(init=False)
    _task: ev.CompiledEnv = field(init=False)

    def __post_init__(self) -> None:
        """Compile its rollout, or find it compiled."""
        size = max(2, min(64, MOST_NUMBERS // self.network.dim))
        episodes = max(2, min(128, ENOUGH // (size * CAP * multiply_adds(self.network))))
        self._games = Games(standing_rows(self.network, size), ev.stream(0, "episodes").bits((size, episodes)))
        self._task = ev.CompiledEnv(ENV, self.network, lanes=self.lanes)

    def turn(self, seconds: float) -> None:
        """Play for so many seconds on one thread."""
        steps, elapsed = block(evaluation(self._task, self._games, CAP), seconds)
        self.costs.append(elapsed * 1e9 / (steps * multiply_adds(self.network)))


def multiply_adds(network: ev.MLP) -> int:
    """Return how many a forward pass takes."""
    return sum(inputs * outputs for inputs, outputs in itertools.pairwise(network.sizes))


def measure(rounds: int, seconds: float, *, quick: bool) -> Part:
    """Return what a multiply-add costs [ns], by each path that can be taken, and the processor's peak."""
    contestants = [
        Contestant(network, lanes)
        for hidden in (QUICK_HIDDEN if quick else HIDDEN)
        for network in [ev.MLP(sizes=(4, *hidden, 2), initialiser="fan_in")]
        for lanes in paths_of(network)
    ]
    peaks = {name: float("inf") for name in _scaling_peak.ROUNDINGS}
    runs = _scaling_peak.compiled()
    for number in range(rounds):
        for name, of in runs.items():
            peaks[name] = min(peaks[name], *(run() for run in of for _ in range(LOOKS)))
        for contestant in contestants:
            contestant.turn(seconds)
        tell(f"parameters: round {number + 1} of {rounds}")
    return part(contestants, peaks)


def paths_of(network: ev.MLP) -> list[int]:
    """Return numbers of lanes: the one that is chosen, and the other path where it can be taken."""
    chosen = lanes_for(network)
    if chosen > 1:
        return [chosen, 1]
    return [1, FEWEST_LANES] if network.dim <= MOST_IN_LANES else [1]


def part(contestants: list[Contestant], peaks: dict[str, float]) -> Part:
    """Return the table and ratios."""
    rows = []
    ratios = {"fused_over_strict": peaks["strict"] / peaks["fused"]}
    for each in contestants:
        cost = statistics.median(each.costs)
        shape = "-".join(map(str, each.network.sizes))
        path = f"{each.lanes} lanes" if each.lanes > 1 else "alone"
        chosen = each.lanes == lanes_for(each.network)
        rows.append((shape, each.network.dim, path, chosen, cost, *(peak / cost for peak in peaks.values())))
        ratios[f"share_{shape}_{'lanes' if each.lanes > 1 else 'alone'}"] = peaks["strict"] / cost
    return Part(
        headings=("network", "parameters", "path", "chosen", "ns per multiply-add", "share of the peak", "of the fused peak"),
        rows=rows,
        bars={},
        ratios=ratios,
        notes=[
            f"CartPole on one thread, whole calls of evaluate, world included; episodes of {CAP} steps",
            f"the peak [ns a multiply-add]: {peaks['strict']:.3g} rounded twice, {peaks['fused']:.3g} once, as ours are",
        ],
    )
