"""The command where its surroundings are odd: readers who leave, bare environments, other alphabets, folders that refuse."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import evolvent as ev
from tests.commands import PATIENCE, SMALL, SMALL_FLAGS, ascii_only, command, evolvent

BARE = {"PATH": os.environ.get("PATH", os.defpath)}
TRAIN = ("train", "CartPole-v1", *SMALL_FLAGS)
SHORT = [
    *(["runs"], ["runs", "--json"], ["envs"], ["evaluate", "first", "--episodes", "2", "--json"]),
    *(["plot", "first", "--out", "curve.svg"], ["record", "first", "--max-steps", "2", "--out", "film.gif"]),
    [*TRAIN, "--name", "second"],
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    runs_dir = tmp_path_factory.mktemp("finished") / "runs"
    ev.evolve("CartPole-v1", runs_dir=runs_dir, name="first", **SMALL)
    return runs_dir


@pytest.fixture(autouse=True)
def _a_run(_processes_unmeasured, finished, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(finished, "runs")


def assert_clean(done, words):
    assert (done.returncode, done.stderr) == (0, ""), words


def assert_one_line(done, code, *told):
    assert done.returncode == code
    assert done.stderr.startswith("evolvent: ")
    assert done.stderr.count("\n") == 1
    assert all(each in done.stderr for each in told)


# --- readers ---


@pytest.mark.parametrize("words", SHORT, ids=" ".join)
def test_a_pipe_whose_reader_leaves_after_a_line_is_no_error(words):
    piped = subprocess.run(
        ["sh", "-c", '{ "$@"; echo $? >code; } | head -1', "sh", *command(*words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert piped.stderr == ""
    assert piped.stdout.count("\n") == 1
    assert Path("code").read_text(encoding="ascii") == "0\n"


@pytest.mark.parametrize("words", [["--help"], ["evaluate", "none"], ["runs"], ["evaluate", "first", "--episodes", "2"]])
def test_nobody_needs_to_listen_or_to_type(words):
    with Path(os.devnull).open("rb") as nothing:
        done = evolvent(*words, stdin=nothing, start_new_session=True)
    assert done.returncode == (2 if "none" in words else 0)
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("words", [["runs"], ["evaluate", "first", "--episodes", "2"], ["--help"]])
def test_an_output_that_is_full_is_told(words):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command(*words), stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=PATIENCE)
    assert_one_line(done, 6, "cannot write")


# --- environments ---


@pytest.mark.parametrize(
    "changes",
    [
        {"NO_COLOR": "1", "PYTHONOPTIMIZE": "2"},
        {"TERM": "dumb", "TZ": "nowhere", "LANG": "xx_YY.UTF-99"},
        {"COLUMNS": "40", "PYTHONWARNINGS": "error"},
        {"COLUMNS": "0", "LINES": "-1"},
        {"FORCE_COLOR": "1", "TERM": "xterm"},
    ],
    ids=str,
)
def test_what_a_variable_says_is_no_error(changes):
    for words in (["runs"], ["envs"], ["train", "--help"], ["evaluate", "first", "--episodes", "2"]):
        done = evolvent(*words, env={**os.environ, **changes})
        assert_clean(done, words)
        assert "\x1b" not in done.stdout or "FORCE_COLOR" in changes
        if changes.get("COLUMNS") == "40" and words[0] in {"runs", "envs"}:
            assert max(map(len, done.stdout.split("\n\n")[0].splitlines())) <= 40


@pytest.mark.parametrize("words", SHORT, ids=" ".join)
def test_a_bare_environment_without_a_home_that_knows_ascii_only_is_no_error(words):
    ascii_words = {name: value for name, value in ascii_only().items() if name.startswith(("L", "PYTHON"))}
    assert_clean(evolvent(*words, env={**BARE, **ascii_words}, encoding="ascii"), words)


@pytest.mark.parametrize(("home", "world"), [("/nowhere/at/all", "compiled"), ("/dev/null", "gymnasium"), ("", "gymnasium")])
def test_a_home_that_is_none_is_no_error(home, world):
    env = {**BARE, "HOME": home, "XDG_CACHE_HOME": "", "MPLCONFIGDIR": str(Path.cwd())}
    for words in ([*TRAIN, "--quiet", "--world", world], ["plot", "first", "--out", "curve.svg"]):
        done = evolvent(*words, env=env)
        assert done.returncode == 0
        assert done.stderr.count("\n") <= 1
        assert "Traceback" not in done.stderr


def test_names_of_other_alphabets_are_told_wherever_they_can_be():
    Path("runs/CartPole-v1/first").rename("runs/CartPole-v1/größer-大")
    assert "CartPole-v1/größer-大" in evolvent("runs", env={**os.environ, "PYTHONUTF8": "1"}, encoding="utf-8").stdout
    done = evolvent("runs", env=ascii_only(), encoding="ascii")
    assert_clean(done, "runs")
    assert "CartPole-v1/gr" in done.stdout
    assert evolvent("evaluate", "--episodes", "2", env=ascii_only(), encoding="ascii").returncode == 0


def test_a_name_that_is_no_text_is_no_error():
    Path("runs/CartPole-v1/first").rename(os.fsdecode(b"runs/CartPole-v1/\xff\xfe"))
    for words in (["runs"], ["runs", "--json"], ["evaluate", "latest", "--episodes", "2"], ["plot", "latest"]):
        assert_clean(evolvent(*words), words)


# --- folders ---


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Take the right to write from a folder and all below it."""
    paths = [folder, *folder.rglob("*")]
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in paths}
    for path in reversed(paths):
        path.chmod(modes[path] & 0o555)
    try:
        yield
    finally:
        for path in paths:
            path.chmod(modes[path])


