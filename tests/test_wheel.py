"""A wheel holds the whole library and nothing else, and what is installed from it works far from the repository."""

import json
import os
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "evolvent"
PATIENCE = 50.0  # seconds

WHERE = """
import json, sysconfig
print(json.dumps({name: sysconfig.get_path(name) for name in ("purelib", "scripts")}))
"""
LOAD = """
import json, sys
import evolvent as ev
policy = ev.load_policy(sys.argv[1])
print(json.dumps({"file": ev.__file__, "env": policy.env_id, "action": int(policy.act([0.0, 0.0, 0.05, 0.0]))}))
"""

pytestmark = pytest.mark.slow


def said_by(*words, **options):
    """Run a program to its end, which must be a good one, and give its stdout."""
    words = [str(word) for word in words]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def built(folder):
    """Build the wheel of the repository as it stands."""
    said_by(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("hatchling", reason="hatchling builds the wheel; it is in requirements-dev.lock")
    return built(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Install the wheel alone into a fresh environment; its dependencies are those of this interpreter.

    They are reached through a .pth file. The .pth files beside them are not read, so an editable install is not seen.
    """
    pytest.importorskip("venv", reason="the standard library's venv is missing, a package of its own on some systems")
    folder = tmp_path_factory.mktemp("fresh")
    said_by(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    where = json.loads(said_by(python, "-c", WHERE))
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    said_by(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel)
    dependencies = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    Path(where["purelib"], "dependencies.pth").write_text("\n".join(dependencies) + "\n", encoding="utf-8")
    return python, Path(where["purelib"]), Path(where["scripts"])


@pytest.fixture
def elsewhere(tmp_path):
    """Where and with which environment programs are run: nothing there leads back to the repository."""
    unwanted = ("PYTHONPATH", "PYTHONHOME", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}
    return {"cwd": tmp_path, "env": {**environment, "EVOLVENT_CACHE_DIR": str(tmp_path / "kernels")}}


def test_a_wheel_holds_the_library_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    files = {path for path in SOURCE.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    library = {path.relative_to(SOURCE.parent).as_posix() for path in files}
    assert "evolvent/py.typed" in library
    assert {name for name in names if ".dist-info/" not in name} == library


def test_a_wheel_says_what_it_is(wheel):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    about = f"evolvent-{project['version']}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        metadata = message_from_bytes(archive.read(f"{about}/METADATA"))
        assert archive.read(f"{about}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
        assert archive.read(f"{about}/entry_points.txt").decode().split() == [
            "[console_scripts]",
            *("evolvent", "=", "evolvent.cli.main:main"),
        ]
    assert (metadata["Name"], metadata["Version"]) == ("evolvent", project["version"])
    assert (metadata["License-Expression"], metadata["Requires-Python"]) == ("MIT", project["requires-python"])
    required = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert len(required) == len(project["dependencies"])


def test_a_wheel_has_the_same_bytes_each_time(wheel, tmp_path):
    assert built(tmp_path).read_bytes() == wheel.read_bytes()


@pytest.mark.compiled
def test_what_is_installed_trains_and_acts_far_from_the_repository(installed, elsewhere):
    python, library, scripts = installed
    flags = ("--generations", "2", "--validation-episodes", "5", "--json")
    result = json.loads(said_by(scripts / "evolvent", "train", "CartPole-v1", *flags, **elsewhere).splitlines()[-1])
    assert result["generations"] <= 2
    folder = Path(result["run"])
    assert folder.is_relative_to(elsewhere["cwd"].resolve())
    loaded = json.loads(said_by(python, "-c", LOAD, folder / "best.safetensors", **elsewhere))
    assert Path(loaded["file"]).resolve().is_relative_to(library.resolve())
    assert (loaded["env"], loaded["action"] in {0, 1}) == ("CartPole-v1", True)
