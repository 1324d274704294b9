"""The C programs of the floor, compiled when asked for and called in this process."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Counts, Population
from evolvent.crew import Crew

SOURCES = Path(__file__).with_name("floor")
# STRICT contracts and reorders nothing. TUNED is the fastest that was found for this one job: gcc may fuse, and it
# gives up what an episode that is under way never meets, NaN, signed zeros and angles that are not small.
STRICT = ("-O3", "-march=native", "-ffp-contract=off")
VECTORS = ("-fopenmp-simd", "-mprefer-vector-width=512", "-fno-trapping-math")
TUNED = (*VECTORS, "-ffp-contract=fast", "-ffinite-math-only", "-fno-signed-zeros", "-DSMALL_ANGLES")
PROGRAMS = {  # source and flags
    "C, scalar": ("scalar.c", ()),
    "C, lanes": ("lanes.c", VECTORS),
    "C, lanes, tuned": ("lanes.c", TUNED),
    "C, lanes, tuned, float32": ("lanes.c", (*TUNED, "-DREAL=float")),
}


class NotBuilt(Exception):
    """There is no gcc, or it refuses the programs or the flags; the message says which."""


class Program:
    """A C program on threads.

    Args:
        library: What `build` returned.
        threads: How many share the episodes; ours have the same kind.
    """

    def __init__(self, library: Path, threads: int) -> None:
        """Load the library and start the threads."""
        self._play: Any = ctypes.CDLL(str(library)).play
        self._play.restype = None
        self._crew = Crew(threads, "floor")

    def evaluate(self, population: Population, first: NDArray[np.float64], cap: int) -> Counts:
        """Return the steps `(pop, episodes)` of episodes that begin in the states `first (pop, episodes, 4)`."""
        steps, counter = np.zeros(first.shape[:2], np.int64), np.zeros(1, np.int64)
        share = partial(
            self._play,
            _address(population),
            _address(first),
            ctypes.c_int64(first.shape[1]),
            ctypes.c_int64(steps.size),
            ctypes.c_int64(cap),
            _address(counter),
            _address(steps),
        )
        self._crew.do([share] * self._crew.size)
        return steps


def build(name: str, activation: str, folder: Path) -> Path:
    """Compile the program of this name into a shared library in `folder`.

    Raises:
        NotBuilt: There is no gcc, or it refuses.
    """
    gcc = shutil.which("gcc")
    if gcc is None:
        raise NotBuilt("there is no gcc on this machine")
    source, flags = PROGRAMS[name]
    library = folder / f"{name}.so"
    chosen = ["-DTANH"] if activation == "tanh" else []
    command = [gcc, "-shared", "-fPIC", *STRICT, *flags, *chosen, str(SOURCES / source), "-o", str(library), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotBuilt(f"gcc refuses {source}: {done.stderr.strip().partition(chr(10))[0]}")
    return library


def _address(array: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
