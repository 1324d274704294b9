from __future__ import annotations

import importlib
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import evolvent as ev
from benchmarks._harness import Bar, block, median_ratio, quantity

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
SMALLER = {
    "algorithms": ["--problems", "sphere 10", "CartPole-v1", "--algorithms", "cma_es", "random_search"],
    "compiling": [],
    "article": ["--seeds", "1", "--block-seconds", "0.05", "--episode-cap", "200"],
    "champions": ["--seeds", "2"],
    "cartpole": ["--seeds", "2", "--gymnasium-episodes", "10"],
    "claims": ["--seeds", "1", "--rounds", "1", "--block-seconds", "0.02"],
    "floor": ["--rounds", "1", "--block-seconds", "0.02", "--episode-cap", "200"],
    "generation": ["--rounds", "1", "--block-seconds", "0.02"],
    "mujoco_worlds": ["--worlds", "Hopper-v5", "--rounds", "1", "--block-seconds", "0.02"],
    "operators": ["--seeds", "1"],
    "overhead": ["--worlds", "CartPole-v1", "--rounds", "1", "--block-seconds", "0.02"],
    "poles": ["--row", "one", "--runs", "2"],
    "presets": ["--seeds", "1"],
    "scaling": ["--rounds", "1", "--block-seconds", "0.02"],
    "soak": ["--generations", "50", "--times", "2"],
    "startup": ["--first", "1", "--after", "1"],
    "workers": ["--worlds", "CartPole-v1", "--rounds", "1", "--block-seconds", "0.02", "--starts", "1", "--kills", "1"],
    "worlds": ["--worlds", "Pendulum-v1", "--rounds", "1", "--block-seconds", "0.02"],
    "worlds_table": ["--worlds", "CartPole-v1"],
}
RATIOS = {
    "algorithms": {"reached sphere 10", "reached CartPole-v1"},
    "compiling": {"CartPole-v1 16 relu"},
    "article": {"ours1_over_article", "ours2_over_article", "ours1_over_vector", "ours2_over_vector", "ours2_over_ours1"},
    "champions": {"as_published", "put_right", "our_own", "as_published_returns_a_child"},
    "cartpole": {"solved", "solved_in_gymnasium", "agree_with_gymnasium"},
    "claims": {
        "backward_over_forward",
        "memory_both_over_forward",
        "passes_evolution_over_descent",
        "quadratic_evolution_over_descent",
        "logistic_evolution_over_descent",
        "rastrigin_evolution",
        "rastrigin_descent",
        "turned_rastrigin_evolution",
        "needle_growth_evolution",
        "needle_growth_random",
        "slope_growth_evolution",
        "threads_64",
        "threads_1024",
    },
    "generation": {"over_copy_256x10000", "over_copy_1024x10000", "over_copy_64x1000000"},
    "floor": {
        "whole2_over_article",
        *(
            f"{population}_{pair}_{threads}"
            for population in ("random", "evolved")
            for pair in (
                "lanes_over_c_lanes",
                "lanes_over_c_tuned",
                "lanes_over_c_tuned_float32",
                "lanes_over_c_scalar",
                "scalar_over_c_scalar",
            )
            for threads in (1, 2)
        ),
    },
    "mujoco_worlds": {f"{name}_Hopper-v5" for name in ("over_task", "over_loop", "floor", "two_over_one")},
    "overhead": {"here_CartPole-v1", "process_CartPole-v1"},
    "operators": {"cartpole_reached", "xor_reached", "rastrigin_reached"},
    "poles": {"one"},
    "scaling": {
        *(f"threads_{rows}_{size}" for rows in ("random", "evolved") for size in (64, 256)),
        "population_random",
        "population_evolved",
        "memory",
        "fused_over_strict",
        "share_4-16-2_alone",
        "share_4-16-2_lanes",
        "chosen_CartPole-v1_relu_114",
        "chosen_CartPole-v1_tanh_114",
        "tanh_over_relu",
    },
    "soak": {f"growth_{name}" for name in ("memory_main", "memory_worker", "files", "threads", "shared_memory")},
    "startup": {"first_over_after", "load_over_floor"},
    "workers": {"two_over_one_CartPole-v1"},
    "presets": {"solved"},
    "worlds": {"Pendulum-v1"},
    "worlds_table": {"ran"},
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
@pytest.mark.usefixtures("_processes_unmeasured")
@pytest.mark.parametrize("name", sorted(SMALLER))
def test_the_json_names_every_ratio_and_where_it_was_measured(name: str) -> None:
    if name == "mujoco_worlds":
        pytest.importorskip("mujoco")
    if name == "floor" and not shutil.which("gcc"):
        pytest.skip("no gcc to build what C does")
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


@pytest.mark.slow
@pytest.mark.compiled
@pytest.mark.skipif(not shutil.which("gcc"), reason="no gcc to build what C does")
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_c_plays_our_episodes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, activation: str) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    floor, programs = importlib.import_module("floor"), importlib.import_module("_floor_c")
    network = ev.MLP(sizes=(4, 16, 2), activation=activation, output_activation=activation)
    monkeypatch.setattr(floor, "MOST_EPISODES", 15)
    each = floor.games("random", network)
    reference = floor.ours(network, 16, 1)(each)
    for name in programs.PROGRAMS:
        alone, together = (floor.in_c(programs.build(name, activation, tmp_path), threads)(each) for threads in (1, 2))
        assert (alone == together).all()
        assert np.mean(alone == reference) > (0.9 if "float32" in name else 0.99)


