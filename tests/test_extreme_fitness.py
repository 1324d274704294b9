"""Whole runs on values that leave a search nothing to go by, or hardly anything that a float can hold."""

import csv
import math
import os
import statistics
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evolvent as ev
from evolvent.algorithms import ALGORITHMS
from evolvent.algorithms.genetic import GeneticState
from evolvent.cli.main import run as run_command
from evolvent.errors import EnvironmentFailed
from evolvent.evaluation import Evaluation
from evolvent.files import dump_json
from evolvent.training.plain_state import flatten
from evolvent.training.run import read_manifest
from evolvent.training.scoring import score_of

EXAMPLES = int(os.environ.get("EVOLVENT_EXAMPLES", "40"))
OTHERS = [name for name in ALGORITHMS if name != "genetic"]
SELECTIONS = ["truncation:num_parents=4", "tournament:size=3", "rank", "roulette"]
HUGE = 1.7e308
TINY = 5e-324
SMALL: Any = {"population": 10, "generations": 5}


def evolved(function, *, runs_dir=None, noisy=False, **told) -> Any:
    return ev.evolve(ev.Function(function, 3, noisy=noisy, name="mine"), runs_dir=runs_dir, name="a", **{**SMALL, **told})


def assert_sound(run):
    progress = run.progress
    state = progress.algorithm
    tensors, _ = flatten(state)
    for name, part in (*tensors.items(), ("champion", progress.champion)):
        measured = name.startswith("evaluation.") or name.endswith("fitness")  # which is NaN for who failed
        assert measured or np.isfinite(part).all(), name
    if isinstance(state, GeneticState):
        assert (np.isnan(state.evaluation.fitness) == state.evaluation.failed).all()
    figures = (progress.score.mean, progress.score.std, run.score.mean, run.score.std, run.score.margin)
    assert all(map(math.isfinite, figures))
    dump_json(run.summary())


def history_of(run):
    with run.folder.history.open(encoding="ascii", newline="") as file:
        return [float(cell) for row in csv.DictReader(file) for cell in row.values()]


# --- nothing to go by ---


@pytest.mark.parametrize("selection", SELECTIONS)
@pytest.mark.parametrize("value", [0.0, HUGE, -HUGE, TINY])
@pytest.mark.parametrize("noisy", [False, True])
def test_where_all_are_alike_a_run_comes_to_its_end(tmp_path, selection, value, noisy):
    told = {"episodes": 2, "validation_episodes": 3, "test_episodes": 4} if noisy else {}
    run = evolved(lambda *_row: value, runs_dir=tmp_path, noisy=noisy, genetic={"selection": selection}, **told)
    assert_sound(run)
    assert all(map(math.isfinite, history_of(run)))
    assert run.score.mean == pytest.approx(value)
    assert run.score.std <= abs(value) * 1e-12


@pytest.mark.parametrize("algorithm", OTHERS)
@pytest.mark.parametrize("value", [0.0, HUGE, -HUGE, TINY])
def test_where_all_are_alike_every_algorithm_comes_to_its_end(algorithm, value):
    run = evolved(lambda *_row: value, algorithm=algorithm)
    assert_sound(run)
    assert run.score.mean == pytest.approx(value)


class Failing:
    """Gives the sphere; in generation 3 only so many of ten rows are worth anything."""

    def __init__(self, sound):
        self.sound = sound
        self.calls = 0

    def __call__(self, row):
        generation, number = divmod(self.calls, 10)
        self.calls += 1
        return math.nan if generation == 3 and number >= self.sound else -float((row**2).sum())


@pytest.mark.parametrize("sound", [0, 1, 7])
@pytest.mark.parametrize("selection", SELECTIONS)
def test_where_most_or_all_failed_the_run_stops_and_goes_on_once_that_is_mended(tmp_path, sound, selection):
    told: Any = {"genetic": {"selection": selection}}
    whole = evolved(Failing(10), **told)
    with pytest.raises(EnvironmentFailed, match=f"mine: {10 - sound} of 10 individuals failed in generation 3") as caught:
        evolved(Failing(sound), runs_dir=tmp_path, **told)
    assert caught.value.exit_code == 4
    folder = ev.open_run("a", tmp_path)
    assert [generation for generation, _ in folder.checkpoints()] == [3]
    mended = ev.resume(folder, env=ev.Function(Failing(10), 3, name="mine"))
    assert mended.progress.digest == whole.progress.digest
    assert_sound(mended)


def test_where_few_failed_they_are_counted_and_the_run_goes_on(tmp_path):
    run = evolved(Failing(8), runs_dir=tmp_path)
    assert_sound(run)
    assert run.progress.generation == 5


