"""What is scaled: the blog article's network in CartPole, and how the parts of benchmarks/scaling.py say what they found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from _article_job import NETWORK
from _harness import Bar
from floor import evolved

import evolvent as ev
from evolvent.arrays import Population, Seeds

ENV = ev.ENVS["CartPole-v1"]
EPISODES = {"random": 128, "evolved": 8}  # a random individual's are short; either way they are milliseconds of work
RULE = (0.1, 0.5, 5.0, 1.0)  # weights of the cart's place and speed, and of the pole's
NOISE = np.float32(1e-3)


class Games(NamedTuple):
    """Whom to play with, and under which seeds."""

    population: Population
    seeds: Seeds


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one part found.

    Args:
        headings: Of its table's columns.
        rows: Of its table.
        bars: Its claims by name.
        ratios: Every ratio by name.
        notes: Lines under the table.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[Any]]
    bars: Mapping[str, Bar]
    ratios: Mapping[str, float]
    notes: Sequence[str] = field(default=())


def good_rows() -> Population:
    """Return 64 rows of the article's search that stand to the end of each episode."""
    return evolved(NETWORK)


def standing_rows(network: ev.MLP, size: int) -> Population:
    """Return rows of a relu network that keep the pole up: two neurons of each layer carry a rule, the others are noise.

    The rule is to push to where the pole leans and moves, and to where the cart moves.
    """
    rows = network.initialise(size, ev.stream(0, "noise")) * NOISE
    for row in rows:
        views = network.named_views(row)
        first, *between, last = (views[name] for name in views if name.endswith("weights"))
        first[:, 0], first[:, 1] = RULE, [-each for each in RULE]
        for weights in between:
            weights[:2, :2] = np.eye(2)
        last[:2] = [[0.0, 1.0], [1.0, 0.0]]
    return rows


def repeated(rows: Population, size: int) -> Population:
    """Return a population of `size` in which the rows come again and again."""
    return rows[np.arange(size) % len(rows)]


def evaluation(task: ev.CompiledEnv, games: Games, cap: int | None = None) -> Callable[[], int]:
    """Return a call of `evaluate` that returns how many useful steps it took."""
    conditions = ev.Conditions(seeds=games.seeds, episode_cap=cap)
    return lambda: int(task.evaluate(games.population, conditions).steps.sum())
