import contextlib
import fcntl
import io
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import evolvent as ev
from evolvent import reporting
from evolvent.cli import check_env, demo, evaluate, resume, train
from evolvent.cli.main import COMMANDS, run
from evolvent.cli.terminal import printable
from evolvent.envs import ENVS
from evolvent.errors import EngineFailed
from evolvent.files import dump_json
from evolvent.reporting import Episode, Recording, Stage
from evolvent.testing import Report
from evolvent.training import Config, find_runs
from evolvent.training.run import read_config
from evolvent.training.scoring import Score
from tests.commands import PATIENCE, SMALL, SMALL_FLAGS, command, ended, evolvent, started, until

EXAMPLES = int(os.environ.get("EVOLVENT_EXAMPLES", "500"))
KEYS = {
    *("run", "env", "world", "algorithm", "seed", "generations", "env_steps", "wall_seconds", "best_fitness"),
    *("test_mean", "test_std", "test_episodes", "solved", "digest"),
}
HILL = "test_cli/Hill-v0"  # a world without a compiled form
gymnasium.register(HILL, "gymnasium.envs.classic_control:MountainCarEnv", max_episode_steps=200, reward_threshold=-110.0)
ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def trained(tmp_path):
    return ev.evolve("CartPole-v1", runs_dir=tmp_path / "runs", name="first", **SMALL)


def said(capsys, *words):
    """Run a command in this process; give its exit code and its two streams."""
    code = run(list(words))
    out, err = capsys.readouterr()
    return code, out, err


def settings_of(monkeypatch, *words):
    """Give the world and the settings that the words of a `train` command come to."""
    asked = []

    def note(env, config, **_options):
        asked.append((env, config))
        raise EngineFailed

    monkeypatch.setattr(train, "start", note)
    assert run(["train", "--quiet", *words]) == EngineFailed.exit_code
    return asked[0]


# --- help ---


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_the_overview_names_every_command(capsys, words):
    code, out, err = said(capsys, *words)
    assert (code, err) == (0, "")
    assert all(f"\n  {name} " in out for name in COMMANDS)
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_that_fits_a_terminal(capsys, name):
    code, out, err = said(capsys, name, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: evolvent {name}")
    assert "--help" in out
    assert max(map(len, out.splitlines())) <= 80


def test_the_help_of_train_tells_the_settings_of_the_world(capsys):
    assert "(default: 16)" in said(capsys, "train", "CartPole-v1", "--help")[1]
    assert "(default: 100000.0)" in said(capsys, "train", "--help", "SinglePole-v0")[1]
    assert said(capsys, "train", "--seed", "3", "--help")[0] == 0


def test_the_version_is_told(capsys):
    assert re.fullmatch(r"evolvent \d+\.\d+\.\d+\S*\n", said(capsys, "--version")[1])


# --- usage errors ---


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian"], "'trian' is not a command; did you mean \"train\"?"),
        (["train"], "which world? evolvent train ENV"),
        (
            ["train", "CartPole-v9"],
            "env: 'CartPole-v9' is not a registered Gymnasium environment; did you mean \"CartPole-v1\"?",
        ),
        (["train", "cartpole-v1"], 'did you mean "CartPole-v1"?'),
        (["train", "nowhere:Maze-v0"], "No module named 'nowhere'"),
        (["train", "../nowhere:Maze-v0"], "names no module before the colon"),
        (["train", "CartPole-v1", "--sede", "3"], 'unrecognized options: --sede, 3; did you mean "--seed"?'),
        (["train", "CartPole-v1", "--seed"], "--seed"),
        (["train", "CartPole-v1", "--seed", "x"], "error parsing --seed: invalid literal for int() with base 10: 'x'"),
        (["train", "CartPole-v1", "--seed", "-1"], "seed: expected a whole number from 0 to 2**63 - 1, got -1"),
        (["train", "CartPole-v1", "--world", "compield"], "invalid choice 'compield' for argument '--world'"),
        (["train", HILL, "--world", "compiled"], f"world: {HILL} has no compiled form"),
        (["train", "CartPole-v1", "--activation", "rleu"], "activation: 'rleu' is unknown; did you mean \"relu\"?"),
        (["train", "CartPole-v1", "--hidden", "x"], "--hidden"),
        (["train", "CartPole-v1", "--hidden", "100000"], "hidden: expected sizes from 1 to 65,536, got (100000,)"),
        (["train", "CartPole-v1", "--population", "0"], "population: expected at least 2, got 0"),
        (["train", "CartPole-v1", "--population", "1000000000"], "GB of memory"),
        (
            ["train", "CartPole-v1", "--algorithm", "snes", "--mutation", "cauchy"],
            "--mutation: belongs to the genetic algorithm, got cauchy for snes; leave it out",
        ),
        (["train", "CartPole-v1", "--name", "../x"], "--name '../x': expected 1 to 64 of"),
        (["train", "CartPole-v1", "--name", "latest"], "this word stands for the newest run"),
        (["train", "CartPole-v1", "--config", "none.toml"], "no such file: 'none.toml'"),
        (["train", "CartPole-v1", "Acrobot-v1"], "Acrobot-v1"),
        (["resume", "none"], "no run 'none'"),
        (["evaluate", "none"], "no run 'none'"),
        (["evaluate", "none.safetensors"], "no such file: 'none.safetensors'"),
        (["evaluate", "--episodes", "1"], "episodes: expected at least 2, got 1"),
        (["evaluate", "--max-steps", "0"], "max_steps: expected at least 1, got 0"),
        (["runs", "--jsno"], 'did you mean "--json"?'),
    ],
)
def test_what_cannot_be_understood_is_told_in_one_line(capsys, words, message):
    code, out, err = said(capsys, *words, *(["--quiet"] if words[0] == "train" and len(words) > 1 else []))
    assert (code, out) == (2, "")
    assert err.startswith("evolvent: ")
    assert err.count("\n") == 1
    assert message in err


