"""What a person sees while a run goes on, and when it ends."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Self, TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from evolvent.cli.signals import exit_code_of, raise_again
from evolvent.cli.summary import how_to_go_on, summary
from evolvent.cli.terminal import complain, duration, in_one_line, printable, quantity, say
from evolvent.files import dump_json
from evolvent.kernel_cache import compiling
from evolvent.tasks.gym_env import DEFAULT_CAP
from evolvent.training import Callback, Config, Generation, Run, RunInterrupted
from evolvent.training.algorithm_choice import short_search
from evolvent.training.beginning import described
from evolvent.training.pace import Pace, TimeLeft
from evolvent.training.parts import Search
from evolvent.training.run import OnBegin
from evolvent.training.worlds import compiled_ids, shown_arguments, why_not_compiled

MEASURING = "the first generation is being measured ..."
COMPILING = "compiling the world and the network for some seconds; the next run finds them ready ..."
HEADINGS = "  gen        best        mean    champion     steps/s         time left"
HEADING_BUSY = "  busy"
SECONDS_BETWEEN_LINES = 2.0
LARGE = 1e8  # beyond it, figures are written with an exponent
DAY = 86_400.0  # seconds
DAYS, YEARS, FOR_EVER = 4, 1000, 300_000  # days, from which on time is told in days, in years or not at all
ONE = {"threads": "thread", "worker processes": "worker process"}

Work = Callable[[Sequence[Callback], OnBegin | None], Run]


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
    work: Work,
    *,
    config: Config,
    heading: str,
    output: Output,
    closing: Callable[[Run], list[str]] | None = None,
) -> int:
    """Do `work`, which is a run, show how it goes and what it came to, and return the exit code.

    Args:
        work: Carries the run to its end, with these callbacks, and calls the last argument once it has begun.
        config: The run's settings.
        heading: The first line.
        output: How much to say.
        closing: The last lines; `summary` where there is none.
    """
    stream = sys.stderr if output.json else sys.stdout
    usage: list[str] = []
    try:
        if output.quiet:
            run = work([raise_again], None)
        else:
            with Progress(stream, config, heading) as progress:
                run = work([progress.on_generation, raise_again], progress.on_begin)
            usage = progress.usage
    except RunInterrupted as interrupted:
        complain(how_to_go_on(interrupted))
        return exit_code_of(interrupted.__cause__)
    if not output.quiet:
        blank, verdict, *rest = (closing or summary)(run)
        for line in (blank, verdict, *usage, *rest):
            say(line, stream)
    if output.json:
        say(dump_json(run.summary()))
    return 0


def heading(env: str, config: Config, recipe: str | None = None) -> str:
    """Return what is about to run, in a line."""
    fallback = why_not_compiled(env) if config.world == "gymnasium" and env in compiled_ids() else None
    form = f"gymnasium world, for {fallback}" if fallback else f"{config.world} world"
    kind = f"{form}{''.join(f', {each}' for each in shown_arguments(env, config.env_kwargs))}, {described(env, config, recipe)}"
    no_limit = config.world == "gymnasium" and config.max_steps == DEFAULT_CAP
    limit = f", episodes end after {DEFAULT_CAP:,} steps" if no_limit else ""
    search = f"{short_search(config.algorithm, config.restarts)}, population {config.population}"
    return f"{in_one_line(env)} ({kind}), {search}, seed {config.seed}{limit}"


class Progress:
    """Shows a line for each better champion, and where there is a terminal one that is always up to date.

    Args:
        stream: Where to.
        config: The run's settings: its limits tell how long it can take.
        heading: The first line, which is printed once the run has begun.
    """

    def __init__(self, stream: TextIO, config: Config, heading: str) -> None:
        """Say nothing yet."""
        self._stream = stream
        console = Console(file=stream, highlight=False, soft_wrap=True)
        self._heading = heading
        self._live = Live(console=console, refresh_per_second=8, transient=True) if console.is_terminal else None
        self._pace = Pace(config)
        self._busy = Busy()
        self._staff = ""
        self._champion = -math.inf
        self._printed_at = -math.inf
        self._waiting: Generation | None = None
        self._has_columns = False
        self._listening = ExitStack()

    def __enter__(self) -> Self:
        """Begin to show what is compiled, where there is a terminal."""
        if self._live:
            self._live.start()
            self._listening.enter_context(_told_of_compiling(self._live))
        return self

    def __exit__(self, *exception: object) -> None:
        """Print the last generation, if it was not printed yet."""
        self._listening.close()
        if self._live:
            self._live.stop()
        if self._waiting is not None:
            self._print_line(self._waiting)

    @property
    def usage(self) -> list[str]:
        """How busy the workers were, as a line of the summary; none where nobody measured it."""
        return [] if math.isnan(self._busy.mean) else [f"busy    {100 * self._busy.mean:.0f} % of the time, {self._staff}"]

    def on_begin(self, search: Search) -> None:
        """Print the heading: the run has been accepted."""
        self._staff = _staff(search)
        heading = f"{self._heading}, {self._staff}"
        for line in wrapped(heading, self._live.console.width) if self._live else [heading]:
            self._print(line)
        if self._live:
            self._live.update(Text(MEASURING))

    def on_generation(self, generation: Generation) -> None:
        """Take note of a generation: a callback of the run."""
        self._pace.note(generation)
        self._busy.note(generation)
        if self._live:
            self._live.update(Text(self._line(generation)))
        now = time.monotonic()
        better = generation.champion > self._champion
        if (better and self._live) or now - self._printed_at >= SECONDS_BETWEEN_LINES:
            self._print_line(generation)
            self._champion, self._printed_at, self._waiting = generation.champion, now, None
        else:
            self._waiting = generation

    def _print(self, line: str) -> None:
        if self._live:
            self._live.console.print(Text(printable(line)))
        else:
            say(line, self._stream)

    def _print_line(self, generation: Generation) -> None:
        if not self._has_columns:
            self._print(HEADINGS if math.isnan(self._busy.mean) else HEADINGS + HEADING_BUSY)
            self._has_columns = True
        self._print(self._line(generation))

    def _line(self, generation: Generation) -> str:
        busy = "" if math.isnan(self._busy.mean) else f"{generation.utilisation:>6.0%}"
        return (
            f"{generation.generation:>5}{_cell(generation.best)}{_cell(generation.mean)}{_cell(generation.champion)}"
            f"{quantity(self._pace.steps_per_second):>12}{in_words(self._pace.left()):>18}{busy}"
        )


class Busy:
    """The share of their time that workers were at work, over the generations that it is told of."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._worked = 0.0
        self._spent = 0.0
        self._ended_at: float | None = None

    @property
    def mean(self) -> float:
        """The share, 0 to 1; NaN where nobody measured it."""
        return self._worked / self._spent if self._spent else math.nan

    def note(self, generation: Generation) -> None:
        """Take note of the next generation, which counts for as long as it took."""
        before = (generation.seconds if generation.generation else 0.0) if self._ended_at is None else self._ended_at
        took = max(generation.seconds - before, 1e-9)
        self._ended_at = generation.seconds
        if not math.isnan(generation.utilisation):
            self._worked += took * generation.utilisation
            self._spent += took


