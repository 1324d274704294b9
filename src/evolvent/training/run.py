"""A run: one search with its folder, from the first generation to the reported score."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evolvent.arrays import Row
from evolvent.engines.worker import refuse_without_guard
from evolvent.env_kwargs import as_text, refuse_text
from evolvent.errors import EvolventError, FileRefused, StorageFailed, UsageError
from evolvent.files import JsonObject, dump_json, read_bytes, save_atomically
from evolvent.policies import Policy
from evolvent.training import checkpoint, history, run_folder
from evolvent.training.beginning import default_config
from evolvent.training.callbacks import Callback, Generation, Stop
from evolvent.training.config import Config, merge, read_toml, to_toml
from evolvent.training.manifest import LARGEST_TEXT, changed_versions, circumstances, read_manifest
from evolvent.training.parts import Search, prepare
from evolvent.training.problem import Given, Problem, given_problem, problem_in_file, with_settings
from evolvent.training.recorder import Recorder, champion, errors_logged
from evolvent.training.resizing import refuse_fixed_size, resized
from evolvent.training.run_folder import RunFolder
from evolvent.training.run_lock import locked
from evolvent.training.run_state import mark_begun, mark_done, mark_stopped
from evolvent.training.scoring import Score, score, test_seeds
from evolvent.training.search import Progress, advance, begin, with_last_champion
from evolvent.training.soundness import refuse_unsound

log = logging.getLogger("evolvent")

LIMITS = ("generations", "target", "max_env_steps", "max_seconds")
CHANGEABLE = (*LIMITS, "population", "engine", "workers", "eval_timeout", "worker_memory")

OnBegin = Callable[[Search], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run came to.

    Args:
        env: Gymnasium id of the world, or the name of the data or function.
        config: What it was told.
        folder: Where it is kept, None where it is not.
        policy: The champion as a policy, None where rows are no network's.
        score: The champion's, over the test episodes.
        progress: The search as it stopped.
        reason: Why it stopped.
        repeatable: Whether another run would come to the same bits, as far as was noticed: not where the world does not depend
            on its seed alone, or a time limit ended an episode.
    """

    env: str
    config: Config
    folder: RunFolder | None
    policy: Policy | None
    score: Score
    progress: Progress
    reason: str
    repeatable: bool = True

    def __repr__(self) -> str:
        """Return what the run came to, in a line."""
        place = f", {self.folder.path}" if self.folder else ""
        score = f"{self.score.mean:.6g} ± {self.score.margin:.3g}"
        return f"Run({self.env!r}, score {score}, {self.progress.generation} generations, {self.reason}{place})"

    @property
    def best(self) -> Policy:
        """The champion, as a policy.

        Raises:
            UsageError: A function was maximised, which has a best row and no policy.
        """
        if self.policy is None:
            raise UsageError(f"best: {self.env} is a function, which has no policy; its best row is run.row")
        return self.policy

    @property
    def row(self) -> Row:
        """The champion's parameters, `(dim,)`."""
        return self.progress.champion

    @property
    def solved(self) -> bool:
        """Whether the test score reaches the target; False where there is none."""
        return self.config.target is not None and self.score.mean >= self.config.target

    def summary(self) -> JsonObject:
        """Return the run in plain words and numbers, as `--json` prints it and `manifest.json` keeps it."""
        progress = self.progress
        return {
            "run": str(self.folder.path).encode(errors="backslashreplace").decode() if self.folder else None,
            "env": self.env,
            "world": self.config.world,
            "algorithm": self.config.algorithm,
            "seed": self.config.seed,
            "generations": progress.generation,
            "env_steps": progress.env_steps,
            "training_steps": progress.training_steps,
            "validation_steps": progress.validation_steps,
            "wall_seconds": round(progress.seconds, 6),
            "best_fitness": progress.score.mean if math.isfinite(progress.score.mean) else None,
            "test_mean": self.score.mean,
            "test_std": self.score.std,
            "test_margin": self.score.margin,
            "test_episodes": self.score.episodes,
            "test_truncated": self.score.truncated,
            "target": self.config.target,
            "solved": self.solved,
            "reason": self.reason,
            "digest": progress.digest,
            "repeatable": self.repeatable,
        }


