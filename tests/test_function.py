"""Functions of a row: what is called, what is refused, and whole runs."""

import logging
import math
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evolvent as ev
from evolvent.cli.main import run as run_command
from evolvent.errors import EnvironmentFailed, UsageError
from evolvent.evaluation import Conditions, best_first
from evolvent.seeding import stream

SMALL: Any = {"population": 12, "generations": 8, "genetic": {"selection": "truncation:num_parents=4", "num_elites": 2}}
LARGEST = float(np.finfo(np.float32).max)


def sphere(row):
    return -float((row**2).sum())


def wave(row, seed):
    """Give the sphere and noise that the seed decides."""
    return sphere(row) + np.random.default_rng(seed).normal()


def conditions(pop, episodes=1):
    return Conditions(seeds=np.tile(stream(0, "episodes").bits((1, episodes)), (pop, 1)))


def rows(*values):
    return np.array(values, np.float32)


def errors_of(caplog):
    return [record for record in caplog.records if record.levelno == logging.ERROR]


# --- what is called ---


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.floats(-1e6, 1e6, width=32), min_size=3, max_size=3), min_size=1, max_size=6), st.integers(1, 3))
def test_a_row_is_worth_what_the_function_says(population, episodes):
    evaluation = ev.Function(sphere, 3).evaluate(rows(*population), conditions(len(population), episodes))
    expected = [-math.fsum(x * x for x in row) for row in population]
    for returns, value in zip(evaluation.returns, expected, strict=True):
        assert returns.tolist() == pytest.approx([value] * episodes, rel=1e-12)
    assert evaluation.steps.tolist() == [[1] + [0] * (episodes - 1)] * len(population)
    assert not evaluation.failed.any()


@pytest.mark.parametrize("noisy", [False, True])
def test_the_function_is_given_a_row_of_its_own(noisy):
    seen = []

    def spoil(row, *_seed):
        seen.append((row.dtype, row.shape, row.tolist()))
        row[:] = 7
        return 0.0

    population = rows([1, 2], [3, 4])
    ev.Function(spoil, 2, noisy=noisy).evaluate(population, conditions(2, 2))
    expected = [[1.0, 2.0], [1.0, 2.0], [3.0, 4.0], [3.0, 4.0]] if noisy else [[1.0, 2.0], [3.0, 4.0]]
    assert seen == [(np.float64, (2,), row) for row in expected]
    assert population.tolist() == [[1, 2], [3, 4]]


def test_a_noisy_function_is_given_the_seed_of_each_episode_the_same_for_all():
    seen = []

    def watch(_row, seed):
        seen.append(seed)
        return 0.0

    asked = conditions(2, 3)
    ev.Function(watch, 2, noisy=True).evaluate(rows([1, 2], [3, 4]), asked)
    assert seen == [int(seed) for seed in asked.seeds.ravel()]
    assert seen[:3] == seen[3:]
    assert all(type(seed) is int for seed in seen)


@pytest.mark.parametrize("start", [0.0, 3, [1, 2, 3], np.array([1.0, 2.0, 3.0], np.float16)])
def test_a_search_begins_around_its_start(start):
    function = ev.Function(sphere, 3, start=start, spread=0.5)
    first = function.initialise(2000, stream(0, "first"))
    assert first.dtype == np.float32
    assert first[0].tolist() == np.broadcast_to(start, (3,)).tolist()
    assert first.mean(axis=0).tolist() == pytest.approx(np.broadcast_to(start, (3,)).tolist(), abs=0.06)
    assert first.std(axis=0).tolist() == pytest.approx([0.5] * 3, abs=0.04)
    few = function.initialise(3, stream(0, "first"))
    assert few.tobytes() == first[:3].tobytes()


def test_without_spread_all_rows_are_the_start():
    assert (ev.Function(sphere, 2, start=5, spread=0).initialise(4, stream(0, "first")) == 5).all()


NUMBERS = "start: expected finite numbers, 3.403e+38 at most either way"


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"function": 3}, "function: expected a function of a row, got int"),
        ({"dim": 0}, "dim: expected a whole number from 1 to 50,000,000, got 0"),
        ({"dim": 50_000_001}, "dim: expected a whole number from 1 to 50,000,000, got 50000001"),
        ({"dim": 2.0}, "dim: expected a whole number from 1 to 50,000,000, got 2.0"),
        ({"dim": "2"}, "dim: expected a whole number from 1 to 50,000,000, got '2'"),
        ({"spread": -1.0}, "spread: expected a number from 0 to 3.403e+38, got -1.0"),
        ({"spread": math.nan}, "spread: expected a number from 0 to 3.403e+38, got nan"),
        ({"spread": 1e39}, "spread: expected a number from 0 to 3.403e+38, got 1e+39"),
        ({"spread": "1"}, "spread: expected a number from 0 to 3.403e+38, got '1'"),
        ({"start": [1, 2, 3]}, "start: expected a number or a row (2,), got shape (3,)"),
        ({"start": np.ones((2, 2))}, "start: expected a number or a row (2,), got shape (2, 2)"),
        ({"start": [[1], [1, 2]]}, "start: expected a number or a row (2,), got rows of several lengths"),
        ({"start": math.inf}, NUMBERS),
        ({"start": [0, 1e39]}, NUMBERS),
        ({"start": "0"}, NUMBERS),
        ({"start": 1j}, NUMBERS),
        ({"name": ""}, "name: expected a word or more, without a colon, got ''"),
        ({"name": "module:id"}, "name: expected a word or more, without a colon, got 'module:id'"),
    ],
)
def test_what_cannot_be_maximised_is_refused_in_words(told, message):
    arguments: Any = {"function": sphere, "dim": 2, **told}
    with pytest.raises(UsageError) as caught:
        ev.Function(arguments.pop("function"), arguments.pop("dim"), **arguments)
    assert str(caught.value) == message


