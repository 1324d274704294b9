"""Restarts: a search that has come to its end begins anew with a larger population, until the run's own end."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evolvent.algorithms.base import Algorithm
from evolvent.algorithms.cma_es import CMAES
from evolvent.algorithms.cosyne import permuted
from evolvent.algorithms.ranges import refuse_below, refuse_outside
from evolvent.arrays import Population, Row
from evolvent.evaluation import Evaluation, best_first, usable
from evolvent.seeding import Stream

TINY = 1e-12  # of the largest spread of a start, or of its fitness: less is none


@dataclass(frozen=True, slots=True)
class RestartsState:
    """A search, and what came before it.

    Args:
        inner: The state of the present search.
        initial: `(pop, dim)`, the rows that the first search began with.
        start: Which search this is, from 0.
        generations: How many populations it has measured.
        record: The best fitness that it has come to, minus infinity at first.
        recorded: In which generation it did, from 1.
        spread: How far apart the rows of its populations have been at most, in any parameter.
        is_over: Whether another begins next.
        best_fitness: The best fitness of all searches.
        best: `(dim,)`, the row that achieved it; None at first.
    """

    inner: Any
    initial: Population
    start: int = 0
    generations: int = 0
    record: float = -math.inf
    recorded: int = 0
    spread: float = 0.0
    is_over: bool = False
    best_fitness: float = -math.inf
    best: Row | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarts:
    """Begins a search anew with a larger population whenever it no longer improves (IPOP).

    A search is over once its best fitness has not improved for `patience` generations, or its rows have come together. The
    next one begins with rows whose every parameter is taken from another of the first rows: of the same marginal
    distributions, but elsewhere. Where the first rows are all the same, only the algorithm's own spread leads elsewhere.

    Args:
        algorithm: What searches.
        growth: By what the population is multiplied each time, from 1 to 10.
        largest: The largest population, as a multiple of the first.
        patience: Generations without an improvement; 0 for 10 + 30 dim / population, as in the paper.

    References:
        Auger and Hansen 2005, A restart CMA evolution strategy with increasing population size.
        https://doi.org/10.1109/CEC.2005.1554902

    Examples:
        >>> from evolvent.seeding import stream
        >>> algorithm = Restarts(algorithm=CMAES(sigma=0.1), patience=5)
        >>> state = algorithm.init(np.zeros((6, 2), np.float32), stream(0, "init"))
        >>> algorithm.population_size(state, 6), algorithm.population_size(replace(state, start=2), 6)
        (6, 24)
    """

    algorithm: Algorithm[Any] = field(default_factory=CMAES)
    growth: float = 2.0
    largest: int = 64
    patience: int = 0

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        refuse_outside("growth", self.growth, 1.0, 10.0)
        refuse_below("largest", self.largest, 1)
        refuse_outside("largest", self.largest, 1, 100_000)
        refuse_below("patience", self.patience, 0)

    def init(self, initial: Population, stream: Stream) -> RestartsState:
        """Return the state that begins the first search with the rows `initial (pop, dim)`."""
        return RestartsState(self.algorithm.init(initial, stream), initial.copy())

    def ask(self, state: RestartsState, stream: Stream) -> tuple[Population, RestartsState]:
        """Return the next population of the present search, or the first of a new one where it is over."""
        if state.is_over:
            state = self._begun_anew(state, stream.child("restart"))
        population, inner = self.algorithm.ask(state.inner, stream)
        return population, replace(state, inner=inner)

    def tell(self, state: RestartsState, population: Population, evaluation: Evaluation) -> RestartsState:
        """Return the state whose search has learnt from `population`, and that knows whether it is over."""
        state = replace(
            state,
            inner=self.algorithm.tell(state.inner, population, evaluation),
            generations=state.generations + 1,
        )
        best = int(best_first(evaluation)[0])
        if usable(evaluation)[best]:
            state = _with_record(state, population[best], float(evaluation.fitness[best]))
        spread = _spread(population)
        state = replace(state, spread=max(state.spread, spread))
        patience = self.patience or 10 + math.ceil(30 * population.shape[1] / len(population))
        is_over = state.generations - state.recorded >= patience or spread < TINY * state.spread
        return replace(state, is_over=is_over)

    def candidates(self, state: RestartsState, count: int) -> Population:
        """Return those of the present search and, where `count` allows it, the best row of an earlier, better one."""
        own = self.algorithm.candidates(state.inner, count)
        if (earlier := _leading(state)) is None or len(own) == count or (own == earlier).all(axis=1).any():
            return own
        return np.concatenate([own, earlier[np.newaxis]])

    def confirm(self, state: RestartsState, candidates: Population, evaluation: Evaluation) -> RestartsState:
        """Return the state whose search has learnt what its own candidates achieved over more episodes."""
        own = len(self.algorithm.candidates(state.inner, len(candidates)))
        if own < len(candidates):
            candidates, evaluation = candidates[:own], _of_first(evaluation, own)
        return replace(state, inner=self.algorithm.confirm(state.inner, candidates, evaluation))

    def population_size(self, state: RestartsState, first: int) -> int:
        """Return how many rows the next population has, where the first had `first`; an even number where that was one."""
        start = max(state.start + state.is_over, 0)
        multiple = self.largest if start * math.log(self.growth) > math.log(self.largest) else self.growth**start
        return round(first * multiple) if first % 2 else 2 * round(first * multiple / 2)

    def _begun_anew(self, state: RestartsState, stream: Stream) -> RestartsState:
        count = self.population_size(state, len(state.initial))
        rows = state.initial[np.arange(count) % len(state.initial)]
        inner = self.algorithm.init(permuted(rows, None, stream.child("rows")), stream.child("init"))
        begun = RestartsState(inner, state.initial, start=state.start + 1)
        return replace(begun, best_fitness=state.best_fitness, best=state.best)


def _with_record(state: RestartsState, row: Row, fitness: float) -> RestartsState:
    if _beats(fitness, state.record):
        state = replace(state, record=fitness, recorded=state.generations)
    if state.best is None or fitness > state.best_fitness:
        state = replace(state, best_fitness=fitness, best=row.copy())
    return state


def _leading(state: RestartsState) -> Row | None:
    """Return the best row of an earlier search, None where the present one has come further."""
    return state.best if _beats(state.best_fitness, state.record) else None


def _beats(fitness: float, record: float) -> bool:
    """Return whether a fitness is better, by more than the noise of rounding."""
    return fitness > (record if math.isinf(record) else record + TINY * abs(record))


def _spread(population: Population) -> float:
    highest, lowest = population.max(axis=0), population.min(axis=0)
    return float((highest.astype(np.float64) - lowest).max())


def _of_first(evaluation: Evaluation, count: int) -> Evaluation:
    """Return what the first `count` rows achieved."""

    def first(values: NDArray[Any] | None) -> Any:
        return None if values is None else values[:count]

    return replace(
        evaluation,
        fitness=first(evaluation.fitness),
        returns=first(evaluation.returns),
        steps=first(evaluation.steps),
        failed=first(evaluation.failed),
        truncated=first(evaluation.truncated),
        descriptors=first(evaluation.descriptors),
        unplayable=first(evaluation.unplayable),
    )
