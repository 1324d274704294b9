"""The search itself, a generation at a time, as functions from progress to progress."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Population, Row
from evolvent.errors import EnvironmentFailed
from evolvent.evaluation import Evaluation, best_first, mean, without_problems
from evolvent.moments import Moments
from evolvent.seeding import stream
from evolvent.training.callbacks import Generation
from evolvent.training.config import Config
from evolvent.training.digest import FIRST, chained
from evolvent.training.parts import Search
from evolvent.training.scoring import Score, episode_seeds, played, score_of
from evolvent.training.shaped_fitness import shaped

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
        moments: Of all that was observed in training, by which the next generation's observations are normalised; None where
            they are not.
        champion_moments: Those by which the champion's were when it was confirmed; None likewise.
        cap: After how many steps the next generation's episodes are truncated; None for the limit of all episodes.
        confirmed: After how many generations candidates were confirmed last; None for after every one.
    """

    generation: int
    algorithm: Any
    champion: Row
    score: Score
    digest: str
    training_steps: int
    validation_steps: int
    seconds: float
    moments: Moments | None = None
    champion_moments: Moments | None = None
    cap: int | None = None
    confirmed: int | None = None

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
    unseen = Moments.of_none(search.spec.observation_space.width) if config.normalise and search.spec else None
    return Progress(
        generation=0,
        algorithm=state,
        champion=initial[0].copy(),
        score=unscored,
        digest=FIRST,
        training_steps=0,
        validation_steps=0,
        seconds=0.0,
        moments=unseen,
        champion_moments=unseen,
        cap=None if config.first_cap is None else min(config.first_cap, config.max_steps),
        confirmed=None if config.validation_every == 1 else 0,
    )


def advance(search: Search, progress: Progress) -> tuple[Progress, Generation]:
    """Return the progress after one more generation, and the record of it.

    Raises:
        EnvironmentFailed: More than a fifth of the population failed.
    """
    began = time.perf_counter()
    config, number, normaliser = search.config, progress.generation, progress.moments
    population, state = search.algorithm.ask(progress.algorithm, stream(config.seed, number, "ask"))
    evaluation = _trained(search, progress, population)
    utilisation = search.engine.utilisation
    search.failures.note(evaluation, f"generation {number}, ")
    if (failed := int(evaluation.failed.sum())) > MAX_FAILED * len(population):
        raise EnvironmentFailed(
            f"{search.name}: {failed} of {len(population)} individuals failed in generation {number}"
            " (errors, which are logged, or numbers that are not finite); more than a fifth stops a run"
        )
    seen_by_selection = shaped(without_problems(evaluation), config.fitness, config.alive_bonus)
    progress = replace(
        progress,
        generation=number + 1,
        algorithm=search.algorithm.tell(state, population, seen_by_selection),
        digest=chained(progress.digest, population, evaluation.returns, *_besides(config, evaluation)),
        training_steps=progress.training_steps + int(evaluation.steps.sum()),
        moments=_merged(progress.moments, evaluation.moments),
        cap=_next_cap(config, number + 1, evaluation),
    )
    if not config.validation_episodes:
        progress = _with_champion(progress, population, evaluation, normaliser)
    elif progress.generation % config.validation_every == 0:
        progress = _confirmed(search, progress)
    elif progress.generation >= config.generations:
        progress = with_last_champion(search, progress)
    progress = replace(progress, seconds=progress.seconds + time.perf_counter() - began)
    return progress, replace(_record(progress, evaluation, failed), workers=search.engine.workers, utilisation=utilisation)


def with_last_champion(search: Search, progress: Progress) -> Progress:
    """Return the progress of a search that ends here: its last candidates are confirmed, if that was not their turn.

    The algorithm does not learn of it, so that a search that goes on after all does so as if it had not ended.
    """
    if progress.confirmed in {None, progress.generation} or not search.config.validation_episodes:
        return progress
    return replace(_confirmed(search, progress), algorithm=progress.algorithm)