def test_debug_shows_where_an_error_comes_from(capsys):
    code, _, err = said(capsys, "resume", "none", "--debug")
    assert code == 2
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("evolvent: no run 'none'")


def test_a_bug_is_told_as_one(capsys, monkeypatch):
    monkeypatch.setattr(train, "start", lambda *_a, **_k: 1 / 0)
    code, _, err = said(capsys, "train", "CartPole-v1", "--quiet")
    assert code == 1
    assert "ZeroDivisionError" in err
    assert err.splitlines()[-1] == "evolvent: this is a bug of Evolvent; please report it with the lines above"


def test_too_little_memory_is_told(capsys, monkeypatch):
    def start(*_arguments, **_options):
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setattr(train, "start", start)
    code, _, err = said(capsys, "train", "CartPole-v1", "--quiet")
    assert code == 5
    assert err.startswith("evolvent: out of memory: Unable to allocate 9 TiB; make the population")
    assert err.count("\n") == 1


# --- train ---


def test_a_run_says_how_it_goes_and_what_it_came_to(capsys, tmp_path):
    code, out, err = said(capsys, "train", "CartPole-v1", *SMALL_FLAGS, "--name", "a")
    (folder,) = find_runs(tmp_path / "runs")
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[0].startswith("CartPole-v1 (compiled world")
    assert lines[1].split() == ["gen", "best", "mean", "champion", "steps/s", "time", "left"]
    assert "done: generations used up after 6 generations" in out
    assert f"policy  {folder.best.relative_to(tmp_path)}" in out
    assert "evolvent plot CartPole-v1/a" in out
    assert max(map(len, lines)) <= 80


def test_a_target_decides_between_solved_and_not(capsys):
    assert "\nsolved: " in said(capsys, "train", "CartPole-v1", *SMALL_FLAGS, "--target", "5")[1]
    assert "\nnot solved: " in said(capsys, "train", "CartPole-v1", *SMALL_FLAGS, "--target", "31")[1]


def test_quiet_says_nothing(capsys):
    assert said(capsys, "train", "CartPole-v1", *SMALL_FLAGS, "--quiet") == (0, "", "")


def test_json_is_the_last_line_and_the_rest_goes_to_stderr(capsys, tmp_path):
    code, out, err = said(capsys, "train", "CartPole-v1", *SMALL_FLAGS, "--json")
    result = json.loads(out)
    assert code == 0
    assert out.count("\n") == 1
    assert result.keys() >= KEYS
    assert (result["env"], result["generations"], result["seed"], result["solved"]) == ("CartPole-v1", 6, 0, False)
    assert result["run"] == str(find_runs(tmp_path / "runs")[0].path)
    assert result["digest"] in err
    assert json.loads(said(capsys, "train", "CartPole-v1", *SMALL_FLAGS, "--json", "--quiet")[1])["digest"] == result["digest"]