class RunInterrupted(KeyboardInterrupt):
    """Raised when a run was asked to stop and its last finished generation is saved."""

    def __init__(self, folder: RunFolder | None, generations: int) -> None:
        """Tell where the run is kept and how many generations are done."""
        kept = f"; evolvent.resume({str(folder.path)!r}) goes on" if folder else ""
        super().__init__(f"stopped after {generations} generations{kept}")
        self.folder = folder
        self.generations = generations


def evolve(
    env: Given,
    *,
    recipe: str | None = None,
    callbacks: Sequence[Callback] = (),
    name: str | None = None,
    runs_dir: str | Path | None = "runs",
    **settings: Any,
) -> Run:
    """Evolve a policy for a world, a network for data, or a row for a function.

    Args:
        env: Gymnasium id of the world; a function that makes one, or its text `module:function`; the `spec` of an
            environment; a `Supervised` or a `Function`.
        recipe: A published way of searching to begin from: "article" or "deep_ga".
        callbacks: Called with a `Generation` after each; one that returns `Stop` ends the run. A run in Python says
            nothing by itself: `callbacks=[print]` shows how it goes.
        name: Of the run's folder; the time of day where there is none.
        runs_dir: Where the run's folder is made; None keeps nothing on disk.
        **settings: Fields of `Config` that differ from the problem's own start, a world's preset.

    Returns:
        The run; `run.best` is the policy, `run.row` its parameters.

    Raises:
        UsageError: A setting is unknown or out of range, the world is unknown, or the run exists.
        EnvironmentFailed: The world cannot be built, or failed in more than a fifth of a generation.
        StorageFailed: The run cannot be saved.
        RunInterrupted: Ctrl-C; what is finished has been saved.

    Examples:
        >>> run = evolve("CartPole-v1", population=16, generations=2, target=None, runs_dir=None)
        >>> run.best.act([0.0, 0.0, 0.1, 0.0]) in (0, 1)
        True
    """
    problem, its_own = given_problem(env)
    settings = with_settings(its_own, settings)
    env_kwargs = merge(Config(), {"env_kwargs": settings.get("env_kwargs", ())}, "evolve").env_kwargs
    config = merge(default_config(problem, recipe, env_kwargs), settings, "evolve")
    return start(problem, config, callbacks=callbacks, name=name, runs_dir=None if runs_dir is None else Path(runs_dir))


def start(
    env: Problem,
    config: Config,
    *,
    callbacks: Sequence[Callback] = (),
    name: str | None = None,
    runs_dir: Path | None = Path("runs"),
    on_begin: OnBegin | None = None,
) -> Run:
    """Begin the run for the problem `env` that `config` describes and carry it to its end; see `evolve`.

    `on_begin` is called once nothing is left that could be refused, before the first generation.
    """
    refuse_without_guard()
    _check_callbacks(callbacks)
    search = prepare(env, config)
    try:
        beginning = begin(search)  # before a folder is made: the algorithm may refuse the population
        if runs_dir is None:
            return _carry_on(search, beginning, None, callbacks, on_begin)
        first_files = {
            "run.toml": to_toml(search.name, config).encode(),
            "manifest.json": dump_json(circumstances(), indent=2).encode(),
        }
        folder = run_folder.create(runs_dir, search.name, name, first_files)
        with locked(folder), errors_logged(folder):
            return _carry_on(search, beginning, folder, callbacks, on_begin)
    finally:
        search.close()