def _trained(search: Search, progress: Progress, population: Population) -> Evaluation:
    """Return what the population of the next generation achieves."""
    config = search.config
    seeds = episode_seeds(config.seed, progress.generation, "training", episodes=config.episodes)
    limit = progress.cap or config.max_steps
    return played(search.engine, search.task, population, seeds, limit, search.failures, normaliser=progress.moments)


def _besides(config: Config, evaluation: Evaluation) -> list[NDArray[Any]]:
    """Return what the digest has to cover besides populations and returns, where the search depends on more."""
    found: list[NDArray[Any]] = []
    if (moments := evaluation.moments) is not None:
        found += [np.array([moments.count]), moments.mean, moments.squares]
    if config.alive_bonus or config.fitness != "return" or config.first_cap is not None:
        found.append(evaluation.steps)
    return found


def _merged(moments: Moments | None, seen: Moments | None) -> Moments | None:
    """Return both together, the first alone where no float can hold that."""
    if moments is None or seen is None:
        return moments
    with np.errstate(over="ignore", invalid="ignore"):
        both = moments.merged(seen)
    return both if np.isfinite(both.mean).all() and np.isfinite(both.squares).all() else moments


def _next_cap(config: Config, generation: int, evaluation: Evaluation) -> int | None:
    """Return its part of an even growth, or else twice the mean length of the episodes of those who did not fail.

    References:
        Salimans et al. 2017, Evolution strategies as a scalable alternative to reinforcement learning, section 2.1.
        https://arxiv.org/abs/1703.03864
    """
    if config.first_cap is None:
        return None
    first = min(config.first_cap, config.max_steps)
    if config.cap_generations is not None:
        return first + (config.max_steps - first) * min(generation, config.cap_generations) // config.cap_generations
    steps = evaluation.steps[~evaluation.failed]
    twice_the_mean = -(-2 * int(steps.sum()) // max(steps.size, 1))
    return min(max(twice_the_mean, first), config.max_steps)


def _confirmed(search: Search, progress: Progress) -> Progress:
    """Return the progress once the algorithm's candidates have been measured over the validation episodes."""
    config = search.config
    candidates = search.algorithm.candidates(progress.algorithm, config.candidates)
    seeds = episode_seeds(config.seed, "validation", episodes=config.validation_episodes)
    confirmed = played(
        search.engine, search.judge, candidates, seeds, config.max_steps, search.failures, normaliser=progress.moments
    )
    search.failures.note(confirmed, f"generation {progress.generation - 1}, confirming the candidates, ")
    _note_repetition(search, progress, candidates, confirmed)
    progress = replace(
        progress,
        algorithm=search.algorithm.confirm(progress.algorithm, candidates, without_problems(confirmed)),
        validation_steps=progress.validation_steps + int(confirmed.steps.sum()),
        confirmed=None if config.validation_every == 1 else progress.generation,
    )
    return _with_champion(progress, candidates, confirmed, progress.moments)


def _note_repetition(search: Search, progress: Progress, candidates: Population, confirmed: Evaluation) -> None:
    """Compare what the champion's episodes came to before with what they come to now, where it is a candidate again.

    Where observations are normalised, what the same row does changes with what was observed.
    """
    if progress.moments is not None:
        return
    again = np.flatnonzero((candidates == progress.champion).all(axis=1) & np.isfinite(confirmed.fitness))
    if len(again) and math.isfinite(progress.score.mean):
        search.failures.note_repetition(progress.score.mean, float(confirmed.fitness[again[0]]))


def _with_champion(progress: Progress, candidates: Population, confirmed: Evaluation, normaliser: Moments | None) -> Progress:
    best = int(best_first(confirmed)[0])
    if not confirmed.fitness[best] > progress.score.mean:
        return progress
    return replace(progress, champion=candidates[best].copy(), score=score_of(confirmed, best), champion_moments=normaliser)


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