def test_flags_win_over_the_file_over_the_preset_over_the_defaults(monkeypatch, tmp_path):
    (tmp_path / "mine.toml").write_text("seed = 5\nepisodes = 7\n[genetic]\nnum_elites = 3\n", encoding="utf-8")
    env, config = settings_of(monkeypatch, "CartPole-v1", "--config", "mine.toml", "--seed", "9", "--hidden", "8", "4")
    assert env == "CartPole-v1"
    assert (config.seed, config.hidden) == (9, (8, 4))
    assert (config.episodes, config.genetic.num_elites) == (7, 3)
    assert config.validation_episodes == 200 != Config().validation_episodes
    assert config.test_episodes == Config().test_episodes
    assert config.target == 500.0
    assert settings_of(monkeypatch, "CartPole-v1", "--no-target")[1].target is None


def test_run_toml_is_a_file_to_run_again(capsys, trained):
    code, out, _ = said(capsys, "train", "--config", str(trained.folder.run_toml), "--json", "--quiet")
    assert code == 0
    assert json.loads(out)["digest"] == trained.progress.digest


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("populatoin = 3", "mine.toml: unknown setting 'populatoin'; did you mean \"population\"?"),
        ("population = 'x'", "mine.toml: population: expected int, got 'x'"),
        ("population = ", "mine.toml: not a TOML file"),
        ("\x00", "mine.toml: not a TOML file"),
        ("[genetic]\nmutations = 'none'", "mine.toml: unknown setting 'genetic.mutations'; did you mean \"mutation\"?"),
        ('"\\u001b[31m" = 3', "mine.toml: unknown setting '\\x1b[31m'"),
    ],
)
def test_a_file_of_settings_that_cannot_be_used_is_told(capsys, tmp_path, text, message):
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    code, _, err = said(capsys, "train", "CartPole-v1", "--config", "mine.toml")
    assert code == 2
    assert err.startswith(f"evolvent: {message}")
    assert err.count("\n") == 1


def test_a_world_of_gymnasium_is_trained_without_a_setting_of_its_own(capsys):
    words = (*SMALL_FLAGS, "--generations", "2", "--population", "4", "--json", "--quiet")
    code, out, _ = said(capsys, "train", HILL, *words)
    assert code == 0
    assert (json.loads(out)["world"], json.loads(out)["test_mean"]) == ("gymnasium", -30.0)


# --- resume, runs, envs ---


def test_resume_goes_on_with_a_run_by_any_of_its_names(capsys, trained):
    for number, name in enumerate(["first", "CartPole-v1/first", "latest", str(trained.folder.path)], 7):
        code, out, _ = said(capsys, "resume", name, "--generations", str(number), "--json", "--quiet")
        assert (code, json.loads(out)["generations"]) == (0, number)
    assert read_config(trained.folder)[1].generations == 10


def test_resume_takes_a_new_target_or_none(capsys, trained):
    words = ("--generations", "9", "--json", "--quiet")
    assert json.loads(said(capsys, "resume", "--target", "5", *words)[1])["generations"] == 6
    assert json.loads(said(capsys, "resume", "--no-target", *words)[1])["generations"] == 9
    assert read_config(trained.folder)[1].target is None


def test_resume_says_which_checkpoint_it_passed_over(trained):
    ev.resume(trained.folder, changes={"generations": 7})
    trained.folder.checkpoint(7).write_bytes(b"")
    done = evolvent("resume", "first", "--quiet")
    assert done.returncode == 0
    assert done.stderr.startswith("evolvent: checkpoint passed over: runs/CartPole-v1/first/checkpoint-7.safetensors ")


def test_a_run_without_a_policy_is_told(capsys, trained):
    trained.folder.best.unlink()
    code, _, err = said(capsys, "evaluate", "first")
    assert code == 2
    assert "has no policy yet; evolvent resume runs/CartPole-v1/first goes on with it" in err


def test_runs_are_listed(capsys, trained):
    ev.evolve("CartPole-v1", runs_dir="runs", name="second", **SMALL)
    code, out, err = said(capsys, "runs")
    assert (code, err) == (0, "")
    assert [line.split()[:3] for line in out.splitlines()[1:]] == [
        ["CartPole-v1/second", "done", "6"],
        ["CartPole-v1/first", "done", "6"],
    ]
    assert max(map(len, out.splitlines())) <= 80
    row = json.loads(said(capsys, "runs", "--json")[1])["runs"][1]
    assert (row["run"], row["test_mean"]) == ("CartPole-v1/first", trained.score.mean)
    assert "there are no runs in elsewhere" in said(capsys, "runs", "--runs-dir", "elsewhere")[1]


