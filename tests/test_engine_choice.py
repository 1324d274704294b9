"""Which engine a run takes, and which settings have no meaning for it."""

from contextlib import closing

import pytest

import evolvent as ev
from evolvent.errors import UsageError
from evolvent.networks import MLP
from evolvent.training import engine_choice
from evolvent.training.config import Config, merge
from evolvent.training.engine_choice import engine_name, make_engine
from evolvent.training.worlds import make_task
from tests.commands import SMALL

CARTPOLE = MLP(sizes=(4, 2))


@pytest.mark.parametrize(
    ("settings", "on_one_core", "on_two"),
    [
        ({"world": "gymnasium"}, "inline", "processes"),
        ({"world": "gymnasium", "workers": 1}, "inline", "inline"),
        ({"world": "gymnasium", "workers": 3}, "processes", "processes"),
        ({"world": "gymnasium", "workers": 1, "eval_timeout": 5.0}, "processes", "processes"),
        ({"world": "gymnasium", "engine": "inline", "eval_timeout": 5.0}, "inline", "inline"),
        ({"world": "compiled"}, "inline", "inline"),
        ({"world": "python", "engine": "processes"}, "processes", "processes"),
    ],
)
def test_who_says_nothing_gets_what_fits(monkeypatch, settings, on_one_core, on_two):
    for cores, expected in ((1, on_one_core), (2, on_two)):
        monkeypatch.setattr(engine_choice, "cores", lambda cores=cores: cores)
        assert engine_name(Config(**settings)) == expected


def test_what_has_threads_takes_no_processes():
    with pytest.raises(UsageError, match="engine: a compiled world is measured by threads"):
        ev.evolve("CartPole-v1", world="compiled", engine="processes", runs_dir=None, **SMALL)
    data = ev.Supervised([[0.0], [1.0]], [0.0, 2.0], loss="mean_squared_error")
    with pytest.raises(UsageError, match="engine: data is measured by threads"):
        ev.evolve(data, engine="processes", runs_dir=None)


@pytest.mark.parametrize("name", ["eval_timeout", "worker_memory"])
def test_a_limit_that_cannot_be_kept_is_told(caplog, name):
    config = merge(Config(world="gymnasium", engine="inline"), {name: 100.0}, "test")
    with closing(make_task("CartPole-v1", CARTPOLE, config)) as task:
        make_engine(config, task).close()
    assert caplog.messages == [f"{name}: what is measured in this process has no such limit; only worker processes have"]


def test_what_is_no_world_is_not_built_anew():
    with pytest.raises(UsageError, match="fresh_env: expected False"):
        ev.evolve(ev.Function(lambda row: float(row.sum()), dim=2), fresh_env=True, runs_dir=None)
