"""Whether what a checkpoint holds can be gone on with: a file that is whole may still be made up."""

from __future__ import annotations

import copy
import math
import re
from dataclasses import replace
from typing import Final

import numpy as np

from evolvent.algorithms import Growing
from evolvent.arrays import Population
from evolvent.errors import FileRefused
from evolvent.evaluation import mean_return
from evolvent.files import dump_json
from evolvent.seeding import stream
from evolvent.training.parts import Search
from evolvent.training.plain_state import flatten
from evolvent.training.search import Progress

MOST_STEPS: Final = 2**63 - 1

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def refuse_unsound(search: Search, beginning: Progress, progress: Progress, source: str) -> None:
    """Refuse progress that a run of `search` cannot have come to.

    The state of an algorithm is tried out: a generation is asked for and told a result, on a copy.

    Args:
        search: The run's parts.
        beginning: The progress before the first generation.
        progress: What was read.
        source: What it was read from, for the message.

    Raises:
        FileRefused: A number is out of range, an array has another shape or is not finite, or the algorithm cannot go on.
    """
    dim = len(beginning.champion)
    _check_rows(progress.champion[np.newaxis], (1, dim), f"{source}: champion")
    _check_numbers(progress, source)
    _check_moments(beginning, progress, source)
    _check_training(search, progress, source)
    for name, array in flatten(progress)[0].items():
        if array.dtype == np.float32 and not np.isfinite(array).all():  # rows; returns, which are float64, may be NaN
            raise FileRefused(f'{source}: the tensor "{name}" must hold finite numbers')
    try:
        with np.errstate(all="ignore"):
            count = _next_size(search, progress)
            rows = _one_generation(search, progress)
    except Exception as problem:
        raise FileRefused(f"{source}: algorithm: its state does not fit the run, it ends in {problem!r:.200}") from problem
    _check_rows(rows, (count, dim), f"{source}: algorithm: its next population")


def _next_size(search: Search, progress: Progress) -> int:
    first, algorithm = search.config.population, search.algorithm
    return algorithm.population_size(progress.algorithm, first) if isinstance(algorithm, Growing) else first


def _check_rows(rows: Population, expected: tuple[int, int], what: str) -> None:
    if rows.shape != expected:
        raise FileRefused(f"{what}: expected rows and parameters {expected}, got {rows.shape}")
    if not np.isfinite(rows).all():
        raise FileRefused(f"{what}: expected finite numbers, got some that are not")


def _check_numbers(progress: Progress, source: str) -> None:
    score = progress.score
    for name, is_sound, value in (
        ("score.mean", not math.isnan(score.mean), score.mean),
        ("score.std", not score.std < 0, score.std),
        ("score.episodes", score.episodes > 0, score.episodes),
        ("digest", _DIGEST.fullmatch(progress.digest), progress.digest[:80]),
        ("training_steps", 0 <= progress.training_steps <= MOST_STEPS, progress.training_steps),
        ("validation_steps", 0 <= progress.validation_steps <= MOST_STEPS, progress.validation_steps),
        ("seconds", 0 <= progress.seconds < math.inf, progress.seconds),
    ):
        if not is_sound:
            raise FileRefused(f"{source}: {name}: a run cannot have come to {value!r}")


def _check_moments(beginning: Progress, progress: Progress, source: str) -> None:
    for name in ("moments", "champion_moments"):
        expected, found = getattr(beginning, name), getattr(progress, name)
        if (expected is None) != (found is None):
            raise FileRefused(f"{source}: {name}: expected {'none' if expected is None else 'some'}, as run.toml has it")
        if found is None:
            continue
        size = expected.mean.shape
        if found.mean.shape != size or found.squares.shape != size:
            raise FileRefused(f"{source}: {name}: expected those of {size[0]} inputs, got shape {found.mean.shape}")
        is_sound = 0 <= found.count <= MOST_STEPS and np.isfinite(found.mean).all()
        if not is_sound or not (np.isfinite(found.squares) & (found.squares >= 0)).all():
            raise FileRefused(f"{source}: {name}: a run cannot have come to such numbers")


def _check_training(search: Search, progress: Progress, source: str) -> None:
    first, last = search.config.first_cap, search.config.max_steps
    possible = progress.cap is None if first is None else progress.cap in range(min(first, last), last + 1)
    if not possible:
        raise FileRefused(f"{source}: cap: a run cannot have come to {progress.cap!r}")
    if progress.confirmed is not None and not 0 <= progress.confirmed <= progress.generation:
        raise FileRefused(f"{source}: confirmed: a run cannot have come to {progress.confirmed!r}")


def _one_generation(search: Search, progress: Progress) -> Population:
    config, state = search.config, copy.deepcopy(progress.algorithm)
    rows, state = search.algorithm.ask(state, stream(config.seed, progress.generation, "ask"))
    returns = np.arange(rows.shape[0] * config.episodes, dtype=np.float64).reshape(len(rows), config.episodes)
    measured = mean_return(returns, np.ones(returns.shape, np.int64), np.zeros(len(rows), np.bool_))
    told = search.algorithm.tell(state, rows.copy(), measured)
    if config.validation_episodes:
        search.algorithm.candidates(told, config.candidates)
    dump_json(flatten(replace(progress, algorithm=told))[1])
    return rows
