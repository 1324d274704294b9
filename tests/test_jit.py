import importlib.util
import json
import os
import random
import stat
import subprocess
import sys
import textwrap
import time
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from evolvent import jit, kernel_cache
from evolvent.errors import StorageFailed, UsageError
from evolvent.fingerprint import NotFollowable, fingerprint
from evolvent.jit import bind, kernel
from evolvent.kernel_cache import MAGIC, private_folder, prune

posix = pytest.mark.skipif(os.name != "posix", reason="Windows has no permission bits")
numbers = count()


def specialise(template, **bindings):
    """Specialise as a new process does, which finds on disk what there is and nothing in memory."""
    jit._SPECIALISED.clear()
    return jit.specialise(template, **bindings)


@pytest.fixture
def loaded(tmp_path):
    """Give a function that makes a module of a text."""

    def load(text):
        path = tmp_path / f"{next(numbers)}.py"
        path.write_text(textwrap.dedent(text))
        spec = importlib.util.spec_from_file_location("loaded", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Give the folder in which kernels are kept for the time of a test."""
    path = tmp_path / "kernels"
    path.mkdir()
    monkeypatch.setattr("evolvent.jit._folder", lambda: path)
    return path


@pytest.mark.compiled
def test_equal_functions_are_compiled_once_in_a_process(loaded):
    text = "FACTOR = 2.0\ndef scaled(x):\n    return FACTOR * x"
    one, again = (jit.specialise(loaded(text).scaled) for _ in range(2))
    assert one is again
    assert jit.specialise(loaded(text.replace("2.0", "3.0")).scaled)(1.0) == 3.0
    assert one(1.0) == 2.0


# --- binding ---

FACTOR: Any = None
APPLY: Any = None
RATE = 3.0
TABLE = np.array([1.0, 2.0])


def scaled(x):
    return FACTOR * x


def applied(x):
    return APPLY(x) + 1.0


def with_rate(x):
    return x * RATE


def through_a_helper(x):
    return with_rate(x) + 1.0


def from_an_array(x):
    return TABLE[1] * x


def through_an_array(x):
    return from_an_array(x) + 1.0


def test_bindings_stand_in_for_globals_and_change_none():
    assert specialise(scaled, FACTOR=3.0)(2.0) == 6.0
    assert specialise(scaled, FACTOR=4.0)(2.0) == 8.0
    assert specialise(applied, APPLY=bind(scaled, FACTOR=5.0))(2.0) == 11.0
    assert kernel(through_a_helper)(2.0) == 7.0
    assert FACTOR is None


def test_arguments_keep_their_defaults(loaded):
    text = """
        def scaled(x, by=3.0):
            return x * by
        def helped(x):
            return scaled(x) + scaled(x, by=2.0)
    """
    assert specialise(loaded(text).helped)(2.0) == 10.0
    assert specialise(applied, APPLY=bind(loaded(text.replace("x * by", "x * by * RATE")).scaled, RATE=10.0))(2.0) == 61.0


@pytest.mark.parametrize("make", [bind, specialise])
def test_a_binding_that_nothing_looks_up_is_refused(make):
    with pytest.raises(TypeError, match="scaled looks up no global named FACTR, OTHER"):
        make(scaled, FACTOR=1.0, FACTR=2.0, OTHER=3.0)


def test_a_constant_changed_at_run_time_counts_from_the_next_specialising_on(monkeypatch, folder):
    assert specialise(through_a_helper)(2.0) == 7.0
    monkeypatch.setitem(globals(), "RATE", 10.0)
    assert specialise(through_a_helper)(2.0) == 21.0
    monkeypatch.undo()
    monkeypatch.setattr("evolvent.jit._folder", lambda: folder)
    assert specialise(through_a_helper)(2.0) == 7.0


# --- fingerprints ---

MODULE = """
import math
import sys
from typing import NamedTuple

FACTOR = 2.0
SIZES = (1, (2, 3))
TEXT = "a"
MAYBE = None

class Pair(NamedTuple):
    first: float
    second: float = 1.0

def nested(x):
    return x - FACTOR

def helper(x, by=3.0):
    return x * by + nested(x)

def swapped(x):
    return 1.0 + x

def made(shift, call):
    def inner(x, *, scale=4.0):
        if MAYBE is None and TEXT in {"a", "b"}:
            return helper(x) + shift + SIZES[1][0] + Pair(x).second + call(x)
        return sum(each * other.SHARE for each in (1.5, math.pi)) + scale + other.RATE
    return inner

other = type(sys)("other")
other.RATE = 8.0
other.SHARE = 0.5
top = made(0.5, swapped)
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("FACTOR = 2.0", "FACTOR = 2.5"),
        ("FACTOR = 2.0", "FACTOR = 2"),
        ("SIZES = (1, (2, 3))", "SIZES = (1, (2, 4))"),
        ('TEXT = "a"', 'TEXT = "b"'),
        ("MAYBE = None", "MAYBE = False"),
        ("second: float = 1.0", "second: float = 2.0"),
        ("first: float\n    second:", "second: float\n    first:"),
        ("return x - FACTOR", "return FACTOR - x"),
        ("by=3.0", "by=4.0"),
        ("x * by", "x + by"),
        ("1.0 + x", "-0.0 + x"),
        ("made(0.5, swapped)", "made(0.25, swapped)"),
        ("made(0.5, swapped)", "made(0.5, nested)"),
        ("scale=4.0", "scale=5.0"),
        ('{"a", "b"}', '{"a", "c"}'),
        ("(1.5, math.pi)", "(1.25, math.pi)"),
        ("math.pi", "math.tau"),
        ("other.RATE = 8.0", "other.RATE = 9.0"),
        ("other.SHARE = 0.5", "other.SHARE = 0.25"),
    ],
)
def test_what_a_function_can_reach_is_in_its_fingerprint(loaded, old, new):
    changed = MODULE.replace(old, new)
    assert changed != MODULE
    assert fingerprint(loaded(MODULE).top) != fingerprint(loaded(changed).top)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\ndef helper", "\n# a comment\n\n\ndef helper"),
        ("FACTOR = 2.0", "UNRELATED = 7.0\nFACTOR = 2.0"),
        ("x * by + nested(x)", "(x * by) + nested(\n        x\n    )"),
    ],
)
def test_what_changes_no_result_changes_no_fingerprint(loaded, old, new):
    changed = MODULE.replace(old, new)
    assert changed != MODULE
    assert fingerprint(loaded(MODULE).top) == fingerprint(loaded(changed).top)


