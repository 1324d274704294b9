# pyright: basic
"""The most float32 multiply-adds a second that one thread of this machine does: chains of them that never leave registers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from evolvent.instructions import lane_of, spread
from evolvent.jit import bind
from evolvent.lanes import buffer

CHAINS = 0  # bound below
LANES = 16
LENGTH = 100_000
ENOUGH = (4, 8, 10)  # chains that hide how long a result takes, and fit into the registers; which do depends on the processor
ROUNDINGS: dict[str, dict[str, Any]] = {"strict": {}, "fused": {"fastmath": {"contract"}}}  # two, or one as in our networks


def _chains(length: int, factor: Any, term: Any) -> Any:
    """Do `length` multiply-adds in each of CHAINS independent chains of LANES numbers."""
    by, plus, total = spread((factor, term, term), LANES)
    values = buffer(by, CHAINS)
    for k in range(CHAINS):
        values[k] = by * np.float32(k)
    for _ in range(length):
        for k in range(CHAINS):
            values[k] = values[k] * by + plus
    for k in range(CHAINS):
        total = total + values[k]
    return lane_of(total, 0)


def compiled() -> dict[str, list[Callable[[], float]]]:
    """Return runs that give the time of a multiply-add [ns], by the kind of rounding; the fastest of them is the peak."""
    return {name: [_timed(chains, options) for chains in ENOUGH] for name, options in ROUNDINGS.items()}


def _timed(chains: int, options: dict[str, Any]) -> Callable[[], float]:
    kernel = numba.njit(nogil=True, **options)(bind(_chains, CHAINS=chains))
    numbers = np.float32(0.5), np.float32(0.25)
    kernel(1, *numbers)

    def run() -> float:
        began = time.perf_counter()
        kernel(LENGTH, *numbers)
        return (time.perf_counter() - began) * 1e9 / (LENGTH * chains * LANES)

    return run
