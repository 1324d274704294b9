"""The job that every peer does, and the loop in which a peer's process waits for its turns.

It is imported in the environments of all peers, so it needs NumPy and the standard library only. A peer's script makes a
`Peer` and hands it to `serve`. The runner writes one line for each turn to the process, and reads one line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray

SIZES = (4, 16, 2)
POPULATION_SIZE = 64
EPISODES = 15  # of each fixed row, as in the article
SEARCH_EPISODES = 3  # of each individual of a search
HELD_OUT = 100  # episodes that decide whether a search has solved the world
TARGET = 475.0
EPISODE_CAP = 500
LIMIT = 30.0  # of a search [s]
ROWS = ("random", "evolved")

Array = NDArray[Any]


class Layers(NamedTuple):
    """The weights `(pop, inputs, outputs)` and biases `(pop, 1, outputs)` of both layers."""

    first: Array
    first_bias: Array
    second: Array
    second_bias: Array


class Measured(NamedTuple):
    """What a population achieved: CartPole pays one a step, so a return is a number of useful steps.

    Args:
        means: The mean return of each individual, `(pop,)`.
        useful: Steps before their episode had ended, over all episodes.
        computed: All steps that were computed, those for nothing included.
    """

    means: Array
    useful: int
    computed: int


class Searched(NamedTuple):
    """How a search ended.

    Args:
        held_out: The mean return of what it found over the held-out episodes; 0 if none was good enough to be tried.
        generations: How many were measured.
        useful: Steps before their episode had ended, the held-out episodes included.
        computed: All steps.
    """

    held_out: float
    generations: int
    useful: int
    computed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A peer that is ready to work.

    Args:
        version: Of the peer and of what it stands on, for the reader.
        threads: How many threads or processes step worlds.
        parts: Into how many parts a turn divides the fixed rows: one that measures an individual at a time is as fast with
            few of them, and would take long for all.
        rollout: Play so many episodes with each of fixed rows; None where a peer can only search.
        search: Search with a seed, for at most so many seconds; None where a peer has none.
    """

    version: str
    threads: int
    parts: int = 1
    rollout: Callable[[Array, int], Measured] | None = None
    search: Callable[[int, float], Searched] | None = None


def layers_of(rows: Array) -> Layers:
    """Return the layers of `rows (pop, dim)`: each row holds weights, then biases, layer by layer."""
    inputs, hidden, outputs = SIZES
    shapes, begin, parts = ((inputs, hidden), (1, hidden), (hidden, outputs), (1, outputs)), 0, list[Array]()
    for above, below in shapes:  # with slices alone, so that arrays of other libraries do as well
        end = begin + above * below
        parts.append(rows[:, begin:end].reshape(-1, above, below))
        begin = end
    return Layers(*parts)


def actions_of(layers: Layers, observations: Array) -> Array:
    """Return the actions `(pop, episodes)` of each individual for its `observations (pop, episodes, inputs)`."""
    hidden = np.tanh(observations @ layers.first + layers.first_bias)
    return np.argmax(hidden @ layers.second + layers.second_bias, axis=2)


def has_solved(peer_score: float) -> bool:
    """Return whether a mean return is the target."""
    return peer_score >= TARGET


def turn(peer: Peer, populations: dict[str, Array], kind: str, seed: int, seconds: float) -> dict[str, Any]:
    """Return what a peer did in at least so many seconds: rollouts of the rows named by `kind`, or searches."""
    useful = computed = number = 0
    searches: list[dict[str, Any]] = []
    began = time.perf_counter()
    while (elapsed := time.perf_counter() - began) < seconds or not computed:
        if kind in ROWS and peer.rollout:
            done: Measured | Searched = peer.rollout(populations[kind][number % peer.parts :: peer.parts], EPISODES)
        elif peer.search:
            done = peer.search(seed + len(searches), LIMIT)
            searches.append({"seconds": time.perf_counter() - began - elapsed, **done._asdict()})
        else:
            raise ValueError(f"kind: expected what the peer can do, got {kind!r}")
        useful, computed, number = useful + done.useful, computed + done.computed, number + 1
    return {
        "kind": kind,
        "useful_steps": int(useful),
        "wall_s": elapsed,
        "wasted_share": 1 - useful / computed,
        "searches": searches,
    }


def serve(name: str, make: Callable[[], Peer]) -> None:
    """Make the peer, warm it up, and take turns until the runner closes the input."""
    with only_for_json() as out:
        populations = {key: rows for key, rows in np.load(Path(sys.argv[1])).items() if key in ROWS}
        peer = make()
        warm_up(peer, populations)
        kinds = [*(ROWS if peer.rollout else ()), *(["search"] if peer.search else ())]
        tell(out, {"peer": name, "version": peer.version, "threads": peer.threads, "kinds": kinds})
        for line in sys.stdin:
            order = json.loads(line)
            tell(out, {"peer": name, **turn(peer, populations, order["kind"], order["seed"], order["seconds"])})


def warm_up(peer: Peer, populations: dict[str, Array]) -> None:
    """Let a peer do a little of everything, so that nothing is compiled or started while it is timed."""
    if peer.rollout:
        peer.rollout(populations["random"][:: peer.parts], EPISODES)
    if peer.search:
        peer.search(2**20, 0.0)


@contextmanager
def only_for_json() -> Iterator[TextIO]:
    """Give the standard output to the answers alone; what libraries print goes to the standard error."""
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)
        yield out


def tell(out: TextIO, answer: dict[str, Any]) -> None:
    """Write an answer."""
    print(json.dumps(answer), file=out, flush=True)
