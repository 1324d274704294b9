"""Part 1 of benchmarks/scaling.py: two threads of one process beside two processes that know nothing of each other."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import NamedTuple

from _article_job import NETWORK
from _harness import Bar, block, median_ratio, tell
from _scaling_job import ENV, EPISODES, Games, Part, evaluation, good_rows, repeated

import evolvent as ev
from evolvent.arrays import Population
from evolvent.crew import cores

SIZES, QUICK_SIZES = (64, 256, 1024, 4096), (64, 256)
TWO = 2
HELD_FROM = 256  # below, the last long episode leaves a thread without work
BOUND = 0.93


class Turn(NamedTuple):
    """What a turn came to: useful steps per second, and how many cores were had on average."""

    speed: float
    cores: float


def measure(rounds: int, seconds: float, *, quick: bool) -> Part:
    """Return the useful steps per second of both, in turns."""
    cases = games_of_all(good_rows(), QUICK_SIZES if quick else SIZES)
    turns: dict[tuple[str, int], list[tuple[Turn, Turn]]] = {case: [] for case in cases}
    task = ev.CompiledEnv(ENV, NETWORK, threads=TWO)
    with two_processes() as rivals:
        for number in range(rounds):
            for case, games in cases.items():
                for rival in rivals:
                    rival.send(games)
                ours = alone(evaluation(task, games), seconds)
                turns[case].append((ours, together(rivals, seconds)))
            tell(f"threads: round {number + 1} of {rounds}")
    task.close()
    return part(turns, held=cores() >= TWO and not quick)


def games_of_all(good: Population, sizes: tuple[int, ...]) -> dict[tuple[str, int], Games]:
    """Return whom to play with, by kind of rows and size of the population."""
    cases: dict[tuple[str, int], Games] = {}
    for kind, episodes in EPISODES.items():
        for size in sizes:
            population = repeated(good, size) if kind == "evolved" else NETWORK.initialise(size, ev.stream(0, "initial"))
            cases[kind, size] = Games(population, ev.stream(0, "episodes").bits((size, episodes)))
    return cases


def alone(work: Callable[[], int], seconds: float) -> Turn:
    """Let this process work."""
    began = time.process_time()
    steps, elapsed = block(work, seconds)
    return Turn(steps / elapsed, (time.process_time() - began) / elapsed)


def together(rivals: list[Connection], seconds: float) -> Turn:
    """Let processes work that begin at the same time."""
    for rival in rivals:
        rival.send(seconds)
    speeds, each_had = zip(*(rival.recv() for rival in rivals), strict=True)
    return Turn(sum(speeds), sum(each_had))


@contextmanager
def two_processes() -> Iterator[list[Connection]]:
    """Start two processes with one thread each, and end them afterwards."""
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe() for _ in range(TWO)]
    processes = [context.Process(target=serve, args=(theirs,), daemon=True) for _, theirs in pipes]
    for process in processes:
        process.start()
    try:
        for ours, _ in pipes:
            ours.recv()  # it has found its kernel
        yield [ours for ours, _ in pipes]
    finally:
        for ours, _ in pipes:
            ours.send(None)
        for process in processes:
            process.join()


def serve(pipe: Connection) -> None:
    """Play the games that are sent for as many seconds as are sent next, and answer with what it came to."""
    task = ev.CompiledEnv(ENV, NETWORK)
    pipe.send(None)
    games = None
    while (sent := pipe.recv()) is not None:
        if games is None:
            games = sent
        else:
            pipe.send(alone(evaluation(task, games), sent))
            games = None


def part(turns: Mapping[tuple[str, int], list[tuple[Turn, Turn]]], *, held: bool) -> Part:
    """Return the table, ratios and claims; short turns and a single core say too little to be held to a bar."""
    ratios: dict[str, float] = {}
    rows: list[tuple[object, ...]] = []
    for (kind, size), of in turns.items():
        ours, theirs = ([turn.speed for turn in each] for each in zip(*of, strict=True))
        had = (statistics.median(turn.cores for turn in each) for each in zip(*of, strict=True))
        ratio = ratios[f"threads_{kind}_{size}"] = median_ratio(ours, theirs)
        rows.append((kind, size, statistics.median(ours) / 1e6, statistics.median(theirs) / 1e6, ratio, *had))
    at_least = {f"threads_{kind}_{size}" for kind, size in turns if size >= HELD_FROM} if held else set[str]()
    return Part(
        headings=("rows", "population", "two threads", "two processes", "ratio", "cores of threads", "of processes"),
        rows=rows,
        bars={name: Bar(value=ratios[name], bound=BOUND, unit=" times") for name in ratios if name in at_least},
        ratios=ratios,
        notes=[
            "millions of useful steps per second, of two processes together; the median over the rounds",
            "cores: how many each had on average; two processes on a quiet machine have two",
        ],
    )