def resume(
    folder: RunFolder | str | Path,
    *,
    callbacks: Sequence[Callback] = (),
    changes: Mapping[str, Any] | None = None,
    env: Given | None = None,
    env_kwargs: Mapping[str, Any] | Sequence[str] | None = None,
    on_begin: OnBegin | None = None,
) -> Run:
    """Go on with a run from its newest sound checkpoint, to the same result as if it had never stopped.

    Args:
        folder: The run's, as `open_run` finds it; a name is looked for in `runs`.
        callbacks: As for `evolve`.
        changes: New limits (`generations`, `target`, `max_env_steps`, `max_seconds`), another `engine` or number of `workers`,
            which change no result, `eval_timeout`, `worker_memory`, or another `population`, which does: each generation from
            the next one on has so many individuals; the same change after the same generation gives the same bits. All else
            is what scores and results are compared by, and stays as it was.
        env: The run's world, needed where it is `module:id` or `module:function`: a file alone never decides what is
            imported; or the function or data that it was begun with, which no file holds.
        env_kwargs: The arguments of the world, needed where one is text, such as the name of a file to open.
        on_begin: Called with the run's parts once nothing is left that could be refused.

    Raises:
        RunLocked: Another process works on the run.
        FileRefused: No checkpoint can be read; nothing was changed.
        UsageError: A setting cannot be changed in a run, or the world has to be named.
    """
    refuse_without_guard()
    folder = folder if isinstance(folder, RunFolder) else run_folder.open_run(str(folder))
    _check_callbacks(callbacks)
    if fixed := sorted(set(changes or {}) - set(CHANGEABLE)):
        raise UsageError(f"{fixed[0]}: a run that has begun keeps it; to be changed are {', '.join(CHANGEABLE)}")
    with ExitStack() as held:
        held.enter_context(locked(folder))
        held.enter_context(errors_logged(folder))
        named, config = read_config(folder)
        problem = problem_in_file(named, env, str(folder.run_toml))
        _refuse_other_arguments(config, env_kwargs, str(folder.run_toml))
        before, config = config, merge(config, changes or {}, "resume")
        search = prepare(problem, config)
        held.callback(search.close)
        if config.population != before.population:
            refuse_fixed_size(search)
        progress = _kept(search, folder)
        if changed := changed_versions(read_manifest(folder)):
            log.warning("the run was begun with other versions (%s): the same bits are not promised", changed)
        if (changes or {}).get("generations", math.inf) < progress.generation:
            raise UsageError(f"generations: the run has {progress.generation} already, got {config.generations}")
        num_rows = history.trim(folder.history, progress.generation - 1)
        if num_rows < progress.generation:
            log.warning("%s: %d of %d rows are there; the rest is lost", folder.history, num_rows, progress.generation)
        different = {name: getattr(config, name) for name in changes or {} if getattr(config, name) != getattr(before, name)}
        if different:
            save_atomically(folder.run_toml, to_toml(named, config).encode())
        mark_begun(folder, different, progress.generation)
        return _carry_on(search, progress, folder, callbacks, on_begin)


def _kept(search: Search, folder: RunFolder) -> Progress:
    """Return the progress that the newest sound checkpoint of the run holds, that before the first generation without one."""
    beginning = begin(search)
    kept = checkpoint.load_latest(folder, beginning)
    if kept is None:
        return beginning
    number, found, warnings = kept
    source = str(folder.checkpoint(number))
    progress = resized(search, found, source)
    refuse_unsound(search, beginning, progress, source)
    for warning in warnings:
        log.warning(warning)
    return progress


def read_config(folder: RunFolder) -> tuple[str, Config]:
    """Return the world of the run in `folder`, and what it was told.

    Raises:
        FileRefused: Its `run.toml` does not describe a run.
    """
    source = str(folder.run_toml)
    try:
        settings = read_toml(read_bytes(folder.run_toml, LARGEST_TEXT, follow_links=False).decode(), source)
        env = settings.pop("env", None)
        config = merge(Config(), settings, source)
    except (UsageError, ValueError, RecursionError) as problem:
        raise FileRefused(f"{source}: {problem}") from None
    if not isinstance(env, str):
        raise FileRefused(f"{source}: env: expected the id of a world")
    return env, config