def test_two_functions_of_one_name_are_told_apart(loaded):
    module = loaded("""
        def made(offset):
            def inner(x):
                return x + offset
            return inner
        A, B, AGAIN = made(1.0), made(2.0), None
        def top(x):
            return A(x) + B(x) - AGAIN(x)
        """)
    assert fingerprint(bind(module.top, AGAIN=module.A)) != fingerprint(bind(module.top, AGAIN=module.B))


def test_the_order_of_the_fields_of_a_constant_counts():
    one, other = (NamedTuple("Pair", [(first, float), (second, float)]) for first, second in ("ab", "ba"))
    assert fingerprint(bind(scaled, FACTOR=one(1.0, 2.0))) != fingerprint(bind(scaled, FACTOR=other(1.0, 2.0)))


def test_known_functions_and_context_stand_for_themselves():
    plain = fingerprint(through_a_helper)
    assert fingerprint(through_a_helper, {with_rate: "version 1"}) != fingerprint(through_a_helper, {with_rate: "version 2"})
    assert fingerprint(through_a_helper, {}, ("numba 1",)) != plain


def test_a_function_that_calls_itself_has_a_fingerprint(loaded):
    text = "def top(n):\n    return n if n < 1 else top(n - 1) + {}\n"
    assert fingerprint(loaded(text.format(1)).top) != fingerprint(loaded(text.format(2)).top)


class Settings:
    RATE = 2.0

    def __call__(self, x):
        return x


@pytest.mark.parametrize("value", [TABLE, [1.0, 2.0], Settings, Settings(), (1.0, TABLE), {"a": 1}, object()], ids=repr)
def test_what_cannot_be_followed_is_refused(value):
    with pytest.raises(NotFollowable):
        fingerprint(bind(scaled, FACTOR=value))


def test_a_kernel_for_a_processor_that_rounds_otherwise_is_another_one(monkeypatch):
    before = jit._versions.__wrapped__()
    monkeypatch.setattr("evolvent.instructions.FUSES", not jit.instructions.FUSES)
    assert jit._versions.__wrapped__() != before


# --- kernels that are kept ---


def hits(function):
    return sum(function._cache_hits.values())


def only(folder):
    [path] = folder.iterdir()
    return path


SCRIPT = """
import json, logging, sys
logging.basicConfig(level=logging.WARNING, format="%(message)s")
from law import fall
from evolvent.jit import specialise
fall = specialise(fall)
print(json.dumps([fall(2.0), sum(fall._cache_hits.values())]))
"""
LAW = """
GRAVITY = 9.75
def half(x):
    return x * GRAVITY / 2
def fall(x):
    return half(x) * x if {"a", "b", "c"} else 0.0
"""


