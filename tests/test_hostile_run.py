import gzip
import io
import json
import math
import os
import pickle  # noqa: TID251 - to write what must not be read
import random
import shutil
import subprocess
import sys
import time
import tracemalloc
import zipfile
from typing import Any

import numpy as np
import pytest

import evolvent as ev
from evolvent.cli.main import run as run_command
from evolvent.errors import EvolventError, FileRefused, StorageFailed
from evolvent.files import pack_tensors, parse_object, unpack_tensors
from evolvent.training import RunFolder, checkpoint, history
from evolvent.training.checkpoint import _read_verified
from evolvent.training.manifest import changed_versions
from evolvent.training.run import read_config, read_manifest
from evolvent.training.run_folder import create
from evolvent.training.run_name import check_name
from tests.commands import SMALL
from tests.mutations import MUTATIONS, Memory, mutated

TEXTS = ("run_toml", "manifest", "history")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    run: Any = ev.evolve("CartPole-v1", runs_dir=tmp_path_factory.mktemp("runs"), name="a", **SMALL)
    for _, older in run.folder.checkpoints()[1:]:
        older.unlink()
    return run


@pytest.fixture
def folder(finished, tmp_path):
    shutil.copytree(finished.folder.path, tmp_path / "run")
    return RunFolder(tmp_path / "run")


def newest(folder):
    return folder.checkpoints()[0][1]


def file_of(folder, name):
    return newest(folder) if name == "checkpoint" else getattr(folder, name)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.path.iterdir() if path.name != "errors.log"}


# --- random damage ---


def test_a_mutated_manifest_is_an_object_or_refused(folder, monkeypatch):
    dice = random.Random(10)  # noqa: S311
    data = folder.manifest.read_bytes()
    memory = Memory(monkeypatch, "evolvent.training.manifest.read_bytes")
    read = 0
    for _ in range(MUTATIONS):
        memory.content[folder.manifest] = mutated(data, dice)
        try:
            manifest = read_manifest(folder)
        except FileRefused:
            continue
        read += 1
        assert read % 100 or isinstance(changed_versions(manifest), str)
    assert MUTATIONS / 100 < read < MUTATIONS / 2