def _refuse_other_arguments(config: Config, chosen: Mapping[str, Any] | Sequence[str] | None, source: str) -> None:
    if chosen is None:
        refuse_text(config.env_kwargs, source)
    elif as_text(chosen) != config.env_kwargs:
        raise UsageError(f"env_kwargs: the run has {' '.join(config.env_kwargs) or 'none'}, got {' '.join(as_text(chosen))}")


def reason_to_stop(config: Config, progress: Progress) -> str | None:
    """Return why a search has come to its end, or None where it goes on."""
    if config.target is not None and progress.score.reaches(config.target):
        return "target reached"
    if progress.generation >= config.generations:
        return "generations used up"
    if config.max_env_steps is not None and progress.env_steps >= config.max_env_steps:
        return "steps used up"
    if config.max_seconds is not None and progress.seconds >= config.max_seconds:
        return "time used up"
    return None


def _carry_on(
    search: Search, progress: Progress, folder: RunFolder | None, callbacks: Sequence[Callback], on_begin: OnBegin | None
) -> Run:
    recorder = Recorder(folder, search, progress)
    try:
        if on_begin is not None:
            on_begin(search)
        reason = _search(search, recorder, callbacks)
        recorder.progress = with_last_champion(search, recorder.progress)
        recorder.save()
        run = _result(search, recorder.progress, folder, reason)
        if folder:
            _keep_result(folder, run)
    except StorageFailed as problem:
        mark_stopped(folder, str(problem), failed=True)
        raise
    except KeyboardInterrupt as interrupt:
        recorder.save(patient=False)
        mark_stopped(folder, str(interrupt) or "interrupted", failed=False)
        raise RunInterrupted(folder, recorder.progress.generation) from interrupt
    except Exception as problem:
        recorder.save(patient=False)
        mark_stopped(folder, _in_words(problem), failed=True)
        raise
    return run


def _in_words(problem: Exception) -> str:
    return str(problem) if isinstance(problem, EvolventError) else f"{type(problem).__name__}: {problem}"


def _search(search: Search, recorder: Recorder, callbacks: Sequence[Callback]) -> str:
    """Go on until there is a reason to stop, and return it."""
    reason = reason_to_stop(search.config, recorder.progress)
    while reason is None:
        progress, generation = advance(search, recorder.progress)
        recorder.note(progress, generation)
        recorder.save_when_due()
        answers = [_answer(callback, generation) for callback in callbacks]
        reason = next((answer.reason for answer in answers if answer), reason_to_stop(search.config, progress))
    return reason


def _answer(callback: Callback, generation: Generation) -> Stop | None:
    answer: Any = callback(generation)
    if answer is None or isinstance(answer, Stop):
        return answer
    raise UsageError(f"callbacks: expected None or a Stop as the answer, got {answer!r}; for example: return Stop('why')")


def _check_callbacks(callbacks: Sequence[Callback]) -> None:
    if not isinstance(callbacks, Sequence) or not all(callable(each) for each in callbacks):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(f"callbacks: expected a list of functions, such as [print], got {callbacks!r}")


def _result(search: Search, progress: Progress, folder: RunFolder | None, reason: str) -> Run:
    seeds = test_seeds(search.config.seed, search.config.test_episodes)
    row, normaliser, cap = progress.champion, progress.champion_moments, search.config.max_steps
    tested = score(search.engine, search.judge, row, seeds, cap, search.failures, normaliser=normaliser)
    return Run(
        env=search.name,
        config=search.config,
        folder=folder,
        policy=champion(search, progress),
        score=tested,
        progress=progress,
        reason=reason,
        repeatable=search.failures.repeatable and search.engine.repeatable,
    )


def _keep_result(folder: RunFolder, run: Run) -> None:
    if run.policy:
        run.policy.provenance["test_mean"] = repr(run.score.mean)
        run.policy.save(folder.best)
    mark_done(folder, run.summary())
