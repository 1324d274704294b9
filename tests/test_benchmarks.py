from __future__ import annotations

import importlib
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import evolvent as ev
from benchmarks._harness import Bar, block, median_ratio, quantity

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
SMALLER = {
    "article": ["--seeds", "1", "--block-seconds", "0.05", "--episode-cap", "200"],
    "cartpole": ["--seeds", "2", "--gymnasium-episodes", "10"],
    "operators": ["--seeds", "1"],
    "startup": ["--first", "1", "--after", "1"],
}
RATIOS = {
    "article": {"ours1_over_article", "ours2_over_article", "ours1_over_vector", "ours2_over_vector", "ours2_over_ours1"},
    "cartpole": {"solved", "solved_in_gymnasium", "agree_with_gymnasium"},
    "operators": {"cartpole_reached", "xor_reached", "rastrigin_reached"},
    "startup": {"first_over_after", "load_over_floor"},
}


def run_quick(name: str) -> dict[str, Any]:
    """Run a benchmark as a person would, smaller still, and return the last line of its stdout."""
    command = [sys.executable, str(FOLDER / f"{name}.py"), "--quick", "--json", *SMALLER[name]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=55)
    result = json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}
    assert result, done.stderr
    assert done.returncode == (0 if all(bar["met"] for bar in result["bars"].values()) else 1), done.stderr
    assert done.stderr.count("missed: ") == sum(not bar["met"] for bar in result["bars"].values())
    return result


@pytest.mark.slow
@pytest.mark.compiled
@pytest.mark.parametrize("name", sorted(SMALLER))
def test_the_json_names_every_ratio_and_where_it_was_measured(name: str) -> None:
    result = run_quick(name)
    assert result["benchmark"] == name
    assert set(result["ratios"]) == RATIOS[name]
    assert all(math.isfinite(ratio) for ratio in result["ratios"].values())
    assert result["machine"]["cores"] >= 1
    assert result["versions"]["numba"]
    assert result["commit"]
    if name == "article":
        assert_equally_long_episodes(result["rows"])


def assert_equally_long_episodes(rows: list[dict[str, Any]]) -> None:
    """All contestants that measure whole generations play the same game with the same networks."""
    _, vector, one, two = (row["per_episode"] for row in rows)
    assert one == two
    assert vector == pytest.approx(one, rel=0.1)


def test_every_benchmark_is_tested() -> None:
    assert {path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_")} == set(SMALLER)


def test_the_articles_network_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    article, job = importlib.import_module("article"), importlib.import_module("_article_job")
    spec = ev.ENVS["CartPole-v1"].spec
    observations = np.random.default_rng(0).normal(size=(50, 4))
    for row in job.NETWORK.initialise(4, ev.stream(0, "test")):
        theirs = article.ArticleNetwork(row)
        ours = ev.Policy(job.NETWORK, row, observation_space=spec.observation_space, action_space=spec.action_space)
        assert [theirs._act(each) for each in observations] == ours.act(observations).tolist()


@pytest.mark.parametrize(
    ("bar", "met"),
    [
        (Bar(value=500, bound=500), True),
        (Bar(value=499.9, bound=500), False),
        (Bar(value=300, bound=300, at_least=False), False),
        (Bar(value=300, bound=300, at_least=False, or_equal=True), True),
        (Bar(value=math.nan, bound=1), False),
        (Bar(value=math.nan, bound=1, at_least=False), False),
    ],
)
def test_a_bar_is_met_or_missed(bar: Bar, *, met: bool) -> None:
    assert bar.met is met


def test_a_block_lasts_as_long_as_asked() -> None:
    count, seconds = block(lambda: 2, 0.01)
    assert count >= 2
    assert seconds >= 0.01


def test_a_ratio_is_taken_within_its_round() -> None:
    assert median_ratio([10.0, 60.0, 8.0], [1.0, 2.0, 1.0]) == 10.0


@pytest.mark.parametrize(
    ("value", "text"), [(0.03571, "0.0357"), (23.04, "23.0"), (477.75, "477.8"), (1234.5, "1,234"), (500.0, "500")]
)
def test_a_quantity_is_short(value: float, text: str) -> None:
    assert quantity(value) == text
