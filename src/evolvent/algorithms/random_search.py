"""Random search: rows drawn without regard to what others achieved, to see whether a search is worth anything."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from evolvent.algorithms.ranges import refuse_not_positive, refuse_unknown
from evolvent.arrays import Population
from evolvent.evaluation import Evaluation, best_first, usable
from evolvent.seeding import Stream

DISTRIBUTIONS = ("uniform", "normal")
LEADERS = 16  # of the last population, that are candidates


@dataclass(frozen=True, slots=True)
class RandomSearchState:
    """The best rows so far.

    Args:
        leaders: `(n, dim)`, the best row of all populations, then the best of the last one; the first initial row at first.
        best_fitness: What the first of them achieved, minus infinity at first.
        population_size: How many rows are drawn.
    """

    leaders: Population
    best_fitness: float
    population_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomSearch:
    """Draws every row of every generation anew and keeps the best: the control that every search must beat.

    Where an evaluation is noisy, the best row is at times merely the luckiest: confirm the candidates over more episodes.

    Args:
        distribution: Of each parameter: "uniform" from minus `scale` to `scale`, or "normal" with that standard deviation.
        scale: Its range, or its standard deviation.

    References:
        Gomez, Schmidhuber and Miikkulainen 2008, there "random weight guessing". https://jmlr.org/papers/v9/gomez08a.html

    Examples:
        >>> from evolvent.seeding import stream
        >>> algorithm = RandomSearch(scale=10.0)
        >>> state = algorithm.init(np.zeros((64, 3), np.float32), stream(0, "init"))
        >>> population, state = algorithm.ask(state, stream(0, 0, "ask"))
        >>> population.shape, bool(np.abs(population).max() <= 10)
        ((64, 3), True)
    """

    distribution: Literal["uniform", "normal"] = "uniform"
    scale: float = 1.0

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        refuse_unknown("distribution", self.distribution, DISTRIBUTIONS)
        refuse_not_positive("scale", self.scale)

    def init(self, initial: Population, stream: Stream) -> RandomSearchState:  # noqa: ARG002 - others draw here
        """Return the state that draws as many rows as `initial (pop, dim)` has."""
        return RandomSearchState(initial[:1].copy(), -np.inf, len(initial))

    def ask(self, state: RandomSearchState, stream: Stream) -> tuple[Population, RandomSearchState]:
        """Return rows drawn anew."""
        shape, source = (state.population_size, state.leaders.shape[1]), stream.child("rows")
        if self.distribution == "normal":
            return source.normal(shape) * np.float32(self.scale), state
        return ((2 * source.uniform(shape) - 1) * self.scale).astype(np.float32), state

    def tell(self, state: RandomSearchState, population: Population, evaluation: Evaluation) -> RandomSearchState:
        """Return the state that has kept the best row."""
        best = best_first(evaluation)[:LEADERS]
        best = best[usable(evaluation)[best]]
        rows = population[best]
        if not len(best) or state.best_fitness >= evaluation.fitness[best[0]]:
            return replace(state, leaders=np.concatenate([state.leaders[:1], rows]))
        return replace(state, leaders=rows, best_fitness=float(evaluation.fitness[best[0]]))

    def candidates(self, state: RandomSearchState, count: int) -> Population:
        """Return the best row so far, then the best of the last population."""
        return state.leaders[:count].copy()

    def confirm(self, state: RandomSearchState, candidates: Population, evaluation: Evaluation) -> RandomSearchState:  # noqa: ARG002
        """Return the state as it is."""
        return state

    def resized(self, state: RandomSearchState, population_size: int) -> RandomSearchState:
        """Return the state that draws `population_size` rows."""
        return replace(state, population_size=population_size)
