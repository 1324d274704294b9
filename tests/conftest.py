import gc
import os
import threading
import time
from pathlib import Path

import pytest

PATIENCE = 2.0  # seconds; a thread or a process that was told to end may take a moment
FOR_GOOD = ("/dev/", "/proc/", "anon_inode:")


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


def held():
    return {*threads(), *children(), *open_files(), *shared_memory()}


def threads():
    return {f"thread {thread.name}" for thread in threading.enumerate() if not thread.daemon}


def children():
    listed = (task / "children" for task in Path("/proc/self/task").glob("*"))
    return {f"process {pid}" for path in listed if path.exists() for pid in path.read_text().split()}


def open_files():
    found = {}
    for entry in Path("/proc/self/fd").glob("*"):
        try:
            found[entry.name] = os.readlink(entry)  # noqa: PTH115 - a pipe is no path
        except OSError:
            continue
    return {f"file {number} {target}" for number, target in found.items() if not target.startswith(FOR_GOOD)}


def shared_memory():
    return {f"shared memory {path}" for path in Path("/dev/shm").glob("psm_*")}  # noqa: S108 - where Python puts it
