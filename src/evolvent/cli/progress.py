"""What a person sees while a run goes on, and when it ends."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Self, TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from evolvent.cli.signals import exit_code_of, raise_again
from evolvent.cli.terminal import command_name, complain, duration, in_one_line, printable, quantity, say, short
from evolvent.files import dump_json
from evolvent.kernel_cache import compiling
from evolvent.training import Callback, Config, Generation, Run, RunInterrupted, Score
from evolvent.training.presets import PRESETS
from evolvent.training.run import read_config
from evolvent.training.worlds import compiled_ids, shown_arguments, why_not_compiled

MEASURING = "the first generation is being measured ..."
COMPILING = "compiling the world and the network for some seconds; the next run finds them ready ..."
HEADINGS = "  gen        best        mean    champion     steps/s    at most"
SECONDS_BETWEEN_LINES = 2.0
LARGE = 1e8  # beyond it, figures are written with an exponent
WINDOW = 20  # generations that speed and time left are estimated from


@dataclass(frozen=True, slots=True)
class Output:
    """How much a command says.

    Args:
        quiet: Show no progress and no summary.
        json: Print the result as one JSON object, the last line of stdout; progress goes to stderr.
    """

    quiet: bool
    json: bool


def carry_out(
    work: Callable[[Sequence[Callback]], Run],
    *,
    config: Config,
    heading: str,
    output: Output,
    closing: Callable[[Run], list[str]] | None = None,
) -> int:
    """Do `work`, which is a run, show how it goes and what it came to, and return the exit code.

    Args:
        work: Carries the run to its end, with these callbacks.
        config: The run's settings.
        heading: The first line.
        output: How much to say.
        closing: The last lines; `summary` where there is none.
    """
    stream = sys.stderr if output.json else sys.stdout
    try:
        if output.quiet:
            run = work([raise_again])
        else:
            with Progress(stream, config, heading) as progress:
                run = work([progress.on_generation, raise_again])
    except RunInterrupted as interrupted:
        complain(_how_to_go_on(interrupted))
        return exit_code_of(interrupted.__cause__)
    if not output.quiet:
        for line in (closing or summary)(run):
            say(line, stream)
    if output.json:
        say(dump_json(run.summary()))
    return 0


def heading(env: str, config: Config, recipe: str | None = None) -> str:
    """Return what is about to run, in a line."""
    start = f"recipe {recipe}" if recipe else "preset" if env in PRESETS else "defaults"
    fallback = why_not_compiled(env) if config.world == "gymnasium" and env in compiled_ids() else None
    form = f"gymnasium world, for {fallback}" if fallback else f"{config.world} world"
    kind = f"{form}{''.join(f', {each}' for each in shown_arguments(env, config.env_kwargs))}, {start}"
    return f"{in_one_line(env)} ({kind}), {config.algorithm}, population {config.population}, seed {config.seed}"


class Progress:
    """Shows a line for each better champion, and where there is a terminal one that is always up to date.

    Args:
        stream: Where to.
        config: The run's settings: its limits tell how long it can take.
        heading: The first line.
    """

    def __init__(self, stream: TextIO, config: Config, heading: str) -> None:
        """Say nothing yet."""
        self._stream = stream
        console = Console(file=stream, highlight=False, soft_wrap=True)
        self._config = config
        self._heading = heading
        self._live = Live(console=console, refresh_per_second=8, transient=True) if console.is_terminal else None
        self._recent: deque[Generation] = deque(maxlen=WINDOW)
        self._champion = -math.inf
        self._printed_at = -math.inf
        self._waiting: Generation | None = None
        self._listening = ExitStack()

    def __enter__(self) -> Self:
        """Print the headings."""
        self._print(self._heading)
        self._print(HEADINGS)
        if self._live:
            self._live.start()
            self._live.update(Text(MEASURING))
            self._listening.enter_context(_told_of_compiling(self._live))
        return self

    def __exit__(self, *exception: object) -> None:
        """Print the last generation, if it was not printed yet."""
        self._listening.close()
        if self._live:
            self._live.stop()
        if self._waiting is not None:
            self._print(self._line(self._waiting))

    def on_generation(self, generation: Generation) -> None:
        """Take note of a generation: a callback of the run."""
        self._recent.append(generation)
        line = self._line(generation)
        if self._live:
            self._live.update(Text(line))
        now = time.monotonic()
        better = generation.champion > self._champion
        if (better and self._live) or now - self._printed_at >= SECONDS_BETWEEN_LINES:
            self._print(line)
            self._champion, self._printed_at, self._waiting = generation.champion, now, None
        else:
            self._waiting = generation

    def _print(self, line: str) -> None:
        if self._live:
            self._live.console.print(Text(printable(line)))
        else:
            say(line, self._stream)

    def _line(self, generation: Generation) -> str:
        speed, left = self._speed_and_time_left()
        return (
            f"{generation.generation:>5}{_cell(generation.best)}{_cell(generation.mean)}{_cell(generation.champion)}"
            f"{quantity(speed):>12}{duration(left):>11}"
        )

    def _speed_and_time_left(self) -> tuple[float, float]:
        """Return steps per second of late, and the time [s] after which the first limit of the run is surely reached."""
        first, last = self._recent[0], self._recent[-1]
        generations = last.generation - first.generation
        seconds, steps = last.seconds - first.seconds, _steps(last) - _steps(first)
        if not generations:
            generations, seconds, steps = last.generation + 1, last.seconds, _steps(last)
        seconds = max(seconds, 1e-9)
        limits = [(self._config.generations - last.generation - 1) * seconds / generations]
        if self._config.max_env_steps is not None:
            limits.append((self._config.max_env_steps - _steps(last)) * seconds / max(steps, 1))
        if self._config.max_seconds is not None:
            limits.append(self._config.max_seconds - last.seconds)
        return steps / seconds, max(min(limits), 0.0)


class _Compiling(logging.Handler):
    """Shows that something is being compiled."""

    def __init__(self, live: Live) -> None:
        super().__init__(logging.INFO)
        self._live = live

    def emit(self, record: logging.LogRecord) -> None:
        begins = record.getMessage().startswith("compiling")
        self._live.update(Text(COMPILING if begins else MEASURING))


@contextmanager
def _told_of_compiling(live: Live) -> Generator[None]:
    """Have `live` say so while something is compiled."""
    handler = _Compiling(live)
    compiling.addHandler(handler)
    compiling.setLevel(logging.INFO)
    compiling.propagate = False
    try:
        yield
    finally:
        compiling.removeHandler(handler)
        compiling.setLevel(logging.NOTSET)
        compiling.propagate = True


def result_lines(run: Run) -> list[str]:
    """Return what a run came to and where it is kept, in lines."""
    score, progress = run.score, run.progress
    verdict = "solved" if run.solved else "not solved" if run.config.target is not None else "done"
    target = "" if run.config.target is None else f", target {run.config.target:g}"
    spent = f"{quantity(progress.env_steps)} steps, {duration(progress.seconds)}"
    lines = [
        "",
        f"{verdict}: {run.reason} after {progress.generation} generations, {spent}",
        f"score   {figures(score)}, {score.episodes} fresh episodes{target}",
        f"digest  {progress.digest}",
    ]
    if run.folder:
        lines.append(f"run     {short(run.folder.path)}")
        if run.policy:
            lines.append(f"policy  {short(run.folder.best)}")
    return lines


def figures(score: Score) -> str:
    """Return a mean with its interval and its spread, small ones with more digits.

    Examples:
        >>> figures(Score(mean=486.59, std=31.4, episodes=100)), figures(Score(mean=0.72, std=0.45, episodes=100))
        ('486.6 ± 6.2 (95 %), std 31.4', '0.720 ± 0.088 (95 %), std 0.450')
    """
    form = ".3f" if abs(score.mean) < 10 else ".1f" if abs(score.mean) < LARGE else ".3g"
    return f"{score.mean:{form}} ± {score.margin:{form}} (95 %), std {score.std:{form}}"


def summary(run: Run) -> list[str]:
    """Return what a run came to, where it is kept and what to do next, in lines."""
    lines = result_lines(run)
    if run.folder:
        rest = {"play": _env_flag(run.env), "plot": "", "record": _env_flag(run.env)}
        lines += ["next:", *(f"  {command_name()} {verb} {run.folder.name}{more}" for verb, more in rest.items())]
    return lines


def _cell(value: float) -> str:
    return f"{value:>12.2f}" if abs(value) < LARGE else f"{value:>12.4g}"


def _steps(generation: Generation) -> int:
    return generation.training_steps + generation.validation_steps


def _how_to_go_on(interrupted: RunInterrupted) -> str:
    done = (
        f"stopped after generation {interrupted.generations - 1}"
        if interrupted.generations
        else "stopped before the first generation"
    )
    if interrupted.folder is None:
        return done
    world, _ = read_config(interrupted.folder)
    return f"{done}, resume with: {command_name()} resume {short(interrupted.folder.path)}{_env_flag(world)}"


def _env_flag(world: str) -> str:
    return f" --env {world}" if ":" in world else ""
