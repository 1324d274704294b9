"""Episodes that the world fails in, whoever plays, stop no run: others take their place."""

from typing import Any

import gymnasium
import numpy as np
import pytest

import evolvent as ev
from evolvent.engines import Inline
from evolvent.errors import EnvironmentFailed
from evolvent.evaluation import Conditions
from evolvent.tasks.gym_env import GymEnv
from evolvent.testing import FaultyEnv
from evolvent.training.failures import Failures
from evolvent.training.scoring import REPLACEMENTS, played

NETWORK = ev.MLP(sizes=(2, 2))
SETTINGS = {
    "population": 6,
    "generations": 12,
    "episodes": 2,
    "validation_episodes": 8,
    "test_episodes": 20,
    "hidden": (2,),
    "target": None,
    "runs_dir": None,
}


class NoPath(FaultyEnv):
    """Cannot be begun with a share of all seeds, as worlds that are drawn at random and sometimes have no way through."""

    def reset(self, *, seed=None, options=None):
        if seed is not None and seed % self.one_in == 0:
            raise ValueError(f"no path for {seed}")
        return super().reset(seed=seed, options=options)

    one_in = 12


class NoPathAtAll(NoPath):
    one_in = 1


WORLDS: dict[str, Any] = {"unplayable/NoPath-v0": NoPath, "unplayable/NoPathAtAll-v0": NoPathAtAll}
for env_id, made_by in WORLDS.items():
    gymnasium.register(env_id, made_by)


def rows(*parameters):
    return np.array(parameters, np.float32).repeat(NETWORK.dim).reshape(len(parameters), NETWORK.dim)


def over(seeds, population, failures=None):
    task = GymEnv("unplayable/NoPath-v0", NETWORK)
    return played(Inline(), task, population, np.array(seeds, np.uint64), 10, failures or Failures("a"))


def test_a_run_goes_on_past_seeds_that_the_world_cannot_begin(caplog):
    runs = [ev.evolve("unplayable/NoPath-v0", **SETTINGS, engine=engine) for engine in ("inline", "processes")]
    assert [run.reason for run in runs] == ["generations used up"] * 2
    assert len({run.progress.digest for run in runs}) == 1
    assert runs[0].score == runs[1].score
    told = [record.getMessage() for record in caplog.records if "another takes its place" in record.getMessage()]
    assert len(told) == 2
    assert "ValueError: no path for" in told[0]


def test_only_what_fails_for_everybody_is_replaced():
    evaluation = over([1, 24, 2], rows(0.0, 0.5))
    assert not evaluation.failed.any()
    untouched = over([1, 2], rows(0.0, 0.5))
    assert evaluation.returns[:, [0, 2]].tolist() == untouched.returns.tolist()
    assert over([1, 24, 2], rows(0.0, 0.5)).returns.tolist() == evaluation.returns.tolist()


def test_what_a_network_does_wrong_is_not_replaced(caplog):
    evaluation = over([1, 2], rows(np.nan, np.nan))
    assert evaluation.failed.all()
    assert evaluation.unplayable is not None
    assert not evaluation.unplayable.any()
    assert not caplog.records


def test_a_world_that_always_fails_still_stops_the_run():
    with pytest.raises(EnvironmentFailed, match=r"6 of 6 individuals failed in generation 0"):
        ev.evolve("unplayable/NoPathAtAll-v0", **SETTINGS)


def test_episodes_are_replaced_so_many_times_and_no_more():
    calls = []

    class Counting(Inline):
        def evaluate(self, task, population, conditions):
            calls.append(conditions.seeds[0].tolist())
            return super().evaluate(task, population, conditions)

    task = GymEnv("unplayable/NoPathAtAll-v0", NETWORK)
    assert played(Counting(), task, rows(0.0), np.array([1, 2], np.uint64), 10, Failures("a")).failed.all()
    assert len(calls) == REPLACEMENTS + 1
    assert len({seed for seeds in calls for seed in seeds}) == 2 * len(calls)


def test_an_algorithm_is_not_told_which_episodes_were_unplayable():
    task = GymEnv("unplayable/NoPath-v0", NETWORK)
    evaluation = task.evaluate(rows(0.0), Conditions(seeds=np.array([[24, 1]], np.uint64)))
    assert evaluation.unplayable is not None
    assert evaluation.unplayable.tolist() == [[True, False]]
    kept = ev.evolve("unplayable/NoPath-v0", **SETTINGS).progress.algorithm.evaluation
    assert kept.unplayable is None
    assert kept.problems is None
