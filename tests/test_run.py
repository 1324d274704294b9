import csv
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import evolvent as ev
from evolvent.cli.main import run as run_command
from evolvent.errors import EnvironmentFailed, FileRefused, RunLocked, UsageError
from evolvent.evaluation import Problem, mean_return
from evolvent.files import dump_json
from evolvent.tasks import CompiledEnv
from evolvent.training import RunInterrupted, parts, scoring
from evolvent.training.config import Config, to_toml
from evolvent.training.failures import Failures
from evolvent.training.parts import make_task
from evolvent.training.run import read_config, read_manifest, start
from evolvent.training.run_lock import locked
from evolvent.training.scoring import Score, score
from tests.commands import SMALL


def evolved(runs_dir, name="a", **settings) -> Any:
    callbacks = settings.pop("callbacks", ())
    return ev.evolve("CartPole-v1", runs_dir=runs_dir, name=name, callbacks=callbacks, **{**SMALL, **settings})


def rows_of(run):
    """Give the history without the column that tells the time."""
    with run.folder.history.open(encoding="ascii", newline="") as file:
        return [{name: cell for name, cell in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def outcome(run):
    return {name: value for name, value in run.summary().items() if name not in {"run", "wall_seconds"}}


def same(one, other):
    return (
        outcome(one) == outcome(other)
        and rows_of(one) == rows_of(other)
        and one.best.row.tobytes() == other.best.row.tobytes()
        and ev.load_policy(one.folder.best).row.tobytes() == one.best.row.tobytes()
    )


# --- results ---


@pytest.mark.compiled
def test_cartpole_is_solved_without_a_setting(tmp_path):
    run = ev.evolve("CartPole-v1", runs_dir=tmp_path)
    assert run.solved
    assert run.reason == "target reached"
    assert run.score.mean >= 475
    assert run.score.episodes == 100
    assert run.progress.generation < 50


@pytest.mark.compiled
def test_the_champion_does_as_well_in_gymnasiums_own_world():
    run = ev.evolve("CartPole-v1", runs_dir=None, generations=12, target=None)
    task = make_task("CartPole-v1", run.best.network, Config(world="gymnasium"))
    theirs = score(ev.Inline(), task, run.best.row, scoring.test_seeds(1, 40), 500, Failures("CartPole-v1"))
    task.close()
    assert abs(theirs.mean - run.score.mean) <= 3 * (theirs.margin + run.score.margin) + 1


@pytest.mark.compiled
def test_the_number_of_workers_changes_no_bit(tmp_path):
    runs = [evolved(tmp_path, str(workers), workers=workers, population=33, episodes=3) for workers in (1, 2, 4, 7)]
    assert all(same(runs[0], run) for run in runs[1:])


def test_the_seed_decides():
    runs = [evolved(None, seed=seed) for seed in (1, 1, 2)]
    assert runs[0].progress.digest == runs[1].progress.digest != runs[2].progress.digest


def test_run_toml_runs_again_to_the_same_digest(tmp_path):
    run = evolved(tmp_path)
    env, config = read_config(run.folder)
    assert (env, config) == ("CartPole-v1", run.config)
    assert same(run, start(env, config, name="again", runs_dir=tmp_path))


def test_an_episode_that_is_cut_off_counts_in_full(tmp_path):
    run = evolved(tmp_path, max_steps=5)
    assert (run.score.mean, run.score.std, run.progress.score.mean) == (5.0, 0.0, 5.0)
    assert run.progress.training_steps == 6 * 8 * 5
    assert run.progress.validation_steps == 6 * 2 * 5
    assert {row["best"] for row in rows_of(run)} == {"5.0"}


# --- what is kept ---


def test_a_finished_run_that_is_resumed_says_the_same_again(tmp_path):
    run = evolved(tmp_path)
    before = run.folder.history.read_bytes()
    assert same(run, ev.resume(run.folder))
    assert run.folder.history.read_bytes() == before


def test_a_run_in_pieces_is_the_run_in_one_piece(tmp_path):
    whole = evolved(tmp_path, "whole")
    pieces = evolved(tmp_path, "pieces", generations=2)
    assert (pieces.progress.generation, pieces.reason) == (2, "generations used up")
    ev.resume(pieces.folder, changes={"generations": 3})
    assert same(whole, ev.resume(pieces.folder, changes={"generations": 6}))
    assert read_config(pieces.folder) == read_config(whole.folder)


def test_the_history_has_a_row_a_generation(tmp_path):
    seen = []
    run = evolved(tmp_path, callbacks=[seen.append], generations=4)
    ev.resume(run.folder, callbacks=[seen.append], changes={"generations": 7})
    assert [generation.generation for generation in seen] == list(range(7))
    assert [int(row["generation"]) for row in rows_of(run)] == list(range(7))
    assert [float(row["best"]) for row in rows_of(run)] == [generation.best for generation in seen]
    assert [float(row["champion"]) for row in rows_of(run)] == [generation.champion for generation in seen]


def test_the_manifest_tells_the_result(tmp_path):
    run = evolved(tmp_path)
    manifest: Any = read_manifest(run.folder)
    assert manifest["result"] == run.summary()
    assert manifest["versions"]["evolvent"] == ev.load_policy(run.folder.best).provenance["evolvent"]


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert evolved(None).folder is None
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken_is_refused_and_the_run_is_as_it_was(tmp_path):
    run = evolved(tmp_path)
    before = {path: path.read_bytes() for path in run.folder.path.iterdir()}
    with pytest.raises(UsageError, match="exists") as caught:
        evolved(tmp_path, seed=5)
    assert caught.value.exit_code == 2
    assert before == {path: path.read_bytes() for path in run.folder.path.iterdir()}


def test_a_run_that_is_in_use_is_refused(tmp_path):
    run = evolved(tmp_path)
    with locked(run.folder), pytest.raises(RunLocked, match="in use by process") as caught:
        ev.resume(run.folder)
    assert caught.value.exit_code == 7


@pytest.mark.parametrize("setting", ["seed", "episodes", "max_steps", "validation_episodes", "genetic"])
def test_what_decides_the_result_cannot_be_changed_in_a_run(tmp_path, setting):
    run = evolved(tmp_path)
    with pytest.raises(UsageError, match=f"{setting}: a run that has begun keeps it"):
        ev.resume(run.folder, changes={setting: 3})


def test_a_run_without_a_checkpoint_begins_anew(tmp_path):
    run = evolved(tmp_path)
    for _, path in run.folder.checkpoints():
        path.unlink()
    assert same(run, ev.resume(run.folder))


def test_a_damaged_checkpoint_is_passed_over_and_told(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("evolvent.training.recorder.SECONDS_BETWEEN_SAVES", 0.0)
    run = evolved(tmp_path)
    newest = run.folder.checkpoint(6)
    newest.write_bytes(newest.read_bytes()[:-1])
    assert same(run, ev.resume(run.folder))
    assert str(newest) in caplog.text
    assert str(newest) in run.folder.errors_log.read_text(encoding="utf-8")


def test_where_all_checkpoints_are_damaged_nothing_is_changed(tmp_path):
    run = evolved(tmp_path)
    run.folder.checkpoint(6).write_bytes(b"")
    before = {path: path.read_bytes() for path in run.folder.path.iterdir()}
    with pytest.raises(FileRefused, match="nothing was changed"):
        ev.resume(run.folder, changes={"generations": 9})
    assert before == {path: path.read_bytes() for path in run.folder.path.iterdir()}


def test_other_versions_are_told(tmp_path, caplog):
    run = evolved(tmp_path)
    manifest: Any = read_manifest(run.folder)
    manifest["versions"]["numpy"] = "1.0"
    run.folder.manifest.write_text(dump_json(manifest), encoding="utf-8")
    ev.resume(run.folder)
    assert "numpy 1.0 then" in caplog.text
    assert "the same bits are not promised" in caplog.text


@pytest.mark.parametrize("text", ["", "env = 'CartPole-v1'\npopulatoin = 3", "[", "env = 3", "env = 'CartPole-v1'\nseed = -1"])
def test_a_run_toml_that_describes_no_run_is_refused(tmp_path, text):
    run = evolved(tmp_path)
    run.folder.run_toml.write_text(text, encoding="utf-8")
    with pytest.raises(FileRefused, match=r"run\.toml"):
        ev.resume(run.folder)


# --- limits ---


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ({"generations": 1}, "generations used up"),
        ({"max_env_steps": 1}, "steps used up"),
        ({"max_seconds": 1e-9}, "time used up"),
        ({"target": -1000.0}, "target reached"),
    ],
)
def test_a_run_ends_after_the_generation_that_reaches_a_limit(limit, reason):
    run = evolved(None, **limit)
    assert (run.progress.generation, run.reason) == (1, reason)


def test_steps_are_exceeded_by_less_than_a_generation():
    seen = []
    run = evolved(None, callbacks=[seen.append], max_env_steps=300, generations=1000)
    spent = [generation.training_steps + generation.validation_steps for generation in seen]
    assert spent[-2] < 300 <= spent[-1] == run.progress.env_steps


def test_a_callback_can_stop_a_run_that_then_goes_on(tmp_path):
    def stop(generation):
        return ev.Stop("enough") if generation.generation == 1 else None

    run = evolved(tmp_path, callbacks=[stop])
    assert (run.progress.generation, run.reason) == (2, "enough")
    assert same(evolved(tmp_path, "whole"), ev.resume(run.folder))


def test_an_interrupt_saves_what_is_finished(tmp_path):
    def interrupt(generation):
        if generation.generation == 3:
            raise KeyboardInterrupt

    with pytest.raises(RunInterrupted, match="stopped after 4 generations") as caught:
        evolved(tmp_path, callbacks=[interrupt])
    folder: Any = caught.value.folder
    assert [generation for generation, _ in folder.checkpoints()] == [4]
    assert same(evolved(tmp_path, "whole"), ev.resume(folder))


def test_an_error_in_a_callback_reaches_the_caller_and_loses_nothing(tmp_path):
    def fail(generation):
        if generation.generation == 3:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        evolved(tmp_path, callbacks=[fail])
    folder = ev.open_run("a", tmp_path)
    assert [generation for generation, _ in folder.checkpoints()] == [4]
    assert same(evolved(tmp_path, "whole"), ev.resume(folder))


def test_a_population_that_cannot_fit_is_refused_before_it_is_made():
    with pytest.raises(UsageError, match=r"population: .* GB of memory, this machine has"):
        evolved(None, population=1_000_000_000)


def test_a_population_that_never_grows_needs_no_room_to():
    run = evolved(None, restarts="ipop:growth=1,largest=100000", population=1000, generations=1)
    assert run.progress.generation == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"algorithm": "openai_es", "population": 7}, "population"),
        ({"population": 500_000, "restarts": "ipop:largest=1000"}, r"population: 500,000,000 rows .* GB of memory"),
    ],
)
def test_what_an_algorithm_cannot_begin_with_is_refused_before_a_folder_is_made(tmp_path, settings, message):
    with pytest.raises(UsageError, match=message):
        evolved(tmp_path, **settings)
    assert not list(tmp_path.iterdir())


