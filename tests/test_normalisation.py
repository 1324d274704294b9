"""Normalised observations: what is gathered, frozen, merged and kept, to the bit, whoever measures."""

import csv
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest

import evolvent as ev
from evolvent.cli.main import run as run_command
from evolvent.envs import make_env
from evolvent.errors import FileRefused, UsageError
from evolvent.files import dump_json
from evolvent.moments import Moments
from evolvent.tasks import CompiledEnv
from evolvent.training import checkpoint, scoring
from evolvent.training.failures import Failures
from evolvent.training.manifest import version
from evolvent.training.parts import prepare
from evolvent.training.run import read_config
from evolvent.training.search import begin
from tests.commands import SMALL

VIEW = "test_normalisation/CartPole-v0"


@pytest.fixture(autouse=True)
def _a_python_view_of_a_compiled_world():
    gymnasium.register(VIEW, f"{__name__}:make_view", max_episode_steps=500)
    yield
    gymnasium.registry.pop(VIEW)


def make_view(**_: Any):
    return ev.as_gymnasium(make_env("CartPole-v1"))


def evolved(env="CartPole-v1", runs_dir=None, name="a", **settings) -> Any:
    callbacks = settings.pop("callbacks", ())
    settings = {**SMALL, "normalise": True, "episodes": 2, **settings}
    return ev.evolve(env, runs_dir=runs_dir, name=name, callbacks=callbacks, **settings)


def outcome(run):
    return {name: value for name, value in run.summary().items() if name not in {"run", "wall_seconds", "env", "world"}}


