"""Presets: the table, what was measured, and the page say the same; a run and the list of worlds say which is taken."""

import importlib
import json
from pathlib import Path

import pytest

from evolvent.cli.main import run as run_command
from evolvent.cli.progress import heading
from evolvent.spaces import Box, Discrete
from evolvent.training.beginning import default_config, usual_settings
from evolvent.training.config import Config, merge
from evolvent.training.presets import PRESETS
from evolvent.training.worlds import env_spec

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def measuring(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("presets")


# --- the table ---


@pytest.mark.parametrize("env", sorted(PRESETS))
def test_a_preset_makes_a_run_of_a_known_world(env):
    config = default_config(env)
    assert config == merge(config, PRESETS[env].settings, "preset")
    assert "algorithm" in PRESETS[env].settings, "a preset says what it was tuned for"
    assert config.max_steps == PRESETS[env].settings.get("max_steps", env_spec(env).max_episode_steps)


@pytest.mark.parametrize("env", sorted(PRESETS))
def test_what_a_preset_claims_was_measured_with_these_settings(measuring, env):
    rows = json.loads(measuring.RESULTS.read_text(encoding="utf-8"))["rows"]
    claimed = PRESETS[env].measured
    assert (claimed is None) == (env not in rows)
    if claimed is not None:
        assert {run["settings"] for run in rows[env].values()} == {measuring.fingerprint(env)}
        assert claimed == measuring.summary(rows[env])


def test_the_page_shows_what_was_measured(measuring):
    result = json.loads(measuring.RESULTS.read_text(encoding="utf-8"))
    assert measuring.page_part(result) in (ROOT / "docs" / "presets.md").read_text(encoding="utf-8")


# --- measuring ---


def test_runs_are_kept_one_by_one_until_settings_change(measuring, monkeypatch, tmp_path):
    results, page = tmp_path / "presets.json", tmp_path / "presets.md"
    page.write_text(f"above\n{measuring.BEGIN}\nold\n{measuring.END}\nbelow\n", encoding="utf-8")
    monkeypatch.setattr(measuring, "RESULTS", results)
    monkeypatch.setattr(measuring, "PAGE", page)
    found = {
        "settings": "one",
        "score": 480.0,
        "solved": True,
        "training_steps": 1234,
        "validation_steps": 100,
        "seconds": 0.5,
    }
    measuring.keep("CartPole-v1", 1, found, 0.1)
    measuring.keep("CartPole-v1", 0, {**found, "score": 400.0, "solved": False, "training_steps": 4321}, 2.5)
    row = measuring.kept()["rows"]["CartPole-v1"]
    assert list(row) == ["0", "1"]
    summary = measuring.summary(row)
    assert (summary.score, summary.seeds, summary.solved, summary.training_steps) == (440.0, 2, 1, 2780)
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"above\n{measuring.BEGIN}\n\n| world |")
    assert text.endswith(f"{measuring.END}\nbelow\n")
    assert "| `CartPole-v1` | `genetic` | mlp linear | 440 | 1 | 2 |" in text
    assert "busy" in text
    measuring.keep("CartPole-v1", 2, {**found, "settings": "two"}, 0.1)
    assert list(measuring.kept()["rows"]["CartPole-v1"]) == ["2"]


def test_a_curve_keeps_where_the_champion_improved(measuring):
    curve = [(10, -float("inf")), (20, 1.0), (30, 1.0), (40, 3.0), (50, 3.0)]
    assert measuring.thinned(curve) == [(20, 1.0), (40, 3.0), (50, 3.0)]
    long = [(k, float(k)) for k in range(1000)]
    assert len(measuring.thinned(long)) == measuring.MOST_POINTS
    assert (measuring.thinned(long)[0], measuring.thinned(long)[-1]) == (long[0], long[-1])
    assert measuring.thinned([]) == measuring.thinned(curve[:1]) == []


# --- what users are told ---


def test_a_run_says_which_preset_it_takes():
    assert "(compiled world, preset), genetic, " in heading("CartPole-v1", default_config("CartPole-v1"))
    other = default_config("DoublePoleNoVelocityStarts-v0")
    assert ", no preset: defaults, normalised observations), genetic, " in heading("DoublePoleNoVelocityStarts-v0", other)
    assert ", no preset: defaults), " in heading("Maze-v0", Config())
    begun_anew = heading("PendulumNoVel-v1", default_config("PendulumNoVel-v1"))
    assert "preset), genetic, restarts ipop:growth=1.0,patience=300, population 64" in begun_anew
    assert ", recipe deep_ga), " in heading("CartPole-v1", Config(), "deep_ga")


def test_worlds_are_listed_with_what_their_presets_reach(capsys):
    assert run_command(["envs"]) == 0
    rows = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines() if line.strip()}
    for env, preset in PRESETS.items():
        assert rows[env][2] == preset.settings["algorithm"].partition(":")[0]
        assert preset.measured is None or float(rows[env][3]) == pytest.approx(preset.measured.score, rel=1e-3)


def test_measured_numbers_are_normalised_and_choices_are_not():
    box = Box.symmetric((1.0, 1.0))
    assert usual_settings(box) == {"normalise": True}
    assert usual_settings(Discrete(n=4)) == {}
    assert usual_settings(Box(low=(0.0,) * 4, high=(255.0,) * 4, shape=(4,), dtype="uint8")) == {}