def test_a_search_that_begins_anew_grows_and_goes_on_after_a_stop(tmp_path):
    def interrupt(generation):
        if generation.generation == 9:
            raise KeyboardInterrupt

    settings = {"algorithm": "snes", "restarts": "ipop:patience=2", "generations": 14}
    told = []
    whole = evolved(tmp_path, "whole", callbacks=[told.append], **settings)
    steps = np.diff([0, *(each.training_steps for each in told)])
    assert max(steps) > 8 * 30, "more rows than at first have to be in a generation here"
    with pytest.raises(RunInterrupted):
        evolved(tmp_path, "parted", callbacks=[interrupt], **settings)
    assert same(whole, ev.resume(tmp_path / "CartPole-v1" / "parted"))


# --- seeds ---


def test_training_validation_and_test_never_share_an_episode(monkeypatch):
    asked = []
    evaluate = CompiledEnv.evaluate

    def spy(self, population, conditions):
        asked.append(conditions.seeds)
        return evaluate(self, population, conditions)

    monkeypatch.setattr(CompiledEnv, "evaluate", spy)
    evolved(None, episodes=3, validation_episodes=4, test_episodes=5)
    training, validation, test = asked[:-1:2], asked[1:-1:2], asked[-1]
    assert all((seeds == seeds[0]).all() and seeds.shape == (8, 3) for seeds in training)
    assert all((seeds == validation[0]).all() and seeds.shape == (1, 4) for seeds in validation)
    assert len({int(seed) for seeds in training for seed in seeds[0]}) == 6 * 3
    drawn = [*(seeds[0] for seeds in training), validation[0][0], test[0]]
    assert len(np.unique(np.concatenate(drawn))) == 6 * 3 + 4 + 5


