"""A function of a row: what a search maximises when there is neither a world nor a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evolvent.arrays import Population
from evolvent.errors import UsageError
from evolvent.evaluation import Conditions, Evaluation, mean_return
from evolvent.seeding import Stream
from evolvent.tasks.base import refuse_odd_shapes
from evolvent.tasks.measured import Measured

MAX_DIM = 50_000_000


class Function:
    """A function to be maximised. To minimise `g`, give `lambda row: -g(row)`.

    Args:
        function: `f(row) -> fitness` of a float64 row `(dim,)`, larger is better. What raises, or returns no finite
            number, ranks last. It is called from one thread.
        dim: How many numbers a row holds, at least 1.
        start: Where the search begins: a number, or a row `(dim,)`.
        spread: Standard deviation of the first rows around `start`, at least 0.
        noisy: The function takes the seed of an episode too, `f(row, seed)`, and answers anew for each: individuals are
            then compared under the same seeds, and the champion is confirmed over further ones.
        name: Of the function, for the run's folder.

    Raises:
        UsageError: An argument is out of range.

    Examples:
        >>> import evolvent as ev
        >>> parabola = ev.Function(lambda row: -((row - 3) ** 2).sum(), dim=4)
        >>> run = ev.evolve(parabola, generations=200, target=-0.01, runs_dir=None)
        >>> bool(abs(run.row - 3).max() < 0.1)
        True
    """

    def __init__(
        self,
        function: Callable[..., Any],
        dim: int,
        *,
        start: ArrayLike = 0.0,
        spread: float = 1.0,
        noisy: bool = False,
        name: str = "function",
    ) -> None:
        """Check where the search begins."""
        if not 1 <= dim <= MAX_DIM:
            raise UsageError(f"dim: expected 1 to {MAX_DIM:,}, got {dim}")
        if not 0 <= spread < np.inf:
            raise UsageError(f"spread: expected a finite number of at least 0, got {spread}")
        self.dim = dim
        self.name = name
        self.noisy = noisy
        self._start = _row(start, dim)
        self._spread = np.float32(spread)
        self._measured = Measured(name, function)

    def initialise(self, population_size: int, stream: Stream) -> Population:
        """Return first rows `(population_size, dim)`, the first of them the start itself."""
        rows = stream.normal((population_size, self.dim)) * self._spread
        rows[0] = 0
        return rows + self._start

    def evaluate(self, population: Population, conditions: Conditions) -> Evaluation:
        """Return what `population (pop, dim)` achieves; each call counts as a step."""
        refuse_odd_shapes(population, conditions, self.dim)
        exact = population.astype(np.float64)
        values = [
            [self._measured(row.copy(), *([int(seed)] if self.noisy else [])) for seed in seeds]
            for row, seeds in zip(exact, conditions.seeds, strict=True)
        ]
        returns = np.array(values, np.float64).reshape(conditions.seeds.shape)
        return mean_return(returns, np.ones(returns.shape, np.int64), np.zeros(len(returns), np.bool_))

    def close(self) -> None:
        """Hold nothing, give nothing back."""

    def settings(self) -> dict[str, Any]:
        """Return what a run of this function begins with: one call a row where it is exact."""
        exact = {"episodes": 1, "validation_episodes": 0, "test_episodes": 1}
        return {"max_steps": 1, **({} if self.noisy else exact)}


def _row(start: ArrayLike, dim: int) -> NDArray[np.float32]:
    try:
        row = np.broadcast_to(np.asarray(start, np.float32), (dim,))
    except (TypeError, ValueError):
        raise UsageError(f"start: expected a number or a row ({dim},), got {np.shape(start)}") from None
    if not np.isfinite(row).all():
        raise UsageError("start: expected finite numbers")
    return row
