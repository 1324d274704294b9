import gc
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from numba.core import dispatcher

settings.register_profile("untimed", deadline=None)  # a first example may compile
settings.load_profile("untimed")

os.environ.setdefault("EVOLVENT_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "kernels"))

for name in ("SIGINT", "SIGHUP"):  # a job in the background ignores them, and so would every process that a test starts
    if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) == signal.SIG_IGN:
        signal.signal(getattr(signal, name), signal.default_int_handler)


def pytest_collection_modifyitems(config, items):
    """Leave out what is long unless it is asked for: -m of the command line takes the place of one written elsewhere."""
    if os.environ.get("EVOLVENT_LONG") != "1":
        long = [item for item in items if item.get_closest_marker("long")]
        items[:] = [item for item in items if not item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)


FunctionCompiler: Any = vars(dispatcher)["_FunctionCompiler"]
compile_function = FunctionCompiler.compile
COMPILERS_OWN = {
    *("test_check_env", "test_jit", "test_lanes", "test_lanes_refusals"),
    *("test_mujoco", "test_normals", "test_seeding", "test_vectors"),
}


def compile_unseen(self, *signature):
    """Compile while nothing traces, because Numba takes half as long again where coverage does."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        return compile_function(self, *signature)
    finally:
        sys.settrace(tracer)


FunctionCompiler.compile = compile_unseen


@pytest.fixture(autouse=True, scope="module")
def _sees_the_compiler(request):
    """Trace compiling where it is what the tests are about: passes and instructions of our own run in it."""
    with pytest.MonkeyPatch.context() as patch:
        if request.path.stem in COMPILERS_OWN:
            patch.setattr(FunctionCompiler, "compile", compile_function)
        yield


PATIENCE = 2.0  # seconds; a thread or a process that was told to end may take a moment
FOR_GOOD = ("/dev/", "/proc/", "anon_inode:")
FONT = ".ttf"  # Matplotlib holds those it has drawn with


@pytest.fixture(autouse=True)
def _leaves_nothing_behind():
    """Fail a test that leaves threads, child processes, open files or shared memory."""
    before = held()
    yield
    deadline = time.monotonic() + PATIENCE
    while (left := held() - before) and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.02)
    assert not left


@pytest.fixture
def _processes_unmeasured(monkeypatch):
    """Start processes that count towards no coverage, where others cover the same: each takes two thirds of the time."""
    for name in [name for name in os.environ if name.startswith("COVERAGE")]:
        monkeypatch.delenv(name)


def held():
    return {*threads(), *children(), *open_files(), *shared_memory()}


def threads():
    return {f"thread {thread.name}" for thread in threading.enumerate() if not thread.daemon}


def children():
    found = set()
    for path in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):  # a thread that has just ended
            found |= {f"process {pid}" for pid in path.read_text(encoding="ascii").split()}
    return found


def open_files():
    found = {}
    for entry in Path("/proc/self/fd").glob("*"):
        with suppress(OSError):  # the listing's own
            found[entry.name] = os.readlink(entry)  # noqa: PTH115 - a pipe is no path
    kept = {number for number, target in found.items() if target.startswith(FOR_GOOD) or target.endswith(FONT)}
    return {f"file {number} {target}" for number, target in found.items() if number not in kept}


def shared_memory():
    return {f"shared memory {path}" for path in Path("/dev/shm").glob("psm_*")}  # noqa: S108 - where Python puts it
