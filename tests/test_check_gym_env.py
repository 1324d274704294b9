import json
import os
import random
import re
import signal
import string
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from evolvent.cli import check_env as command
from evolvent.cli.main import run
from evolvent.envs import CARTPOLE, ENVS
from evolvent.errors import UsageError
from evolvent.testing import FaultyEnv, Finding, Report, check_gym_env, probe
from evolvent.testing.compiled_check import check_compiled
from evolvent.testing.findings import TABLE, finding
from evolvent.testing.gym_episode_check import digest, first_difference, play
from evolvent.testing.probe_process import TWIN_DONE
from evolvent.testing.replays import same_again
from evolvent.testing.surroundings import scramble
from tests.commands import started, until

FAULTY, UNLIMITED = "test_check/Faulty-v0", "test_check/Unlimited-v0"
gymnasium.register(FAULTY, "evolvent.testing:FaultyEnv", max_episode_steps=50)
gymnasium.register(UNLIMITED, "evolvent.testing:FaultyEnv")


@pytest.fixture
def look(tmp_path, monkeypatch):
    """Look at a faulty environment in this process, without measuring it; give what is found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(probe, "_look_at_costs", lambda *_: None)
    monkeypatch.setattr("evolvent.testing.faults.KEPT", [])
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    (tmp_path / TWIN_DONE).touch()

    def at(env_id=FAULTY, episodes=20, **arguments):
        looking = probe.Probe(env_id, arguments, episodes, 60.0, tmp_path)
        probe.look(looking)
        return {each.key: each for each in looking.found}

    yield at
    for number, handler in handlers.items():
        signal.signal(number, handler)


def kinds(found):
    return {key: each.kind for key, each in found.items()}


# --- what an episode shows ---


class NoFurther(FaultyEnv):
    """Raises at the step after the last one that a run takes, of an episode that nothing else ends."""

    def step(self, action):
        self.taken += 1
        if self.taken > 7:
            raise RuntimeError("the table has seven rows")
        observation, reward, _, _, facts = super().step(action)
        return observation, reward, False, False, facts

    def reset(self, *, seed=None, options=None):
        self.taken = 0
        return super().reset(seed=seed, options=options)


@pytest.mark.parametrize(("limit", "found"), [(7, {}), (8, {"raises": "error"})])
def test_an_episode_is_looked_at_up_to_its_registered_limit(look, limit, found):
    env_id = f"test_check/NoFurther{limit}-v0"
    made_by: Any = NoFurther
    gymnasium.register(env_id, made_by, max_episode_steps=limit)
    assert kinds(look(env_id)) == found


@pytest.mark.parametrize(
    ("arguments", "key", "text"),
    [
        ({"mode": "reset_raises"}, "raises", "reset() raises RuntimeError: reset() raises, as it was told to"),
        ({"mode": "step_raises", "step": 3}, "raises", "step() raises RuntimeError: step() raises"),
        ({"mode": "exits"}, "raises", "step() raises SystemExit: left"),
        ({"mode": "allocates"}, "raises", "step() raises MemoryError"),
        ({"mode": "nan_reward", "step": 7}, "odd_reward", "a reward is nan"),
        ({"mode": "odd_reward", "value": None}, "odd_reward", "a reward is None"),
        ({"mode": "odd_reward", "value": "3"}, "odd_reward", "a reward is '3'"),
        ({"mode": "odd_reward", "value": 1j}, "odd_reward", "a reward is 1j"),
        ({"mode": "odd_reward", "value": np.ones(1)}, "odd_reward", "a reward is array([1.])"),
        ({"mode": "nan_observation", "step": 2}, "not_finite", "an observation holds nan at [0]"),
        ({"mode": "odd_observation", "value": np.array([0, np.inf])}, "not_finite", "holds inf at [1]"),
        ({"mode": "wrong_shape"}, "wrong_shape", "is float32 of shape (3,) where the space says float32 of shape (2,)"),
        ({"mode": "odd_observation", "value": None}, "wrong_shape", "is object of shape ()"),
        ({"mode": "odd_observation", "value": "ab"}, "wrong_shape", "is <U2 of shape ()"),
        ({"mode": "ends", "value": (np.ones(2), False), "step": 3}, "odd_end", "terminated or truncated is (array"),
        ({"mode": "old_step"}, "older_step", "step() has the older API: it gives a tuple of 4"),
        ({"mode": "old_reset"}, "older_reset", "reset() has the older API: it gives a ndarray of 2"),
    ],
)
def test_what_would_fail_a_run_is_an_error(look, arguments, key, text):
    found = look(**arguments)
    assert kinds(found) == {key: "error"}
    assert text in found[key].headline


@pytest.mark.parametrize(
    ("arguments", "key", "kind", "text"),
    [
        ({"mode": "step_raises", "episode": 2, "step": 2}, "raises", "warning", "in 1 of 20 episodes"),
        ({"mode": "global_rng"}, "not_deterministic", "warning", "the first observation differs"),
        ({"mode": "leaky_state"}, "leaks_state", "warning", "something survives reset()"),
        ({"mode": "leaks", "step": 1, "value": 4}, "leaks_memory", "warning", "more with every episode"),
        ({"mode": "seeds_globals", "step": 1}, "seeds_globals", "warning", "of Python and NumPy"),
        ({"mode": "outside", "step": 3}, "outside", "warning", "2.0 at [0], expected -1.0 to 1.0"),
        ({"mode": "wrong_dtype"}, "other_dtype", "note", "observations are float64, the space says float32"),
        ({"mode": "sets_handlers"}, "takes_signals", "note", "SIGINT, SIGTERM"),
        ({"mode": "ignores_sigterm"}, "takes_signals", "note", "SIGTERM"),
        ({"mode": "changes_folder", "value": "/"}, "changes_folder", "note", "to /"),
    ],
)
def test_what_would_make_another_run_is_no_error(look, arguments, key, kind, text):
    if arguments["mode"] == "leaks" and not Path("/proc/self/statm").exists():
        pytest.skip("this system does not tell how much memory a process holds")
    found = look(**arguments)
    assert kinds(found) == {key: kind}
    assert text in found[key].headline


@pytest.mark.parametrize("mode", ["none", "one_step", "reused_buffer"])
def test_a_sound_environment_is_none_the_worse(look, mode):
    assert look(mode=mode) == {}


def test_an_environment_without_an_end_is_told_once(look):
    assert kinds(look(UNLIMITED, mode="endless", episodes=2)) == {"no_limit": "note"}
    assert look(UNLIMITED) == {}
    assert look(mode="endless", episodes=1) == {}


def test_threads_and_children_are_noticed(look, monkeypatch):
    left = []
    monkeypatch.setattr("evolvent.testing.faults.KEPT", left)
    try:
        assert "leaves_children" in look(mode="spawns_child", step=1, episode=1) or not Path("/proc").exists()
    finally:
        for child in left:
            child.kill()
            child.wait()


class Parts(FaultyEnv):
    observation_space = gymnasium.spaces.Dict(
        {"two": FaultyEnv.observation_space, "kind": gymnasium.spaces.Tuple([gymnasium.spaces.Discrete(3)])}
    )
    kind: Any = (2,)

    def reset(self, **how):
        shown, info = super().reset(**how)
        return {"two": shown, "kind": self.kind}, info

    def step(self, action):
        shown, *rest = super().step(action)
        return {"two": shown, "kind": self.kind}, *rest


@pytest.mark.parametrize(("kind", "place"), [((2,), ""), ((3,), "['kind'][0]"), ((1, 2), "['kind']"), (1, "['kind']")])
def test_parts_of_an_observation_are_named(kind, place):
    env = Parts()
    env.kind = kind
    broken = play(env, 0, 3).broken
    assert (broken is None) == (kind == (2,))
    assert broken is None or (broken.key, broken.facts["place"]) == ("not_in_space", place)
    env.kind = (0,)
    shown = {"two": np.zeros(2, np.float32)}
    assert digest({**shown, "kind": (1,)}) != digest({**shown, "kind": (2,)}) != digest(shown)


# --- the same seed, the same episode ---


class Undetermined(FaultyEnv):
    def __init__(self, source):
        super().__init__()
        self.source = source

    def step(self, action):
        shown, *rest = super().step(action)
        return shown * np.float32(self.source()), *rest


SOURCES = {
    "NumPy's generator": np.random.rand,
    "Python's generator": random.random,
    "the system": lambda: os.urandom(1)[0] / 255 + os.urandom(1)[0] / 65025,
    "the clock": lambda: time.perf_counter_ns() % 1000 / 1000,
    "a generator of its own": np.random.default_rng().random,
}


def again(make, seed):
    @contextmanager
    def fresh():
        with closing(make()) as env:
            yield env

    with closing(make()) as env:
        scramble(seed)
        return list(same_again(fresh, seed, play(env, seed, 50), play(env, seed, 50)))


@pytest.mark.parametrize("source", SOURCES)
def test_what_no_seed_reaches_is_found_every_time(source):
    found = [again(lambda: Undetermined(SOURCES[source]), seed) for seed in range(100)]
    assert [[each.key for each in findings] for findings in found] == [["not_deterministic"]] * 100
    is_global = source in {"NumPy's generator", "Python's generator"}
    assert all(each.mend.startswith("It draws from a generator that all" if is_global else "Look for") for [each] in found)


def test_what_its_seed_determines_is_never_blamed():
    assert [again(FaultyEnv, seed) for seed in range(100)] == [[]] * 100
    assert first_difference(["a", "b"], ["a", "c"]) == "step 1 differs"
    assert first_difference(["a"], ["a", "c"]) is None


# --- in processes of its own ---


def keys(report, *wanted):
    return {each.key for each in report.findings if each.kind in wanted}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "key", "text"),
    [
        ({"mode": "constructor_raises"}, "cannot_be_built", "RuntimeError: the constructor raises"),
        ({"mode": "exits_hard", "value": 3, "step": 3}, "leaves", "step() in step 3 of episode 1"),
        ({"mode": "segfaults", "place": "reset", "episode": 2}, "dies", "dies in reset() of episode 2: SIGSEGV (/"),
        ({"mode": "killed", "step": 3}, "dies", "dies in step() in step 3 of episode 1: SIGKILL"),
    ],
)
def test_a_death_is_told_with_its_place(arguments, key, text):
    report = check_gym_env(FAULTY, arguments, episodes=3)
    assert not report.trains
    assert keys(report, "error") == {key}
    assert text in report.findings[0].headline


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "place", "method", "trains"),
    [
        ("hangs", "step", "step() in step 1 of episode 1", False),
        ("blocks", "step", "step() in step 1 of episode 1", False),
        ("hangs", "init", "__init__()", False),
        ("hangs", "close", "close()", True),
    ],
)
def test_what_hangs_is_ended_and_told_with_its_line(mode, place, method, trains):
    report = check_gym_env(FAULTY, {"mode": mode, "place": place}, episodes=1, time_limit=3.0)
    assert report.trains == trains
    [found] = [each for each in report.findings if each.key == "hangs"]
    assert found.headline.startswith(f"{method} has not come back after 3 s: ")
    assert re.search(rf"faults\.py, line \d+, in {mode}$", found.headline)


@pytest.mark.slow
def test_what_it_starts_and_prints_stays_behind(capfd):
    seconds = "987.1234"
    report = check_gym_env(FAULTY, {"mode": "spawns_child", "value": float(seconds), "step": 1, "episode": 1}, episodes=2)
    assert report.trains
    until(lambda: not any(seconds.encode() in _command_of(process) for process in Path("/proc").glob("[0-9]*")))
    report = check_gym_env(FAULTY, {"mode": "prints", "value": 5000, "step": 1, "episode": 1}, episodes=2)
    assert [each.headline.split(",")[0] for each in report.findings if each.key == "prints"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_nothing_is_left_of_a_check_that_is_killed(tmp_path):
    def folders():
        return list(tmp_path.glob("evolvent-*/*/place"))

    words = "check-env", "evolvent.testing:FaultyEnv", "--env-kwargs", "mode=hangs"
    with started(*words, env={**os.environ, "TMPDIR": str(tmp_path)}) as process:
        until(folders)
        process.kill()
        until(lambda: not list(tmp_path.iterdir()))


def _command_of(process):
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.slow
@pytest.mark.parametrize("env_id", ["CartPole-v1", "FrozenLake-v1", "Hopper-v5"])
def test_sound_worlds_are_not_complained_of(env_id):
    if env_id == "Hopper-v5":
        pytest.importorskip("mujoco")
    report = check_gym_env(env_id, episodes=5)
    assert report.trains
    assert keys(report, "error", "warning") == set()
    measured: Any = report.figures
    assert measured["steps_a_second"] > 0
    assert measured["seconds_a_step"] > 0


MODULE = """
import os, socket
import gymnasium, numpy as np
from evolvent.testing import FaultyEnv

