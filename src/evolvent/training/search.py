"""The search itself, a generation at a time, as functions from progress to progress."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evolvent.arrays import Population, Row
from evolvent.errors import EnvironmentFailed
from evolvent.evaluation import Evaluation, best_first, mean, without_problems
from evolvent.seeding import stream
from evolvent.tasks import Task
from evolvent.training.callbacks import Generation
from evolvent.training.digest import FIRST, chained
from evolvent.training.parts import Search
from evolvent.training.scoring import Score, episode_seeds, played, score_of

MAX_FAILED = 0.2  # of a generation; more of it stops the run


@dataclass(frozen=True, slots=True)
class Progress:
    """All that the next generation depends on; a checkpoint is a copy of it.

    Args:
        generation: How many generations are done.
        algorithm: The algorithm's state.
        champion: `(dim,)`, the best confirmed row so far.
        score: What it achieved over the validation episodes.
        digest: A chain of hashes over every generation's population and returns.
        training_steps: Steps spent on measuring populations.
        validation_steps: Steps spent on confirming candidates.
        seconds: Time that the search has taken [s].
    """

    generation: int
    algorithm: Any
    champion: Row
    score: Score
    digest: str
    training_steps: int
    validation_steps: int
    seconds: float

    @property
    def env_steps(self) -> int:
        """All steps that the search has spent."""
        return self.training_steps + self.validation_steps


def begin(search: Search) -> Progress:
    """Return the progress before the first generation."""
    config = search.config
    initial = search.initialise(config.population, stream(config.seed, "initial"))
    state = search.algorithm.init(initial, stream(config.seed, "init"))
    unscored = Score(-math.inf, 0.0, config.validation_episodes or config.episodes)
    return Progress(0, state, initial[0].copy(), unscored, FIRST, 0, 0, 0.0)


def advance(search: Search, progress: Progress) -> tuple[Progress, Generation]:
    """Return the progress after one more generation, and the record of it.

    Raises:
        EnvironmentFailed: More than a fifth of the population failed.
    """
    began = time.perf_counter()
    seed, number = search.config.seed, progress.generation
    population, state = search.algorithm.ask(progress.algorithm, stream(seed, number, "ask"))
    evaluation = _measure(search, search.task, population, (number, "training"), search.config.episodes)
    utilisation = search.engine.utilisation
    search.failures.note(evaluation, f"generation {number}, ")
    if (failed := int(evaluation.failed.sum())) > MAX_FAILED * len(population):
        raise EnvironmentFailed(
            f"{search.name}: {failed} of {len(population)} individuals failed in generation {number}"
            " (errors, which are logged, or numbers that are not finite); more than a fifth stops a run"
        )
    state = search.algorithm.tell(state, population, without_problems(evaluation))
    progress = replace(
        progress,
        generation=number + 1,
        algorithm=state,
        digest=chained(progress.digest, population, evaluation.returns),
        training_steps=progress.training_steps + int(evaluation.steps.sum()),
    )
    if search.config.validation_episodes:
        progress = _confirmed(search, progress)
    else:
        progress = _with_champion(progress, population, evaluation)
    progress = replace(progress, seconds=progress.seconds + time.perf_counter() - began)
    return progress, replace(_record(progress, evaluation, failed), workers=search.engine.workers, utilisation=utilisation)


def _confirmed(search: Search, progress: Progress) -> Progress:
    """Return the progress once the algorithm's candidates have been measured over the validation episodes."""
    candidates = search.algorithm.candidates(progress.algorithm, search.config.candidates)
    confirmed = _measure(search, search.judge, candidates, ("validation",), search.config.validation_episodes)
    search.failures.note(confirmed, f"generation {progress.generation - 1}, confirming the candidates, ")
    _note_repetition(search, progress, candidates, confirmed)
    progress = replace(
        progress,
        algorithm=search.algorithm.confirm(progress.algorithm, candidates, without_problems(confirmed)),
        validation_steps=progress.validation_steps + int(confirmed.steps.sum()),
    )
    return _with_champion(progress, candidates, confirmed)


def _note_repetition(search: Search, progress: Progress, candidates: Population, confirmed: Evaluation) -> None:
    """Compare what the champion's episodes came to before with what they come to now, where it is a candidate again."""
    again = np.flatnonzero((candidates == progress.champion).all(axis=1) & np.isfinite(confirmed.fitness))
    if len(again) and math.isfinite(progress.score.mean):
        search.failures.note_repetition(progress.score.mean, float(confirmed.fitness[again[0]]))


def _measure(search: Search, task: Task, population: Population, address: tuple[str | int, ...], episodes: int) -> Evaluation:
    seeds = episode_seeds(search.config.seed, *address, episodes=episodes)
    return played(search.engine, task, population, seeds, search.config.max_steps, search.failures)


def _with_champion(progress: Progress, candidates: Population, confirmed: Evaluation) -> Progress:
    best = int(best_first(confirmed)[0])
    if not confirmed.fitness[best] > progress.score.mean:
        return progress
    return replace(progress, champion=candidates[best].copy(), score=score_of(confirmed, best))


def _record(progress: Progress, evaluation: Evaluation, failed: int) -> Generation:
    sound = evaluation.fitness[~evaluation.failed]
    return Generation(
        generation=progress.generation - 1,
        best=float(sound.max()),
        mean=float(mean(sound)),
        failed=failed,
        champion=progress.score.mean,
        champion_std=progress.score.std,
        training_steps=progress.training_steps,
        validation_steps=progress.validation_steps,
        seconds=progress.seconds,
    )
