import gzip
import io
import json
import pickle  # noqa: TID251 - to write what must not be read
import random
import time
import zipfile
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from evolvent.errors import EvolventError, FileRefused
from evolvent.files import dump_json, pack_tensors, parse_json, unpack_tensors
from evolvent.training import checkpoint
from evolvent.training.checkpoint import load_latest, save
from evolvent.training.plain_state import flatten, restore
from evolvent.training.run_folder import create
from tests.mutations import MUTATIONS, Memory, mutated


@dataclass(frozen=True)
class State:
    population: NDArray[np.float32]
    flags: NDArray[np.bool_]
    sigma: float
    count: int
    name: str
    best: NDArray[np.float64] | None


STATE = State(np.arange(6, dtype=np.float32).reshape(2, 3), np.array([True, False]), 0.1, 3, "x", np.ones(2))
TEMPLATE = State(np.zeros((1, 3), np.float32), np.zeros(1, np.bool_), 0.0, 0, "", None)


class Canary:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def zipped(name, content, compression=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def numpy_saved(write, *arrays):
    buffer = io.BytesIO()
    write(buffer, *arrays)
    return buffer.getvalue()


def payloads(canary):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        yield pickle.dumps(Canary(canary), protocol), "a pickle"
    yield zipped("archive/data.pkl", pickle.dumps(Canary(canary), 2), zipfile.ZIP_STORED), "a zip archive, as torch.save"
    yield zipped("bomb", bytes(10_000_000)), "a zip archive"
    yield numpy_saved(np.savez_compressed, np.zeros(100_000)), "a zip archive"
    yield numpy_saved(np.save, np.array([Canary(canary)], dtype=object)), "a .npy file"
    yield gzip.compress(pickle.dumps(Canary(canary))), "a gzip file"
    yield b"\x89HDF\r\n\x1a\n" + bytes(100), "an HDF5 file"
    yield b"<!DOCTYPE html><title>Sign in</title>", "a web page"
    yield b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"
    yield b'{"format": "evolvent-policy"}', "JSON"
    yield b"", "not a kind of file we know"
    yield b"(See the manual.)", "not a kind of file we know"


def test_other_kinds_of_files_are_named_and_never_run(tmp_path):
    canary = tmp_path / "canary"
    for data, words in payloads(canary):
        began = time.monotonic()
        with pytest.raises(FileRefused, match=f"a file is {words}"):
            unpack_tensors(data, "a file")
        assert time.monotonic() - began < 0.5
    assert not canary.exists()


def test_a_checkpoint_that_is_a_pickle_is_refused_and_never_run(tmp_path):
    run = create(tmp_path, "A-v1", "a", {"run.toml": b""})
    run.checkpoint(1).write_bytes(pickle.dumps(Canary(tmp_path / "canary")))
    with pytest.raises(FileRefused, match="a pickle"):
        load_latest(run, TEMPLATE)
    assert not (tmp_path / "canary").exists()


def file_of(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def tensor(shape: Any = (1,), dtype: Any = "F64", offsets: Any = (0, 8), **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}


HEADERS = {
    "hole before": ({"a": tensor(offsets=(8, 16))}, 16),
    "hole between": ({"a": tensor(), "b": tensor(offsets=(16, 24))}, 24),
    "overlap": ({"a": tensor(), "b": tensor(offsets=(4, 12))}, 12),
    "same bytes twice": ({"a": tensor(), "b": tensor()}, 8),
    "bytes left over": ({"a": tensor()}, 9),
    "too few bytes": ({"a": tensor()}, 7),
    "bytes and no tensor": ({}, 8),
    "offsets backwards": ({"a": tensor(offsets=(8, 0))}, 8),
    "negative offsets": ({"a": tensor(offsets=(-8, 0))}, 8),
    "three offsets": ({"a": tensor(offsets=(0, 8, 8))}, 8),
    "shape too large": ({"a": tensor((10**9,), offsets=(0, 8 * 10**9))}, 8),
    "shape overflows": ({"a": tensor((2**32, 2**32))}, 8),
    "shape overflows with a zero": ({"a": tensor((0, 2**63), offsets=(0, 0))}, 0),
    "shape does not fit": ({"a": tensor((2,))}, 8),
    "negative shape": ({"a": tensor((-1,))}, 8),
    "shape of floats": ({"a": tensor((1.0,))}, 8),
    "shape of booleans": ({"a": tensor((True,))}, 8),
    "nested shape": ({"a": tensor(([1],))}, 8),
    "too many dimensions": ({"a": tensor((1,) * 65)}, 8),
    "unknown dtype": ({"a": tensor((8,), "O")}, 8),
    "dtype not allowed": ({"a": tensor((4,), "F16")}, 8),
    "complex": ({"a": tensor((1,), "C64")}, 8),
    "dtype is a list": ({"a": tensor((1,), ["F64"])}, 8),
    "dtype is null": ({"a": tensor((1,), None)}, 8),
    "boolean of two": ({"a": tensor((8,), "BOOL")}, b"\x02" * 8),
    "unknown key": ({"a": tensor(module="os")}, 8),
    "missing key": ({"a": {"dtype": "F64", "shape": [1]}}, 8),
    "tensor is null": ({"a": None}, 0),
    "metadata null": ({"__metadata__": None}, 0),
    "metadata nested": ({"__metadata__": {"a": {}}}, 0),
    "metadata number": ({"__metadata__": {"a": 1}}, 0),
    "name up": ({"../a": tensor()}, 8),
    "name empty": ({"": tensor()}, 8),
    "name absolute": ({"/etc/passwd": tensor()}, 8),
    "name with NUL": ({"a\0": tensor()}, 8),
    "name with escape": ({"a\x1b[31m": tensor()}, 8),
    "name right to left": ({"\u202ea": tensor()}, 8),
    "name long": ({"a" * 300: tensor()}, 8),
    "duplicate": (
        b'{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}',
        8,
    ),
    "NaN": (b'{"a":NaN}', 0),
    "deep": (b'{"a":' + b"[" * 100_000, 0),
    "not UTF-8": (b'{"\xff":1}', 0),
    "list": (b"[]", 0),
    "no JSON": (b"{", 0),
    "long header": (b"{" + b" " * (1 << 20) + b"}", 0),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_lies_is_refused(name):
    header, data = HEADERS[name]
    with pytest.raises(FileRefused, match="a file"):
        unpack_tensors(file_of(header, data if isinstance(data, bytes) else bytes(data)), "a file")


def test_a_header_that_claims_more_than_there_is_is_refused_at_once():
    for length in (2**63, 2**64 - 1, 1 << 20, 100):
        began = time.monotonic()
        with pytest.raises(FileRefused):
            unpack_tensors(length.to_bytes(8, "little") + b"{}", "a file")
        assert time.monotonic() - began < 0.05


def test_mutated_files_of_tensors_are_read_or_refused():
    dice = random.Random(1)  # noqa: S311
    data = pack_tensors(flatten(STATE)[0], {"a": "1"})
    refused = 0
    for _ in range(MUTATIONS):
        try:
            unpack_tensors(mutated(data, dice), "a file")
        except FileRefused:
            refused += 1
    assert MUTATIONS / 2 < refused < MUTATIONS


def test_mutated_records_are_restored_or_refused():
    dice = random.Random(2)  # noqa: S311
    tensors, record = flatten(STATE)
    text = dump_json(record).encode()
    outcomes = {True: 0, False: 0}
    for _ in range(MUTATIONS // 4):
        try:
            changed = parse_json(mutated(text, dice), "a file")
            if isinstance(changed, dict):
                restored = restore(TEMPLATE, tensors, changed, "a file")
                assert isinstance(restored.sigma, float)
                assert type(restored.count) is int
                outcomes[True] += 1
        except FileRefused:
            outcomes[False] += 1
    assert min(outcomes.values()) > MUTATIONS / 250


def test_mutated_checkpoints_are_refused_or_hold_what_was_saved(tmp_path, monkeypatch):
    dice = random.Random(6)  # noqa: S311
    run = create(tmp_path, "A-v1", "a", {"run.toml": b""})
    path = save(run, 2, STATE, "1.2.3")
    data = path.read_bytes()
    memory = Memory(monkeypatch, "evolvent.files.tensors.read_bytes")
    refused = 0
    for _ in range(MUTATIONS):
        memory.content[path] = mutated(data, dice)
        try:
            tensors, metadata = checkpoint._read_verified(path)
        except FileRefused:
            refused += 1
        else:
            assert pack_tensors(tensors, {"record": metadata["record"]}) == pack_tensors(*split(STATE))
    assert 0.8 * MUTATIONS < refused < MUTATIONS


def test_the_newest_checkpoint_that_is_whole_is_loaded_however_the_others_are_damaged(tmp_path):
    dice = random.Random(3)  # noqa: S311
    run = create(tmp_path, "A-v1", "a", {"run.toml": b""})
    states = {number: replace(STATE, count=number) for number in (1, 2, 3)}
    whole = {number: save(run, number, state, "1.2.3").read_bytes() for number, state in states.items()}
    for _ in range(MUTATIONS // 200):
        damaged = {number: dice.random() < (0.2, 0.5, 0.9)[number - 1] for number in whole}
        now = {number: mutated(data, dice) if damaged[number] else data for number, data in whole.items()}
        for number, data in now.items():
            run.checkpoint(number).write_bytes(data)
        sound = [number for number in (3, 2, 1) if now[number] == whole[number]]
        try:
            found = load_latest(run, TEMPLATE)
        except FileRefused as refused:
            assert not sound
            assert all(str(run.checkpoint(number)) in str(refused) for number in whole)  # noqa: PT017 - there may be none
            continue
        assert found is not None
        generation, state, warnings = found
        assert generation >= max(sound, default=1)
        assert pack_tensors(*split(state)) == pack_tensors(*split(states[generation]))
        assert len(warnings) == 3 - generation
        assert all(warning.endswith(f"; going on from {run.checkpoint(generation)}") for warning in warnings)


def split(state):
    tensors, record = flatten(state)
    return tensors, {"record": dump_json(record)}


def test_bytes_at_random_are_refused():
    dice = random.Random(4)  # noqa: S311
    for _ in range(5_000):
        with pytest.raises(EvolventError):
            unpack_tensors(dice.randbytes(dice.randrange(200)), "a file")
