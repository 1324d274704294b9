"""Keyword arguments of a world: the same from the command line, a file, Python and a policy, in each form of the world."""

import numpy as np
import pytest

import evolvent as ev
from evolvent.cli.main import run
from evolvent.cli.progress import heading
from evolvent.env_kwargs import as_arguments, as_text
from evolvent.errors import FileRefused, UsageError
from evolvent.reporting.stage import Stage
from evolvent.training import worlds
from evolvent.training.config import Config, merge, read_toml, to_toml
from evolvent.training.worlds import arguments_for, default_form, env_spec, full_id, make_task

QUICK = {"population": 8, "generations": 1, "episodes": 1, "validation_episodes": 0, "test_episodes": 2, "target": None}


@pytest.mark.parametrize(
    ("given", "texts"),
    [
        ({"b": 1, "a": 0.5}, ("a=0.5", "b=1")),
        ({"wind": True, "name": "x", "none": None}, ('name="x"', "none=null", "wind=true")),
        ({"range": (0.2, float("inf"))}, ("range=[0.2,Infinity]",)),
        ({"size": np.float64(2.5), "count": np.int64(3)}, ("count=3", "size=2.5")),
        ({"range": np.array([0.5, 2.0]), "pair": (np.float32(0.5), np.int64(2))}, ("pair=[0.5,2]", "range=[0.5,2.0]")),
        (["a=0.5", " b = True "], ("a=0.5", "b=true")),
        (["range=[0.2, 1.0]"], ("range=[0.2,1.0]",)),
        (["file=ant.xml", "high=inf"], ('file="ant.xml"', "high=Infinity")),
        ((), ()),
    ],
)
def test_arguments_have_one_text_however_they_are_given(given, texts):
    assert as_text(given) == texts
    assert as_text(texts) == texts
    assert as_text(as_arguments(texts)) == texts


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["gravity"], "expected name=value, got 'gravity'"),
        ("gravity=9", "expected a mapping or a list of name=value"),
        (["1st=2"], "expected the name of an argument, got '1st'"),
        ([10**5000], "expected name=value, got a number of thousands of digits"),
        (
            {"model": 10**5000},
            "model: expected a number, a truth value, text, or a list of these, got a whole number beyond 64",
        ),
        (
            ["model=1" + "0" * 400],
            "model: expected a number, a truth value, text, or a list of these, got a whole number beyond",
        ),
        ({"model": object()}, "model: expected a number, a truth value, text, or a list of these, got object"),
        ({"model": np.longdouble(1)}, "model: expected a number, a truth value, text, or a list of these, got longdouble"),
        ({"model": np.complex128(1j)}, "model: expected a number, a truth value, text, or a list of these, got complex"),
        ({"days": [np.datetime64("2020-01-01")]}, "days: expected a number, a truth value, text, or a list of these, got list"),
        (["deep=" + "[" * 480 + "]" * 480], "deep: expected a number, a truth value, text, or a list of these, got list"),
        (["a=1", "a=2"], "a is given twice"),
        (["render_mode=human"], "evolvent play and evolvent record show the world"),
        ({"max_episode_steps": 7}, "--max-steps"),
        ({"name": "x" * 2000}, "at most 1,000 characters"),
    ],
)
def test_odd_arguments_are_refused(given, words):
    with pytest.raises(UsageError, match=r"env_kwargs") as refused:
        as_text(given)
    assert words in str(refused.value)


def test_a_file_may_hold_them_as_a_table_or_as_texts():
    config = Config(env_kwargs=("g=9.0",))
    for text in (to_toml("Pendulum-v1", config), "[env_kwargs]\ng = 9.0\n"):
        settings = {name: value for name, value in read_toml(text, "run.toml").items() if name != "env"}
        assert merge(Config(), settings, "run.toml").env_kwargs == ("g=9.0",)


@pytest.mark.parametrize("form", ["compiled", "gymnasium"])
def test_a_world_is_changed_by_them_in_each_form(form):
    measured = [
        ev.evolve("Pendulum-v1", **QUICK, max_steps=30, world=form, env_kwargs=kwargs, runs_dir=None)
        for kwargs in ({}, {"g": 10.0}, {"g": 3.0})
    ]
    usual, same, other = (each.score.mean for each in measured)
    assert usual == same != other


@pytest.mark.parametrize("form", ["compiled", "gymnasium"])
def test_an_argument_that_the_world_does_not_take_is_named(form):
    with pytest.raises(UsageError, match="env_kwargs: Pendulum-v1 takes g, got gravity"):
        ev.evolve("Pendulum-v1", **QUICK, world=form, env_kwargs={"gravity": 3.0}, runs_dir=None)


