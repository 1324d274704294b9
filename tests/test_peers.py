import importlib
import json
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import evolvent as ev
from benchmarks.peers import _duel, _environments, _table, run
from benchmarks.peers._contestants import CONTESTANTS, REFERENCE, Contestant

REPOSITORY = Path(__file__).resolve().parent.parent
FOLDER = REPOSITORY / "benchmarks" / "peers"
RESULTS = REPOSITORY / "benchmarks" / "results" / "peers.json"
MEASURED = {
    "peer": "one",
    "label": "One",
    "version": "One 1.0",
    "threads": 2,
    "setup_s": 1.5,
    "kinds": {
        "random": {"speed": 12_300.0, "wasted_share": 0.25, "reference_over_this": 1500.0},
        "evolved": {"speed": 4.5e6, "wasted_share": 0.0, "reference_over_this": 12.0},
        "search": {"seconds": 0.25, "solved": 4, "searches": 5},
    },
}
SEARCH_ONLY = {**MEASURED, "label": "Two", "kinds": {"search": {"seconds": None, "solved": 0, "searches": 3}}}


def module(monkeypatch: pytest.MonkeyPatch, name: str) -> Any:
    """Import a module as the scripts do, from their own folder."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module(name)


# --- the table ---------------------------------------------------------------------------------------------------------


def test_a_row_says_what_was_measured() -> None:
    line = _table.table([MEASURED]).splitlines()[-1]
    assert line == "| One | 2 | 12.3 k | 25% | 4.5 M | 0% | 1,500 and 12 | 250 ms | 4 of 5 | 1.5 s |"


def test_what_was_not_measured_is_said_and_the_fastest_comes_first() -> None:
    broken = {"peer": "three", "label": "Three", "problem": "no matching distribution"}
    lines = _table.table([broken, SEARCH_ONLY, MEASURED]).splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["One", "Two", "Three"]
    assert "| – | 0 of 3 |" in lines[3]
    assert "not measured: no matching distribution" in lines[4]
    assert {line.count("|") for line in lines} == {len(_table.HEADINGS) + 1}


def test_the_table_goes_between_the_markers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{_table.BEGIN}\nold\n{_table.END}\nafter\n", encoding="utf-8")
    _table.write(page, "new")
    _table.write(page, "newer")
    assert page.read_text(encoding="utf-8") == f"before\n{_table.BEGIN}\n\nnewer\n\n{_table.END}\nafter\n"
    page.write_text("no markers", encoding="utf-8")
    with pytest.raises(ValueError, match="put them back"):
        _table.write(page, "new")


def test_a_busy_machine_is_told_of() -> None:
    result = {"machine": {"cores": 2, "processor": "P", "system": "S"}, "versions": {"python": "3"}, "day": "today"}
    assert "busy" not in _table.page_part({**result, "rows": [MEASURED], "load_before": 0.2})
    assert "(load 7.3 before" in _table.page_part({**result, "rows": [MEASURED], "load_before": 7.31})


def test_the_page_shows_the_results() -> None:
    result = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert _table.page_part(result) in (REPOSITORY / "docs" / "peers.md").read_text(encoding="utf-8")
    assert {row["peer"] for row in result["rows"]} <= set(CONTESTANTS)


# --- who is measured ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(CONTESTANTS))
def test_every_contestant_has_its_script_and_pinned_packages(name: str) -> None:
    contestant = CONTESTANTS[name]
    assert (FOLDER / f"{contestant.script}.py").exists()
    if contestant.packages:
        lines = (FOLDER / "requirements" / f"{contestant.packages}.txt").read_text(encoding="utf-8").split()
        assert all("==" in line for line in lines)
        assert not [line for line in lines if line.startswith("torch==") and line != "torch==2.13.0"]


def test_no_script_is_forgotten() -> None:
    assert {path.stem for path in FOLDER.glob("by_*.py")} == {each.script for each in CONTESTANTS.values()}
    assert REFERENCE in CONTESTANTS


def test_the_reason_is_the_installers_last_error() -> None:
    said = "ERROR: Could not find a version\nERROR: No matching distribution found for x==1\n[notice] upgrade pip\n"
    assert _environments.reason(said) == "No matching distribution found for x==1"
    assert _environments.reason("") == "it said nothing"


# --- how work is counted -----------------------------------------------------------------------------------------------


def rollouts(*speeds: float, wasted: float = 0.0) -> list[dict[str, Any]]:
    return [{"useful_steps": speed * 2, "wall_s": 2.0, "wasted_share": wasted, "searches": []} for speed in speeds]


def searches(*times_and_scores: tuple[float, float]) -> dict[str, Any]:
    each = [{"seconds": time, "held_out": score, "useful": 30, "computed": 40} for time, score in times_and_scores]
    return {"searches": each}


def test_a_speed_counts_useful_steps_and_a_ratio_stays_within_its_round() -> None:
    pairs = list(zip(rollouts(1.0, 2.0, 1.0, wasted=0.5), rollouts(10.0, 60.0, 8.0), strict=True))
    found = _duel._rollouts(pairs)
    assert (found["speed"], found["reference_speed"], found["reference_over_this"]) == (1.0, 10.0, 10.0)
    assert found["wasted_share"] == 0.5


def test_a_search_without_success_counts_as_the_longest() -> None:
    found = _duel._searches([[searches((1.0, 480.0), (0.1, 10.0), (2.0, 475.0)), searches((0.5, 500.0))]])
    assert (found["solved"], found["searches"], found["seconds"], found["this_over_reference"]) == (2, 3, 2.0, 4.0)
    assert found["wasted_share"] == 0.25
    assert _duel._searches([[searches((1.0, 0.0)), searches((0.5, 500.0))]])["this_over_reference"] is None


def test_a_turn_adds_up_until_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    job = module(monkeypatch, "_job")
    peer = job.Peer(version="", threads=1, rollout=lambda _rows, episodes: job.Measured(np.ones(1), episodes, 2 * episodes))
    done = job.turn(peer, {"random": np.zeros((1, 114))}, "random", 0, 0.0)
    assert (done["useful_steps"], done["wasted_share"]) == (job.EPISODES, 0.5)
    with pytest.raises(ValueError, match="what the peer can do"):
        job.turn(peer, {}, "search", 0, 0.0)


def test_a_slow_peer_takes_the_rows_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    job, shown = module(monkeypatch, "_job"), []

    def rollout(rows: Any, episodes: int) -> Any:
        shown.append(rows[:, 0].tolist())
        return job.Measured(np.ones(len(rows)), episodes, episodes)

    peer = job.Peer(version="", threads=1, parts=2, rollout=rollout)
    while len(shown) < 3:
        job.turn(peer, {"random": np.arange(4.0)[:, None]}, "random", 0, 0.01)
    assert shown[:3] == [[0, 2], [1, 3], [0, 2]]


def test_the_peers_network_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    job, spec = module(monkeypatch, "_job"), ev.ENVS["CartPole-v1"].spec
    network = ev.MLP(sizes=job.SIZES, activation="tanh")
    rows = network.initialise(4, ev.stream(0, "test"))
    observations = np.random.default_rng(0).normal(size=(4, 50, 4))
    theirs = job.actions_of(job.layers_of(rows), observations)
    for row, shown, actions in zip(rows, observations, theirs, strict=True):
        ours = ev.Policy(network, row, observation_space=spec.observation_space, action_space=spec.action_space)
        assert ours.act(shown).tolist() == actions.tolist()


def test_lanes_count_no_step_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three individuals play two episodes each, whose length [steps] is 1, 4 and 8; lanes begin anew as Gymnasium's do."""
    lanes = module(monkeypatch, "_lanes")
    lengths = np.repeat([1, 4, 8], 2)
    clock = np.zeros(len(lengths), int)

    def step(_actions: Any) -> Any:
        clock[:] = np.where(clock == lengths, 0, clock + 1)
        return np.zeros((len(lengths), 4)), clock == lengths

    measured = lanes.play(lanes.World(lambda: np.zeros((len(lengths), 4)), step), np.zeros((3, 114), np.float32), 2)
    assert measured.means.tolist() == [1, 4, 8]
    assert (measured.useful, measured.computed) == (2 * (1 + 4 + 8), 6 * 8)