@pytest.mark.slow
@pytest.mark.compiled
def test_without_gcc_only_ours_is_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setenv("PATH", str(tmp_path))
    floor = importlib.import_module("floor")
    players = floor.contestants(ev.MLP(sizes=(4, 16, 2)), tmp_path)
    assert len(players) == 4
    assert all(name.startswith("Evolvent") for name in players)
    assert "only Evolvent is measured: there is no gcc" in capsys.readouterr().err
    contest = floor.Contest(0.0)
    for name in ("article's loop", "Evolvent, whole"):
        contest.turn("article", name, lambda: 1)
    assert not floor.report(contest, {}, {"random": {}}).bars


def test_peers_in_gymnasiums_worlds_have_our_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER / "peers"))
    job = importlib.import_module("_python_job")
    world = job.WORLDS["LunarLander-v3"]
    network = ev.MLP(sizes=(8, job.HIDDEN, 4), activation="tanh")
    observation = np.random.default_rng(0).normal(size=8)
    for row, theirs in zip(rows := job.rows_of(world), job.transposed(rows, world), strict=True):
        first, first_bias, second, second_bias = np.split(theirs, np.cumsum([8 * 16, 16, 16 * 4]))
        hidden = np.tanh(first.reshape(16, 8) @ observation + first_bias)
        outputs, _ = network.forward()(row, network.initial_memory, observation)
        assert outputs == pytest.approx(second.reshape(4, 16) @ hidden + second_bias, abs=1e-5)


