import io
import math
import os
import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

import evolvent as ev
from evolvent.cli.main import run as run_command
from evolvent.cli.progress import Busy, Progress, heading, in_words
from evolvent.training import Config, Generation
from evolvent.training.pace import TimeLeft
from tests.commands import SMALL, SMALL_FLAGS, command, until

FIRST = Generation(
    generation=0,
    best=1.0,
    mean=0.5,
    failed=0,
    champion=1.0,
    champion_std=0.0,
    training_steps=1000,
    validation_steps=0,
    seconds=2.0,
    workers=2,
    utilisation=0.5,
)
SECOND = replace(FIRST, generation=1, training_steps=2000, seconds=3.0, utilisation=0.8)


def search_on(kind, workers) -> Any:
    return SimpleNamespace(engine=SimpleNamespace(kind=kind, workers=workers))


def shown(*generations, search=None):
    stream = io.StringIO()
    progress = Progress(stream, Config(generations=10, max_steps=100), "Maze-v0")
    with progress:
        progress.on_begin(search or search_on("worker processes", 2))
        for generation in generations:
            progress.on_generation(generation)
    return stream.getvalue().splitlines(), progress.usage


@pytest.mark.parametrize(
    ("kind", "workers", "words"),
    [
        ("worker processes", 2, "2 worker processes"),
        ("worker processes", 1, "1 worker process"),
        ("threads", 16, "16 threads"),
        ("threads", 1, "1 thread"),
    ],
)
def test_the_heading_names_who_works(kind, workers, words):
    assert shown(search=search_on(kind, workers))[0] == [f"Maze-v0, {words}"]


def test_lines_and_summary_tell_how_busy_workers_are():
    lines, usage = shown(FIRST, SECOND)
    assert lines[1].split()[-3:] == ["time", "left", "busy"]
    assert lines[2].split()[-1] == "50%"
    assert lines[3].split()[-1] == "80%"
    assert usage == ["busy    60 % of the time, 2 worker processes"]
    assert max(map(len, lines)) <= 80


def test_where_nobody_measured_it_nothing_is_said_of_it():
    lines, usage = shown(replace(FIRST, utilisation=math.nan), search=search_on("threads", 2))
    assert "busy" not in lines[1]
    assert usage == []
    assert len(lines[1]) == len(lines[2])


def test_the_time_left_is_told_from_the_second_generation_on_and_called_a_bound():
    lines, _ = shown(FIRST, SECOND)
    assert lines[2].split()[-2] == "-"
    assert re.search(r" at most \d+:\d\d(:\d\d)? +80%$", lines[3])


@pytest.mark.parametrize("seconds", [0.01, 59.0, 3599.0, 345_599.0, 1e7, 8.6e7, 1e9, 1e20])
@pytest.mark.parametrize("is_bound", [True, False])
def test_every_time_fits_its_column(seconds, is_bound):
    assert len(in_words(TimeLeft(seconds, is_bound=is_bound))) <= 17


def test_generations_count_for_as_long_as_they_took_and_only_those_of_this_session():
    busy = Busy()
    busy.note(replace(SECOND, generation=100, seconds=1000.0, utilisation=0.0))
    busy.note(replace(SECOND, generation=101, seconds=1001.0, utilisation=0.4))
    busy.note(replace(SECOND, generation=102, seconds=1004.0, utilisation=0.8))
    assert busy.mean == pytest.approx(0.7)


def test_a_world_without_a_limit_of_its_own_is_told_to_end():
    limited = heading("Maze-v0", Config(world="gymnasium", max_steps=200))
    assert heading("Maze-v0", Config(world="gymnasium", max_steps=10_000)) == f"{limited}, episodes end after 10,000 steps"


def test_what_is_refused_has_no_heading(tmp_path, capsys):
    words = ["train", "CartPole-v1", *SMALL_FLAGS, "--runs-dir", str(tmp_path), "--name", "a"]
    assert run_command(words) == 0
    capsys.readouterr()
    assert run_command(words) == 2
    assert run_command([*words[:-1], "b", "--test-episodes", "1"]) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no terminals of this kind")
def test_in_a_terminal_no_line_is_longer_than_it_is_wide(tmp_path):
    import fcntl  # noqa: PLC0415
    import pty  # noqa: PLC0415
    import struct  # noqa: PLC0415
    import subprocess  # noqa: PLC0415
    import termios  # noqa: PLC0415

    words = command("train", "CartPole-v1", *SMALL_FLAGS, "--world", "gymnasium", "--env-kwargs", "sutton_barto_reward=False")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    with subprocess.Popen(
        [*words, "--runs-dir", "runs", "--name", "a"], cwd=tmp_path, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        said = bytearray()

        def is_over():
            try:
                said.extend(part := os.read(ours, 65536))
            except OSError:
                return True
            return not part

        until(is_over)
        assert process.wait() == 0
    os.close(ours)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode())
    lines = [part for line in text.split("\n") for part in line.split("\r")]
    heading_lines = lines[: next(i for i, line in enumerate(lines) if "gen " in line)]
    assert "worker processes" in "".join(heading_lines) or "thread" in "".join(heading_lines)
    assert max(len(line.rstrip()) for line in lines if not line.startswith(("the first", "digest", "compiling"))) <= 80


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ({"generations": 2}, "generations used up"),
        ({"max_env_steps": 400}, "steps used up"),
        ({"max_seconds": 1e-3}, "time used up"),
    ],
)
def test_a_python_world_ends_with_the_generation_that_reaches_a_limit(limit, reason):
    seen: list[Generation] = []
    settings = {**SMALL, "world": "gymnasium", "engine": "inline", "generations": 50, **limit}
    run = ev.evolve("CartPole-v1", runs_dir=None, callbacks=[seen.append], **settings)
    assert run.reason == reason
    assert run.progress.generation == len(seen) < 50
    steps = [generation.training_steps + generation.validation_steps for generation in seen]
    within = {
        "steps used up": lambda i: steps[i] < 400,
        "time used up": lambda i: seen[i].seconds < 1e-3,
        "generations used up": lambda i: i < 1,
    }[reason]
    assert [within(i) for i in range(len(seen))] == [True] * (len(seen) - 1) + [False]
