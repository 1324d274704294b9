"""A function of a row: what a search maximises when there is neither a world nor a network."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evolvent.arrays import KINDS_OF_NUMBERS, Population
from evolvent.errors import UsageError
from evolvent.evaluation import Conditions, Evaluation, mean_return
from evolvent.seeding import Stream
from evolvent.tasks.base import refuse_odd_shapes
from evolvent.tasks.measured import Measured, checked_name

MAX_DIM = 50_000_000
LARGEST = float(np.finfo(np.float32).max)


class Function:
    """A function to be maximised. To minimise `g`, give `lambda row: -g(row)`.

    Args:
        function: `f(row) -> fitness` of a float64 row `(dim,)`, larger is better. What raises, or returns no finite
            number, ranks last, and so does a row that has outgrown float32; a generation with more than a fifth of such
            rows stops the run. It is called from one thread.
        dim: How many numbers a row holds, at least 1.
        start: Where the search begins: a number, or a row `(dim,)`.
        spread: Standard deviation of the first rows around `start`, at least 0.
        noisy: The function takes the seed of an episode too, `f(row, seed)`, a whole number from 0 to 2**64 - 1, and
            answers anew for each: individuals are then compared under the same seeds, and the champion is confirmed
            over further ones.
        name: Of the function, for the run's folder.

    Raises:
        UsageError: An argument is of another kind, or out of range.

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
        if not callable(function):
            raise UsageError(f"function: expected a function of a row, got {type(function).__name__}")
        if not isinstance(dim, numbers.Integral) or not 1 <= dim <= MAX_DIM:
            raise UsageError(f"dim: expected a whole number from 1 to {MAX_DIM:,}, got {dim!r}")
        if not isinstance(spread, numbers.Real) or not 0 <= spread <= LARGEST:
            raise UsageError(f"spread: expected a number from 0 to {LARGEST:.4g}, got {spread!r}")
        self.dim = int(dim)
        self.name = checked_name(name)
        self.noisy = noisy
        self._start = _row(start, self.dim)
        self._spread = np.float32(spread)
        self._measured = Measured(name, function)

    def initialise(self, population_size: int, stream: Stream) -> Population:
        """Return first rows `(population_size, dim)`, the first of them the start itself."""
        rows = stream.normal((population_size, self.dim)) * self._spread
        rows[0] = 0
        return rows + self._start

    def evaluate(self, population: Population, conditions: Conditions) -> Evaluation:
        """Return what `population (pop, dim)` achieves; each call counts as a step; an exact function is called once a row."""
        refuse_odd_shapes(population, conditions, self.dim)
        exact = population.astype(np.float64)
        asked = conditions.seeds if self.noisy else conditions.seeds[:, :1]
        values = [[self._at(row, int(seed)) for seed in seeds] for row, seeds in zip(exact, asked, strict=True)]
        returns, steps = np.empty(conditions.seeds.shape), np.zeros(conditions.seeds.shape, np.int64)
        returns[:] = np.array(values, np.float64).reshape(asked.shape)
        steps[:, : asked.shape[1]] = 1
        return mean_return(returns, steps, np.zeros(len(returns), np.bool_))

    def close(self) -> None:
        """Hold nothing; the next run tells its own first failure."""
        self._measured.forget()

    def settings(self) -> dict[str, Any]:
        """Return what a run of this function begins with: one call a row where it is exact."""
        exact = {"episodes": 1, "validation_episodes": 0, "test_episodes": 1}
        return {"max_steps": 1, **({} if self.noisy else exact)}

    def _at(self, row: NDArray[np.float64], seed: int) -> float:
        if not np.isfinite(row).all():
            return math.nan
        return self._measured(row.copy(), seed) if self.noisy else self._measured(row.copy())


def _row(start: ArrayLike, dim: int) -> NDArray[np.float32]:
    try:
        given = np.asarray(start)
        row = np.broadcast_to(given, (dim,))
    except ValueError:
        raise UsageError(f"start: expected a number or a row ({dim},), got {_shape(start)}") from None
    if given.dtype.kind not in KINDS_OF_NUMBERS or not (np.abs(row.astype(np.float64)) <= LARGEST).all():
        raise UsageError(f"start: expected finite numbers, {LARGEST:.4g} at most either way")
    return row.astype(np.float32)


def _shape(start: ArrayLike) -> str:
    try:
        return f"shape {np.shape(start)}"
    except ValueError:
        return "rows of several lengths"
