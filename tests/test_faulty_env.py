import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import closing
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from evolvent import testing
from evolvent.errors import UsageError
from evolvent.testing import FaultyEnv
from evolvent.testing.faults import DEEDS, KEPT, MB
from evolvent.testing.faulty_env import LENGTH, MODES

ALONE = """
import json, sys, types
package = sys.modules["evolvent.testing"] = types.ModuleType("evolvent.testing")
package.__path__ = [sys.argv[2]]  # none of the checkers, which take longer to import than all the rest
from evolvent.testing.faulty_env import FaultyEnv
settings = json.loads(sys.argv[1])
env = FaultyEnv(**settings)
env.reset(seed=0)
print("reset", flush=True)
env.step(0)
print("stepped", flush=True)
env.close()
print("closed", flush=True)
"""


def start(**settings):
    command = [sys.executable, "-c", ALONE, json.dumps(settings), str(Path(testing.__file__).parent)]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def alone(**settings):
    """Reset, step and close a faulty environment in a process of its own; give its exit code and what it printed."""
    with start(**settings) as process:
        out, _ = process.communicate(timeout=60)
        return process.returncode, out.split()


def play(env, seed=0, actions=(0,) * LENGTH):
    shown = [env.reset(seed=seed)[0]]
    return np.array(shown + [env.step(action)[0] for action in actions])


# --- when a fault happens ---


def faulty_steps(env, episodes=3):
    found = []
    for e in range(episodes):
        env.reset(seed=e)
        found += [(e + 1, s + 1) for s in range(LENGTH) if np.isnan(env.step(s % 2)[1])]
    return found


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"step": 2}, [(1, 2), (2, 2), (3, 2)]),
        ({"episode": 3, "step": 7}, [(3, 7)]),
        ({"episode": 2, "action": 1}, [(2, 2), (2, 4), (2, 6)]),
        ({"after": 1e9}, []),
        ({"after": 1e-9, "step": 1}, [(1, 1), (2, 1), (3, 1)]),
        ({"probability": 0.0}, []),
    ],
)
def test_a_fault_happens_when_it_was_said(when, expected):
    assert faulty_steps(FaultyEnv("nan_reward", **when)) == expected


def test_a_fault_that_is_probable_depends_on_the_seed_alone():
    found = [faulty_steps(FaultyEnv("nan_reward", probability=0.3), episodes=20) for _ in range(2)]
    assert found[0] == found[1]
    assert 20 < len(found[0]) < 70


@pytest.mark.parametrize("mode", ["nan_reward", "prints", "reset_raises"])
def test_what_might_have_happened_changes_nothing_else(mode, tmp_path):
    (tmp_path / "flag").touch()
    faulty, sound = FaultyEnv(mode, probability=0.4, flag=tmp_path / "flag"), FaultyEnv(probability=0.4)
    for seed in range(5):
        assert play(faulty, seed).tobytes() == play(sound, seed).tobytes()


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode in {"nan_reward", "step_raises", "reset_raises"}])
def test_a_flag_lets_a_fault_happen_once(mode, tmp_path):
    flag = tmp_path / "flag"
    settings: dict[str, Any] = {"step": 0 if mode == "reset_raises" else 3}
    first, second = (FaultyEnv(mode, flag=str(flag), **settings) for _ in range(2))
    assert not flag.exists()
    try:
        assert faulty_steps(first) == [(1, 3)]
    except RuntimeError:
        assert mode != "nan_reward"
    assert flag.exists()
    assert faulty_steps(second) == []
    flag.unlink()
    assert not flag.exists()


def test_a_flag_serves_the_constructor_too(tmp_path):
    for _ in range(2):
        with pytest.raises(RuntimeError, match="the constructor raises"):
            FaultyEnv("constructor_raises", flag=tmp_path / "flag")
        FaultyEnv("constructor_raises", flag=tmp_path / "flag")
        (tmp_path / "flag").unlink()


def test_a_flag_is_not_spent_where_the_fault_cannot_happen(tmp_path):
    env = FaultyEnv("nan_reward", flag=tmp_path / "flag")
    env.reset(seed=0)
    env.close()
    assert not (tmp_path / "flag").exists()


def test_a_place_that_is_unknown_is_refused():
    with pytest.raises(UsageError, match=r"^place: expected one of init, reset, step, close, got 'render'"):
        FaultyEnv("hangs", place="render")


# --- what it shows ---


def test_what_is_shown_has_the_fault():
    assert play(FaultyEnv("wrong_dtype")).dtype == np.float64
    assert play(FaultyEnv("wrong_dtype", "int8")).dtype == np.int8
    assert play(FaultyEnv("outside"))[:, 0].tolist() == [2.0] * (LENGTH + 1)
    assert play(FaultyEnv("outside", -7, step=3))[3, 0] == -7
    assert (play(FaultyEnv("global_rng")) != play(FaultyEnv("global_rng"))).any()


def test_a_leaky_state_survives_the_reset():
    env = FaultyEnv("leaky_state")
    first, second = play(env), play(env)
    assert first.tobytes() == play(FaultyEnv()).tobytes()
    assert np.array_equal(second, first / np.float32(2))


# --- what it does to its process ---


