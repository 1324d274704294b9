"""What an algorithm is: it proposes populations and learns from what they achieved. It sees arrays only."""

from __future__ import annotations

from typing import Protocol, TypeVar

from evolvent.arrays import Indices, Population
from evolvent.evaluation import Evaluation
from evolvent.seeding import Stream

StateT = TypeVar("StateT")


class Selection(Protocol):
    """Chooses parents."""

    def __call__(self, evaluation: Evaluation, count: int, stream: Stream) -> Indices:
        """Return the indices `(count,)` of the individuals that breed."""
        ...


class Mutation(Protocol):
    """Changes rows at random."""

    def __call__(self, parents: Population, stream: Stream) -> Population:
        """Return changed copies `(n, dim)` of `parents (n, dim)`."""
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