def wrapped(text: str, width: int) -> list[str]:
    """Return `text` in lines of at most `width` characters, broken after commas alone.

    Examples:
        >>> wrapped("Maze-v0 (gymnasium world, defaults), genetic", 30)
        ['Maze-v0 (gymnasium world,', '  defaults), genetic']
    """
    first, *rest = text.split(", ")
    lines = [first]
    for part in rest:
        if len(lines[-1]) + len(part) + len(", ,") > width:
            lines[-1] += ","
            lines.append(f"  {part}")
        else:
            lines[-1] += f", {part}"
    return lines


def in_words(left: TimeLeft) -> str:
    """Return how long a run can still take, and whether that is a bound.

    Examples:
        >>> in_words(TimeLeft(75.0, is_bound=True)), in_words(TimeLeft(8e5, is_bound=False))
        ('at most 1:15', 'about 9 days')
    """
    days = left.seconds / DAY
    if not 0 < days < FOR_EVER:
        return "-"
    span = duration(left.seconds) if days < DAYS else f"{days:.0f} days" if days < YEARS else f"{days / 365:.0f} years"
    return f"{'at most' if left.is_bound else 'about'} {span}"


def _staff(search: Search) -> str:
    count, kind = search.engine.workers, search.engine.kind
    return f"{count} {ONE.get(kind, kind) if count == 1 else kind}"


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


def _cell(value: float) -> str:
    if value == -math.inf:
        return f"{'-':>12}"
    return f"{value:>12.2f}" if abs(value) < LARGE else f"{value:>12.4g}"
