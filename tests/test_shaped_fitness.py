"""What selection sees, how long training episodes are, and how often candidates are confirmed: scores know nothing of it."""

import csv
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import evolvent as ev
from evolvent.errors import FileRefused, UsageError
from evolvent.evaluation import mean_return, usable
from evolvent.tasks import CompiledEnv
from evolvent.training import checkpoint
from evolvent.training.manifest import version
from evolvent.training.parts import prepare
from evolvent.training.run import read_config
from evolvent.training.search import begin
from evolvent.training.shaped_fitness import shaped
from tests.commands import SMALL

OTHERS = [{"alive_bonus": 1.0}, {"fitness": "return_per_step"}, {"first_cap": 5}, {"action_noise": 0.1}, {"normalise": True}]


def evolved(runs_dir=None, name="a", **settings) -> Any:
    callbacks = settings.pop("callbacks", ())
    return ev.evolve("CartPole-v1", runs_dir=runs_dir, name=name, callbacks=callbacks, **{**SMALL, **settings})


def outcome(run):
    return {name: value for name, value in run.summary().items() if name not in {"run", "wall_seconds"}}


def rows_of(run):
    with run.folder.history.open(encoding="ascii", newline="") as file:
        return [{name: cell for name, cell in row.items() if name != "seconds"} for row in csv.DictReader(file)]


# --- the fitness itself ---


def measured(returns, steps, failed=None):
    returns, steps = np.array(returns, np.float64), np.array(steps, np.int64)
    return mean_return(returns, steps, np.zeros(len(returns), np.bool_) if failed is None else np.array(failed))


RETURNS, STEPS = [[110.0, 10.0], [40.0, 40.0], [1.0, 1.0]], [[100, 10], [20, 20], [1, 1]]


@pytest.mark.parametrize(
    ("kind", "bonus", "expected"),
    [
        ("return", 0.0, [60.0, 40.0, 1.0]),
        ("return", 1.0, [5.0, 20.0, 0.0]),
        ("return_per_step", 0.0, [1.05, 2.0, 1.0]),
        ("return_per_step", 1.0, [0.05, 1.0, 0.0]),
        ("return", -1.0, [115.0, 60.0, 2.0]),
    ],
)
def test_an_episode_counts_by_what_is_left_of_its_return(kind, bonus, expected):
    evaluation = measured(RETURNS, STEPS)
    seen = shaped(evaluation, kind, bonus)
    np.testing.assert_allclose(seen.fitness, expected)
    assert seen.returns is evaluation.returns
    assert seen.steps is evaluation.steps


@given(
    st.lists(st.tuples(st.floats(), st.integers(0, 10**9), st.booleans()), min_size=1, max_size=6),
    st.sampled_from(["return", "return_per_step"]),
    st.floats(-1e300, 1e300),
)
def test_who_failed_stays_so_and_who_did_not_has_a_number(episodes, kind, bonus):
    returns, steps, failed = zip(*episodes, strict=True)
    evaluation = measured([[each] for each in returns], [[each] for each in steps], failed)
    seen = shaped(evaluation, kind, bonus)
    assert (usable(seen) == usable(evaluation)).all()
    assert np.isnan(seen.fitness[evaluation.failed]).all()


def test_selection_sees_it_and_nothing_else_does():
    settings = [{}, {"alive_bonus": 2.0}, {"fitness": "return_per_step"}]
    told = [[], [], []]
    runs = [evolved(generations=8, callbacks=[seen.append], **each) for each, seen in zip(settings, told, strict=True)]
    assert len({run.progress.digest for run in runs}) == 3
    assert len({(seen[0].best, seen[0].mean) for seen in told}) == 1  # of the same population; what is told are returns
    assert told[1][-1].mean < told[1][0].mean < told[0][-1].mean


def test_without_confirmation_the_champion_is_the_best_by_its_return():
    told = []
    run = evolved(alive_bonus=2.0, validation_episodes=0, callbacks=[told.append])
    assert run.progress.score.mean == max(each.best for each in told)


# --- the growing cap ---


def caps_of(monkeypatch):
    asked: list[int] = []
    evaluate = CompiledEnv.evaluate

    def spy(self, population, conditions):
        asked.append(conditions.episode_cap)
        return evaluate(self, population, conditions)

    monkeypatch.setattr(CompiledEnv, "evaluate", spy)
    return asked


def test_training_episodes_may_last_twice_as_long_as_they_did(monkeypatch):
    asked, told = caps_of(monkeypatch), []
    evolved(first_cap=12, max_steps=40, generations=8, callbacks=[told.append])
    training, validation, test = asked[:-1:2], asked[1:-1:2], asked[-1]
    assert validation == [40] * 8
    assert test == 40
    steps = np.diff([0, *(each.training_steps for each in told)])
    expected = [12, *(min(max(math.ceil(2 * each / 8), 12), 40) for each in steps[:-1])]
    assert training == expected
    assert len(set(training)) > 2