def slopes(loss: Callable[[NDArray[np.float64]], float], row: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the gradient by central differences."""
    step = 1e-5
    return np.array([(loss(row + way) - loss(row - way)) / (2 * step) for way in step * np.eye(len(row))])


def test_the_backward_pass_is_the_slope_of_the_forward_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    passes, sizes, rng = importlib.import_module("_claims_passes"), (3, 5, 4, 2), np.random.default_rng(0)
    inputs, labels, row = rng.normal(size=(7, 3)), rng.integers(0, 2, 7), rng.normal(size=ev.MLP(sizes=sizes).dim)
    by_differences = slopes(lambda each: passes.forward(passes.layers_of(each, sizes), inputs, labels), row)
    assert passes.gradient_of(row, sizes, inputs, labels) == pytest.approx(by_differences, abs=1e-8)
    into = passes.layers_of(np.empty_like(row), sizes)
    both = passes.forward_and_backward(passes.layers_of(row, sizes), inputs, labels, into)
    assert both == passes.forward(passes.layers_of(row, sizes), inputs, labels)


def test_gradient_descent_and_evolution_learn_the_same_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    passes = importlib.import_module("_claims_passes")
    data = passes.clusters(16, 4, seed=0)
    network = ev.MLP(sizes=data.sizes, initialiser="fan_in")
    task = ev.Supervised(data.inputs, data.labels, loss="cross_entropy").task(network)
    population = network.initialise(3, ev.stream(0, "test"))
    ours = task.evaluate(population, ev.Conditions(seeds=np.zeros((3, 1), np.uint64))).fitness
    theirs = [-passes.forward(passes.layers_of(row, data.sizes), data.inputs, data.labels) for row in population]
    assert ours == pytest.approx(theirs, rel=1e-4)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("_claims_convex", "quadratic"),
        ("_claims_convex", "logistic"),
        ("_claims_rugged", "rastrigin"),
        ("_claims_rugged", "ackley"),
        ("_claims_rugged", "stairs"),
        ("_claims_rugged", "valley"),
    ],
)
def test_a_gradient_is_the_slope_of_its_loss(monkeypatch: pytest.MonkeyPatch, module: str, name: str) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    make = getattr(importlib.import_module(module), name)
    problem = make(10, seed=0) if module == "_claims_convex" else make(seed=0)
    row = np.random.default_rng(0).normal(size=problem.dim)
    assert problem.gradient(row) == pytest.approx(slopes(problem.loss, row), rel=1e-5, abs=1e-6)


def test_every_picture_is_drawn_from_the_published_figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    published = json.loads((FOLDER / "results" / "claims.json").read_text(encoding="utf-8"))
    importlib.import_module("_claims_pictures").draw(published, tmp_path)
    pictures = {path.name for path in (FOLDER.parent / "docs" / "images").glob("claims-*.png")}
    assert {path.name for path in tmp_path.iterdir()} == pictures
    page = (FOLDER.parent / "docs" / "claims.md").read_text(encoding="utf-8")
    assert all(f"(images/{name})" in page for name in pictures)


def test_the_page_on_algorithms_and_its_pictures_are_those_of_the_published_figures(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    published = json.loads((FOLDER / "results" / "algorithms.json").read_text(encoding="utf-8"))
    algorithms = importlib.import_module("algorithms")
    assert tuple(published["found"]) == algorithms.PROBLEMS
    page = (FOLDER.parent / "docs" / "algorithms.md").read_text(encoding="utf-8")
    assert algorithms.page_part(published) in page
    importlib.import_module("_algorithms_pictures").draw(published["found"], tmp_path)
    pictures = {path.name for path in (FOLDER.parent / "docs" / "images").glob("algorithms-*.png")}
    assert {path.name for path in tmp_path.iterdir()} == pictures
    assert all(f"(images/{name})" in page for name in pictures)


@pytest.mark.parametrize("name", ["sphere", "ellipsoid", "turned_ellipsoid", "rosenbrock", "rastrigin"])
def test_a_function_that_algorithms_are_measured_on_has_its_optimum_at_zero(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    values = getattr(importlib.import_module("_algorithms_functions"), name)
    rows = 0.3 * np.random.default_rng(0).normal(size=(50, 10))
    assert values(np.zeros((1, 10))) == pytest.approx(0)
    assert values(rows).min() > 0
    if name == "turned_ellipsoid":
        curvatures = np.linalg.eigvalsh(_hessian(values, 10))
        assert curvatures == pytest.approx(2 * 10 ** (3 * np.arange(10) / 9), rel=1e-6)


def _hessian(values: Callable[[NDArray[np.float64]], NDArray[np.float64]], dim: int) -> NDArray[np.float64]:
    """Return that of a quadratic function whose lowest value is 0, at 0."""
    unit = np.eye(dim)
    alone = values(unit)
    return values((unit[:, np.newaxis] + unit).reshape(-1, dim)).reshape(dim, dim) - alone[:, np.newaxis] - alone


def test_a_gradient_is_charged_as_three_evaluations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    searches = importlib.import_module("_claims_searches")
    bowl = searches.Problem(lambda row: float(row @ row) / 4, lambda row: row / 2, 2, 1e-9)
    found = searches.descent(bowl, iter([np.array([3.0, 4.0])]), budget=100)
    assert found == (4, 0.0)  # a gradient, and one trial of a step of two


def test_mutation_finds_the_needle_as_often_as_the_theory_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    needle = importlib.import_module("_claims_global")
    rows = np.random.default_rng(0).normal(size=(200_000, 2))
    share = np.mean([needle.trap(row) == -1 for row in rows])
    assert share == pytest.approx(1 / needle.expected(2), rel=0.05)


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