def test_a_world_in_which_all_fail_ends_with_its_own_code(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("evolvent.training.parts.make_task", lambda *_, **__: ev.Function(lambda _row: math.nan, 114))
    words = ["train", "CartPole-v1", "--hidden", "16", "--biases", "--quiet", "--name", "a", "--runs-dir", str(tmp_path)]
    assert run_command(words) == 4
    assert "16 of 16 individuals failed in generation 0" in capsys.readouterr().err
    assert ev.open_run("a", tmp_path).run_toml.exists()


# --- nearly more than a float can hold ---

VALUES = st.lists(
    st.sampled_from([HUGE, -HUGE, TINY, -TINY, 0.0, -0.0, 1.0, math.nan, math.inf]) | st.floats(-HUGE, HUGE),
    min_size=1,
    max_size=12,
)


@pytest.mark.timeout(60 + EXAMPLES / 20)
@settings(max_examples=EXAMPLES, deadline=None)
@given(VALUES, st.sampled_from([*SELECTIONS, *OTHERS]), st.booleans(), st.integers(0, 3))
def test_whatever_the_values_a_run_is_sound_or_says_that_too_many_failed(values, search, noisy, seed):
    def value_of(row, episode=0):
        return values[int(abs(row).sum() * 1000 + episode) % len(values)]

    told: dict[str, Any] = {"episodes": 2, "validation_episodes": 2, "test_episodes": 3} if noisy else {}
    told |= {"algorithm": search} if search in OTHERS else {"genetic": {"selection": search}}
    try:
        run = evolved(value_of, noisy=noisy, seed=seed, **told)
    except EnvironmentFailed:
        assert not all(map(math.isfinite, values))
    else:
        assert_sound(run)


def test_a_run_of_huge_values_is_kept_and_shown(tmp_path, capsys):
    run = evolved(lambda row: HUGE if row[0] > 0 else -HUGE, runs_dir=tmp_path)
    assert read_manifest(run.folder)["result"] == run.summary()
    assert run_command(["runs", "--runs-dir", str(tmp_path)]) == 0
    assert run_command(["plot", "a", "--runs-dir", str(tmp_path), "--out", str(tmp_path / "a.png")]) == 0
    assert "1.7e+308" in capsys.readouterr().out.splitlines()[1]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=9))
def test_a_spread_is_finite_and_the_usual_one_where_that_can_be_computed(returns):
    score = scored(returns)
    assert math.isfinite(score.std)
    assert math.isfinite(score.margin)
    assert not math.isnan(score.mean - 3 * score.std)
    if max(map(abs, returns)) < 1e150:
        assert score.std == pytest.approx(statistics.stdev(returns), rel=1e-6, abs=1e-150 + 1e-9 * max(map(abs, returns)))


def test_a_spread_beyond_what_squares_can_hold_is_computed():
    assert scored([3e200, 1e200]).std == pytest.approx(statistics.stdev([3.0, 1.0]) * 1e200)
    assert scored([1.7e308, -1.7e308]).std == np.finfo(float).max


def scored(returns):
    fitness = np.array([float(sum(map(Fraction, returns)) / len(returns))])
    rows = np.array([returns])
    return score_of(Evaluation(fitness=fitness, returns=rows, steps=np.ones(rows.shape, int), failed=np.zeros(1, bool)), 0)


# --- strengths ---

STRONG = ["gaussian:strength=1e6", "cauchy:strength=1e6", "multiplicative:strength=1e6", "uniform:strength=1e6+sign_flip"]
WEAK = ["gaussian:strength=1e-300", "cauchy:strength=5e-324", "multiplicative:strength=1e-40", "replacement:strength=1e-45"]
COURSES = ["constant", "decaying:generations=1,final=0.0001", "self_adaptive:learning_rate=2"]


@pytest.mark.parametrize("course", COURSES)
@pytest.mark.parametrize("mutation", [*STRONG, *WEAK])
def test_strengths_that_blow_up_or_collapse_leave_numbers(mutation, course):
    genetic = {"mutation": mutation, "strength": course, "crossover": "blend:alpha=1", "selection": "roulette"}
    run = evolved(lambda row: float(abs(row).sum()), generations=40, genetic=genetic)
    assert_sound(run)
    assert (run.progress.algorithm.scales > 0).all()


@pytest.mark.parametrize("mutation", STRONG)
def test_networks_that_have_outgrown_their_numbers_end_in_a_score_or_a_clear_word(mutation):
    told: Any = {
        "population": 10,
        "generations": 30,
        "validation_episodes": 2,
        "test_episodes": 2,
        "hidden": (2,),
        "max_steps": 20,
    }
    genetic = {"mutation": mutation, "strength": "self_adaptive:learning_rate=2"}
    try:
        run = ev.evolve("CartPole-v1", runs_dir=None, target=None, genetic=genetic, **told)
    except EnvironmentFailed as stopped:
        assert "numbers that are not finite" in str(stopped)  # noqa: PT017 - the other end is as good
    else:
        assert_sound(run)