def test_rows_and_seeds_that_do_not_fit_are_refused():
    function = ev.Function(sphere, 2)
    with pytest.raises(UsageError, match=r"^population: expected rows of 2 parameters, got an array of shape \(1, 3\)$"):
        function.evaluate(rows([1, 2, 3]), conditions(1))
    with pytest.raises(UsageError, match=r"^seeds: expected a row for each of 1 individuals, got shape \(2, 1\)$"):
        function.evaluate(rows([1, 2]), conditions(2))


# --- a function that fails ---


def leave(_row):
    sys.exit("a function that leaves")


def divide(_row):
    return 1 // 0


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (divide, "ZeroDivisionError"),
        (leave, "a function that leaves"),
        (lambda _row: math.nan, "expected a finite number, got nan"),
        (lambda _row: -math.inf, "expected a finite number, got -inf"),
        (lambda _row: None, "expected a finite number, got None"),
        (lambda _row: "1", "expected a finite number, got '1'"),
        (lambda _row: 1j, "expected a finite number, got 1j"),
        (lambda row: row, "expected a finite number, got array([1., 1.])"),
        (lambda _row: [1.0], "expected a finite number, got [1.0]"),
    ],
)
def test_a_function_that_fails_fails_its_row_and_is_told_once(fault, told, caplog):
    function = ev.Function(lambda row: fault(row) if row[0] > 0 else 0.5, 2, name="mine")
    for _ in range(2):
        evaluation = function.evaluate(rows([0, 0], [1, 1], [0, 1], [1, 1]), conditions(4, 2))
        assert evaluation.failed.tolist() == [False, True, False, True]
        assert evaluation.fitness[[0, 2]].tolist() == [0.5, 0.5]
        assert best_first(evaluation).tolist() == [0, 2, 1, 3]
    [record] = errors_of(caplog)
    assert record.getMessage().startswith("mine")
    assert told in caplog.text


def test_a_row_that_has_outgrown_its_numbers_fails_uncalled(caplog):
    called = []
    function = ev.Function(lambda row: called.append(row.tolist()) or 1.0, 2)
    evaluation = function.evaluate(rows([0, math.inf], [math.nan, 0], [1, 2]), conditions(3))
    assert evaluation.failed.tolist() == [True, True, False]
    assert called == [[1.0, 2.0]]
    assert not errors_of(caplog)


def test_an_interrupt_is_no_fault():
    def interrupt(_row):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ev.Function(interrupt, 2).evaluate(rows([0, 0]), conditions(1))


# --- runs ---


def evolved(runs_dir, name="a", function=None, **told) -> Any:
    function = function or ev.Function(wave, 3, start=2, noisy=True, name="wave")
    return ev.evolve(function, runs_dir=runs_dir, name=name, **{**SMALL, **told})


def wave_again():
    return ev.Function(wave, 3, start=2, noisy=True, name="wave")


def outcome(run):
    return {name: value for name, value in run.summary().items() if name not in {"run", "wall_seconds"}}


def same_run(one, other):
    return outcome(one) == outcome(other) and one.row.tobytes() == other.row.tobytes()


def test_the_number_of_workers_changes_no_run(tmp_path):
    runs = [evolved(tmp_path, str(workers), workers=workers) for workers in (1, 2, 5)]
    assert all(same_run(runs[0], run) for run in runs[1:])
    assert runs[0].progress.digest != evolved(None, seed=1).progress.digest


def test_a_run_keeps_a_row_and_no_policy(tmp_path):
    run = evolved(tmp_path)
    kept = {path.name for path in run.folder.path.iterdir()}
    assert {"run.toml", "history.csv", "manifest.json"} <= kept
    assert "best.safetensors" not in kept
    assert run.folder.path.parent.name == run.env == "wave"
    assert (run.row.shape, run.row.dtype, run.policy) == ((3,), np.float32, None)
    with pytest.raises(UsageError, match=r"^best: wave is a function, which has no policy; its best row is run\.row$"):
        _ = run.best


def test_a_run_in_pieces_is_the_run_in_one_piece(tmp_path):
    whole = evolved(tmp_path, "whole")
    pieces = evolved(tmp_path, "pieces", generations=3)
    ev.resume(pieces.folder, env=wave_again(), changes={"generations": 5})
    assert same_run(whole, ev.resume(pieces.folder, env=wave_again(), changes={"generations": 8}))