# --- failures ---


class Faulty:
    """Pays the sum of a row's parameters; the rows `fails` says, numbered by calls, fail."""

    def __init__(self, fails):
        self.fails = fails
        self.calls = 0

    def evaluate(self, population, conditions):
        returns = np.repeat(population.sum(axis=1, dtype=np.float64)[:, np.newaxis], conditions.seeds.shape[1], axis=1)
        failed = np.zeros(len(population), np.bool_)
        failed[self.fails(self.calls, population)] = True
        returns[failed] = np.nan
        self.calls += 1
        return mean_return(returns, np.ones(returns.shape, np.int64), failed)

    def close(self):
        pass


def with_task(monkeypatch, fails):
    monkeypatch.setattr(parts, "make_task", lambda *_arguments, **_training: Faulty(fails))


def test_who_fails_never_leads(tmp_path, monkeypatch):
    def the_best(_call, population):
        return [int(population.sum(axis=1).argmax())] if len(population) > 1 else []

    with_task(monkeypatch, the_best)
    run = evolved(tmp_path, generations=10)
    assert math.isfinite(run.progress.score.mean)
    assert np.isfinite(run.best.row).all()
    assert {row["failed"] for row in rows_of(run)} == {"1"}
    assert all(math.isfinite(float(cell)) for row in rows_of(run) for cell in row.values())


