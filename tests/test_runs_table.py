import json
import time
from pathlib import Path
from typing import Any

import pytest

import evolvent as ev
from evolvent.cli import runs
from evolvent.cli.main import run as run_command
from evolvent.cli.run_rows import row_of
from evolvent.errors import EnvironmentFailed
from evolvent.training import RunInterrupted, find_runs, recorder
from tests.commands import SMALL


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(recorder, "SECONDS_BETWEEN_SAVES", 0.0)


def evolved(name, **settings) -> Any:
    callbacks = settings.pop("callbacks", ())
    return ev.evolve("CartPole-v1", runs_dir="runs", name=name, callbacks=callbacks, **{**SMALL, **settings})


def raising(problem):
    def callback(generation):
        if generation.generation == 3:
            raise problem

    return callback


def stopped(name, problem):
    """Leave a run that stopped after 4 generations."""
    with pytest.raises(type(problem) if isinstance(problem, Exception) else RunInterrupted):
        evolved(name, callbacks=[raising(problem)])


def listed(capsys):
    assert run_command(["runs"]) == 0
    return capsys.readouterr().out.splitlines()


def test_each_run_is_told_with_what_became_of_it_and_what_to_do(capsys):
    evolved("finished")
    stopped("halted", KeyboardInterrupt())
    stopped("broken", EnvironmentFailed("the world\x1b[31m failed"))
    lines = listed(capsys)
    table = {line.split()[0].partition("/")[2]: line.split()[1:4] for line in lines[1:4]}
    assert table["finished"][:2] == ["done", "6"]
    assert table["halted"][:2] == ["stopped", "4"]
    assert table["broken"][:2] == ["failed", "4"]
    assert "so far" in next(line for line in lines if "/halted" in line)
    assert "so far" not in next(line for line in lines if "/finished" in line)
    notes = lines[lines.index("") + 1 :]
    assert notes[0] == "CartPole-v1/broken: failed, the world\\x1b[31m failed"
    assert notes[1].endswith(" resume CartPole-v1/broken")
    assert notes[2] == "CartPole-v1/halted: stopped, interrupted"
    assert notes[3].endswith(" resume CartPole-v1/halted")
    assert len(notes) == 4


def test_a_run_that_goes_on_tells_how_long_it_can_still_take(capsys):
    seen = []

    def look(generation):
        if generation.generation == 3:
            seen.append(row_of(find_runs(Path("runs"))[0]))
            seen.append(listed(capsys))

    evolved("a", callbacks=[look], max_steps=400)
    row, lines = seen
    assert (row.state.word, row.generations) == ("running", 4)
    assert row.left.seconds > 0
    assert row.left.is_bound
    assert 0 <= time.time() - row.saved_at < 600
    assert any(line.startswith("CartPole-v1/a: running, at most ") and line.endswith(" ago") for line in lines)


def test_json_tells_the_same(capsys):
    evolved("finished")
    stopped("halted", KeyboardInterrupt())
    assert run_command(["runs", "--json"]) == 0
    halted, finished = json.loads(capsys.readouterr().out)["runs"]
    assert (halted["state"], halted["reason"], halted["next"]) == (
        "stopped",
        "interrupted",
        "evolvent resume CartPole-v1/halted",
    )
    assert halted["test_mean"] is None
    assert halted["champion"] > 0
    assert (finished["state"], finished["champion"], finished["next"]) == ("done", None, "evolvent play CartPole-v1/finished")
    assert finished["test_mean"] > 0


def test_only_the_newest_are_told_at_length(capsys):
    for number in range(7):
        stopped(f"run-{number}", KeyboardInterrupt())
    notes = "\n".join(listed(capsys)).partition("\n\n")[2].splitlines()
    assert len(notes) == 2 * runs.NUM_NOTES + 1
    assert notes[0].startswith("CartPole-v1/run-6")
    assert notes[-1].startswith("2 more are not done")


@pytest.mark.parametrize("name", ["run.toml", "manifest.json", "history.csv"])
def test_a_damaged_file_hides_no_run(capsys, name):
    stopped("a", KeyboardInterrupt())
    (ev.open_run("a").path / name).write_bytes(b"\xff{")
    assert any(line.startswith("CartPole-v1/a") for line in listed(capsys))


# --- latest ---


def test_latest_is_the_newest_run_that_a_command_can_use(capsys):
    evolved("finished")
    stopped("halted", KeyboardInterrupt())
    without_policy = evolved("empty").folder
    without_policy.best.unlink()
    for _, path in without_policy.checkpoints():
        path.unlink()
    assert run_command(["evaluate", "latest", "--episodes", "2", "--json"]) == 0
    assert run_command(["plot", "latest"]) == 0
    assert "CartPole-v1/halted/learning-curve.png" in capsys.readouterr().out


def test_latest_to_go_on_with_is_the_newest_that_is_not_finished(capsys):
    stopped("older", KeyboardInterrupt())
    stopped("halted", KeyboardInterrupt())
    evolved("finished")
    for expected in ("halted", "older", "finished"):
        assert run_command(["resume", "latest", "--json"]) == 0
        assert json.loads(capsys.readouterr().out.splitlines()[-1])["run"].endswith(expected)


def test_latest_with_a_new_limit_is_the_newest_of_all(capsys):
    stopped("halted", KeyboardInterrupt())
    evolved("finished")
    assert run_command(["resume", "latest", "--generations", "7", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["run"].endswith("finished")