def test_a_divided_population_comes_back_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    lanes, job = module(monkeypatch, "_lanes"), module(monkeypatch, "_job")

    def share(rows: Any, episodes: int) -> Any:
        return job.Measured(rows[:, 0], len(rows) * episodes, 100)

    with ThreadPoolExecutor(2) as pool:
        measured = lanes.divided(pool, share, np.arange(5.0)[:, None], 3)
    assert measured.means.tolist() == [0, 1, 2, 3, 4]
    assert (measured.useful, measured.computed) == (15, 200)


# --- the search of those that bring none -------------------------------------------------------------------------------


def test_the_search_keeps_the_best_and_mutates_the_best_eight(monkeypatch: pytest.MonkeyPatch) -> None:
    genetic, rng = module(monkeypatch, "_genetic"), np.random.default_rng(0)
    rows = np.repeat(np.arange(64.0)[:, None], 5, axis=1)
    after = genetic.next_rows(1000 * rows, rows[:, 0], rng)
    assert after[0].tolist() == [63_000.0] * 5
    assert set(np.rint(after[1:].mean(axis=1) / 1000)) == set(range(56, 64))
    assert genetic.first_rows(rng).shape == (64, 114)


def test_the_search_ends_where_the_held_out_episodes_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    genetic, job = module(monkeypatch, "_genetic"), module(monkeypatch, "_job")
    scores = iter([100.0, 480.0, 470.0, 480.0, 476.0])  # a generation, one that promises too much, one that holds it
    asked: list[tuple[int, int]] = []

    def rollout(rows: Any, episodes: int) -> Any:
        asked.append((len(rows), episodes))
        return job.Measured(np.full(len(rows), next(scores)), 10, 20)

    assert genetic.search(rollout, 0, math.inf) == (476.0, 3, 50, 100)
    assert asked == [(64, 3), (64, 3), (1, 100), (64, 3), (1, 100)]


