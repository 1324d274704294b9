"""A virtual environment for each peer, made once from its pinned requirements."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks._harness import REPOSITORY, tell

FOLDER = Path(__file__).resolve().parent
ENVIRONMENTS = REPOSITORY / ".peers"


class NotInstalled(Exception):
    """Raised when a peer's packages cannot be installed here; its text is why."""


def python_of(packages: str | None) -> Path:
    """Return the Python that has these packages; they are installed where they are not there yet.

    Raises:
        NotInstalled: The installer failed.
    """
    if packages is None:
        return Path(sys.executable)
    home = ENVIRONMENTS / packages
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    requirements = FOLDER / "requirements" / f"{packages}.txt"
    stamp = home / "installed.txt"
    wanted = requirements.read_text(encoding="utf-8")
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        tell(f"installing {packages} into {home.relative_to(REPOSITORY)}")
        venv.create(home, with_pip=True, clear=True)
        _install(python, requirements)
        stamp.write_text(wanted, encoding="utf-8")
    return python


def _install(python: Path, requirements: Path) -> None:
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "-q", "-r", str(requirements)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotInstalled(f"pip could not install it: {reason(done.stderr)}")


def reason(output: str) -> str:
    r"""Return the line of an installer's output that says what is wrong: the first error, or the last line.

    Examples:
        >>> reason("Looking\nERROR: No matching distribution found for envpool==9.9.9\nhint: upgrade pip")
        'No matching distribution found for envpool==9.9.9'
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.partition("ERROR:")[2].strip() for line in lines if "ERROR:" in line]
    return (errors or lines or ["it said nothing"])[-1][:200]
