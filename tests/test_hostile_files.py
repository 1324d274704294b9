import gzip
import io
import json
import pickle  # noqa: TID251 - to write what must not be read
import random
import time
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from evolvent.errors import EvolventError, FileRefused
from evolvent.files import dump_json, pack_tensors, parse_json, unpack_tensors
from evolvent.training.checkpoint import load_latest, save
from evolvent.training.plain_state import flatten, restore
from evolvent.training.run_folder import create


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


def mutated(data, dice):
    """Change a few bytes, cut, insert, repeat or swap a piece."""
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 8))):
        place = dice.randrange(len(changed) + 1)
        piece = changed[place : place + dice.choice((1, 2, 8, 40))]
        kind = dice.randrange(6)
        if kind == 0:
            del changed[place:]
        elif kind == 1:
            del changed[place : place + len(piece)]
        elif kind == 2:
            changed[place:place] = dice.randbytes(dice.choice((1, 2, 8)))
        elif kind == 3:
            changed[place:place] = piece * dice.choice((1, 2, 100))
        else:
            changed[place : place + 1] = dice.choice(
                (dice.randbytes(1), b'"', b"0", b"9", b"{", b"[", b"\0", b"\xff", b"-", b"e")
            )
    return bytes(changed)


def test_mutated_files_of_tensors_are_read_or_refused():
    dice = random.Random(1)  # noqa: S311
    data = pack_tensors(flatten(STATE)[0], {"a": "1"})
    refused = 0
    for _ in range(100_000):
        try:
            unpack_tensors(mutated(data, dice), "a file")
        except FileRefused:
            refused += 1
    assert 50_000 < refused < 100_000


def test_mutated_records_are_restored_or_refused():
    dice = random.Random(2)  # noqa: S311
    tensors, record = flatten(STATE)
    text = dump_json(record).encode()
    outcomes = {True: 0, False: 0}
    for _ in range(10_000):
        try:
            changed = parse_json(mutated(text, dice), "a file")
            if isinstance(changed, dict):
                restored = restore(TEMPLATE, tensors, changed, "a file")
                assert isinstance(restored.sigma, float)
                assert type(restored.count) is int
                outcomes[True] += 1
        except FileRefused:
            outcomes[False] += 1
    assert min(outcomes.values()) > 100


def test_mutated_checkpoints_are_passed_over_or_hold_what_was_saved(tmp_path):
    dice = random.Random(3)  # noqa: S311
    run = create(tmp_path, "A-v1", "a", {"run.toml": b""})
    save(run, 1, STATE, "1.2.3")
    data = save(run, 2, STATE, "1.2.3").read_bytes()
    expected = pack_tensors(*split(STATE))
    fallen_back = 0
    for _ in range(3_000):
        run.checkpoint(2).write_bytes(mutated(data, dice))
        found = load_latest(run, TEMPLATE)
        assert found is not None
        generation, state, warnings = found
        assert pack_tensors(*split(state)) == expected
        assert (generation == 1) == bool(warnings)
        fallen_back += generation == 1
    assert fallen_back > 2_500


def split(state):
    tensors, record = flatten(state)
    return tensors, {"record": dump_json(record)}


def test_bytes_at_random_are_refused():
    dice = random.Random(4)  # noqa: S311
    for _ in range(5_000):
        with pytest.raises(EvolventError):
            unpack_tensors(dice.randbytes(dice.randrange(200)), "a file")
