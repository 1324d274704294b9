"""Worlds that are named by a function which makes them, by a spec, or not at all."""

import importlib
import re
import sys
from contextlib import closing
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.classic_control import CartPoleEnv, MountainCarEnv
from gymnasium.envs.registration import EnvSpec
from gymnasium.wrappers import RescaleObservation, TimeLimit, TransformReward

import evolvent as ev
from evolvent.cli.main import run as run_command
from evolvent.errors import EnvironmentFailed, UsageError
from evolvent.tasks.gym_env import DEFAULT_CAP, describe, make
from evolvent.tasks.gym_ids import factory_of, named, only_here, text_of
from evolvent.training import run_name
from evolvent.training.problem import given_problem, problem_in_file
from evolvent.training.run import read_config
from tests.commands import SMALL, SMALL_FLAGS

QUICK = {**SMALL, "generations": 2, "engine": "inline"}
QUICK_FLAGS = (*SMALL_FLAGS, "--generations", "2", "--engine", "inline")
WORLDS = """
import gymnasium
from gymnasium.envs.classic_control import CartPoleEnv, MountainCarEnv
from gymnasium.wrappers import TimeLimit

class Carts:
    @classmethod
    def make(cls, render_mode=None):
        return CartPoleEnv(render_mode=render_mode)

def make_env(limit=20, render_mode=None):
    return TimeLimit(MountainCarEnv(render_mode=render_mode), limit)

def needs(limit):
    return make_env(limit)

def fails():
    raise OSError("no licence")

def nothing():
    return 3

number = 4
gymnasium.register("factories/Hill-v0", MountainCarEnv, max_episode_steps=30, reward_threshold=-20.0)
gymnasium.register("twice-v0", MountainCarEnv, max_episode_steps=40)
def twice():
    raise AssertionError("the id is meant")
"""


@pytest.fixture(autouse=True)
def _worlds(tmp_path, monkeypatch):
    """Give each test a package with a module of its own, and forget it afterwards."""
    folder = tmp_path / "simulators"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "hills.py").write_text(WORLDS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    known = dict(gymnasium.registry)
    yield
    gymnasium.registry.clear()
    gymnasium.registry.update(known)
    for name in ("simulators.hills", "simulators"):
        sys.modules.pop(name, None)


def carts(**settings):
    return CartPoleEnv(**settings)


def num_inputs(spec):
    space: Any = spec.observation_space
    return space.size


def said(capsys, *words):
    code = run_command(list(words))
    out, err = capsys.readouterr()
    return code, out, err


# --- what a text means ---


def test_a_function_makes_the_environment_and_takes_the_arguments():
    spec = describe("simulators.hills:make_env", {"limit": 7})
    assert (spec.id, spec.max_episode_steps, spec.reward_threshold) == ("simulators.hills:make_env", 7, None)
    assert num_inputs(spec) == 2


def test_a_class_and_a_method_of_one_are_functions_too():
    for env_id in ("gymnasium.envs.classic_control:CartPoleEnv", "simulators.hills:Carts.make"):
        spec = describe(env_id)
        assert (num_inputs(spec), spec.max_episode_steps) == (4, DEFAULT_CAP)


@pytest.mark.parametrize(("name", "limit"), [("factories/Hill-v0", 30), ("twice-v0", 40)])
def test_an_id_is_meant_where_there_is_one(name, limit):
    assert factory_of(f"simulators.hills:{name}") is None
    assert describe(f"simulators.hills:{name}").max_episode_steps == limit


@pytest.mark.filterwarnings("ignore:.*Using the latest versioned environment")
def test_an_id_without_its_version_is_meant_before_a_function():
    assert factory_of("simulators.hills:twice") is None
    assert describe("simulators.hills:twice").max_episode_steps == 40


def test_a_class_that_is_called_like_a_world_of_gymnasium_is_that_class():
    module = importlib.import_module("simulators.hills")
    module.Taxi = type("Taxi", (MountainCarEnv,), {"__module__": module.__name__})  # pyright: ignore[reportAttributeAccessIssue]
    spec = describe("simulators.hills:Taxi")
    assert (num_inputs(spec), spec.max_episode_steps) == (2, DEFAULT_CAP)
    assert text_of(module.Taxi) == "simulators.hills:Taxi"
    assert not only_here("simulators.hills:Taxi")


@pytest.mark.parametrize(
    ("make_env", "limit", "threshold"),
    [
        (lambda: gymnasium.make("CartPole-v1"), 500, 475.0),
        (lambda: gymnasium.make("CartPole-v1", max_episode_steps=60), 60, 475.0),
        (lambda: TimeLimit(gymnasium.make("CartPole-v1"), 90), 90, 475.0),
        (lambda: TransformReward(gymnasium.make("CartPole-v1"), float), 500, None),
        (lambda: RescaleObservation(TimeLimit(MountainCarEnv(), 80), np.float32(-1), np.float32(1)), 80, None),
        (MountainCarEnv, DEFAULT_CAP, None),
    ],
)
def test_limits_are_those_of_what_was_made(make_env, limit, threshold):
    spec = describe(text_of(make_env))
    assert (spec.max_episode_steps, spec.reward_threshold) == (limit, threshold)


@pytest.mark.parametrize(
    ("env_id", "error", "message"),
    [
        (
            "simulators.hills:mkae_env",
            UsageError,
            'registers no mkae_env and has no function mkae_env; did you mean "make_env"?',
        ),
        ("simulators.hills:number", UsageError, "registers no number and has no function number"),
        ("simulators.hills:Hill-v1", UsageError, "simulators.hills was imported and registers no Hill-v1"),
        ("simulators.hills:nothing", UsageError, "gave a int, expected an environment of Gymnasium's"),
        ("simulators.hills:needs", UsageError, "missing 1 required positional argument: 'limit'; give it: --env-kwargs"),
        ("simulators.hills:fails", EnvironmentFailed, "simulators.hills:fails cannot be built: OSError: no licence"),
        ("simulators.valleys:make_env", UsageError, "No module named 'simulators.valleys'"),
        ("../hills:make_env", UsageError, "names no module before the colon"),
        ("__main__:make_env", UsageError, "is found in that script alone; give the name of its file"),
    ],
)
def test_a_text_that_makes_nothing_is_refused(env_id, error, message):
    with pytest.raises(error, match=re.escape(message)):
        make(env_id)


def test_a_module_that_lies_here_and_is_not_looked_for_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if folder != str(tmp_path)])
    with pytest.raises(UsageError, match=r"there is simulators.hills\.py here, where python -m evolvent looks"):
        make("simulators.hills:make_env")