POWERLESS = (
    "import ctypes, os, sys;"
    "[ctypes.CDLL(None).prctl(24, power, 0, 0, 0) for power in (1, 2)];"  # PR_CAPBSET_DROP: what lets root write everywhere
    "os.execv(sys.executable, sys.argv[1:])"
)


def powerless(*words, **variables):
    """Run the command as one whom the rights of files bind, as they do not bind root."""
    asked = command(*words)
    if os.geteuid() == 0:
        asked = [sys.executable, "-c", POWERLESS, *asked]
    env = {**os.environ, **variables}
    return subprocess.run(asked, capture_output=True, text=True, check=False, timeout=PATIENCE, env=env)


@pytest.mark.skipif(os.geteuid() == 0 and sys.platform != "linux", reason="root may write everywhere")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["train", "CartPole-v1", *SMALL_FLAGS], "cannot create a run in runs"),
        (["resume", "first", "--generations", "7"], "cannot"),
        (["plot", "first"], "cannot write to the folder runs/CartPole-v1/first"),
        (["plot", "first", "--out", "curve.png"], "cannot write to the folder ."),
        (["record", "first", "--max-steps", "2"], "cannot write to the folder runs/CartPole-v1/first"),
        (["record", "first", "--out", "film.gif"], "cannot write to the folder ."),
        (["demo"], "cannot create a run in runs"),
    ],
)
def test_a_folder_that_is_read_only_is_told_in_a_line(words, told):
    with read_only(Path.cwd()):
        done = powerless(*words)
    assert_one_line(done, 6, told)


@pytest.mark.parametrize(
    "words", [["runs"], ["runs", "--json"], ["evaluate", "first", "--episodes", "2"], ["envs"], ["--help"]]
)
def test_what_only_reads_needs_no_folder_to_write_to(words):
    with read_only(Path.cwd()):
        assert_clean(powerless(*words), words)


def test_pictures_go_elsewhere_where_the_run_is_read_only(tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with read_only(Path.cwd()):
        for words in (
            ["plot", "first", "--out", elsewhere / "a.png"],
            ["record", "first", "--max-steps", "2", "--out", elsewhere / "a.gif"],
        ):
            assert_clean(powerless(*words), words)


def test_a_run_that_may_not_be_read_is_told_in_a_line():
    for path in (Path("runs/CartPole-v1/first/run.toml"), Path("runs/CartPole-v1/first/best.safetensors")):
        path.chmod(0)
        done = powerless("plot" if path.suffix == ".toml" else "evaluate", "first")
        path.chmod(0o600)
        assert_one_line(done, 6, str(path))


def test_a_folder_that_is_gone_is_told_in_a_line(tmp_path):
    lost = tmp_path / "lost"
    lost.mkdir()
    for words in (["runs"], ["evaluate", "first"], [*TRAIN, "--quiet"], ["--help"]):
        asked = ["sh", "-c", 'cd "$0" && rmdir "$0" && exec "$@"', lost, *command(*words)]
        done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=PATIENCE)
        lost.mkdir()
        if words == ["--help"]:
            assert_clean(done, words)
        else:
            assert_one_line(done, 2, "the working directory is gone")