class HashOrder(FaultyEnv):
    def reset(self, **how):
        shown, info = super().reset(**how)
        return shown * np.float32(os.getpid() % 97 / 97), info

class OneOfAKind(FaultyEnv):
    def __init__(self):
        super().__init__()
        os.mkdir({folder!r})

    def close(self):
        os.rmdir({folder!r})

gymnasium.register("Hash-v0", HashOrder, max_episode_steps=9)
"""


@pytest.mark.slow
def test_another_process_is_tried(tmp_path, monkeypatch):
    (tmp_path / "world_of_a_test.py").write_text(MODULE.replace("{folder!r}", repr(str(tmp_path / "only"))), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    report = check_gym_env("world_of_a_test:Hash-v0", episodes=3)
    assert report.trains
    assert keys(report, "error", "warning") == {"other_in_other_process"}
    report = check_gym_env("world_of_a_test:OneOfAKind", episodes=3)
    assert not report.trains
    assert keys(report, "error", "warning") == {"second_copy_fails"}
    assert "FileExistsError" in report.findings[0].headline


def test_what_another_process_cannot_find_is_told():
    class Local(FaultyEnv):
        def __init__(self, **_):
            super().__init__()

    gymnasium.register("test_check/Local-v0", Local)
    for env in ("test_check/Local-v0", lambda: FaultyEnv(), Local):  # noqa: PLW0108 - it is a lambda that is meant
        report = check_gym_env(env)
        assert not report.trains
        [found] = report.findings
        assert found.key == "cannot_be_sent"
    assert "Local" in found.headline


@pytest.mark.slow
def test_a_fault_that_both_processes_see_is_no_fault_of_the_second():
    report = check_gym_env(FAULTY, {"mode": "step_raises", "episode": 2, "step": 2}, episodes=6)
    assert report.trains
    assert keys(report, "error", "warning") == {"raises"}


@pytest.mark.slow
def test_a_function_that_makes_an_environment_will_do():
    assert check_gym_env(FaultyEnv, {"mode": "one_step"}, episodes=2).trains
    with pytest.raises(UsageError, match=r"env_kwargs: .*unexpected keyword argument 'mod'"):
        check_gym_env(FAULTY, {"mod": "none"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("CartPol-v1",), r"'CartPol-v1' is not a registered Gymnasium environment; did you mean \"CartPole-v1\"\?"),
        ((":x",), "names no module before the colon"),
        ((FaultyEnv(),), "expected what names an environment, got one"),
        ((FAULTY, ["mode"]), "env_kwargs: expected name=value"),
    ],
)
def test_what_names_nothing_is_refused_at_once(arguments, message):
    with pytest.raises(UsageError, match=message):
        check_gym_env(*arguments)


@pytest.mark.parametrize(("name", "value"), [("episodes", 0), ("time_limit", 0), ("time_limit", float("inf"))])
def test_odd_limits_are_refused(name, value):
    with pytest.raises(UsageError, match=rf"^{name}: expected "):
        check_gym_env(FAULTY, **{name: value})


# --- compiled worlds ---


def test_a_compiled_world_goes_to_its_own_checker(monkeypatch):
    wrong = replace(CARTPOLE, observe=lambda state: [state.angle])
    monkeypatch.setitem(ENVS, "test_check/Cart-v0", wrong)
    [found] = check_compiled("test_check/Cart-v0") or []
    assert found.key == "compiled_wrong"
    assert "observe: expected a tuple of values, got a list" in found.headline
    assert check_compiled("CartPole-v1") is None
    assert check_compiled(FAULTY) is None


def test_all_that_is_wrong_with_a_compiled_world_is_told(monkeypatch, tmp_path):
    wrong = [finding("compiled_wrong", problem=text) for text in ("one", "two")]
    monkeypatch.setattr(probe, "check_compiled", lambda _: wrong)
    probe._look(probe.Probe("a:World-v0", {}, 1, 60.0, tmp_path), is_twin=False)
    told = [json.loads(line) for line in (tmp_path / "told").read_text().splitlines()]
    assert [content["headline"] for word, content in told if word == "finding"] == ["one", "two"]


def test_what_is_too_slow_to_be_played_again_is_told(look, monkeypatch):
    monkeypatch.setattr(probe, "MOST_COPIES", 10**9)
    assert kinds(look()) == {"cut_short": "note"}


# --- the command ---


def test_every_finding_can_be_told():
    class Anything(dict):
        def __missing__(self, name):
            return 1.0 if name in {"megabytes", "seconds", "microseconds", "times", "limit"} else 1

    for key, texts in TABLE.items():
        assert texts[0] in {"error", "warning", "note"}
        for text in texts[1:]:
            text.format_map(Anything())
        assert finding(key, **dict.fromkeys(_names(texts), 1)).kind == texts[0]


def _names(texts):
    return {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}


def said(capsys, monkeypatch, report, *words):
    monkeypatch.setattr(command, "check_gym_env", lambda *_, **__: report)
    code = run(["check-env", FAULTY, *words])
    out, err = capsys.readouterr()
    assert err == ""
    return code, out


FIGURES = {
    "observation_space": "Box(-inf, inf, (11,), float64)",
    "action_space": "Box(-1.0, 1.0, (3,), float32)",
    "max_episode_steps": 1000,
    "steps_an_episode": 21.5,
    "seconds_a_step": 50e-6,
    "steps_a_second": 15_000.0,
    "workers": 2,
    "megabytes_a_worker": 160.0,
    "megabytes_a_copy": 1.0,
}


def test_the_command_tells_what_was_found(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    found = (finding("raises", method="step()", problem="ValueError: \x1b[31m[red]", share="every episode"),)
    code, out = said(capsys, monkeypatch, Report(env_id=FAULTY, findings=found, figures=FIGURES))
    assert code == 4
    assert out.startswith(f"{FAULTY} will not train\n")
    assert "a run         15.0 k steps/s with one worker, about 30.0 k with 2\n" in out
    assert "\nerror    step() raises ValueError: \\x1b[31m[red], in every episode\n" in out
    assert max(map(len, out.splitlines())) <= 80


def test_the_command_says_it_as_json(capsys, monkeypatch):
    found = (Finding(kind="note", key="prints", headline="h", meaning="m", mend=""),)
    code, out = said(capsys, monkeypatch, Report(env_id=FAULTY, findings=found, figures=FIGURES), "--json")
    assert code == 0
    told = json.loads(out.splitlines()[-1])
    assert told["trains"] is True
    assert told["figures"] == FIGURES
    assert [each["key"] for each in told["findings"]] == ["prints"]


def test_the_command_wants_a_name(capsys):
    assert run(["check-env"]) == 2
    assert "which environment? evolvent check-env ENV" in capsys.readouterr().err