def test_arguments_that_a_function_does_not_take_are_told():
    with pytest.raises(UsageError, match=r"env_kwargs: simulators\.hills:make_env: .*unexpected keyword argument 'length'"):
        make("simulators.hills:make_env", env_kwargs={"length": 3})
    with pytest.raises(EnvironmentFailed, match=r"simulators\.hills:fails cannot be shown or filmed: it takes no render_mode"):
        make("simulators.hills:fails", "rgb_array")


def test_a_function_is_shown_with_its_render_mode():
    with closing(make("simulators.hills:make_env", "rgb_array")) as env:
        assert env.render_mode == "rgb_array"


# --- what is given in Python ---


def test_a_function_at_the_top_of_a_module_is_found_by_its_text():
    text = text_of(carts)
    assert text == f"{__name__}:carts"
    assert not only_here(text)
    assert factory_of(text) is carts


def test_other_functions_are_found_in_this_process_only():
    def local():
        return CartPoleEnv()

    for factory in (local, lambda limit=9: TimeLimit(CartPoleEnv(), limit), partial(CartPoleEnv)):
        text = text_of(factory)
        assert only_here(text)
        assert factory_of(text) == factory
    assert text_of(partial(local)) == "functools:<partial>"
    assert text_of(local) == f"{__name__}:test_other_functions_are_found_in_this_process_only.<locals>.local"


@pytest.mark.parametrize("name", ["my-script", "no_such_module"])
def test_a_function_of_a_module_without_a_proper_name_is_made_use_of_here(name, monkeypatch):
    monkeypatch.setattr(carts, "__module__", name)
    text = text_of(carts)
    assert (text, only_here(text)) == (f"{name}:carts", True)
    assert ev.evolve(carts, runs_dir=None, **QUICK).env == text


def test_the_newest_function_of_a_text_is_meant():
    texts, made = set(), []
    for number in (1, 2):
        texts.add(text := text_of(lambda number=number: number))
        factory = factory_of(text)
        assert factory is not None
        made.append(factory())
    assert len(texts) == 1
    assert made == [1, 2]


@pytest.mark.parametrize("main", [None, "", "<stdin>"])
def test_what_was_typed_in_is_found_in_this_process_only(monkeypatch, main):
    monkeypatch.setattr(sys.modules["__main__"], "__file__", main, raising=False)
    assert only_here("__main__:make_env")
    monkeypatch.setattr(sys.modules["__main__"], "__file__", __file__)
    assert not only_here("__main__:make_env")


