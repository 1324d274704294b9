"""Nothing that a name, a file or a world says commands the terminal that a command writes to."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import evolvent as ev
from evolvent import jit
from evolvent.cli.main import COMMANDS, run
from evolvent.cli.progress import COMPILING, MEASURING, _told_of_compiling
from evolvent.cli.terminal import in_one_line, printable
from evolvent.envs import CARTPOLE
from evolvent.files import dump_json
from evolvent.jit import kernel
from evolvent.training.callbacks import COLUMNS
from tests.commands import SMALL, SMALL_FLAGS, evolvent

HOSTILE = [
    "\x1b[31mred",
    "\x1b]0;title\x07",
    "\x1b]8;;http://elsewhere\x1b\\here",
    "\x9b2J",
    "\u202eback to front",
    "over\rwritten",
    "\x08\x7f\x00",
    "a line\nevolvent: and one that is feigned",
]
WORLD = """
import warnings
import gymnasium

TEXT = {text!r}


class World(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1, 1, (4,))
    action_space = gymnasium.spaces.Discrete(2)
    metadata = {{"render_modes": ["rgb_array", "human"], "render_fps": 30}}

    def __init__(self, fails="step", render_mode=None):
        self.fails, self.render_mode = fails, render_mode
        warnings.warn(TEXT)
        if fails == "init":
            raise ValueError(TEXT)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observation_space.sample(), {{TEXT: TEXT}}

    def step(self, action):
        if self.fails == "step":
            raise type(TEXT.replace(chr(0), ""), (ValueError,), {{}})(TEXT)
        return TEXT, 0.0, True, False, {{}}


for fails in ("init", "step", "observation"):
    gymnasium.register(f"Fails-{{fails}}-v0", World, kwargs={{"fails": fails}}, max_episode_steps=5)