def test_worlds_are_listed(capsys):
    code, out, _ = said(capsys, "envs")
    assert code == 0
    rows = [line.split() for line in out.splitlines()]
    assert ["CartPole-v1", "compiled", "genetic", "500", "475", "500"] in rows
    assert set(ENVS) <= {row[0] for row in rows if row[1:2] == ["compiled"]}
    assert max(map(len, out.splitlines())) <= 80
    assert f"  {HILL}\n" in said(capsys, "envs", "--all")[1]
    content = json.loads(said(capsys, "envs", "--json")[1])
    assert set(ENVS) <= set(content["compiled"])
    assert {HILL, "MountainCar-v0"} <= set(content["gymnasium"])


# --- evaluate ---


def test_evaluate_gives_the_score_of_the_run_for_its_seed(capsys, trained):
    words = ("--episodes", "2", "--max-steps", "30", "--json")
    for policy in ("first", str(trained.folder.best)):
        code, out, _ = said(capsys, "evaluate", policy, *words)
        result = json.loads(out.splitlines()[-1])
        assert code == 0
        assert (result["mean"], result["std"], result["episodes"]) == (trained.score.mean, trained.score.std, 2)
        assert max(map(len, out.splitlines()[:-1])) <= 80
    assert json.loads(said(capsys, "evaluate", "first", *words, "--seed", "4")[1].splitlines()[-1])["seed"] == 4


def test_evaluate_runs_gymnasiums_own_world_as_well(capsys, trained):
    code, out, _ = said(capsys, "evaluate", str(trained.folder.best), "--world", "gymnasium", "--max-steps", "5")
    assert code == 0
    assert out.startswith("CartPole-v1, gymnasium world: 5.000 ± 0.000 (95 %), std 0.000, 100 episodes")


def test_evaluate_refuses_a_world_that_the_policy_does_not_fit(capsys, trained):
    code, _, err = said(capsys, "evaluate", str(trained.folder.best), "--env", "MountainCar-v0")
    assert code == 2
    assert "4 inputs do not fit observations of shape (2,)" in err


# --- misspelt flags ---


def flags_of(name):
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        run([name, "--help"])
    return sorted(set(re.findall(r"--[a-z][a-z-]+", shown.getvalue())) - {"--help", "--no-target"})


@pytest.mark.parametrize("name", COMMANDS)
def test_a_misspelt_flag_is_never_ignored_and_told_with_the_nearest(capsys, name):
    flags = flags_of(name)
    assert flags
    for flag in flags:
        middle = len(flag) // 2
        for slip in {f"{flag[:middle]}{flag[middle - 1 :]}", f"{flag[:-2]}{flag[-1]}{flag[-2]}"} - {flag}:
            code, out, err = said(capsys, name, *(["CartPole-v1"] if name == "train" else []), slip, "3")
            assert (code, out) == (2, "")
            assert f'unrecognized options: {slip}, 3; did you mean "{flag}"?' in err


# --- runs of data and functions ---


@pytest.fixture
def runs_of_python():
    ev.evolve(ev.Supervised([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0], metric="accuracy", name="xor"), name="data", **FEW)
    ev.evolve(ev.Function(lambda row: -abs(row).sum(), 3, name="cone"), name="cone", **FEW)


FEW: Any = {"generations": 2, "population": 4, "genetic": {"selection": "truncation:num_parents=2"}}