def test_a_task_of_a_local_function_stays_in_its_process():
    with (
        closing(ev.GymEnv(text_of(lambda limit=9: TimeLimit(carts(), limit)), ev.MLP(sizes=(4, 2)))) as task,
        pytest.raises(TypeError, match="only"),
    ):
        task.__getstate__()


def test_a_spec_gives_what_differs_from_the_registered_world():
    assert named(gymnasium.spec("CartPole-v1")) == ("CartPole-v1", {}, None)
    with closing(gymnasium.make("Pendulum-v1", g=3.7, render_mode="rgb_array", max_episode_steps=50)) as env:
        assert named(env.spec) == ("Pendulum-v1", {"g": 3.7}, 50)
        assert named(env.unwrapped.spec) == ("Pendulum-v1", {"g": 3.7}, None)


def test_specs_that_text_cannot_name_are_refused():
    with closing(TransformReward(gymnasium.make("CartPole-v1"), float)) as env, pytest.raises(UsageError, match="has wrappers"):
        named(env.spec)
    with pytest.raises(UsageError, match="Nowhere-v0, the world of the spec, is not registered"):
        named(EnvSpec("Nowhere-v0"))


def test_an_environment_itself_is_refused():
    with closing(gymnasium.make("CartPole-v1")) as env, pytest.raises(UsageError, match=r"give env\.spec, or a function"):
        ev.evolve(env)  # pyright: ignore[reportArgumentType]
    with pytest.raises(UsageError, match=r"expected the id of a world, a function that makes one, .* got int"):
        ev.evolve(3)  # pyright: ignore[reportArgumentType]


# --- runs ---


def test_a_function_is_evolved_in_and_gone_on_with(tmp_path):
    whole = ev.evolve(carts, runs_dir=tmp_path, name="whole", **{**QUICK, "generations": 4})
    ev.evolve(carts, runs_dir=tmp_path, name="half", **QUICK)
    folder = ev.open_run("half", tmp_path)
    with pytest.raises(UsageError, match=f"if you trust it, give it: --env {__name__}:carts"):
        ev.resume(folder, changes={"generations": 4})
    with pytest.raises(UsageError, match=r"env: .* is of .*carts', got .*CartPoleEnv"):
        ev.resume(folder, env=CartPoleEnv)
    assert ev.resume(folder, env=carts, changes={"generations": 4}).progress.digest == whole.progress.digest


def test_a_lambda_is_evolved_in_and_gone_on_with(tmp_path):
    make_env = lambda: CartPoleEnv()  # noqa: E731, PLW0108 - the point
    run = ev.evolve(make_env, runs_dir=tmp_path, **QUICK)
    assert run.folder is not None
    with pytest.raises(UsageError, match=r"a function that no file holds; go on in Python"):
        ev.resume(run.folder, changes={"generations": 3})
    assert ev.resume(run.folder, env=make_env, changes={"generations": 3}).progress.generation == 3


def test_a_spec_is_evolved_in_with_its_arguments(tmp_path):
    with closing(gymnasium.make("Pendulum-v1", g=3.7, max_episode_steps=50)) as env:
        settings = {name: value for name, value in QUICK.items() if name != "max_steps"}
        run = ev.evolve(env.spec, runs_dir=tmp_path, **settings)  # pyright: ignore[reportArgumentType]
        assert (run.env, run.config.env_kwargs, run.config.max_steps) == ("Pendulum-v1", ("g=3.7",), 50)
        run = ev.evolve(env.spec, runs_dir=None, env_kwargs=["g=2"], **QUICK)  # pyright: ignore[reportArgumentType]
        assert (run.config.env_kwargs, run.config.max_steps) == (("g=2",), SMALL["max_steps"])


def test_the_function_of_a_script_is_that_of_its_module():
    assert problem_in_file("__main__:carts", carts, "run.toml") == f"{__name__}:carts"
    assert problem_in_file("walks:carts", "__main__:carts", "run.toml") == "__main__:carts"
    for other in ("__main__:other", "CartPole-v1"):
        with pytest.raises(UsageError, match=r"env: run\.toml is of"):
            problem_in_file("__main__:carts", other, "run.toml")
    assert given_problem("CartPole") == ("CartPole-v1", {})


