"""What a newcomer does in the first minutes, mistakes included."""

import re
import subprocess
import sys
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest

import evolvent as ev
from evolvent.article import NeuralNet
from evolvent.cli.main import run as run_command
from evolvent.cli.summary import how_to_go_on
from evolvent.envs import CARTPOLE, ENVS
from evolvent.spaces import Box
from evolvent.training import RunInterrupted

SMALL: Any = {"population": 9, "generations": 3, "max_steps": 20, "target": None, "validation_episodes": 2, "test_episodes": 2}
SIMULATOR = """
import gymnasium
import numpy as np


class Point(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        return np.zeros(1, np.float32), {}

    def step(self, action):
        return np.zeros(1, np.float32), float(action), False, False, {}


gymnasium.register("Dot-v0", entry_point=Point, max_episode_steps=5)
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (None, r"^env: expected the id of a world, a function that makes one, a Supervised or a Function, got NoneType"),
        (3, r"^env: expected the id of a world, .*, got int"),
        (lambda: None, r"^env: .*<lambda> gave a NoneType, expected an environment of Gymnasium's"),
        (gymnasium.Env, r"^gymnasium\.core:Env has no observation_space, which an environment of Gymnasium's sets"),
    ],
)
def test_what_is_no_environment_is_refused_with_the_way_to_get_one(thing, message):
    with pytest.raises(ev.EvolventError, match=message):
        ev.evolve(thing)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"mutation": "gaussian"}, r"unknown setting 'mutation'; it belongs to genetic: genetic=\{'mutation': \.\.\.\}"),
        (
            {"genetic": ev.Genetic()},
            r"genetic: expected settings by name, such as \{'selection': 'truncation:num_parents=16'\}",
        ),
        ({"callbacks": print}, r"callbacks: expected a list of functions, such as \[print\]"),
        ({"callbacks": [lambda _generation: True]}, r"callbacks: expected None or a Stop as the answer, got True"),
    ],
)
def test_arguments_of_the_wrong_kind_are_refused_with_what_is_right(settings, words):
    with pytest.raises(ev.EvolventError, match=words):
        ev.evolve("CartPole-v1", **SMALL, **settings)


def test_a_world_without_its_version_is_the_compiled_one():
    assert ev.evolve("CartPole", **SMALL, runs_dir=None).config.world == "compiled"
    assert ev.evolve("CartPole", **SMALL, runs_dir=None).env == "CartPole-v1"


@pytest.mark.parametrize("runs_dir", ["'runs'", "None"])
def test_the_first_fault_is_shown_with_a_folder_and_without(runs_dir):
    script = f"import evolvent as ev\nev.evolve(ev.Function(lambda row: missing, dim=2), runs_dir={runs_dir})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr.count("NameError: name 'missing' is not defined") == 1
    assert "errors, which are logged" in done.stderr.splitlines()[-1]


def test_a_run_and_a_network_are_a_line_each():
    run = ev.evolve("CartPole-v1", **SMALL, name="one")
    assert re.fullmatch(r"Run\('CartPole-v1', score .* ± .*, 3 generations, generations used up, .*one\)", repr(run))
    assert repr(NeuralNet((4, 2), seed=1)) == "NeuralNet(4-2, for 'CartPole-v1', seed 1)"


def test_a_run_is_found_and_goes_on_by_its_name():
    ev.evolve("CartPole-v1", **SMALL, name="one")
    assert ev.open_run("one").name == ev.open_run("latest", "runs").name
    assert ev.resume("one", changes={"generations": 4}).progress.generation == 4
    text = ev.open_run("one").run_toml.read_text(encoding="utf-8")
    with pytest.raises(ev.EvolventError, match=r"^generations: the run has 4 already, got 2"):
        ev.resume("one", changes={"generations": 2})
    assert ev.open_run("one").run_toml.read_text(encoding="utf-8") == text


@pytest.mark.filterwarnings("ignore:.*render_mode")
def test_what_the_command_tells_to_do_next_can_be_done(tmp_path, capsys, monkeypatch):
    (tmp_path / "a_simulator.py").write_text(SIMULATOR, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    flags = ["--population", "9", "--generations", "2", "--validation-episodes", "2", "--test-episodes", "2", "--name", "one"]
    assert run_command(["train", "a_simulator:Dot-v0", *flags]) == 0
    told = capsys.readouterr().out
    assert "record a_simulator-Dot-v0/one --env a_simulator:Dot-v0" in told
    assert run_command(["record", "one", "--env", "a_simulator:Dot-v0"]) == 4
    assert "cannot be shown or filmed: it takes no render_mode" in capsys.readouterr().err
    assert run_command(["resume", "one"]) == 2
    assert "give it: --env a_simulator:Dot-v0" in capsys.readouterr().err
    ev.evolve("Dot-v0", **SMALL, name="two")
    assert run_command(["resume", "two", "--env", "a_simulator:Dot-v0", "--generations", "4"]) == 0
    assert run_command(["resume", "two", "--env", "CartPole-v1"]) == 2


def test_a_module_that_only_python_finds_is_told(tmp_path):
    (tmp_path / "another_simulator.py").write_text(SIMULATOR, encoding="utf-8")
    with pytest.raises(ev.EvolventError, match=r"there is another_simulator\.py here, where python -m evolvent looks"):
        ev.evolve("another_simulator:Dot-v0")


def test_a_module_that_registers_another_id_is_told(tmp_path, monkeypatch):
    (tmp_path / "third_simulator.py").write_text(SIMULATOR.replace("Dot-v0", "Third-v0"), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    words = 'third_simulator was imported and registers no Thrid-v0; did you mean "Third-v0"'
    with pytest.raises(ev.EvolventError, match=words):
        ev.evolve("third_simulator:Thrid-v0")


@pytest.mark.parametrize("size", [3, 5])
def test_a_world_that_shows_another_number_of_values_than_it_says_is_refused(monkeypatch, size):
    spec = replace(CARTPOLE.spec, id="Odd-v0", observation_space=Box.symmetric((np.inf,) * size))
    monkeypatch.setitem(ENVS, "Odd-v0", replace(CARTPOLE, spec=spec))
    with pytest.raises(ev.EvolventError, match=rf"Odd-v0: observe gives 4 values, expected {size}, .*check_env"):
        ev.evolve("Odd-v0", runs_dir=None)


def test_workers_measure_the_worlds_of_gymnasium_by_themselves(caplog):
    runs = [ev.evolve("CartPole-v1", **SMALL, world="gymnasium", workers=workers, runs_dir=None) for workers in (1, 2)]
    assert len({run.progress.digest for run in runs}) == 1
    assert not caplog.records


def test_one_episode_is_never_called_sure():
    with pytest.raises(
        ev.EvolventError, match=r"^validation_episodes: expected at least 2, to tell when the target is reached"
    ):
        ev.evolve("CartPole-v1", validation_episodes=1)
    with pytest.raises(ev.EvolventError, match=r"^episodes: expected at least 2, to tell when the target is reached"):
        ev.evolve("CartPole-v1", episodes=1, validation_episodes=0)
    with pytest.raises(ev.EvolventError, match=r"^test_episodes: expected at least 2 where episodes differ, got 1"):
        ev.evolve("CartPole-v1", test_episodes=1)


@pytest.mark.parametrize("cap", [-1, 0, 2**63 - 1])
def test_an_episode_cap_that_never_comes_is_refused(cap):
    network = ev.MLP(sizes=[4, 2])  # pyright: ignore[reportArgumentType]
    task = ev.CompiledEnv(ev.ENVS["CartPole-v1"], network)
    rows, seeds = network.initialise(2, ev.stream(0)), ev.stream(1).bits((2, 1))
    with pytest.raises(ev.EvolventError, match=r"^episode_cap: expected 1 to 1,000,000,000 steps, got"):
        task.evaluate(rows, ev.Conditions(seeds=seeds, episode_cap=cap))
    task.close()


def test_what_resume_is_given_may_be_a_path_and_must_be_a_problem():
    run = ev.evolve("CartPole-v1", **SMALL, name="one")
    assert run.folder
    assert ev.resume(run.folder.path, env="CartPole").progress.digest == run.progress.digest
    with pytest.raises(ev.EvolventError, match=r"^env: expected the id of a world, a function that makes one, .* got int"):
        ev.resume("one", env=3)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ev.EvolventError, match=r"^env: .*run\.toml is of 'CartPole-v1', got '.*<lambda>'"):
        ev.resume("one", env=lambda: 0.0)
    ev.evolve(ev.Function(lambda _row: 0.0, dim=1), generations=1, name="two")
    with pytest.raises(ev.EvolventError, match="'function' is the name of data or of a function in Python"):
        ev.resume("two")


def test_settings_within_are_a_mapping_wherever_they_are_given():
    assert ev.Config(genetic={"num_elites": 2}).genetic.num_elites == 2  # pyright: ignore[reportArgumentType]


def test_a_run_that_was_stopped_tells_the_command_that_goes_on_with_its_world(tmp_path, monkeypatch):
    (tmp_path / "third_simulator.py").write_text(SIMULATOR.replace("Dot-v0", "Third-v0"), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    run = ev.evolve("third_simulator:Third-v0", **SMALL, name="one")
    told = how_to_go_on(RunInterrupted(run.folder, 3))
    assert told.endswith("resume runs/third_simulator-Third-v0/one --env third_simulator:Third-v0")
