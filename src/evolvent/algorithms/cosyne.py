"""CoSyNE: cooperative synapse neuroevolution, in which each weight of a network evolves in a population of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from evolvent.algorithms.crossover import OnePointCrossover
from evolvent.algorithms.mutation import Cauchy, write_children
from evolvent.algorithms.ranges import (
    MAX_STRENGTH,
    refuse_not_positive,
    refuse_outside,
    refuse_unknown,
)
from evolvent.arrays import Flags, Population
from evolvent.errors import UsageError
from evolvent.evaluation import Evaluation, best_first, usable
from evolvent.seeding import Stream

PERMUTED = ("all", "by_fitness")


@dataclass(frozen=True, slots=True)
class CoSyNEState:
    """What the next generation is made of.

    Args:
        population: `(pop, dim)`, the rows last measured, best first, or to be measured first.
        fitness: `(pop,)`, what they achieved; NaN for who failed and while nothing has been measured.
        generation: How many populations have been measured.
    """

    population: Population
    fitness: NDArray[np.float64]
    generation: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CoSyNE:
    """Evolves each parameter in a subpopulation of its own: column `i` of the population holds the values of parameter `i`.

    A generation: the best quarter breed by crossover and mutation, their children take the place of the worst quarter, and
    the columns of all the others are permuted, so that every value is tried with others. No row lives on as it is: the
    best one of each population is a candidate, and the values of good rows spread in their columns.

    Args:
        start_range: The first rows are drawn evenly from minus this to this, 10 in the paper; 0 begins with the initial rows.
        parent_share: The share of the population that breeds, the best.
        offspring_share: The share of the population that their children replace, the worst.
        mutation_rate: The probability that a parameter of a child is changed.
        mutation_strength: The scale of the Cauchy noise by which it is.
        permuted: "all" of the parameters of those who are not replaced, as in the paper's experiments, or "by_fitness" of
            their row, the better the more rarely, as in its algorithm 2.

    References:
        Gomez, Schmidhuber and Miikkulainen 2008, Accelerated neural evolution through cooperatively coevolved synapses.
        https://jmlr.org/papers/v9/gomez08a.html

    Examples:
        >>> from evolvent.evaluation import mean_return
        >>> from evolvent.seeding import stream
        >>> algorithm = CoSyNE(start_range=2.0)
        >>> state = algorithm.init(np.zeros((40, 3), np.float32), stream(0, "init"))
        >>> for generation in range(60):
        ...     population, state = algorithm.ask(state, stream(0, generation, "ask"))
        ...     returns = -(population**2).sum(axis=1, keepdims=True).astype(float)
        ...     evaluation = mean_return(returns, np.ones((40, 1), np.int64), np.zeros(40, bool))
        ...     state = algorithm.tell(state, population, evaluation)
        >>> bool(np.abs(algorithm.candidates(state, 1)).max() < 0.3)
        True
    """

    start_range: float = 0.0
    parent_share: float = 0.25
    offspring_share: float = 0.25
    mutation_rate: float = 0.3
    mutation_strength: float = 1.0
    permuted: Literal["all", "by_fitness"] = "all"

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        refuse_outside("start_range", self.start_range, 0.0, MAX_STRENGTH)
        refuse_outside("parent_share", self.parent_share, 1e-6, 1.0)
        refuse_outside("offspring_share", self.offspring_share, 1e-6, 0.9)
        refuse_not_positive("mutation_rate", self.mutation_rate, 1.0)
        refuse_not_positive("mutation_strength", self.mutation_strength)
        refuse_unknown("permuted", self.permuted, PERMUTED)

    def init(self, initial: Population, stream: Stream) -> CoSyNEState:
        """Return the state that begins with the rows `initial (pop, dim)`, or with as many drawn from the starting range.

        Raises:
            UsageError: There are fewer than four.
        """
        _refuse_few(len(initial))
        rows = initial.copy()
        if self.start_range:
            rows = ((2 * stream.child("first").uniform(initial.shape) - 1) * self.start_range).astype(np.float32)
        return CoSyNEState(rows, np.full(len(rows), np.nan))

    def ask(self, state: CoSyNEState, stream: Stream) -> tuple[Population, CoSyNEState]:
        """Return the first rows first, then permuted ones followed by the children of the best."""
        if state.generation == 0:
            return state.population, state
        count, dim = state.population.shape
        num_children = max(round(self.offspring_share * count), 1)
        population = np.empty((count, dim), np.float32)
        population[: count - num_children] = self._shuffled(state, count - num_children, stream.child("permutation"))
        self._write_children(state, stream, population[count - num_children :])
        return population, state

    def tell(self, state: CoSyNEState, population: Population, evaluation: Evaluation) -> CoSyNEState:
        """Return the state that knows what `population` achieved, best first."""
        order = best_first(evaluation)
        fitness = np.where(usable(evaluation), evaluation.fitness, np.nan)
        return replace(state, population=population[order], fitness=fitness[order], generation=state.generation + 1)

    def candidates(self, state: CoSyNEState, count: int) -> Population:
        """Return the best rows of the last population, each once."""
        distinct: dict[bytes, int] = {}
        for place, row in enumerate(state.population):
            distinct.setdefault((row + 0).tobytes(), place)  # plus 0: -0 is no other parameter
            if len(distinct) == count:
                break
        return state.population[list(distinct.values())]

    def confirm(self, state: CoSyNEState, candidates: Population, evaluation: Evaluation) -> CoSyNEState:  # noqa: ARG002
        """Return the state as it is: nobody lives on whole."""
        return state

    def _write_children(self, state: CoSyNEState, stream: Stream, out: Population) -> None:
        """Write the children of the best, two parents each, into `out (n, dim)`; failed ones breed only if all of them did."""
        sound = int(np.isfinite(state.fitness).sum()) or len(state.population)
        num_parents = min(max(round(self.parent_share * len(state.population)), 2), sound)
        chosen = stream.child("parents").integers(0, num_parents, (2, len(out)))
        first, second = state.population[chosen[0]], state.population[chosen[1]]
        crossed = OnePointCrossover()(first, second, np.arange(out.shape[1], dtype=np.int64), stream.child("crossover"))
        mutation = Cauchy(strength=self.mutation_strength, rate=self.mutation_rate)
        write_children(mutation, crossed, np.arange(len(out)), stream.child("mutation"), np.ones(len(out)), out)

    def _shuffled(self, state: CoSyNEState, num_kept: int, stream: Stream) -> Population:
        """Return the rows that are kept `(num_kept, dim)`, the marked parameters permuted within their columns."""
        kept = state.population[:num_kept]
        marked = None
        if self.permuted == "by_fitness":
            marked = stream.child("marks").uniform(kept.shape) < _chances(state.fitness, kept.shape[1])[:num_kept, np.newaxis]
        return permuted(kept, marked, stream.child("order"))


def permuted(rows: Population, marked: Flags | None, stream: Stream) -> Population:
    """Return rows `(n, dim)` whose marked numbers have changed places within their columns; None marks all.

    Every order of the marked numbers of a column is as likely as any other, and that of one column tells nothing of another's.
    """
    keys = stream.uniform(rows.shape)
    if marked is None:
        return np.take_along_axis(rows, np.argsort(keys, axis=0, kind="stable"), axis=0)
    # Both orders have the marked ones first and the others behind them, those in the order of their rows.
    sources = np.argsort(np.where(marked, keys, 2.0), axis=0, kind="stable")
    places = np.argsort(~marked, axis=0, kind="stable")
    changed = np.empty_like(rows)
    np.put_along_axis(changed, places, np.take_along_axis(rows, sources, axis=0), axis=0)
    return changed


def _chances(fitness: NDArray[np.float64], dim: int) -> NDArray[np.float64]:
    """Return the probability that a parameter is permuted (equation 1), 1 for those of the worst and of who failed."""
    halves = fitness / 2  # so that no difference is beyond a float
    least = np.nanmin(halves) if np.isfinite(halves).any() else 0.0
    above = np.nan_to_num(halves - least)
    return 1 - (above / max(above.max(), np.finfo(np.float64).tiny)) ** (1 / dim)


def _refuse_few(count: int) -> None:
    if count < 4:
        raise UsageError(f"population: expected at least 4 rows, of which some breed and some are replaced, got {count}")
