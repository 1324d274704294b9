"""Selection: which individuals become parents."""

from __future__ import annotations

from dataclasses import dataclass

from evolvent.arrays import Indices
from evolvent.errors import UsageError
from evolvent.evaluation import Evaluation, best_first, usable
from evolvent.seeding import Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncation:
    """Draws parents evenly from the best few.

    Args:
        num_parents: How many of the best may breed, at least 1; all of them where the population is smaller.

    References:
        Muehlenbein and Schlierkamp-Voosen 1993, Predictive models for the breeder genetic algorithm.
        https://doi.org/10.1162/evco.1993.1.1.25
    """

    num_parents: int

    def __post_init__(self) -> None:
        """Refuse to select nobody."""
        if self.num_parents < 1:
            raise UsageError(f"num_parents: expected at least 1, got {self.num_parents}")

    def __call__(self, evaluation: Evaluation, count: int, stream: Stream) -> Indices:
        """Return the indices `(count,)` of the individuals that breed; failed ones breed only where nobody else is left."""
        best = best_first(evaluation)[: self.num_parents]
        sound = best[usable(evaluation)[best]]
        pool = sound if len(sound) else best
        return pool[stream.integers(0, len(pool), (count,))]