def started(tmp_path, hash_seed="1"):
    """Run the script in a Python of its own; give its result, how many kernels it found, and what it logged."""
    (tmp_path / "script.py").write_text(SCRIPT)
    env = {
        **os.environ,
        "EVOLVENT_CACHE_DIR": str(tmp_path / "cache" / "kernels"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": hash_seed,
    }
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    return *json.loads(done.stdout), done.stderr


@pytest.mark.compiled
def test_a_second_process_finds_the_kernel_and_a_changed_constant_is_compiled_anew(tmp_path):
    law, kept = tmp_path / "law.py", tmp_path / "cache" / "kernels"
    law.write_text(LAW)
    assert started(tmp_path) == (19.5, 0, "")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700 or os.name != "posix"
    first = [path.name for path in kept.iterdir()]
    assert len(first) == 1
    assert started(tmp_path, hash_seed="2") == (19.5, 1, "")
    assert [path.name for path in kept.iterdir()] == first

    times = law.stat().st_atime_ns, law.stat().st_mtime_ns
    law.write_text(LAW.replace("9.75", "1.75"))
    os.utime(law, ns=times)
    assert started(tmp_path) == (3.5, 0, "")
    assert len(list(kept.iterdir())) == 2


DAMAGE = {
    "empty": lambda _: b"",
    "only a beginning": lambda data: data[:10],
    "half": lambda data: data[: len(data) // 2],
    "one byte short": lambda data: data[:-1],
    "one bit flipped at the end": lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
    "one bit flipped in the code": lambda data: data.replace(b"scaled", b"scalee"),
    "another version": lambda data: data.replace(b"kernel 1", b"kernel 0", 1),
    "no kernel, but well packed": lambda _: MAGIC + kernel_cache.hashlib.sha256(b"junk").digest() + b"junk",
}


@pytest.mark.compiled
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_kernel_is_compiled_again_and_said_once(damage, folder, caplog):
    assert specialise(scaled, FACTOR=7.0)(2.0) == 14.0
    path = only(folder)
    good = path.read_bytes()
    path.write_bytes(damage(good))
    again = specialise(scaled, FACTOR=7.0)
    assert (again(2.0), again(3.0), hits(again)) == (14.0, 21.0, 0)
    assert len(caplog.records) == 1
    assert "compiling scaled_" in caplog.text
    third = specialise(scaled, FACTOR=7.0)
    assert (third(2.0), hits(third)) == (14.0, 1)
    assert len(caplog.records) == 1
    assert only(folder) == path


@pytest.mark.compiled
def test_each_signature_has_a_kernel_of_its_own(folder):
    function = specialise(scaled, FACTOR=7.0)
    assert (function(2.0), function(2), function(np.uint64(2))) == (14.0, 14.0, 14.0)
    assert len(list(folder.iterdir())) == 3
    again = specialise(scaled, FACTOR=7.0)
    assert (again(2.0), again(2), again(np.uint64(2)), hits(again)) == (14.0, 14.0, 14.0, 3)


@pytest.mark.compiled
@pytest.mark.parametrize("given", ["Pair(b=1.0, a=2.0)", "(0, Pair(b=1.0, a=2.0))"])
def test_a_kernel_knows_the_order_of_the_fields_of_its_arguments(loaded, folder, given):
    text = f"""
        from typing import NamedTuple
        class Pair(NamedTuple):
            b: float
            a: float
        given = {given}
        def first(pair):
            return {"pair.b" if given.startswith("Pair") else "pair[1].b"}
    """
    module = loaded(text)
    assert specialise(module.first)(module.given) == 1.0
    module = loaded(text.replace("b: float", "c: float").replace("a: float", "b: float").replace("c: float", "a: float"))
    assert specialise(module.first)(module.given) == 1.0
    assert len(list(folder.iterdir())) == 2


@pytest.mark.compiled
def test_a_kernel_in_use_stays_young(folder):
    specialise(scaled, FACTOR=7.0)(2.0)
    os.utime(only(folder), (1, 1))
    specialise(scaled, FACTOR=7.0)(2.0)
    assert time.time() - only(folder).stat().st_mtime < 3600


@pytest.mark.compiled
def test_what_has_no_fingerprint_is_compiled_anew_and_said_once(folder, caplog):
    compiled = specialise(from_an_array)
    assert (compiled(2.0), compiled(4.0)) == (4.0, 8.0)
    assert not list(folder.iterdir())
    assert len(caplog.records) == 1
    assert "from_an_array is compiled anew at every start: from_an_array names a ndarray" in caplog.text
    assert specialise(through_an_array)(2.0) == 5.0
    assert "through_an_array is compiled anew at every start: from_an_array names a ndarray" in caplog.text
    assert not list(folder.iterdir())


@pytest.mark.compiled
def test_a_full_disk_costs_a_line_and_no_result(folder, caplog, monkeypatch):
    def full(*_):
        raise StorageFailed("no space left")

    monkeypatch.setattr(kernel_cache, "save_atomically", full)
    assert specialise(scaled, FACTOR=7.0)(2.0) == 14.0
    assert not list(folder.iterdir())
    assert [record.getMessage()[-23:] for record in caplog.records] == ["not kept: no space left"]


# --- the folder ---


@pytest.fixture
def chosen(tmp_path, monkeypatch):
    path = tmp_path / "a" / "b"
    monkeypatch.setenv("EVOLVENT_CACHE_DIR", str(path))
    return path


def refused(caplog, chosen, reason):
    assert private_folder() is None
    [record] = caplog.records
    assert record.getMessage().startswith(f"compiled kernels are not kept in {chosen}: ")
    assert reason in record.getMessage()


def test_the_folder_is_made_private(chosen, caplog):
    assert private_folder() == chosen == private_folder()
    assert stat.S_IMODE(chosen.stat().st_mode) == 0o700 or os.name != "posix"
    assert not caplog.records


@posix
@pytest.mark.parametrize("mode", [0o777, 0o755, 0o770, 0o701])
def test_a_folder_open_to_others_is_not_used(chosen, caplog, mode):
    chosen.mkdir(parents=True)
    chosen.chmod(mode)
    refused(caplog, chosen, "closed to others (chmod 700)")


def test_a_folder_that_cannot_be_written_is_not_used(chosen, caplog, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    refused(caplog, chosen, "it is read-only")


@posix
def test_a_folder_of_another_user_is_not_used(chosen, caplog, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    refused(caplog, chosen, "it must belong to you")


def test_a_file_in_its_place_is_left_alone(chosen, caplog):
    chosen.parent.mkdir()
    chosen.write_text("mine")
    refused(caplog, chosen, "exists")
    assert chosen.read_text() == "mine"


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, "home/.cache/evolvent/kernels"),
        ("linux", {"XDG_CACHE_HOME": ""}, "home/.cache/evolvent/kernels"),
        ("linux", {"XDG_CACHE_HOME": "{tmp}/xdg"}, "xdg/evolvent/kernels"),
        ("darwin", {}, "home/Library/Caches/evolvent/kernels"),
        ("win32", {"LOCALAPPDATA": "{tmp}/local"}, "local/evolvent/kernels"),
    ],
)
def test_the_folder_is_where_the_system_keeps_such_things(tmp_path, monkeypatch, platform, variables, expected):
    monkeypatch.setattr(kernel_cache.sys, "platform", platform)
    for name in ("EVOLVENT_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(tmp=tmp_path))
    assert private_folder() == tmp_path / expected


def test_a_user_without_a_home_keeps_no_kernels(monkeypatch, caplog):
    def homeless(_):
        raise RuntimeError("could not determine home directory")

    for name in ("EVOLVENT_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "expanduser", homeless)
    assert private_folder() is None
    assert "compiled kernels are not kept: could not determine home directory" in caplog.text


@pytest.mark.compiled
def test_without_a_folder_kernels_are_compiled_all_the_same(monkeypatch, caplog):
    monkeypatch.setattr("evolvent.jit._folder", lambda: None)
    assert specialise(scaled, FACTOR=7.0)(2.0) == 14.0
    assert not caplog.records


def test_pruning_removes_the_oldest_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(kernel_cache, "MAX_FILES", 3)
    days = {"a": 1, "b": 0, "c": 2, "d": 3, "e": 100}
    for name, age in days.items():
        path = tmp_path / f"{name}.kernel"
        path.touch()
        then = time.time() - age * 86400
        os.utime(path, (then, then))
    (tmp_path / "notes.txt").touch()
    prune(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.kernel", "b.kernel", "c.kernel", "notes.txt"]
    monkeypatch.setattr(kernel_cache, "MAX_AGE", 1.5 * 86400)
    prune(tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.kernel")) == ["a.kernel", "b.kernel"]


# --- random numbers that no address decides ---


def draws_from_numpy(x):
    return x + np.random.rand()  # noqa: NPY002


def draws_from_the_library(x):
    return x + random.random()  # noqa: S311


def draws_within(x):
    return draws_from_numpy(x)


def asks_a_state(x, state):
    return np.sqrt(x) + state.random


@pytest.mark.compiled
@pytest.mark.parametrize("function", [draws_from_numpy, draws_from_the_library, draws_within])
def test_random_numbers_without_an_address_are_refused(function):
    with pytest.raises(UsageError, match=r"draws random numbers that differ from run to run; write uniform\(draw, k\)"):
        kernel(function)


def test_an_attribute_of_that_name_is_none():
    assert fingerprint(asks_a_state)
