"""A process in which an environment is looked at, as seen by who waits for it: with a time limit, and kept quiet."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from evolvent.engines.worker_process import ONE_THREAD, places_of_modules
from evolvent.testing.whereabouts import Place, of_the_user, read_place

COMMAND: Final = "import sys; sys.path[:] = sys.argv[1:]; del sys.argv[1:]; from evolvent.testing.probe import main; main()"
TIME_TO_START: Final = 60.0  # seconds beyond the limit, which the process itself keeps
PATIENCE: Final = 2.0  # seconds
TWIN_DONE: Final = "twin_done"  # a file that tells the first of two processes that the second one has ended
TICK: Final = 0.02  # seconds
KEPT_OUTPUT: Final = 200  # bytes of what is printed first
FRAME: Final = re.compile(r'  File "(?P<file>.+)", line (?P<line>\d+) in (?P<name>.+)')
OURS: Final = re.compile(r'probe\.py", line \d+ in main')


@dataclass
class Told:
    """What a process has told, and how it ended.

    Args:
        words: Pairs of a word and what it is about.
        place: What it was calling last.
        code: Its exit code.
        frames: Of the Python code that it was in when it hung or crashed: file, line, function; the innermost first.
        hung: Whether it was ended because its time was over.
        printed: The first bytes that it printed, and how many there were, to stdout and to stderr.
    """

    words: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])
    place: Place = Place("the start", 0, 0)  # noqa: RUF009 - it never changes
    code: int = 0
    frames: list[tuple[str, int, str]] = field(default_factory=list[tuple[str, int, str]])
    hung: bool = False
    printed: dict[str, tuple[bytes, int]] = field(default_factory=dict[str, tuple[bytes, int]])

    def all(self, word: str) -> list[Any]:
        """Return all that was told with a word."""
        return [content for each, content in self.words if each == word]

    @property
    def done(self) -> bool:
        """Whether it told all it wanted to."""
        return bool({"done", "usage"} & {word for word, _ in self.words})

    def where(self) -> str:
        """Return the line of the environment, or of what it called, in which it was; "" where that is not known."""
        return of_the_user(self.frames)


class ProbeProcess:
    """The process.

    Args:
        folder: An empty one, in which it tells what it finds.
        limit: How long it may take [s].
    """

    def __init__(self, folder: Path, limit: float) -> None:
        """Start it, in a process group of its own."""
        self._folder, self._limit = folder, limit
        self._printed: dict[str, tuple[bytes, int]] = {}
        self._process = subprocess.Popen(  # noqa: S603 - our own code, in our own interpreter
            [sys.executable, "-c", COMMAND, *places_of_modules()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={**dict.fromkeys(ONE_THREAD, "1"), **os.environ},
        )
        self._drains = [threading.Thread(target=self._drain, args=(name,), daemon=True) for name in ("stdout", "stderr")]
        for thread in self._drains:
            thread.start()

    def ask(self, request: dict[str, Any]) -> None:
        """Say what to look at."""
        content = json.dumps({**request, "folder": str(self._folder), "limit": self._limit}).encode() + b"\n"
        with contextlib.suppress(OSError):
            self._pipe("stdin").write(content)
            self._pipe("stdin").flush()

    def wait_for_a_word(self) -> None:
        """Wait until it has told something, or has ended."""
        while not (self._folder / "told").exists() and self._process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(TICK)

    def wait(self) -> Told:
        """Return what it has told once it has ended, which it has to when the limit is over."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(self._limit + TIME_TO_START)
        overdue = self._process.poll() is None
        self.end()
        trace = _read(self._folder / "trace")
        return Told(
            words=[tuple(json.loads(line)) for line in _read(self._folder / "told").splitlines() if line.endswith("]")],
            place=read_place(self._folder / "place"),
            code=self._process.returncode,
            frames=_frames(trace),
            hung=overdue or "Timeout (" in trace,
            printed=self._printed,
        )

    def end(self) -> None:
        """End the process, and all that it has started."""
        if hasattr(os, "killpg"):
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        for thread in self._drains:
            thread.join(PATIENCE)
        with contextlib.suppress(OSError):
            self._pipe("stdin").close()
        for name, thread in zip(("stdout", "stderr"), self._drains, strict=True):
            if not thread.is_alive():  # else something that has left the group holds the other end
                self._pipe(name).close()

    def _drain(self, name: str) -> None:
        kept, size, pipe = b"", 0, self._pipe(name)
        with contextlib.suppress(OSError, ValueError):
            while part := os.read(pipe.fileno(), 1 << 16):
                kept, size = (kept + part)[:KEPT_OUTPUT], size + len(part)
                self._printed[name] = (kept, size)

    def _pipe(self, name: str) -> BinaryIO:
        return getattr(self._process, name)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _frames(trace: str) -> list[tuple[str, int, str]]:
    """Return the frames of the thread that plays, the innermost first, of what faulthandler has written."""
    for block in re.split(r"^(?:Current thread|Thread) ", trace, flags=re.MULTILINE)[1:]:
        if OURS.search(block):
            return [(each["file"], int(each["line"]), each["name"]) for each in FRAME.finditer(block)]
    return []
