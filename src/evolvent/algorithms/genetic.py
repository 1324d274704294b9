"""The genetic algorithm of truncation selection, mutation and elites."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evolvent.algorithms.base import Mutation, Selection
from evolvent.algorithms.mutation import Gaussian
from evolvent.algorithms.selection import Truncation
from evolvent.arrays import Population
from evolvent.errors import UsageError
from evolvent.evaluation import Evaluation, best_first, mean_return
from evolvent.seeding import Stream


@dataclass(frozen=True, slots=True)
class GeneticState:
    """What the next generation is bred from.

    Args:
        population: `(pop, dim)`, the rows last measured, or to be measured first.
        evaluation: What they achieved; zeros while `generation` is 0.
        elites: `(num_elites, dim)`, the rows that live on unchanged, best first.
        generation: How many populations have been measured.
    """

    population: Population
    evaluation: Evaluation
    elites: Population
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Genetic:
    """Breeds each generation from the best of the last one and carries its elites along.

    Elites are measured again with every generation, so a lucky score does not last. Where a caller confirms candidates
    over more episodes, those scores, not one generation's, decide who is elite.

    Args:
        selection: Chooses the parents.
        mutation: Changes them.
        num_elites: How many rows live on unchanged, fewer than the population.

    References:
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
    mutation: Mutation = Gaussian(strength=0.1)
    num_elites: int = 1

    def __post_init__(self) -> None:
        """Refuse a negative number of elites."""
        if self.num_elites < 0:
            raise UsageError(f"num_elites: expected at least 0, got {self.num_elites}")

    def init(self, initial: Population, stream: Stream) -> GeneticState:  # noqa: ARG002 - others draw here
        """Return the state that begins with the rows `initial (pop, dim)`.

        Raises:
            UsageError: The population is not larger than the number of elites.
        """
        if len(initial) <= self.num_elites:
            raise UsageError(f"population: {self.num_elites} elites need a population of more, got {len(initial)}")
        nothing = np.zeros((len(initial), 1))
        unmeasured = mean_return(nothing, nothing.astype(np.int64), np.zeros(len(initial), np.bool_))
        return GeneticState(initial.copy(), unmeasured, initial[: self.num_elites].copy(), 0)

    def ask(self, state: GeneticState, stream: Stream) -> tuple[Population, GeneticState]:
        """Return the initial rows first, then the elites followed by mutated copies of chosen parents."""
        if state.generation == 0:
            return state.population, state
        count = len(state.population) - len(state.elites)
        parents = self.selection(state.evaluation, count, stream.child("selection"))
        offspring = self.mutation(state.population[parents], stream.child("mutation"))
        return np.concatenate([state.elites, offspring]), state

    def tell(self, state: GeneticState, population: Population, evaluation: Evaluation) -> GeneticState:
        """Return the state whose elites are the best of `population`, as just measured."""
        elites = population[best_first(evaluation)[: self.num_elites]]
        return GeneticState(population, evaluation, elites, state.generation + 1)

    def candidates(self, state: GeneticState, count: int) -> Population:
        """Return the elites, then those they may replace, then the best of the last population, at most `count`, each once."""
        carried = state.population[: self.num_elites if state.generation > 1 else 0]
        ranked = state.population[best_first(state.evaluation)]
        rows = np.concatenate([state.elites, carried, ranked[: count + 2 * self.num_elites]])
        _, first = np.unique(rows, axis=0, return_index=True)
        return rows[np.sort(first)][:count]

    def confirm(self, state: GeneticState, candidates: Population, evaluation: Evaluation) -> GeneticState:
        """Return the state whose elites are the best confirmed candidates."""
        if self.num_elites > len(candidates):
            return state
        return replace(state, elites=candidates[best_first(evaluation)[: self.num_elites]])