@pytest.mark.parametrize(
    ("mode", "value", "code"),
    [
        ("exits_hard", None, 0),
        ("exits_hard", 3, 3),
        ("segfaults", None, -signal.SIGSEGV),
        ("aborts", None, -signal.SIGABRT),
        ("killed", None, -signal.SIGKILL),
        ("exits", None, 1),
        ("allocates", None, 1),
    ],
)
def test_a_process_ends_where_it_was_said(mode, value, code):
    assert alone(mode=mode, value=value, place="close") == (code, ["reset", "stepped"])


@pytest.mark.parametrize(("place", "before"), [("init", 0), ("reset", 0), ("step", 1), ("close", 2)])
@pytest.mark.parametrize("mode", ["hangs", "blocks"])
def test_a_process_hangs_where_it_was_said(mode, place, before, tmp_path):
    flag = tmp_path / "flag"
    with start(mode=mode, place=place, flag=str(flag)) as process:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(before)]
        while not flag.exists() and process.poll() is None:
            threading.Event().wait(0.01)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.kill()
        assert [line.strip() for line in lines] == ["reset", "stepped"][:before]
        assert process.stdout.read() == ""


def test_blocking_keeps_the_handlers_of_signals_from_running(tmp_path):
    flag = tmp_path / "flag"
    with start(mode="blocks", flag=str(flag)) as process:
        while not flag.exists() and process.poll() is None:
            threading.Event().wait(0.01)
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.kill()


def test_memory_is_kept(monkeypatch):
    kept = []
    monkeypatch.setattr("evolvent.testing.faults.KEPT", kept)
    play(FaultyEnv("leaks", 0.5))
    assert [each.nbytes for each in kept] == [MB // 2] * LENGTH


def test_memory_is_asked_for():
    play(FaultyEnv("allocates", 0.5))
    with pytest.raises(MemoryError):
        play(FaultyEnv("allocates"))


def test_noise_goes_to_all_streams(capfd):
    play(FaultyEnv("prints", 1000, step=1))
    out, err = capfd.readouterr()
    assert (len(out), len(err)) == (2000, 1000)
    assert "noise, as it was told to make\nnoise" in err


def test_stdout_is_closed():
    assert alone(mode="closes_stdout") == (1, ["reset"])


def test_a_child_and_a_thread_are_left(monkeypatch):
    children = []
    monkeypatch.setattr("evolvent.testing.faults.KEPT", children)
    play(FaultyEnv("spawns_child", step=1))
    [child] = children
    assert child.poll() is None
    child.kill()
    child.wait()
    let_go = threading.Event()
    monkeypatch.setattr("evolvent.testing.faults.NEVER", let_go)
    play(FaultyEnv("starts_thread", step=1))
    [thread] = [each for each in threading.enumerate() if each.name == "left by FaultyEnv"]
    assert thread.daemon
    let_go.set()
    thread.join()


def test_the_surroundings_are_changed(monkeypatch, tmp_path):
    monkeypatch.chdir(os.curdir)  # put back afterwards
    play(FaultyEnv("changes_folder", str(tmp_path), step=1))
    assert os.getcwd() == str(tmp_path)  # noqa: PTH109
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        play(FaultyEnv("ignores_sigterm", step=1))
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
        play(FaultyEnv("sets_handlers", step=1))
        assert signal.getsignal(signal.SIGTERM) == signal.getsignal(signal.SIGINT) != handlers[signal.SIGINT]
        signal.raise_signal(signal.SIGINT)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    play(FaultyEnv("seeds_globals", 5, step=1))
    assert np.random.uniform() == np.random.RandomState(5).uniform()  # noqa: NPY002


def test_a_slow_step_takes_its_time(monkeypatch):
    taken, kept = [], []
    monkeypatch.setattr("evolvent.testing.faults.time.sleep", taken.append)
    monkeypatch.setattr("evolvent.testing.faults.KEPT", kept)
    play(FaultyEnv("slow", 0.5, action=1), actions=(0, 1, 1))
    assert taken == [0.5, 0.5]
    for _ in range(2):
        play(FaultyEnv("slow_first_step", 9))
    assert taken == [0.5, 0.5, 9]


# --- in worker processes ---


@pytest.mark.parametrize("mode", MODES)
def test_it_pickles(mode):
    if mode == "constructor_raises":
        return
    env = FaultyEnv(mode, probability=0.5, after=1e9)
    env.reset(seed=3)
    ours, theirs = Pipe()
    with ours, theirs:
        ours.send(env)
        copy = theirs.recv()
    assert play(copy, 4).tobytes() == play(env, 4).tobytes() or mode in {"global_rng", "leaky_state"}


def test_it_is_registered_by_text():
    gymnasium.register("test_faulty/Text-v0", "evolvent.testing:FaultyEnv", kwargs={"mode": "one_step"})
    with closing(gymnasium.make("test_faulty/Text-v0")) as env:
        env.reset(seed=0)
        assert env.step(0)[2]


def test_every_deed_is_documented():
    assert FaultyEnv.__doc__
    assert all(f'`"{mode}"`' in FaultyEnv.__doc__ for mode in MODES)
    assert not KEPT or KEPT[0] is DEEDS["slow_first_step"]