def test_a_run_that_was_interrupted_by_its_function_goes_on_to_the_same_digest(tmp_path):
    called = []

    def interrupted(row, seed):
        called.append(seed)
        if len(called) == 12 * 3 * 4:
            raise KeyboardInterrupt
        return wave(row, seed)

    function = ev.Function(interrupted, 3, start=2, noisy=True, name="wave")
    with pytest.raises(KeyboardInterrupt):
        evolved(tmp_path, function=function)
    folder = ev.open_run("a", tmp_path)
    assert folder.checkpoints()
    assert same_run(evolved(tmp_path, "whole"), ev.resume(folder, env=wave_again()))


def test_a_run_is_not_resumed_without_its_function(tmp_path, capsys):
    folder = evolved(tmp_path, generations=2).folder
    before = {path.name: path.read_bytes() for path in folder.path.iterdir()}
    with pytest.raises(UsageError, match="'wave'"):
        ev.resume(folder, changes={"generations": 4})
    assert run_command(["resume", str(folder.path), "--generations", "4"]) == 2
    assert "'wave'" in capsys.readouterr().err
    with pytest.raises(UsageError, match=r"^env: .*run\.toml is of 'wave', got 'other'$"):
        ev.resume(folder, env=ev.Function(wave, 3, noisy=True, name="other"))
    assert before == {path.name: path.read_bytes() for path in folder.path.iterdir()}


def test_where_too_many_calls_fail_the_run_stops():
    with pytest.raises(EnvironmentFailed, match="mine: 12 of 12 individuals failed in generation 0") as caught:
        evolved(None, function=ev.Function(divide, 2, name="mine"))
    assert caught.value.exit_code == 4


def test_each_run_tells_its_own_first_failure(tmp_path):
    function = ev.Function(lambda row: math.nan if row[0] > 4 else sphere(row), 3, start=1, spread=2, name="mine")
    for name in ("a", "b"):
        folder = evolved(tmp_path, name, function=function, population=30).folder
        assert folder.errors_log.read_text(encoding="utf-8").count("mine: expected a finite number") == 1


# --- learning ---


@pytest.mark.parametrize("seed", range(3))
def test_the_top_of_a_sphere_is_found(seed):
    function = ev.Function(sphere, 10, start=2, name="sphere")
    genetic = {"mutation": "gaussian:strength=0.3", "strength": "decaying:generations=200,final=0.05"}
    run = ev.evolve(function, generations=200, target=-0.05, genetic=genetic, seed=seed, runs_dir=None)
    assert run.reason == "target reached"
    assert run.score.mean == sphere(run.row.astype(np.float64)) >= -0.05


def test_an_exact_function_is_called_once_a_row():
    calls = []
    run = evolved(None, function=ev.Function(lambda row: calls.append(1) or sphere(row), 3))
    assert len(calls) == 12 * 8 + 1
    assert run.progress.env_steps == 12 * 8
    assert (run.progress.validation_steps, run.score.episodes) == (0, 1)


def test_noisy_rows_are_compared_and_confirmed_under_the_same_seeds():
    asked = {}

    def watch(row, seed):
        asked.setdefault(seed, []).append(tuple(row))
        return wave(row, seed)

    run = evolved(None, function=ev.Function(watch, 3, noisy=True), episodes=2, validation_episodes=5, test_episodes=7)
    by_generation = [seed for seed, called in asked.items() if len(called) == 12]
    confirming = [seed for seed, called in asked.items() if len(called) == 8]
    assert (len(by_generation), len(confirming), len(asked)) == (2 * 8, 5, 2 * 8 + 5 + 7)
    assert all(asked[seed] == asked[confirming[0]] for seed in confirming)
    assert all(called == [tuple(run.row.astype(np.float64))] for called in asked.values() if len(called) == 1)
    assert run.score.episodes == 7


def test_noise_does_not_choose_the_champion():
    function = ev.Function(lambda row, seed: wave(row * 3, seed), 4, start=1.5, noisy=True)
    run = ev.evolve(function, generations=80, genetic={"mutation": "gaussian:strength=0.1"}, runs_dir=None)
    assert sphere(run.row * 3) > -0.6
    assert run.score.mean == pytest.approx(sphere(run.row * 3), abs=4 * run.score.std / 10)


@pytest.mark.parametrize("noisy", [False, True])
def test_an_exact_function_is_called_once_a_row_however_often_it_is_asked(noisy):
    calls = []
    function = ev.Function(lambda row, *_seed: calls.append(1) or -float(row @ row), dim=2, noisy=noisy)
    run = ev.evolve(function, recipe="deep_ga", generations=1, population=4, target=None, runs_dir=None)
    assert len(calls) == (4 + 4 * 30 + 200 if noisy else 4 + 4 + 1)
    assert run.progress.env_steps == (124 if noisy else 8)
    assert run.score.std == 0.0


def test_a_world_is_no_way_to_run_a_function():
    with pytest.raises(UsageError, match=r"^world: expected none, for function is data or a function in Python"):
        ev.evolve(ev.Function(lambda _row: 0.0, dim=2), world="compiled", runs_dir=None)
