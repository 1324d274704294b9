"""The genetic algorithm: selection, crossover, mutation and elites, each of them of one's own choice."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np

from evolvent.algorithms.base import Crossover, Mutation, Selection, Strength
from evolvent.algorithms.mutation import Gaussian, write_children
from evolvent.algorithms.ranges import refuse_below, refuse_outside
from evolvent.algorithms.selection import Truncation
from evolvent.algorithms.strength import Constant
from evolvent.arrays import Indices, Population, Row, Scales
from evolvent.errors import UsageError
from evolvent.evaluation import Evaluation, best_first, mean_return
from evolvent.seeding import Stream


@dataclass(frozen=True, slots=True)
class GeneticState:
    """What the next generation is bred from.

    Args:
        population: `(pop, dim)`, the rows last measured, or to be measured first.
        scales: `(pop,)`, how strongly each of them was mutated, as a multiple of what the mutation is set to.
        evaluation: What they achieved; zeros while `generation` is 0.
        elites: `(num_elites, dim)`, the rows that live on unchanged, best first.
        elite_scales: `(num_elites,)`, theirs.
        generation: How many populations have been measured.
        next_size: How many rows the next population has; None for as many as this one.
    """

    population: Population
    scales: Scales
    evaluation: Evaluation
    elites: Population
    elite_scales: Scales
    generation: int
    next_size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Genetic:
    """Breeds each generation from the last one and carries its elites along.

    Elites are measured again with every generation, so a lucky score does not last. Where a caller confirms candidates
    over more episodes, the best of those candidates are the elites; with 2 `num_elites` of them or more, the elites so far
    are among them.

    Args:
        selection: Chooses the parents.
        crossover: Makes a child of two parents; None for children of one.
        crossover_rate: The probability that a child has two parents.
        mutation: Changes the children.
        strength: How strongly, as the search goes on.
        num_elites: How many rows live on unchanged, fewer than the population.
        groups: `(dim,)`, the neuron that each parameter belongs to (`network.groups()`), for crossover by neurons;
            None makes each parameter a group of its own.

    References:
        Holland 1975, Adaptation in natural and artificial systems.
        Such et al. 2017, Deep neuroevolution, algorithm 1. https://arxiv.org/abs/1712.06567

    Examples:
        >>> from evolvent.evaluation import mean_return
        >>> from evolvent.seeding import stream
        >>> algorithm = Genetic(selection=Truncation(num_parents=10), mutation=Gaussian(strength=0.1))
        >>> state = algorithm.init(np.ones((64, 3), np.float32), stream(0, "init"))
        >>> for generation in range(60):
        ...     population, state = algorithm.ask(state, stream(0, generation, "ask"))
        ...     returns = -(population**2).sum(axis=1, keepdims=True).astype(float)
        ...     evaluation = mean_return(returns, np.ones((64, 1), np.int64), np.zeros(64, bool))
        ...     state = algorithm.tell(state, population, evaluation)
        >>> bool(np.abs(algorithm.candidates(state, 1)).max() < 0.1)
        True
    """

    selection: Selection = Truncation(num_parents=16)
    crossover: Crossover | None = None
    crossover_rate: float = 1.0
    mutation: Mutation = Gaussian(strength=0.1)
    strength: Strength = Constant()
    num_elites: int = 1
    groups: Indices | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse a negative number of elites, and a rate that is no probability."""
        refuse_below("num_elites", self.num_elites, 0)
        refuse_outside("crossover_rate", self.crossover_rate, 0.0, 1.0)

    def init(self, initial: Population, stream: Stream) -> GeneticState:  # noqa: ARG002 - others draw here
        """Return the state that begins with the rows `initial (pop, dim)`.

        Raises:
            UsageError: The population is not larger than the number of elites, or the groups are those of other rows.
        """
        if len(initial) <= self.num_elites:
            raise UsageError(f"population: {self.num_elites} elites need a population of more, got {len(initial)}")
        if self.groups is not None and np.shape(self.groups) != initial.shape[1:]:
            raise UsageError(
                f"groups: expected one for each of {initial.shape[1]} parameters, got shape {np.shape(self.groups)}"
            )
        nothing = np.zeros((len(initial), 1))
        unmeasured = mean_return(nothing, nothing.astype(np.int64), np.zeros(len(initial), np.bool_))
        scales = np.ones(len(initial))
        elites = slice(self.num_elites)
        return GeneticState(initial.copy(), scales, unmeasured, initial[elites].copy(), scales[elites].copy(), 0)

    def ask(self, state: GeneticState, stream: Stream) -> tuple[Population, GeneticState]:
        """Return the initial rows first, then the elites followed by children of chosen parents."""
        if state.generation == 0:
            return state.population, state
        size = state.next_size or len(state.population)
        count = size - len(state.elites)
        parents = self.selection(state.evaluation, count, stream.child("selection"))
        scales = self.strength(state.scales[parents], state.generation, stream.child("strength"))
        population = np.empty((size, state.population.shape[1]), state.population.dtype)
        population[: len(state.elites)] = state.elites
        children = population[len(state.elites) :]
        if self.crossover is None:
            write_children(self.mutation, state.population, parents, stream.child("mutation"), scales, children)
        else:
            crossed = self._crossed(self.crossover, state, parents, stream)
            write_children(self.mutation, crossed, np.arange(count), stream.child("mutation"), scales, children)
        return population, replace(state, scales=np.concatenate([state.elite_scales, scales]))

    def tell(self, state: GeneticState, population: Population, evaluation: Evaluation) -> GeneticState:
        """Return the state whose elites are the best of `population`, as just measured."""
        best = best_first(evaluation)[: self.num_elites]
        return GeneticState(population, state.scales, evaluation, population[best], state.scales[best], state.generation + 1)

    def candidates(self, state: GeneticState, count: int) -> Population:
        """Return the elites, then those they may replace, then the best of the last population, at most `count`, each once."""
        return self._candidates(state, count, among=count + 2 * self.num_elites)[0]

    def confirm(self, state: GeneticState, candidates: Population, evaluation: Evaluation) -> GeneticState:
        """Return the state whose elites are the best confirmed candidates."""
        if self.num_elites > len(candidates):
            return state
        scales = self._candidates(state, len(candidates), among=len(state.population))[1]
        best = best_first(evaluation)[: self.num_elites]
        return replace(state, elites=candidates[best], elite_scales=scales[best])

    def resized(self, state: GeneticState, population_size: int) -> GeneticState:
        """Return the state whose next population has `population_size` rows: the elites, and more or fewer children.

        The children are bred from all that were measured last, as always: a smaller population loses none of the parents
        that selection would choose, and of one that grows again the result is the same as if it had never been smaller.

        Raises:
            UsageError: That is not more than the elites, or nothing has been measured yet that could be bred from.
            ValueError: The state has not one strength and one fitness for each row.
        """
        size = len(state.population)
        if not size == len(state.scales) == len(state.evaluation.fitness) == len(state.evaluation.failed):
            raise ValueError(f"expected a strength and a fitness for each of {size} rows")
        if population_size == (state.next_size or size):
            return state
        if population_size <= self.num_elites:
            raise UsageError(f"population: {self.num_elites} elites need a population of more, got {population_size}")
        if state.generation == 0:
            raise UsageError(f"population: nothing has been measured yet; begin with {population_size} rows")
        return replace(state, next_size=None if population_size == size else population_size)

    def _crossed(self, crossover: Crossover, state: GeneticState, parents: Indices, stream: Stream) -> Population:
        rows = state.population[parents]
        mates = self.selection(state.evaluation, len(parents), stream.child("mates"))
        groups = np.arange(rows.shape[1], dtype=np.int64) if self.groups is None else np.asarray(self.groups, np.int64)
        crossed = crossover(rows, state.population[mates], groups, stream.child("crossover"))
        if self.crossover_rate == 1:
            return crossed
        with_two = stream.child("crossover rate").uniform((len(rows), 1)) < self.crossover_rate
        return np.where(with_two, crossed, rows)

    def _candidates(self, state: GeneticState, count: int, *, among: int) -> tuple[Population, Scales]:
        """Return the first `count` different rows of elites, those they may replace and the best `among` of the population."""
        carried = range(self.num_elites if state.generation > 1 else 0)
        in_turn = chain(
            zip(state.elites, state.elite_scales, strict=True),
            ((state.population[i], state.scales[i]) for i in chain(carried, best_first(state.evaluation)[:among])),
        )
        distinct: dict[bytes, tuple[Row, float]] = {}
        for row, scale in in_turn:
            distinct.setdefault((row + 0).tobytes(), (row, scale))  # plus 0: -0 is no other parameter
            if len(distinct) == count:
                break
        rows, scales = zip(*distinct.values(), strict=True)
        return np.array(rows), np.array(scales)
