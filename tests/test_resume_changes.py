import csv
from typing import Any

import numpy as np
import pytest

import evolvent as ev
from evolvent.cli.main import run as run_command
from evolvent.errors import UsageError
from evolvent.tasks import CompiledEnv
from evolvent.training import parts
from evolvent.training.manifest import read_manifest
from evolvent.training.run import read_config
from tests.commands import SMALL


def begun(runs_dir, name="a", **settings) -> Any:
    """Evolve the first 3 of 6 generations."""
    settings = {**SMALL, "generations": 3, **settings}
    return ev.evolve("CartPole-v1", runs_dir=runs_dir, name=name, **settings).folder


def gone_on(folder, **changes) -> Any:
    return ev.resume(folder, changes={"generations": 6, **changes})


@pytest.fixture
def sizes(monkeypatch):
    """Give the sizes of the populations that were measured, those of single rows left out."""
    found = []
    evaluate = CompiledEnv.evaluate

    def spy(self, population, conditions):
        if len(population) > 1:
            found.append(len(population))
        return evaluate(self, population, conditions)

    monkeypatch.setattr(CompiledEnv, "evaluate", spy)
    return found


# --- another population ---


@pytest.mark.parametrize("population", [5, 8, 20])
def test_from_the_next_generation_on_there_are_as_many_as_was_said(tmp_path, sizes, population):
    run = gone_on(begun(tmp_path), population=population)
    assert sizes == [8] * 3 + [population] * 3
    assert run.config.population == population
    assert read_config(run.folder)[1].population == population
    with run.folder.history.open(encoding="ascii", newline="") as file:
        assert [row["generation"] for row in csv.DictReader(file)] == [str(number) for number in range(6)]


@pytest.mark.parametrize("population", [5, 20])
def test_the_same_change_gives_the_same_bits_and_another_one_others(tmp_path, population):
    runs = [gone_on(begun(tmp_path, str(workers)), population=population, workers=workers) for workers in (1, 2)]
    assert runs[0].progress.digest == runs[1].progress.digest
    assert runs[0].best.row.tobytes() == runs[1].best.row.tobytes()
    others = {gone_on(begun(tmp_path, name), **more).progress.digest for name, more in (("c", {}), ("d", {"population": 6}))}
    assert runs[0].progress.digest not in others
    assert len(others) == 2


def test_a_run_that_was_changed_is_killed_and_goes_on_to_the_same_bits(tmp_path):
    """The change is in run.toml; a process that is killed then leaves the checkpoint of before it."""
    expected = gone_on(begun(tmp_path, "whole"), population=12)
    folder = begun(tmp_path)
    text = folder.run_toml.read_text(encoding="utf-8")
    folder.run_toml.write_text(text.replace("population = 8", "population = 12").replace("generations = 3", "generations = 6"))
    assert ev.resume(folder).progress.digest == expected.progress.digest


def test_it_can_be_changed_more_than_once(tmp_path, sizes):
    folder = begun(tmp_path)
    for generations, population in ((4, 20), (5, 4), (6, 8)):
        gone_on(folder, generations=generations, population=population)
    assert sizes == [8, 8, 8, 20, 4, 8]


def test_a_run_without_a_checkpoint_begins_with_as_many(tmp_path):
    folder = begun(tmp_path)
    for _, path in folder.checkpoints():
        path.unlink()
    assert (
        gone_on(folder, population=12).progress.digest
        == ev.evolve("CartPole-v1", runs_dir=None, **{**SMALL, "population": 12}).progress.digest
    )


@pytest.mark.parametrize(
    ("population", "message"), [(1, "population: expected at least 2, got 1"), (0, "population"), (10**9, "GB of memory")]
)
def test_a_population_that_cannot_be_is_refused_and_nothing_is_changed(tmp_path, population, message):
    folder = begun(tmp_path)
    before = {path: path.read_bytes() for path in folder.path.iterdir()}
    with pytest.raises(UsageError, match=message):
        gone_on(folder, population=population)
    assert before == {path: path.read_bytes() for path in folder.path.iterdir()}


class Fixed:
    """The genetic algorithm without what changes its size."""

    def __init__(self, algorithm):
        for name in ("init", "ask", "tell", "candidates", "confirm"):
            setattr(self, name, getattr(algorithm, name))


def test_an_algorithm_that_cannot_change_its_population_refuses(tmp_path, monkeypatch):
    folder = begun(tmp_path)
    make = parts._algorithm
    monkeypatch.setattr(parts, "_algorithm", lambda *arguments: Fixed(make(*arguments)))
    with pytest.raises(UsageError, match="population: genetic keeps the size that the run began with"):
        gone_on(folder, population=12)
    assert gone_on(folder, population=8).progress.generation == 6


def test_restarts_decide_the_population_by_themselves(tmp_path):
    cone = ev.Function(lambda row: -float(np.abs(row).sum()), 3, name="cone")
    run: Any = ev.evolve(cone, algorithm="cma_es", restarts="ipop", population=8, generations=2, runs_dir=tmp_path)
    with pytest.raises(UsageError, match=r"population: restarts, ipop:growth=2\.0,.* change it from"):
        ev.resume(run.folder, env=cone, changes={"population": 20, "generations": 3})


def test_data_and_functions_take_another_population_too(tmp_path):
    cone = ev.Function(lambda row: -float(np.abs(row).sum()), 3, name="cone")
    run: Any = ev.evolve(
        cone, population=8, generations=3, runs_dir=tmp_path, genetic={"selection": "truncation:num_parents=2"}
    )
    assert ev.resume(run.folder, env=cone, changes={"population": 20, "generations": 5}).config.population == 20


# --- what else can be changed, and what cannot ---


def test_other_limits_and_workers_change_no_bit(tmp_path):
    expected = gone_on(begun(tmp_path, "a"))
    other = gone_on(begun(tmp_path, "b"), workers=3, engine="inline", max_seconds=1e6, max_env_steps=10**9)
    assert other.progress.digest == expected.progress.digest
    assert read_config(other.folder)[1].max_seconds == 1e6


def test_the_manifest_tells_what_was_changed_when(tmp_path):
    folder = begun(tmp_path)
    gone_on(folder, population=12, workers=0)
    ev.resume(folder, changes={"generations": 6})
    ev.resume(folder, changes={"target": 5.0, "generations": 7})
    manifest: Any = read_manifest(folder)
    told = [{name: value for name, value in each.items() if name != "time"} for each in manifest["changes"]]
    assert told == [
        {"after_generations": 3, "generations": 6, "population": 12},
        {"after_generations": 6, "target": 5.0, "generations": 7},
    ]


@pytest.mark.parametrize("flag", ["--episodes", "--validation-episodes", "--seed", "--hidden", "--mutation", "--max-steps=3"])
def test_the_command_says_what_a_run_keeps(tmp_path, capsys, flag):
    begun(tmp_path)
    assert run_command(["resume", "a", flag, "3", "--runs-dir", str(tmp_path)]) == 2
    assert f"evolvent: {flag}: a run that has begun keeps it; to be changed are generations, target" in capsys.readouterr().err


def test_the_command_takes_another_population(tmp_path, capsys):
    begun(tmp_path)
    words = ["--population", "12", "--engine", "inline", "--generations", "5", "--runs-dir", str(tmp_path), "--quiet"]
    assert run_command(["resume", "a", *words]) == 0
    assert read_config(ev.open_run("a", tmp_path))[1].population == 12
    assert capsys.readouterr().err == ""