@pytest.mark.usefixtures("runs_of_python")
@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (["resume", "data"], "is of 'xor', the name of data or of a function, which no file holds; go on in Python"),
        (["resume", "cone"], "evolvent.open_run('cone/cone', Path('runs')): evolvent.resume(folder, env=problem)"),
        (["evaluate", "data"], "evolvent.load_policy(file).act(inputs) gives its answers"),
        (["play", "data"], "evolvent.load_policy(file).act(inputs) gives its answers"),
        (["record", "data"], "evolvent.load_policy(file).act(inputs) gives its answers"),
        (["evaluate", "cone"], "a best row and no policy, for it is of 'cone'"),
        (["play", "cone"], "evolvent.resume(folder, env=problem).row"),
        (["record", "cone"], "evolvent.resume(folder, env=problem).row"),
        (["evaluate", "data", "--env", "CartPole-v1"], "2 inputs do not fit observations of shape (4,)"),
        (["train", "--config", "runs/xor/data/run.toml"], "is of 'xor', the name of data or of a function"),
        (["train", "--config", "runs/cone/cone/run.toml"], "begin in Python: evolvent.evolve(problem, ...)"),
        (["train", "CartPole-v1", "--config", "runs/xor/data/run.toml"], "CartPole-v1 is a world: --world compiled"),
        (["train", "CartPole-v1", "--world", "python"], "data and functions run as python, from Python"),
    ],
)
def test_what_only_python_can_go_on_with_is_told_with_how(capsys, words, advice):
    code, out, err = said(capsys, *words)
    assert (code, out) == (2, "")
    assert advice in err
    assert err.count("\n") == 1


@pytest.mark.usefixtures("runs_of_python")
def test_runs_of_data_and_functions_are_listed_and_drawn(capsys):
    out = said(capsys, "runs")[1]
    assert [line.split()[:3] for line in out.splitlines()[1:]] == [["cone/cone", "done", "2"], ["xor/data", "done", "2"]]
    for name in ("cone", "data"):
        assert said(capsys, "plot", name, "--out", f"{name}.svg")[:2] == (0, f"{name}.svg\n")


def test_a_function_that_has_not_got_far_is_told_as_well(capsys):
    ev.evolve(ev.Function(lambda row: -abs(row).sum(), 3, name="cone"), name="cone", **FEW)
    for _, path in ev.open_run("cone", Path("runs")).checkpoints():
        path.unlink()
    assert "has no policy yet; it is of 'cone'" in said(capsys, "play", "cone")[2]


# --- pictures and tables ---


def without(module, *words):
    """Run a command where a library is not installed."""
    code = f"import sys; sys.modules[{module!r}] = None; from evolvent.cli.main import main; main()"
    asked = command(*words, program=("-c", code))
    return subprocess.run(asked, capture_output=True, text=True, check=False, timeout=PATIENCE)