def test_data_and_functions_take_none():
    with pytest.raises(UsageError, match="env_kwargs: expected none"):
        ev.evolve(ev.Function(lambda rows: -(rows**2).sum(axis=1), dim=2), env_kwargs={"a": 1}, generations=1, runs_dir=None)


def test_a_policy_knows_the_world_it_was_evolved_in(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["train", "Pendulum-v1", "--env-kwargs", "g=3.0", "--population", "8", "--generations", "1", "--name", "light"]
    assert run([*words, "--max-steps", "30"]) == 0
    assert "g=3.0" in capsys.readouterr().out
    policy = ev.load_policy(tmp_path / "runs/Pendulum-v1/light/best.safetensors")
    assert policy.env_kwargs == ("g=3.0",)
    policy.env_kwargs = ("no value",)
    with pytest.raises(FileRefused, match="env_kwargs: expected name=value"):
        ev.load_policy(policy.save(tmp_path / "odd.safetensors"))
    policy.env_kwargs = ("g=3.0",)
    assert arguments_for(policy, "Pendulum-v1", None) == ("g=3.0",)
    assert arguments_for(policy, "CartPole-v1", None) == ()
    assert arguments_for(policy, "Pendulum-v1", {"g": 4}) == ("g=4",)
    scores = []
    for more in ([], ["--env-kwargs", "g=3.0"], ["--env-kwargs", "g=9.0"]):
        assert run(["evaluate", "light", "--episodes", "2", *more]) == 0
        scores.append(capsys.readouterr().out)
    assert scores[0] == scores[1] != scores[2]


def test_a_policy_does_not_decide_which_file_is_opened():
    spec = env_spec("Pendulum-v1")
    network = ev.MLP(sizes=(3, 1))
    row = np.zeros(network.dim, np.float32)
    spaces = {"observation_space": spec.observation_space, "action_space": spec.action_space}
    policy = ev.Policy(network, row, **spaces, env_id="Pendulum-v1", env_kwargs=('xml_file="/etc/passwd"',))
    with pytest.raises(UsageError, match="if you trust it, give it yourself: --env-kwargs 'xml_file=\"/etc/passwd\"'"):
        Stage(policy, "Pendulum-v1", "rgb_array")


def test_a_run_does_not_either(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "run.toml"
    file.write_text(to_toml("Hopper-v5", Config(env_kwargs=("xml_file=/etc/passwd",))), encoding="utf-8")
    assert run(["train", "--config", "run.toml"]) == 2
    assert "run.toml gives the world text, which may name a file to be opened" in capsys.readouterr().err
    run_folder = tmp_path / "runs/Pendulum-v1/mine"
    ev.evolve("Pendulum-v1", **QUICK, max_steps=5, name="mine", env_kwargs={"g": 3.0}, runs_dir=tmp_path / "runs")
    toml = (run_folder / "run.toml").read_text(encoding="utf-8")
    (run_folder / "run.toml").write_text(toml.replace("g=3.0", 'g=\\"three\\"'), encoding="utf-8")
    with pytest.raises(UsageError, match="may name a file to be opened"):
        ev.resume(run_folder)
    with pytest.raises(UsageError, match="env_kwargs: the run has"):
        ev.resume(run_folder, env_kwargs={"g": 3.0})
    with pytest.raises(UsageError, match="g: expected a finite number"):
        ev.resume(run_folder, env_kwargs={"g": "three"})


def test_an_id_says_which_world_and_its_form_follows():
    assert full_id("Pendulum") == "Pendulum-v1"
    assert default_form("Pendulum-v1") == "compiled"
    assert default_form("Taxi-v3") == "gymnasium"
    with pytest.raises(UsageError, match="world: Taxi-v3 has no compiled form; use --world gymnasium"):
        make_task("Taxi-v3", ev.MLP(sizes=(1, 1)), ev.Config(world="compiled"))


def test_where_the_compiled_form_cannot_be_had_gymnasiums_runs_and_the_heading_says_why(monkeypatch):
    reason = "MuJoCo 9.0.0 is not one of the versions 3.x, 4.x that are known"
    monkeypatch.setattr(worlds.mujoco, "unavailable", lambda _: reason, raising=False)
    assert default_form("Hopper-v5") == "gymnasium"
    told = heading("Hopper-v5", Config(world="gymnasium"))
    assert told.startswith(f"Hopper-v5 (gymnasium world, for {reason}, preset)")
    with pytest.raises(UsageError, match=f"world: {reason}; use --world gymnasium"):
        make_task("Hopper-v5", ev.MLP(sizes=(11, 3)), ev.Config(world="compiled"))