# --- the processes -----------------------------------------------------------------------------------------------------


@pytest.fixture
def populations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(_duel, "ENVIRONMENTS", tmp_path)
    path = tmp_path / "populations.npz"
    rows = ev.MLP(sizes=(4, 16, 2)).initialise(4, ev.stream(0, "test"))
    np.savez(path, random=rows, evolved=rows)
    return path


@pytest.mark.slow
@pytest.mark.compiled
def test_a_peer_answers_in_turns(populations: Path) -> None:
    with _duel.started("ours", CONTESTANTS[REFERENCE], populations) as worker:
        assert worker.about["kinds"] == ["random", "evolved", "search"]
        first, second = (worker.turn(kind, 0, 0.001) for kind in ("random", "search"))
    assert first["useful_steps"] > 0
    assert first["wasted_share"] == 0
    assert second["searches"][0]["held_out"] >= 475


def test_a_peer_that_breaks_is_told_of(populations: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = populations.with_name("breaks.py")
    script.write_text("raise SystemExit('no such world')", encoding="utf-8")
    monkeypatch.setattr(_duel, "FOLDER", populations.parent)
    with pytest.raises(_duel.Failed, match="no such world"):
        _duel.Worker("breaks", Contestant(label="Breaks", script="breaks"), populations)


# --- the command -------------------------------------------------------------------------------------------------------


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, list[str]]]:
    """Return what runs the command with two contestants that are measured at once, in a folder of the test's own."""
    page = tmp_path / "page.md"
    page.write_text(f"{_table.BEGIN}\n{_table.END}\n", encoding="utf-8")
    for name, value in {"ENVIRONMENTS": tmp_path, "RESULTS": tmp_path / "peers.json", "PAGE": page}.items():
        monkeypatch.setattr(run, name, value)
    monkeypatch.setattr(run, "CONTESTANTS", {"one": None, "two": None})
    monkeypatch.setattr(run, "write_populations", lambda _path: None)

    def call(*flags: str, stop_at: str = "", broken: str = "") -> tuple[int, list[str]]:
        asked: list[str] = []

        def row_of(name: str, _populations: Path, _plan: Any) -> dict[str, Any]:
            if name == stop_at:
                raise KeyboardInterrupt
            asked.append(name)
            return (
                {"peer": name, "label": name, "problem": "no"} if name == broken else {**MEASURED, "peer": name, "label": name}
            )

        monkeypatch.setattr(run, "row_of", row_of)
        monkeypatch.setattr("sys.argv", ["run.py", *flags])
        try:
            return run.main(), asked
        except KeyboardInterrupt:
            return 130, asked

    return call


def labels(path: Path) -> list[str]:
    return [row["label"] for row in json.loads(path.read_text(encoding="utf-8"))["rows"]]


def test_a_stopped_run_goes_on_and_a_finished_one_begins_anew(command: Any, tmp_path: Path) -> None:
    assert command(stop_at="two") == (130, ["one"])
    assert command() == (0, ["two"])
    assert labels(tmp_path / "peers.json") == ["one", "two"]
    assert "| two | 2 |" in (tmp_path / "page.md").read_text(encoding="utf-8")
    assert command() == (0, ["one", "two"])


def test_one_peer_alone_replaces_its_row_only(command: Any, tmp_path: Path) -> None:
    command()
    assert command("--only", "one", broken="one") == (1, ["one"])
    assert labels(tmp_path / "peers.json") == ["one", "two"]
    assert "not measured: no" in (tmp_path / "page.md").read_text(encoding="utf-8")


def test_a_quick_run_writes_nothing_and_its_json_is_the_last_line(
    command: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("--quick", "--json") == (0, ["one", "two"])
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (result["benchmark"], result["quick"], len(result["rows"])) == ("peers", True, 2)
    assert result["machine"]["cores"] >= 1
    assert not (tmp_path / "peers.json").exists()
    with pytest.raises(SystemExit, match="2"):
        command("--only", "three")


def test_a_peer_that_cannot_be_installed_keeps_its_row(populations: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_packages: str | None) -> Path:
        raise _environments.NotInstalled("no matching distribution")

    monkeypatch.setattr(_duel, "python_of", refuse)
    row = run.row_of("neat", populations, run.QUICK)
    assert row == {"peer": "neat", "label": "neat-python", "problem": "no matching distribution"}