def test_a_mutated_run_toml_is_a_configuration_or_refused(folder, monkeypatch):
    dice = random.Random(11)  # noqa: S311
    data = folder.run_toml.read_bytes()
    memory = Memory(monkeypatch, "evolvent.training.run.read_bytes")
    read = 0
    for _ in range(MUTATIONS // 5):
        memory.content[folder.run_toml] = mutated(data, dice)
        try:
            env, config = read_config(folder)
        except FileRefused as refused:
            assert str(folder.run_toml) in str(refused)  # noqa: PT017 - there may be none
            continue
        assert (type(env), type(config)) == (str, ev.Config)
        read += 1
    assert MUTATIONS / 1000 < read < MUTATIONS / 10


def test_a_mutated_history_is_numbers_or_refused(folder, monkeypatch):
    dice = random.Random(12)  # noqa: S311
    data = folder.history.read_bytes()
    memory = Memory(monkeypatch, "evolvent.training.history.read_bytes")
    read = 0
    for _ in range(MUTATIONS):
        memory.content[folder.history] = mutated(data, dice)
        try:
            columns = history.read(folder.history)
        except FileRefused:
            continue
        assert {type(value) for column in columns.values() for value in column} <= {float}
        read += 1
    assert MUTATIONS / 100 < read < MUTATIONS


def test_whatever_is_damaged_a_run_is_refused_or_comes_to_its_result(finished, folder):
    dice = random.Random(13)  # noqa: S311
    whole = contents(folder)
    done = 0
    for _ in range(max(MUTATIONS // 1000, 20)):
        damaged = dice.choice(("manifest", "history", "checkpoint", "lock", "best"))
        path = file_of(folder, damaged)
        path.write_bytes(mutated(path.read_bytes(), dice))
        try:
            assert ev.resume(folder).progress.digest == finished.progress.digest
            done += 1
        except FileRefused as refused:
            assert str(folder.path) in str(refused)  # noqa: PT017 - there may be none
        for name, data in whole.items():
            (folder.path / name).write_bytes(data)
    assert done > 5


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 100_000,
        "a = " + "{a=" * 3000,
        "seed = " + "9" * 5000,
        "seed = 1979-05-27T07:32:00Z",
        'env = "\\uD800"',
        'env = "CartPole-v1"\n' + "a." * 2000 + "a = 1",
        "genetic = 3",
        "[genetic.num_parents]\na = 1",
        "\ufeff",
    ],
)
def test_a_run_toml_that_would_exhaust_a_reader_is_refused(folder, text):
    folder.run_toml.write_text(text, encoding="utf-8")
    began = time.monotonic()
    with pytest.raises(FileRefused, match=r"run\.toml"):
        read_config(folder)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("name", ["run_toml", "manifest"])
def test_a_text_of_absurd_size_is_refused_unread(folder, name):
    with file_of(folder, name).open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(FileRefused, match="expected at most 1048576"):
        ev.resume(folder)


# --- other kinds of files ---


class Canary:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def payloads(canary):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        yield pickle.dumps(Canary(canary), protocol)
    yield gzip.compress(pickle.dumps(Canary(canary)))
    yield zipped(**{"archive/data.pkl": pickle.dumps(Canary(canary), 2), "archive/version": b"3"})
    yield zipped(**{"a.npy": bytes(300_000_000)})
    objects = io.BytesIO()
    np.save(objects, np.array([Canary(canary)], dtype=object), allow_pickle=True)
    yield objects.getvalue()
    yield b"\x89HDF\r\n\x1a\n" + pickle.dumps(Canary(canary))
    yield f"!!python/object/apply:builtins.open ['{canary}', 'w']\n".encode()
    yield f"open({str(canary)!r}, 'w')\n".encode()
    yield f"__import__('pathlib').Path({str(canary)!r}).touch()\n".encode()
    yield b"\xa7\r\r\n" + bytes(12) + b"\xe3"


@pytest.mark.parametrize("name", ["checkpoint", *TEXTS])
def test_no_payload_runs_whichever_file_of_a_run_it_is(folder, tmp_path, name):
    canary = tmp_path / "canary"
    for data in payloads(canary):
        file_of(folder, name).write_bytes(data)
        before = contents(folder)
        with pytest.raises(FileRefused):
            ev.resume(folder)
        assert contents(folder) == before
    assert not canary.exists()


def test_no_payload_runs_as_a_policy(tmp_path):
    canary, path = tmp_path / "canary", tmp_path / "policy.safetensors"
    for data in payloads(canary):
        path.write_bytes(data)
        with pytest.raises(FileRefused, match="expected a safetensors file"):
            ev.load_policy(path)
    assert not canary.exists()


def peak_of(action):
    """Give the most memory that was in use [bytes] and the time [s]."""
    tracemalloc.start()
    began = time.monotonic()
    action()
    seconds = time.monotonic() - began
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak, seconds


@pytest.mark.parametrize("start", [b"", b"PK\x03\x04", b"\x80\x04", (2).to_bytes(8, "little") + b"{}", b"\xff" * 9])
def test_a_file_that_is_large_for_nothing_is_refused_before_it_is_read(tmp_path, start):
    path = tmp_path / "policy.safetensors"
    with path.open("wb") as file:
        file.write(start)
        file.truncate(8_000_000_000)

    def load():
        with pytest.raises(FileRefused):
            ev.load_policy(path)

    peak, seconds = peak_of(load)
    assert peak < 64e6
    assert seconds < 0.5


def test_a_file_needs_twice_its_size_of_memory(tmp_path):
    path = tmp_path / "tensors"
    path.write_bytes(pack_tensors({"a": np.zeros(10**7, np.float32)}, {}))
    peak, _ = peak_of(lambda: unpack_tensors(path.read_bytes(), "a file"))
    assert peak < 64e6 + 2 * path.stat().st_size


# --- files that are whole and lie ---


def forged(folder, change):
    """Change the newest checkpoint and make its digest fit again."""
    path = newest(folder)
    tensors, metadata = _read_verified(path)
    record = parse_object(metadata["record"], "a record")
    change(tensors, record)
    metadata["record"] = json.dumps(record, sort_keys=True)
    metadata["sha256"] = checkpoint._digest(tensors, metadata)
    path.write_bytes(pack_tensors(tensors, metadata))


def recorded(*keys, value):
    def change(_tensors, record):
        for key in keys[:-1]:
            record = record[key]
        record[keys[-1]] = value

    return change


def held(name, make):
    def change(tensors, _record):
        tensors[name] = make(tensors[name])

    return change


def with_nan(array):
    array = array.copy()
    array.flat[0] = np.nan
    return array


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (held("champion", with_nan), "champion: expected finite numbers"),
        (held("champion", lambda row: row[1:]), r"champion: expected rows and parameters \(1, 16\), got \(1, 15\)"),
        (held("champion", lambda row: row[:0]), "champion: expected rows"),
        (held("algorithm.population", with_nan), 'the tensor "algorithm.population" must hold finite numbers'),
        (held("algorithm.population", lambda rows: rows[:, 1:]), "algorithm: its state does not fit the run"),
        (held("algorithm.population", lambda rows: rows[:0]), "algorithm: "),
        (held("algorithm.population", lambda rows: np.repeat(rows, 2, axis=0)), "algorithm: "),
        (held("algorithm.elites", lambda rows: rows[:, 1:]), "algorithm: its state does not fit the run"),
        (held("algorithm.elites", with_nan), 'the tensor "algorithm.elites" must hold finite numbers'),
        (held("algorithm.evaluation.fitness", lambda row: row[:1]), "algorithm: "),
        (recorded("algorithm", "generation", value=2**64 - 1), "algorithm: its state does not fit the run"),
        (recorded("score", "mean", value=math.nan.hex()), "score.mean: a run cannot have come to nan"),
        (recorded("score", "std", value=(-1.0).hex()), "score.std: a run cannot have come to -1.0"),
        (recorded("score", "episodes", value=0), "score.episodes: a run cannot have come to 0"),
        (recorded("digest", value="../../etc/passwd"), "digest: a run cannot have come to '../../etc/passwd'"),
        (recorded("digest", value=""), "digest: a run cannot have come to ''"),
        (recorded("training_steps", value=-1), "training_steps: a run cannot have come to -1"),
        (recorded("validation_steps", value=2**63), "validation_steps: a run cannot have come to"),
        (recorded("seconds", value=math.nan.hex()), "seconds: a run cannot have come to nan"),
    ],
)
def test_a_checkpoint_that_is_whole_and_made_up_is_refused(folder, change, words):
    forged(folder, change)
    before = contents(folder)
    with pytest.raises(FileRefused, match=words) as caught:
        ev.resume(folder, changes={"generations": 9})
    assert str(newest(folder)) in str(caught.value)
    assert contents(folder) == before