def test_training_episodes_may_grow_evenly_instead(monkeypatch):
    asked = caps_of(monkeypatch)
    evolved(first_cap=10, cap_generations=4, max_steps=40, generations=7)
    assert asked[:-1:2] == [10, 17, 25, 32, 40, 40, 40]


def test_a_first_cap_beyond_all_steps_is_none(monkeypatch):
    asked = caps_of(monkeypatch)
    evolved(first_cap=100, max_steps=20, generations=3)
    assert set(asked) == {20}


# --- how often candidates are confirmed ---


def test_candidates_are_confirmed_every_so_many_generations_and_at_the_end():
    told = []
    run = evolved(validation_every=4, generations=10, callbacks=[told.append])
    confirmed = np.flatnonzero(np.diff([0, *(each.validation_steps for each in told)])) + 1
    assert confirmed.tolist() == [4, 8, 10]
    assert [each.champion for each in told[:3]] == [-math.inf] * 3
    assert run.progress.confirmed == 10
    assert math.isfinite(run.progress.score.mean)


def test_a_run_that_is_stopped_between_is_confirmed_before_it_is_scored():
    run = evolved(validation_every=5, callbacks=[lambda each: ev.Stop("enough") if each.generation == 2 else None])
    assert run.progress.generation == run.progress.confirmed == 3
    assert run.progress.validation_steps > 0
    assert math.isfinite(run.progress.score.mean)


def test_a_run_that_is_interrupted_before_the_first_confirmation_keeps_no_policy(tmp_path):
    def interrupt(generation):
        if generation.generation == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evolved(runs_dir=tmp_path, name="run", validation_every=5, callbacks=[interrupt])
    folder = ev.open_run("run", tmp_path)
    assert not folder.best.exists()
    ev.resume(folder, changes={"generations": 5})
    assert folder.best.exists()


def test_a_target_is_looked_at_where_candidates_are_confirmed():
    run = evolved(validation_every=3, target=-1000.0, generations=9)
    assert (run.progress.generation, run.reason) == (3, "target reached")


def test_the_end_of_a_run_teaches_the_algorithm_nothing(tmp_path):
    settings = {"validation_every": 4, "genetic": {"num_elites": 2}, "candidates": 4}
    whole = evolved(runs_dir=tmp_path, name="whole", generations=12, **settings)
    parted = evolved(runs_dir=tmp_path, name="parted", generations=6, **settings)
    assert ev.resume(parted.folder, changes={"generations": 12}).progress.digest == whole.progress.digest


# --- all of it at once: stopped and resumed ---

ALL = {"first_cap": 12, "alive_bonus": 0.25, "fitness": "return_per_step", "validation_every": 2}


@pytest.mark.parametrize("stop_after", [1, 2, 5])
def test_a_run_that_was_stopped_goes_on_to_the_same_end(tmp_path, stop_after):
    def interrupt(generation):
        if generation.generation + 1 == stop_after:
            raise KeyboardInterrupt

    whole = evolved(runs_dir=tmp_path, name="whole", **ALL)
    with pytest.raises(KeyboardInterrupt):
        evolved(runs_dir=tmp_path, name="parted", callbacks=[interrupt], **ALL)
    resumed = ev.resume(tmp_path / "CartPole-v1" / "parted")
    assert outcome(resumed) == outcome(whole)
    assert rows_of(resumed) == rows_of(whole)


def test_a_finished_run_that_is_resumed_says_the_same_again(tmp_path):
    run = evolved(runs_dir=tmp_path, callbacks=[lambda each: ev.Stop("enough") if each.generation == 2 else None], **ALL)
    again = ev.resume(run.folder, changes={"generations": 3})
    assert {**outcome(again), "reason": ""} == {**outcome(run), "reason": ""}


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"cap": None}, "cap"), ({"cap": 0}, "cap"), ({"cap": 10**9}, "cap"), ({"confirmed": 99}, "confirmed")],
)
def test_a_checkpoint_with_other_limits_is_refused(tmp_path, changes, words):
    run = evolved(runs_dir=tmp_path, **ALL)
    search = prepare(*read_config(run.folder))
    kept = checkpoint.load_latest(run.folder, begin(search))
    search.close()
    assert kept is not None
    number, progress, _ = kept
    checkpoint.save(run.folder, number, replace(progress, **changes), version())
    with pytest.raises(FileRefused, match=f"{words}: a run cannot have come to"):
        ev.resume(run.folder, changes={"generations": 9})


@pytest.mark.parametrize(
    "setting", [{"alive_bonus": 1.0}, {"fitness": "return_per_step"}, {"first_cap": 5}, {"action_noise": 0.1}]
)
def test_a_function_has_no_episodes_to_shape(setting):
    with pytest.raises(UsageError, match=f"{next(iter(setting))}: expected .*, for f is no world"):
        ev.evolve(ev.Function(lambda row: -float((row**2).sum()), 3, name="f"), runs_dir=None, **setting)