def test_candidates_that_fail_never_become_champion(tmp_path, monkeypatch):
    with_task(monkeypatch, lambda call, _population: [0] if call in {1, 3} else [])
    run = evolved(tmp_path)
    champions = [float(row["champion"]) for row in rows_of(run)]
    assert champions[:2] == [-math.inf, -math.inf]
    assert math.isfinite(champions[2])
    assert run.progress.score.mean == pytest.approx(run.best.row.sum())


def test_where_too_many_fail_the_run_stops_and_is_kept(tmp_path, monkeypatch):
    with_task(monkeypatch, lambda _call, _population: [])
    whole = evolved(tmp_path, "whole")
    with_task(monkeypatch, lambda call, _population: [3, 5] if call == 6 else [3])
    with pytest.raises(EnvironmentFailed, match="2 of 8 individuals failed in generation 3") as caught:
        evolved(tmp_path, "broken", validation_episodes=2, candidates=4)
    assert caught.value.exit_code == 4
    folder = ev.open_run("broken", tmp_path)
    assert [generation for generation, _ in folder.checkpoints()] == [3]
    with_task(monkeypatch, lambda _call, _population: [])
    assert ev.resume(folder).progress.generation == whole.progress.generation == 6


def test_a_test_episode_that_fails_is_told_with_what_it_can_be_played_again_from():
    odd = Problem(0, 1, 5, 7, "ValueError: no path", "Traceback: maze.py")

    class Failing(Faulty):
        def evaluate(self, population, conditions):
            return replace(super().evaluate(population, conditions), problems=(odd,))

    failing, seeds = Failing(lambda _call, _population: [0]), np.array([4, 5], np.uint64)
    with pytest.raises(EnvironmentFailed, match=r"an episode failed \(seed 5, step 7\): ValueError: no path") as caught:
        score(ev.Inline(), failing, np.zeros(3, np.float32), seeds, 10, Failures("a"))
    assert caught.value.__notes__ == ["Traceback: maze.py"]


def test_a_test_episode_that_fails_keeps_the_search(tmp_path, monkeypatch):
    with_task(monkeypatch, lambda call, _population: [0] if call == 12 else [])
    with pytest.raises(EnvironmentFailed, match="an episode failed"):
        evolved(tmp_path)
    folder = ev.open_run("a", tmp_path)
    assert [generation for generation, _ in folder.checkpoints()] == [6]
    with_task(monkeypatch, lambda _call, _population: [])
    assert math.isfinite(ev.resume(folder).score.mean)


# --- scores ---


def test_a_score_has_the_interval_of_the_normal_distribution():
    one = Score(mean=2.5, std=float(np.std([1, 2, 3, 4], ddof=1)), episodes=4)
    assert one.std == pytest.approx(1.2909944)
    assert one.margin == pytest.approx(1.2651745)
    assert one.reaches(2.5 - 3 * 0.6454972 - 1e-6)
    assert not one.reaches(2.5 - 3 * 0.6454972 + 1e-6)


def test_a_run_is_solved_where_its_test_score_reaches_the_target():
    run = evolved(None, target=25.0, generations=1)
    with_score = {mean: replace(run, score=Score(mean, 1.0, 2)) for mean in (24.9, 25.0)}
    assert not with_score[24.9].solved
    assert with_score[25.0].solved
    assert not replace(with_score[25.0], config=replace(run.config, target=None)).solved


def test_a_toml_of_a_run_names_its_world():
    run = evolved(None)
    assert to_toml("CartPole-v1", run.config).startswith('env = "CartPole-v1"')


def test_a_run_folder_alone_never_decides_what_is_imported(tmp_path, monkeypatch, capsys):
    (tmp_path / "spy_world.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    folder: Any = ev.evolve("CartPole-v1", runs_dir=tmp_path / "runs", **SMALL).folder
    told = folder.run_toml.read_text(encoding="utf-8").replace('"CartPole-v1"', '"spy_world:CartPole-v1"')
    folder.run_toml.write_text(told, encoding="utf-8")
    with pytest.raises(UsageError, match="whose module would be imported"):
        ev.resume(folder)
    assert run_command(["resume", str(folder.path)]) == 2
    assert run_command(["train", "--config", str(folder.run_toml), "--runs-dir", str(tmp_path / "runs")]) == 2
    assert capsys.readouterr().err.count("whose module would be imported") == 2
    with pytest.raises(UsageError, match="is of 'spy_world:CartPole-v1', got 'CartPole-v1'"):
        ev.resume(folder, env="CartPole-v1")