def test_a_manifest_of_a_newer_format_is_refused(folder):
    manifest: Any = read_manifest(folder)
    manifest["versions"]["evolvent"] = "9.1.0"
    folder.manifest.write_text(json.dumps({**manifest, "format_version": 2, "novelty": 1}), encoding="utf-8")
    before = contents(folder)
    with pytest.raises(FileRefused) as caught:
        ev.resume(folder)
    assert str(caught.value) == (
        f"{folder.manifest} was written by Evolvent '9.1.0' in format 2;"
        " this version reads formats up to 1. Upgrade Evolvent to go on with this run"
    )
    assert contents(folder) == before
    assert run_command(["resume", str(folder.path)]) == 3


# --- names and links ---


@pytest.mark.parametrize("name", ["run_toml", "manifest", "history", "lock"])
def test_a_file_of_a_run_that_is_a_link_is_refused(folder, tmp_path, name):
    path, elsewhere = file_of(folder, name), tmp_path / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    before = elsewhere.read_bytes()
    with pytest.raises((FileRefused, StorageFailed)) as caught:
        ev.resume(folder, changes={"generations": 7})
    assert str(path) in str(caught.value)
    assert elsewhere.read_bytes() == before


def test_a_checkpoint_that_is_a_link_is_passed_over(finished, folder, tmp_path):
    path, elsewhere = newest(folder), tmp_path / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    before = elsewhere.read_bytes()
    assert ev.resume(folder).progress.digest == finished.progress.digest
    assert elsewhere.read_bytes() == before
    assert not path.is_symlink()


def test_nothing_is_written_through_a_link(finished, folder, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"mine")
    for name in ("errors.log", "best.safetensors", "checkpoint-7.safetensors"):
        (folder.path / name).unlink(missing_ok=True)
        (folder.path / name).symlink_to(elsewhere)
    manifest: Any = read_manifest(folder)
    manifest["versions"]["numpy"] = "1.0"  # a warning for errors.log
    folder.manifest.write_text(json.dumps(manifest), encoding="utf-8")
    run = ev.resume(folder, changes={"generations": 7})
    assert run.progress.generation == finished.progress.generation + 1
    assert elsewhere.read_bytes() == b"mine"


def test_no_name_leads_out_of_the_runs(tmp_path):
    dice = random.Random(14)  # noqa: S311
    letters = 'aZ09._-/\\:*?"<>| \0\n\u202e\u00e9~$'
    root, taken = tmp_path / "runs", 0
    for _ in range(MUTATIONS):
        name = "".join(dice.choices(letters, k=dice.randrange(1, 8)))
        try:
            path = root / check_name(name)
        except EvolventError:
            continue
        taken += 1
        assert path.parent == root
        assert os.path.normpath(path) == str(path)
        assert name.isascii()
    assert taken > MUTATIONS / 1000
    create(root, "../../A-v1", "a", {"run.toml": b""})
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


# --- nothing is imported ---

AUDITED = """
import sys
from pathlib import Path
import evolvent as ev
from evolvent.errors import EvolventError
from evolvent.training import history
folder = ev.open_run(sys.argv[1], Path())
ev.resume(folder)
before, seen = set(sys.modules), []
sys.addaudithook(lambda event, arguments: seen.append((event, *map(str, arguments[:1]))))
def tried(action):
    try:
        action()
    except EvolventError:
        pass
for name in sys.argv[2:]:
    tried(lambda: ev.load_policy(name))
tried(lambda: ev.resume(folder, changes={"generations": 7}))
tried(lambda: history.read(folder.history))
ours = ("numba.", "numpy", "evolvent.", "builtins", "copyreg")  # the cache of kernels, which is this user's own
refused = [event for event in seen if event[0] in {
    "import", "marshal.loads", "os.system", "os.exec", "os.fork", "subprocess.Popen", "socket.connect", "socket.bind",
} or (event[0] == "pickle.find_class" and not event[1].startswith(ours))]
assert not refused, refused
assert set(sys.modules) == before, set(sys.modules) - before
"""


def test_reading_files_imports_nothing_and_runs_nothing(folder, tmp_path):
    strange = tmp_path / "strange.safetensors"
    strange.write_bytes(pickle.dumps(Canary(tmp_path / "canary")))
    words = [sys.executable, "-c", AUDITED, str(folder.path), str(folder.best), str(strange)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=50, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "canary").exists()
