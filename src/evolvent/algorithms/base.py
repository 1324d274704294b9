"""What an algorithm is, and what its operators are: they propose populations and learn from what they achieved.

All of them see arrays only. An operator is a frozen record of its settings that is called like a function.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar, runtime_checkable

from evolvent.arrays import Indices, Population, Scales
from evolvent.evaluation import Evaluation
from evolvent.seeding import Stream

StateT = TypeVar("StateT")


class Selection(Protocol):
    """Chooses parents."""

    def __call__(self, evaluation: Evaluation, count: int, stream: Stream, /) -> Indices:
        """Return the indices `(count,)` of the individuals that breed."""
        ...


class Crossover(Protocol):
    """Makes a child of two parents."""

    def __call__(self, first: Population, second: Population, groups: Indices, stream: Stream, /) -> Population:
        """Return the children `(n, dim)` of the pairs `first[i]`, `second[i]`.

        `groups (dim,)` says which neuron each parameter belongs to; where nobody knows, each is a group of its own.
        """
        ...


class Mutation(Protocol):
    """Changes rows at random."""

    def __call__(self, parents: Population, stream: Stream, scales: Scales | float = 1.0, /) -> Population:
        """Return changed copies of `parents (n, dim)`; `scales`, one or `(n,)`, multiplies how strongly each is changed."""
        ...


class Strength(Protocol):
    """Says how strongly each child is mutated, as a multiple of what the mutation itself is set to."""

    def __call__(self, scales: Scales, generation: int, stream: Stream, /) -> Scales:
        """Return the children's scales `(n,)`, given those of their parents `(n,)` and the generation, from 1."""
        ...


class Algorithm(Protocol[StateT]):
    """A search over parameter rows, as functions from state to state.

    The state is a frozen dataclass of arrays and numbers: a copy of it is a checkpoint. `ask` is the only random step;
    the same state and stream always give the same population.
    """

    def init(self, initial: Population, stream: Stream) -> StateT:
        """Return the state that begins with the rows `initial (pop, dim)`."""
        ...

    def ask(self, state: StateT, stream: Stream) -> tuple[Population, StateT]:
        """Return the next population `(pop, dim)` to be measured, and the state that remembers how it was made."""
        ...

    def tell(self, state: StateT, population: Population, evaluation: Evaluation) -> StateT:
        """Return the state that has learnt what `population`, as asked, achieved."""
        ...

    def candidates(self, state: StateT, count: int) -> Population:
        """Return at most `count` rows worth confirming over more episodes, the most promising first."""
        ...

    def confirm(self, state: StateT, candidates: Population, evaluation: Evaluation) -> StateT:
        """Return the state that has learnt what its `candidates` achieved over more episodes."""
        ...


@runtime_checkable
class Resizable(Protocol):
    """An algorithm whose population can become larger or smaller as the search goes on; not every one's can."""

    def resized(self, state: Any, population_size: int) -> Any:
        """Return the state whose next population, and each after it, has `population_size` rows.

        It draws nothing: the same state and size always go on to the same rows. A size that is the present one changes nothing.
        """
        ...


@runtime_checkable
class Growing(Protocol):
    """An algorithm that changes the size of its population by itself."""

    def population_size(self, state: Any, first: int) -> int:
        """Return how many rows the next population has, where the first had `first`."""
        ...