def rows_of(run):
    with run.folder.history.open(encoding="ascii", newline="") as file:
        return [{name: cell for name, cell in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def bits(moments: Any):
    return moments.count, moments.mean.tobytes(), moments.squares.tobytes()


def same(one, other):
    return (
        outcome(one) == outcome(other)
        and one.row.tobytes() == other.row.tobytes()
        and bits(one.progress.moments) == bits(other.progress.moments)
        and bits(one.best.normaliser) == bits(other.best.normaliser)
    )


def asked_of(monkeypatch):
    """Give, as they come, the conditions of each evaluation and what it found."""
    seen: list[Any] = []
    evaluate = CompiledEnv.evaluate

    def spy(self, population, conditions):
        seen.append((conditions, evaluate(self, population, conditions)))
        return seen[-1][1]

    monkeypatch.setattr(CompiledEnv, "evaluate", spy)
    return seen


# --- what is gathered ---


def test_a_generation_is_shown_what_it_began_with_and_its_own_is_merged_after_it(monkeypatch):
    seen = asked_of(monkeypatch)
    run = evolved()
    expected = Moments.of_none(4)
    for (training, found), (validation, _) in zip(seen[:-1:2], seen[1:-1:2], strict=True):
        assert bits(training.normaliser) == bits(expected)
        expected = expected.merged(found.moments)
        assert bits(validation.normaliser) == bits(expected)  # candidates are confirmed with what there is after the merge
    assert bits(run.progress.moments) == bits(expected)
    assert expected.count == run.progress.training_steps
    assert bits(seen[-1][0].normaliser) == bits(run.best.normaliser)


def test_the_champion_keeps_the_normaliser_that_it_was_confirmed_with(monkeypatch):
    seen, told = asked_of(monkeypatch), []
    run = evolved(callbacks=[told.append], generations=9, max_steps=200, seed=1)
    better = [k for k, each in enumerate(told) if each.champion > max([0.0, *(one.champion for one in told[:k])])]
    assert better[-1] < len(told) - 1, "the champion is to be older than the last generation here"
    assert bits(run.best.normaliser) == bits(seen[2 * better[-1] + 1][0].normaliser)
    assert bits(run.best.normaliser) != bits(run.progress.moments)


def test_without_confirmation_the_champion_keeps_the_normaliser_of_its_generation(monkeypatch):
    seen = asked_of(monkeypatch)
    run = evolved(validation_episodes=0, generations=1)
    assert bits(run.best.normaliser) == bits(seen[0][0].normaliser) == bits(Moments.of_none(4))


def test_it_changes_the_search_and_can_be_left_out():
    with_it, without = evolved(), evolved(normalise=False)
    assert with_it.progress.digest != without.progress.digest
    assert without.progress.moments is without.progress.champion_moments is without.best.normaliser is None


def test_the_digest_covers_what_was_observed(monkeypatch):
    plain = evolved(generations=1)
    evaluate = CompiledEnv.evaluate

    def odd(self, population, conditions):
        found: Any = evaluate(self, population, conditions)
        return replace(found, moments=replace(found.moments, mean=np.nextafter(found.moments.mean, 1)))

    monkeypatch.setattr(CompiledEnv, "evaluate", odd)
    assert evolved(generations=1).progress.digest != plain.progress.digest


def test_what_no_float_can_hold_is_left_out(monkeypatch):
    evaluate = CompiledEnv.evaluate

    def huge(self, population, conditions):
        found: Any = evaluate(self, population, conditions)
        return replace(found, moments=replace(found.moments, squares=np.full(4, 1e308)))

    monkeypatch.setattr(CompiledEnv, "evaluate", huge)
    run = evolved()
    assert (run.progress.moments.squares == 1e308).all()


# --- the same bits ---


@pytest.mark.compiled
def test_threads_change_no_bit():
    runs = [evolved(workers=workers, population=33) for workers in (1, 2, 3)]
    assert same(runs[0], runs[1])
    assert same(runs[0], runs[2])


@pytest.mark.compiled
@pytest.mark.usefixtures("_processes_unmeasured")
def test_worker_processes_change_no_bit():
    inline = evolved(VIEW, generations=4, engine="inline")
    parted = [evolved(VIEW, generations=4, engine="processes", workers=workers) for workers in (1, 3)]
    assert all(same(inline, run) for run in parted)
    compiled = evolved(generations=1)  # a world in Python shows the same observations, as float32
    assert evolved(VIEW, generations=1, engine="inline").progress.moments.count == compiled.progress.moments.count


@pytest.mark.parametrize("algorithm", ["genetic", "snes"])
@pytest.mark.parametrize("stop_after", [1, 4])
def test_a_run_that_was_stopped_goes_on_to_the_same_end(tmp_path, stop_after, algorithm):
    def interrupt(generation):
        if generation.generation + 1 == stop_after:
            raise KeyboardInterrupt

    whole = evolved(runs_dir=tmp_path, name="whole", algorithm=algorithm)
    with pytest.raises(KeyboardInterrupt):
        evolved(runs_dir=tmp_path, name="parted", callbacks=[interrupt], algorithm=algorithm)
    resumed = ev.resume(tmp_path / "CartPole-v1" / "parted")
    assert same(resumed, whole)
    assert rows_of(resumed) == rows_of(whole)


# --- the policy ---


def test_the_policys_file_alone_scores_as_the_run_did(tmp_path, capsys):
    run = evolved(runs_dir=tmp_path, max_steps=200)
    policy = ev.load_policy(run.folder.best)
    task = CompiledEnv(make_env("CartPole-v1"), policy.network)
    seeds = scoring.test_seeds(0, 2)
    again = scoring.score(ev.Inline(), task, policy.row, seeds, 200, Failures("a"), normaliser=policy.normaliser)
    plain = scoring.score(ev.Inline(), task, policy.row, seeds, 200, Failures("a"))
    task.close()
    assert again == run.score
    words = ["evaluate", str(run.folder.best), "--episodes", "2", "--max-steps", "200", "--json"]
    assert run_command(words) == 0
    assert f'"mean": {again.mean!r}' in capsys.readouterr().out.replace('"mean":', '"mean": ').replace("  ", " ")
    assert dump_json({"count": policy.normaliser.count}) == dump_json({"count": run.best.normaliser.count})  # pyright: ignore[reportOptionalMemberAccess]
    assert plain.episodes == again.episodes


def test_a_policy_acts_as_its_network_did_in_the_world():
    run = evolved(max_steps=100, test_episodes=4)
    env, policy = make_view(), run.best
    returns = []
    for seed in scoring.test_seeds(0, 4):
        observation, _ = env.reset(seed=int(seed))
        policy.reset(int(seed))
        total, over = 0.0, False
        while total < 100 and not over:
            observation, reward, over, _, _ = env.step(policy.act(observation))
            total += float(reward)
        returns.append(total)
    env.close()
    assert np.mean(returns) == run.score.mean


# --- what is refused ---


def test_data_and_functions_show_nothing_to_normalise():
    xor = ev.Supervised([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0], loss="cross_entropy")
    with pytest.raises(UsageError, match="normalise: expected False, for data is no world; got True"):
        ev.evolve(xor, normalise=True, runs_dir=None)


ODD = {
    "missing": ({"moments": None}, "moments: expected some"),
    "of another size": ({"moments": Moments.of_none(3)}, "moments: expected those of 4 inputs"),
    "negative": (
        {"champion_moments": replace(Moments.of_none(4), squares=-np.ones(4))},
        "champion_moments: a run",
    ),
    "infinite": ({"moments": replace(Moments.of_none(4), mean=np.full(4, np.inf))}, "moments: a run"),
    "less than none": ({"moments": replace(Moments.of_none(4), count=-1)}, "moments: a run"),
}


@pytest.mark.parametrize(("changes", "message"), ODD.values(), ids=ODD)
def test_a_checkpoint_with_odd_moments_is_refused(tmp_path, changes, message):
    run = evolved(runs_dir=tmp_path)
    saved_with(run, changes)
    with pytest.raises(FileRefused, match=message):
        ev.resume(run.folder, changes={"generations": 9})


def test_moments_in_a_run_without_them_are_refused(tmp_path):
    run = evolved(runs_dir=tmp_path, normalise=False)
    saved_with(run, {"moments": Moments.of_none(4)})
    with pytest.raises(FileRefused, match="moments: expected none"):
        ev.resume(run.folder, changes={"generations": 9})


def saved_with(run, changes):
    search = prepare(*read_config(run.folder))
    kept = checkpoint.load_latest(run.folder, begin(search))
    search.close()
    assert kept is not None
    number, progress, _ = kept
    checkpoint.save(run.folder, number, replace(progress, **changes), version())
