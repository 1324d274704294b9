"""What a faulty environment does, shows and pays: a function for each fault."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

MB = 2**20
KEPT: list[Any] = []  # for as long as the process lives
NEVER = threading.Event()
SECONDS_OF_A_CHILD = 600


def step_raises(_: Any) -> None:
    """Raise a RuntimeError."""
    raise RuntimeError("step() raises, as it was told to")


def exits(_: Any) -> None:
    """Leave Python the orderly way."""
    sys.exit("left, as it was told to")


def exits_hard(value: Any) -> None:
    """End the process at once, with the exit code `value`, 0 if there is none."""
    os._exit(value or 0)


def hangs(_: Any) -> None:
    """Sleep for ever; a signal still ends it."""
    while True:
        time.sleep(3600)


def blocks(_: Any) -> None:
    """Wait for ever in C with the interpreter lock held: no other thread and no handler of a signal runs any more."""
    if sys.platform == "win32":
        ctypes.PyDLL("kernel32").Sleep(-1)
    libc, lock = ctypes.PyDLL(None), ctypes.create_string_buffer(256)  # larger than any platform's pthread_mutex_t
    libc.pthread_mutex_init(lock, None)
    libc.pthread_mutex_lock(lock)
    libc.pthread_mutex_lock(lock)


def segfaults(_: Any) -> None:
    """Read where no memory is."""
    ctypes.string_at(0)


def aborts(_: Any) -> None:
    """Abort the process, as a failed assertion in C does."""
    os.abort()


def killed(_: Any) -> None:
    """Kill the process, as the system does when memory runs out."""
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def leaks(value: Any) -> None:
    """Keep `value` MB for ever, 1 if there is none."""
    KEPT.append(np.ones(int((value or 1) * MB), np.uint8))


def allocates(value: Any) -> None:
    """Ask for `value` MB and use them, or for more than any machine has."""
    np.ones(2**62 if value is None else int(value * MB), np.uint8)


def prints(value: Any) -> None:
    """Write `value` bytes, 100 if there is none, to Python's stdout and to the descriptors 1 and 2."""
    noise = "noise, as it was told to make\n"
    text = (noise * (int(value or 100) // len(noise) + 1))[: int(value or 100)]
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.write(text)
        sys.stdout.flush()
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):
            rest = text.encode()
            while rest:
                rest = rest[os.write(descriptor, rest) :]


def closes_stdout(_: Any) -> None:
    """Close Python's stdout and the descriptor 1."""
    with contextlib.suppress(OSError):
        sys.stdout.close()
    with contextlib.suppress(OSError):
        os.close(1)


def spawns_child(value: Any) -> None:
    """Start a process that sleeps `value` seconds, 600 if there is none, and leave it alone."""
    KEPT.append(subprocess.Popen(["sleep", str(value or SECONDS_OF_A_CHILD)]))  # noqa: S603, S607 - a fixed command


def starts_thread(value: Any) -> None:
    """Start a thread that never ends; Python waits for it when it wants to exit if `value` is False."""
    threading.Thread(target=NEVER.wait, name="left by FaultyEnv", daemon=value is not False).start()


def changes_folder(value: Any) -> None:
    """Make `value` the working directory, the root if there is none."""
    os.chdir(value or os.sep)


def seeds_globals(value: Any) -> None:
    """Seed the generators that all of a process share, with `value`, 0 if there is none."""
    np.random.seed(value or 0)  # noqa: NPY002 - this is the fault
    random.seed(value or 0)


def ignores_sigterm(_: Any) -> None:
    """Make the process deaf to SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def sets_handlers(_: Any) -> None:
    """Take SIGINT and SIGTERM over, and do nothing about them."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _do_nothing)


def slow(value: Any) -> None:
    """Take `value` seconds more, 0.01 if there is none."""
    time.sleep(0.01 if value is None else value)


def slow_first_step(value: Any) -> None:
    """Take `value` seconds more, 1 if there is none, the first time in a process."""
    if slow_first_step not in KEPT:
        KEPT.append(slow_first_step)
        time.sleep(1.0 if value is None else value)


def _do_nothing(*_: object) -> None:
    pass


def _from_global_generator(*_: Any) -> Any:
    return np.random.uniform(-1.0, 1.0, 2).astype(np.float32)  # noqa: NPY002 - this is the fault


_DEEDS: tuple[Callable[[Any], object], ...] = (
    *(step_raises, exits, exits_hard, hangs, blocks, segfaults, aborts, killed, leaks, allocates, prints, closes_stdout),
    *(spawns_child, starts_thread, changes_folder, seeds_globals, ignores_sigterm, sets_handlers, slow, slow_first_step),
)
DEEDS = {each.__name__: each for each in _DEEDS}
REWARDS: dict[str, Callable[[Any], Any]] = {"nan_reward": lambda _: math.nan, "odd_reward": lambda value: value}
OBSERVATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "nan_observation": lambda shown, _: np.array([math.nan, shown[1]], np.float32),
    "odd_observation": lambda _, value: value,
    "wrong_shape": lambda _, __: np.zeros(3, np.float32),
    "wrong_dtype": lambda shown, value: shown.astype(value or np.float64),
    "outside": lambda shown, value: np.array([2.0 if value is None else value, shown[1]], np.float32),
    "global_rng": _from_global_generator,
}