@pytest.mark.parametrize("words", [["simulators.hills:make_env"], ["--env-factory", "simulators.hills:make_env"]])
def test_the_command_takes_a_function(capsys, tmp_path, words):
    code, out, err = said(
        capsys, "train", *words, "--env-kwargs", "limit=12", "--name", "first", *QUICK_FLAGS, "--max-steps", "90"
    )
    assert (code, err) == (0, "")
    folder = ev.open_run("first")
    assert folder.name == "hills-make_env/first"
    assert read_config(folder)[0] == "simulators.hills:make_env"
    assert "--env simulators.hills:make_env" in out
    assert said(capsys, "resume", "first", "--generations", "3")[0] == UsageError.exit_code
    named_again = ("--env", "simulators.hills:make_env")
    code, out, _ = said(capsys, "evaluate", "first", *named_again, "--episodes", "4")
    assert (code, "4 of them ended by the limit" in out, "-12.0" in out) == (0, True, True)
    assert said(capsys, "resume", "first", *named_again, "--generations", "3")[0] == 0
    pytest.importorskip("pygame")
    code, _, err = said(capsys, "record", "first", *named_again, "--max-steps", "5", "--out", str(tmp_path / "x.gif"))
    assert (code, err) == (0, "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--env-factory", "make_env"], "--env-factory: expected module:function, such as"),
        (["CartPole-v1", "--env-factory", "a:b"], "--env-factory: expected alone, got CartPole-v1 besides"),
        (["simulators.hills:needs"], "missing 1 required positional argument"),
        (["simulators.hills:make_env", "--world", "compiled"], "simulators.hills:make_env has no compiled form"),
    ],
)
def test_what_the_command_cannot_take_is_told(capsys, words, message):
    code, out, err = said(capsys, "train", *words, "--quiet")
    assert (code, out) == (2, "")
    assert message in err


def test_an_argument_that_a_function_needs_is_taken_from_a_file_too(capsys, tmp_path):
    (tmp_path / "settings.toml").write_text('env = "simulators.hills:needs"\nenv_kwargs = ["limit=9"]\n')
    words = ("--config", "settings.toml", *QUICK_FLAGS, "--quiet")
    code, _, err = said(capsys, "train", *words)
    assert (code, "whose module would be imported" in err) == (2, True)
    assert said(capsys, "train", "simulators.hills:needs", *words) == (0, "", "")
    (tmp_path / "local.toml").write_text('env = "a:test.<locals>.make_env"\n')
    assert "which no file holds" in said(capsys, "train", "--config", "local.toml")[2]


def test_a_policy_never_decides_which_function_is_called(capsys, tmp_path):
    run = ev.evolve("simulators.hills:make_env", runs_dir=None, **QUICK)
    path = str(run.best.save(tmp_path / "policy.safetensors"))
    code, _, err = said(capsys, "evaluate", path)
    assert (code, "if you trust its module, say so: --env simulators.hills:make_env" in err) == (2, True)


def test_a_policy_is_filmed_in_what_a_function_or_a_spec_makes(tmp_path):
    pytest.importorskip("pygame")
    policy = ev.evolve(carts, runs_dir=None, **QUICK).best
    recording = ev.record(policy, carts, tmp_path / "carts.gif", max_steps=3)
    assert recording.episodes[0].steps == 3
    with closing(gymnasium.make("MountainCar-v0", goal_velocity=0.1, max_episode_steps=4)) as env:
        assert env.spec is not None
        policy = ev.evolve(env.spec, runs_dir=None, **QUICK).best
        assert ev.record(policy, env.spec, tmp_path / "hill.gif").episodes[0].steps == 4
        recording = ev.record(policy, env.spec, tmp_path / "hill.gif", max_steps=2, env_kwargs={"goal_velocity": 0.2})
        assert recording.episodes[0].steps == 2
    with pytest.raises(UsageError, match=r"env: expected a world, got .*, which is data or a function"):
        ev.record(policy, ev.Function(sum, dim=2), tmp_path / "x.gif")  # pyright: ignore[reportArgumentType]


# --- names ---


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a.long.package:make_env", "package-make_env"),
        ("__main__:make_env", "main__-make_env"),
        ("a:f.<locals>.<lambda>", "a-f.locals.lambda"),
        ("package.mazes:Maze-v0", "mazes-Maze-v0"),
        ("warehouses:make_robot_environment", "warehouses-make_robot_e-%s"),
    ],
)
def test_a_function_gives_its_folder_a_short_name(text, name):
    found = run_name.safe_name(text)
    assert found == (name % found[-8:] if "%" in name else name)
    assert len(found) <= 32
    assert found != run_name.safe_name(f"{text}_2")


def test_what_a_module_needs_and_is_not_there_is_named(tmp_path, monkeypatch):
    (tmp_path / "needy.py").write_text("import no_such_thing\n\n\ndef make(): ...\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match=r"^env: needy:make: the module needy needs 'no_such_thing', which is not installed$"):
        describe("needy:make")
