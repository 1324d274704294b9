"""The benchmark that tries every world of Gymnasium's, as a user would."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import gymnasium
import pytest

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
RAN = {
    "seconds": 3.25,
    "observations": "Box(low, high, (4,), float32)",
    "actions": "Discrete(2)",
    "network": "4-16-2",
    "form": "compiled, on threads",
    "steps": 111676,
    "steps_per_second": 25258.0,
}
PLACE = {"load_before": 0.2, "day": "1 May 2026", "machine": {"cores": 2, "processor": "CPU", "system": "Linux"}}
PLACE["versions"] = {"python": "3.11", "evolvent": "0.1.0", "gymnasium": "1.4.0"}


@pytest.fixture
def table(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("worlds_table")


def test_the_newest_of_each_world_is_tried(table):
    worlds = table.all_worlds()
    assert {"CartPole-v1", "FrozenLake8x8-v1", "LunarLanderContinuous-v3", "HumanoidStandup-v5", "ALE/Pong-v5"} <= worlds.keys()
    assert worlds.keys().isdisjoint({"CartPole-v0", "Ant-v4", "Ant-v3", "CarRacing-v3", "phys2d/CartPole-v1"})
    assert set(worlds.values()) == {"classic control", "toy text", "Box2D", "MuJoCo", "Atari"}


def test_a_world_of_the_users_own_is_none_of_gymnasiums(table):
    gymnasium.register("table/Own-v0", "gymnasium.envs.classic_control:CartPoleEnv")
    try:
        assert "Own-v0" not in table.all_worlds()
        assert "table/Own-v0" not in table.all_worlds()
    finally:
        gymnasium.registry.pop("table/Own-v0")


@pytest.mark.parametrize(
    ("code", "stderr", "left", "problem"),
    [
        (0, "", ["runs"], ""),
        (2, "first\nevolvent: env: no\n", [], "exit code 2: evolvent: env: no"),
        (1, "", [], "exit code 1: nothing was said"),
        (0, "DeprecationWarning: old\n", ["runs"], "stderr: DeprecationWarning: old"),
        (0, "", ["runs", "MUJOCO_LOG.TXT"], "left in the current folder: MUJOCO_LOG.TXT"),
    ],
)
def test_what_a_user_would_complain_of_is_told(table, code, stderr, left, problem):
    assert table.complaint(code, stderr, left) == problem


def test_the_page_holds_a_row_for_each_world(table, monkeypatch, tmp_path):
    page, results = tmp_path / "page.md", tmp_path / "results.json"
    page.write_text(f"above\n{table.BEGIN}\nold\n{table.END}\nbelow\n")
    monkeypatch.setattr(table, "PAGE", page)
    monkeypatch.setattr(table, "RESULTS", results)
    table.keep({"FrozenLake-v1": {"seconds": 1.0, "problem": "exit code 2"}, "CartPole-v1": RAN}, 0.2)
    table.keep({"FrozenLake-v1": RAN}, 3.5)
    kept = json.loads(results.read_text())
    assert list(kept["rows"]) == ["CartPole-v1", "FrozenLake-v1"]
    assert kept["load_before"] == 3.5
    text = page.read_text()
    assert text.startswith(f"above\n{table.BEGIN}\n\n| world |")
    assert text.endswith(f"\n\n{table.END}\nbelow\n")
    assert "| `CartPole-v1` | classic control | Box(low, high, (4,), float32) | Discrete(2) | 4-16-2 |" in text
    assert "busy" in text
    assert "old" not in text


def test_a_world_that_failed_says_so_in_its_row(table):
    text = table.page_part({**PLACE, "rows": {"Taxi-v4": {"problem": "exit code 1: a | b"}}})
    assert "| `Taxi-v4` | toy text | exit code 1: a \\| b | – | – | FAILED | – | – | – |" in text
    assert "busy" not in text


def test_a_page_without_its_marks_is_left_alone(table, monkeypatch, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("no marks")
    monkeypatch.setattr(table, "PAGE", page)
    monkeypatch.setattr(table, "RESULTS", tmp_path / "results.json")
    with pytest.raises(SystemExit, match="expected the lines"):
        table.keep({"CartPole-v1": RAN}, 0.0)
    assert page.read_text() == "no marks"


def test_an_unknown_world_is_refused():
    words = [sys.executable, str(FOLDER / "worlds_table.py"), "--worlds", "Cartpole-v1"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "--worlds: unknown: Cartpole-v1; known are Acrobot-v1" in done.stderr


@pytest.mark.slow
@pytest.mark.compiled
@pytest.mark.parametrize("env_id", ["Pendulum-v1", "FrozenLake-v1", "LunarLander-v3"])
def test_a_world_runs_with_nothing_but_its_id(table, tmp_path, env_id):
    row = table.try_out(env_id, tmp_path)
    assert "problem" not in row, row
    assert row["heading"].startswith(f"{env_id} (")
    assert row["steps"] > 0