@pytest.mark.parametrize("name", ["plot", "record", "demo"])
@pytest.mark.parametrize("missing", ["matplotlib", "imageio_ffmpeg"])
def test_a_help_needs_no_library_that_may_be_missing(name, missing):
    done = without(missing, name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: evolvent {name}")


@pytest.mark.parametrize("missing", ["matplotlib", "imageio_ffmpeg"])
def test_a_demo_that_cannot_be_drawn_is_refused_before_it_begins(missing):
    done = without(missing, "demo")
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'evolvent[report]'" in done.stderr
    assert not Path("runs").exists()


@pytest.mark.usefixtures("trained")
def test_a_film_is_told_an_episode_a_line(capsys):
    out = said(capsys, "record", "first", "--episodes", "2", "--max-steps", "3", "--out", "film.gif")[1]
    assert out.splitlines() == [*(f"episode {k}: return 3.0 in 3 steps" for k in (1, 2)), "film.gif shows CartPole-v1"]
    out = said(capsys, "record", "--random", "--env", "CartPole-v1", "--max-steps", "3", "--out", "film.gif")[1]
    assert out.splitlines()[-1] == "film.gif shows CartPole-v1, at random"


def test_no_name_is_cut_in_two_where_a_pipe_reads_or_a_terminal_is_narrow(capsys, monkeypatch):
    name = "n" * 64
    ev.evolve("CartPole-v1", runs_dir="runs", name=name, **SMALL)
    assert f"CartPole-v1/{name}  done " in said(capsys, "runs")[1]
    monkeypatch.setenv("COLUMNS", "40")
    lines = said(capsys, "runs")[1].splitlines()
    assert max(map(len, lines)) <= 40
    assert "".join(line.partition("  ")[0] for line in lines[1:]) == f"CartPole-v1/{name}"


# --- terminals ---


def in_a_terminal(words):
    """Run the command in a terminal of 80 columns; give its exit code and all that it wrote."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    surroundings = {**os.environ, "TERM": "xterm-256color"}
    with started(*words, stdin=theirs, stdout=theirs, stderr=theirs, text=False, env=surroundings) as process:
        os.close(theirs)
        written = b""
        with contextlib.suppress(OSError):
            while chunk := os.read(ours, 65536):
                written += chunk
        os.close(ours)
        return process.wait(), written.decode()


@pytest.mark.compiled
def test_a_terminal_shows_a_line_that_is_always_up_to_date():
    code, written = in_a_terminal(["train", "CartPole-v1", "--no-target", "--max-seconds", "1", "--generations", "1000000"])
    lines = ESCAPE_SEQUENCE.sub("", written).replace("\r\n", "\n").replace("\r", "\n").splitlines()
    assert code == 0
    assert "\x1b" not in "".join(lines)
    assert all(printable(line) == line for line in lines)
    assert sum(re.match(r" *\d+ +\d+\.\d\d ", line) is not None for line in lines) >= 5
    assert written.index("\x1b[?25l") < written.rindex("\x1b[?25h")
    assert "done: time used up" in written
    assert max(len(line) for line in lines if str(Path.cwd()) not in line) <= 80


@pytest.mark.compiled
def test_a_terminal_that_is_closed_ends_a_run_that_can_go_on():
    ours, theirs = pty.openpty()

    def take_terminal():
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    words = command("train", "CartPole-v1", *SMALL_FLAGS, "--generations", "1000000000")
    child = os.fork()
    if not child:
        os.setsid()
        take_terminal()
        for descriptor in (0, 1, 2):
            os.dup2(theirs, descriptor)
        os.closerange(3, 100)
        os.execv(sys.executable, words)  # noqa: S606 - the point is to be the leader of a session
    os.close(theirs)
    until(lambda: find_runs(Path("runs")) and find_runs(Path("runs"))[0].checkpoints())
    os.close(ours)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 143
    (folder,) = find_runs(Path("runs"))
    done = folder.checkpoints()[0][0]
    assert ev.resume(folder, changes={"generations": done + 1}).progress.generation == done + 1


HANGS_WHEN_ASKED_TO_END = """
import threading
from evolvent.cli import signals
signals.GRACE = 0.2
signals.install_handlers()
stuck = threading.Lock()
stuck.acquire()
try:
    print("ready", flush=True)
    stuck.acquire()
except KeyboardInterrupt:
    stuck.acquire()
"""


def test_a_process_that_hangs_when_it_is_asked_to_end_ends_all_the_same():
    with started(program=("-c", HANGS_WHEN_ASKED_TO_END)) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        assert ended(process)[0] == 143


@pytest.mark.compiled
def test_a_second_interrupt_gives_the_cursor_back():
    ours, theirs = pty.openpty()
    words = ("train", "CartPole-v1", *SMALL_FLAGS, "--generations", "1000000000")
    with started(*words, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        until(lambda: find_runs(Path("runs")) and b"\x1b[?25l" in os.read(ours, 65536))
        os.killpg(process.pid, signal.SIGINT)
        os.killpg(process.pid, signal.SIGINT)
        written = b""
        with contextlib.suppress(OSError):
            while chunk := os.read(ours, 65536):
                written += chunk
        os.close(ours)
        assert ended(process)[0] == 130
    assert written.rindex(b"\x1b[?25h") > written.rfind(b"\x1b[?25l")


@pytest.mark.parametrize(
    "words",
    [
        ["\x1b[31mtrain"],
        ["train", "\x1b]0;owned\x07"],
        ["train", "CartPole-v1", "--\x1b[31m", "3"],
        ["train", "CartPole-v1", "--seed", "\x1b[31m"],
        ["train", "CartPole-v1", "--name", "\x1b[31m"],
        ["train", "CartPole-v1", "--config", "\x1b[31m"],
        ["train", "CartPole-v1", "--world", "\x9b31m"],
        ["resume", "\x1b[31m"],
        ["resume", "--runs-dir", "\x1b[31m"],
        ["evaluate", "\x1b[31m.safetensors"],
        ["evaluate", "\x1b[31m", "\u202e"],
    ],
)
def test_no_argument_commands_the_terminal(capsys, words):
    code, out, err = said(capsys, *words)
    assert code == 2
    assert printable(out + err) == out + err
    assert err.count("\n") == 1


def test_no_name_of_a_file_commands_the_terminal(capsys, trained):
    manifest = json.loads(trained.folder.manifest.read_bytes())
    manifest["started"] = "\x1b[2J\x07"
    trained.folder.manifest.write_text(dump_json(manifest), encoding="utf-8")
    trained.folder.path.rename(trained.folder.path.with_name("\x1b[31m"))
    for words in (["runs"], ["runs", "--json"], ["resume", "x"], ["resume", "latest", "--generations", "7"]):
        _, out, err = said(capsys, *words)
        assert printable(out + err) == out + err


# --- any arguments at all ---

FLAGS = sorted(
    {
        *("--seed", "--world", "--hidden", "--population", "--generations", "--episodes", "--max-steps", "--target"),
        *("--no-target", "--max-env-steps", "--max-seconds", "--workers", "--selection", "--mutation", "--crossover"),
        *("--activation", "--config", "--name", "--runs-dir", "--quiet", "--json", "--env", "--all", "--help", "-h"),
        *("--debug", "--version", "--sede", "--", "-", "--=", "--seed=3", "--hidden=4", "--json=1", "-3", "--algorithm"),
        *("--recipe", "--recipe=article", "--crossover-rate", "--strength", "--num-elites", "--candidates", "--engine"),
        *("--initialiser", "--validation-episodes", "--test-episodes", "--out", "--random", "--no-random", "--out=x.gif"),
    }
)
VALUES = [
    "CartPole-v1",
    "MountainCar-v0",
    "latest",
    "first",
    "none",
    "None",
    "0",
    "3",
    "-1",
    "8",
    "1e9",
    "nan",
    "inf",
    "10" * 20,
    "9" * 5000,
    *("article", "deep_ga", "artcile", "curve.svg", "film.gif", "x.toml", "fan_in", "tanh", "python"),
    *("truncation:num_parents=4", "tournament:size=3", "rank:pressure=9", "roulette", "uniform:share=0.5", "blend"),
    *("gaussian:strength=0.1", "cauchy:strength=nan", "gaussian+sign_flip:rate=0.1", "decaying:final=0.5", "self_adaptive"),
]
WORDS = st.one_of(st.sampled_from(FLAGS), st.sampled_from(VALUES), st.text(max_size=8))
PAIRS = st.tuples(st.sampled_from(FLAGS), st.sampled_from(VALUES)).map(list)
LISTS = st.lists(WORDS, max_size=7) | st.lists(PAIRS, max_size=4).map(lambda pairs: [word for pair in pairs for word in pair])
NAMES = st.one_of(
    st.sampled_from(["train", "train", *COMMANDS]),
    WORDS.filter(lambda word: word not in COMMANDS),
)


@pytest.fixture
def _without_work(trained, monkeypatch):
    """Put a finished run, picture and film in the place of work that takes its time."""
    monkeypatch.setattr(train, "start", lambda *_a, **_k: trained)
    monkeypatch.setattr(demo, "start", lambda *_a, **_k: trained)
    monkeypatch.setattr(reporting, "plot", lambda _run, path: path)
    monkeypatch.setattr(reporting, "record", lambda _policy, _env, path, **_k: Recording(path, (Episode(3, 3.0),)))
    monkeypatch.setattr(Stage, "episode", lambda _stage, _number: iter([Episode(3, 3.0)]))
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setattr(resume, "resume", lambda *_a, **_k: trained)
    monkeypatch.setattr(evaluate, "score", lambda *_a, **_k: Score(1.0, 1.0, 2))
    monkeypatch.setattr(evaluate, "test_seeds", lambda *_a, **_k: None)
    monkeypatch.setattr(check_env, "check_gym_env", lambda env, *_a, **_k: Report(env_id=env))


@pytest.mark.usefixtures("_without_work")
@pytest.mark.timeout(60 + EXAMPLES / 20)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NAMES, LISTS, st.booleans())
def test_any_arguments_are_understood_or_refused_in_one_line(name, rest, to_the_point):
    words = [name, *(["CartPole-v1"] if to_the_point and name == "train" else []), *rest]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(words)
    assert code in ({0, 2, 3} if any(map(is_there, words)) else {0, 2}), err.getvalue()
    if "--debug" not in words:
        assert "Traceback" not in err.getvalue()
        assert code == 0 or err.getvalue().count("\n") == 1
    assert printable(err.getvalue()) == err.getvalue()


def is_there(word):
    """Tell whether a word names something on disk, which may be refused for what it is."""
    with contextlib.suppress(ValueError):
        return os.path.lexists(word)
    return False