"""


def assert_harmless(*texts):
    for text in texts:
        assert printable(text) == text
        assert "\nevolvent: and one that is feigned" not in text


def said(capsys, *words):
    """Run a command in this process; give its exit code and its two streams, which are harmless."""
    code = run(list(words))
    out, err = capsys.readouterr()
    assert_harmless(out, err)
    return code, out, err


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def trained() -> Any:
    return ev.evolve("CartPole-v1", runs_dir="runs", name="first", **SMALL)


@given(st.text(st.characters(codec=None)))
def test_what_is_printed_has_no_control_character(text):
    assert all(c.isprintable() or c == "\n" for c in printable(text))
    assert in_one_line(text).isprintable()
    assert printable(printable(text)) == printable(text)


# --- names ---


@pytest.mark.parametrize("text", HOSTILE)
def test_no_argument_does(capsys, text):
    for name in COMMANDS:
        for words in (
            [name, text],
            [name, "--env", text],
            [name, "--runs-dir", text],
            [name, f"--{text}"],
            [name, f"--seed={text}"],
        ):
            if name == "demo" and words[1] == "--runs-dir":
                continue
            said(capsys, *words)
    for flag in ("--selection", "--mutation", "--recipe", "--activation", "--hidden", "--config", "--name"):
        assert said(capsys, "train", "CartPole-v1", flag, text)[0] == 2


@pytest.mark.parametrize("text", HOSTILE)
def test_no_name_of_a_file_that_is_made_does(trained, capsys, text):
    name = text.replace("\x00", "").replace("/", "")
    Path(name).mkdir()
    for words in (
        ["plot", "first", "--out", f"{name}/{name}.svg"],
        ["record", "first", "--max-steps", "2", "--out", f"{name}/{name}.gif"],
    ):
        code, out, _ = said(capsys, *words)
        assert (code, out.count("\n")) == (0, 1 if words[0] == "plot" else 2)
    trained.best.save(Path(name, f"{name}.safetensors"))
    assert said(capsys, "evaluate", f"{name}/{name}.safetensors", "--episodes", "2", "--max-steps", "5")[0] == 0
    Path(f"{name}.toml").write_text("sede = 3", encoding="utf-8")
    assert said(capsys, "train", "CartPole-v1", "--config", f"{name}.toml")[0] == 2


@pytest.mark.parametrize("text", HOSTILE)
def test_no_name_of_a_runs_folder_does(trained, capsys, text):
    name = text.replace("\x00", "").replace("/", "")
    trained.folder.checkpoint(5).write_bytes(b"")
    trained.folder.path.rename(trained.folder.path.with_name(name))
    for words in (["runs"], ["runs", "--json"], ["evaluate", "--episodes", "2"], ["plot"], ["resume", "--generations", "7"]):
        code, out, _ = said(capsys, *words)
        assert code == 0
        assert words != ["runs"] or out.count("\n") == 2
    assert said(capsys, "evaluate", "none")[0] == 2


@pytest.mark.parametrize("text", HOSTILE)
def test_no_name_of_data_or_of_a_function_does(capsys, text):
    few: Any = {"generations": 2, "population": 4, "runs_dir": "runs", "genetic": {"selection": "truncation:num_parents=2"}}
    ev.evolve(ev.Supervised([[0.0], [1.0]], [0, 1], metric="accuracy", name=text.replace(":", "")), name="data", **few)
    ev.evolve(ev.Function(lambda row: -abs(row).sum(), 2, name=text.replace(":", "")), name="rows", **few)
    assert said(capsys, "runs")[0] == 0
    for name in ("data", "rows"):
        for command in ("resume", "evaluate", "play", "record"):
            assert said(capsys, command, name)[0] == 2
        assert said(capsys, "train", "--config", str(ev.open_run(name, Path("runs")).run_toml))[0] == 2


def test_no_picture_of_data_does():
    data = ev.Supervised([[0.0], [1.0]], [0, 1], metric="accuracy", name=HOSTILE[0])
    ev.evolve(data, name="data", generations=2, population=4, genetic={"selection": "truncation:num_parents=2"})
    drawn = evolvent("plot", "data", "--out", "curve.svg")
    assert drawn.returncode == 0
    assert_harmless(drawn.stdout, drawn.stderr)


# --- files ---


@pytest.mark.parametrize("text", HOSTILE)
def test_no_policy_does(capsys, text):
    row = np.zeros(114, np.float32)
    spaces: Any = {"observation_space": CARTPOLE.spec.observation_space, "action_space": CARTPOLE.spec.action_space}
    told = {"evolvent": text, "seed": text, "algorithm": text, "test_mean": text, text: text}
    ev.Policy(ev.MLP(sizes=(4, 16, 2)), row, env_id=text, provenance=told, **spaces).save("a.safetensors")
    for name in ("evaluate", "play", "record"):
        assert said(capsys, name, "a.safetensors")[0] == 2
    assert said(capsys, "evaluate", "a.safetensors", "--env", "CartPole-v1", "--episodes", "2")[0] == 0


@pytest.mark.parametrize("text", HOSTILE)
def test_no_file_of_a_run_does(trained, capsys, text):
    folder = trained.folder
    manifest = json.loads(folder.manifest.read_bytes())
    manifest["versions"] = {"numpy": text, text: text}
    folder.manifest.write_text(dump_json({**manifest, "started": text, "result": {"test_mean": text}}), encoding="utf-8")
    settings = folder.run_toml.read_text(encoding="utf-8")
    for words in (["runs"], ["runs", "--json"], ["resume", "first", "--generations", "7"]):
        said(capsys, *words)
    for old, new in (("CartPole-v1", text), ("relu", text), ("truncation", text), ("seed", f"{text}seed")):
        folder.run_toml.write_text(settings.replace(old, json.dumps(new)[1:-1]), encoding="utf-8")
        for words in (["resume", "first"], ["train", "--config", str(folder.run_toml)], ["runs"]):
            assert said(capsys, *words)[0] in {0, 2, 3}
    folder.run_toml.write_text(settings, encoding="utf-8")
    folder.history.write_text(",".join(COLUMNS) + f"\n{text}\n", encoding="utf-8")
    for words in (["plot", "first"], ["resume", "first", "--generations", "8"]):
        said(capsys, *words)


# --- worlds ---


@pytest.mark.parametrize("text", [HOSTILE[0], HOSTILE[3]])
@pytest.mark.usefixtures("trained")
def test_no_world_that_fails_does(tmp_path, text):
    (tmp_path / "worlds.py").write_text(WORLD.format(text=text), encoding="utf-8")
    surroundings = {**os.environ, "PYTHONPATH": str(tmp_path), "SDL_VIDEODRIVER": "dummy"}
    for fails in ("init", "step", "observation"):
        env = f"worlds:Fails-{fails}-v0"
        tries = [["train", env, *SMALL_FLAGS], ["evaluate", "first", "--env", env, "--debug"], ["play", "first", "--env", env]]
        for words in tries if fails == "step" else tries[:1]:
            done = evolvent(*words, env=surroundings)
            assert done.returncode in {2, 4}
            assert_harmless(done.stdout, done.stderr)
            assert done.stderr.splitlines()[-1].startswith("evolvent: ") or "\n" in text


@pytest.mark.parametrize("name", ["a$b$c", "a$\\x$", "$", *HOSTILE[:3]])
def test_no_name_is_more_than_a_name_in_a_picture(name):
    data = ev.Supervised([[0.0], [1.0]], [0, 1], metric="accuracy", name=name.replace(":", ""))
    run = ev.evolve(data, name="data", generations=2, population=4, genetic={"selection": "truncation:num_parents=2"})
    assert b"\x1b" not in ev.plot(run, "curve.svg").read_bytes()


# --- compiling ---


class Shown(list):
    def update(self, text):
        self.append(text.plain)


@pytest.mark.compiled
def test_a_line_says_that_something_is_compiled_and_when_it_is_done(tmp_path, monkeypatch):
    shown: Any = Shown()
    monkeypatch.setattr(jit, "_folder", lambda: tmp_path)
    with _told_of_compiling(shown):
        kernel(lambda x: 3.0 * x + 0.123)(2.0)
        kernel(lambda x: 3.0 * x + 0.123)(2.0)
    kernel(lambda x: 3.0 * x + 0.456)(2.0)
    assert shown[-2:] == [COMPILING, MEASURING]
    assert len(shown) == 2
