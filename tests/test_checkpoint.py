import json
import math
import os
import struct
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from evolvent.errors import FileRefused, StorageFailed
from evolvent.files import lacks_room, pack_tensors, unpack_tensors
from evolvent.training import checkpoint
from evolvent.training.checkpoint import load_latest, save
from evolvent.training.plain_state import flatten, restore
from evolvent.training.run_folder import create
from tests.os_faults import ERRORS, NO_ROOM, every_failure, every_kill


@dataclass(frozen=True)
class Moments:
    mean: NDArray[np.float64]
    count: int


@dataclass(frozen=True)
class State:
    population: NDArray[np.float32]
    sigma: float
    generation: int
    stopped: bool
    name: str
    normaliser: Moments | None = None
    momentum: NDArray[np.float64] | None = None
    best: float | None = None


TEMPLATE = State(np.zeros((2, 3), np.float32), 0.0, 0, False, "")
FULL = State(
    np.arange(12, dtype=np.float32).reshape(4, 3),
    0.1,
    2**64 - 1,
    True,
    "ü\0",
    Moments(np.array([np.nan, -0.0]), 7),
    np.ones(2),
    -math.inf,
)


def same(one, other):
    """Compare two states bit by bit."""
    tensors, record = flatten(one)
    others, other_record = flatten(other)
    bits = {name: (array.dtype, array.shape, array.tobytes()) for name, array in tensors.items()}
    return record == other_record and bits == {
        name: (array.dtype, array.shape, array.tobytes()) for name, array in others.items()
    }


@pytest.fixture
def run(tmp_path):
    return create(tmp_path, "A-v1", "a", {"run.toml": b""})


def saved(run, *generations):
    for generation in generations:
        save(run, generation, replace(FULL, generation=generation), "1.2.3")
    return run


def loaded(run):
    found = load_latest(run, TEMPLATE)
    assert found is not None
    return found


def names_in(run):
    return sorted(path.name for path in run.path.iterdir() if path.name not in {"lock", "run.toml"})


# --- states ---


@pytest.mark.parametrize("template", [TEMPLATE, FULL])
@pytest.mark.parametrize("state", [TEMPLATE, FULL, replace(FULL, momentum=None), replace(FULL, normaliser=None)])
def test_a_state_comes_back_whatever_the_template_holds(template, state):
    restored = restore(template, *flatten(state), "a file")
    assert same(restored, state)
    assert type(restored.best) is type(state.best)
    assert type(restored.normaliser) is type(state.normaliser)


@given(st.integers(0, 2**64 - 1))
def test_floats_come_back_to_the_last_bit(bits):
    (value,) = struct.unpack("<d", struct.pack("<Q", bits))
    back = restore(TEMPLATE, *flatten(replace(TEMPLATE, sigma=value)), "a file").sigma
    assert struct.pack("<d", back) == struct.pack("<d", value) or (math.isnan(back) and math.isnan(value))


@pytest.mark.parametrize("value", [[1], (1,), {"a": 1}, np.float32(1), np.int64(1), 1j, State, b"x"])
def test_what_is_not_plain_data_is_refused_by_name(value):
    with pytest.raises(TypeError, match=r'the field "normaliser.count" of the state is a'):
        flatten(replace(FULL, normaliser=Moments(np.zeros(1), value)))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("sigma", 0.5, "must be a string, not a number"),
        ("sigma", "one", "must be a float in hexadecimal"),
        ("sigma", "0x1p99999", "must be a float in hexadecimal"),
        ("sigma", None, "must be a string, not null"),
        ("generation", True, "must be an integer, not true or false"),
        ("generation", None, "must be an integer, not null"),
        ("stopped", 1, "must be true or false, not an integer"),
        ("name", ["x"], "must be a string, not a list"),
        ("normaliser", 1, "must be an object, not an integer"),
        ("normaliser", {"count": 1, "class": "os.system"}, 'unknown key "class"'),
        ("momentum", 1, 'unknown key "momentum"'),
        ("population", None, 'unknown key "population"'),
        ("other", 1, 'unknown key "other"'),
        ("sigma", ..., 'the key "sigma" is missing'),
    ],
)
def test_a_record_that_does_not_fit_is_refused(key, value, words):
    tensors, record = flatten(FULL)
    record[key] = value
    if value is ...:
        del record[key]
    with pytest.raises(FileRefused, match=words):
        restore(TEMPLATE, tensors, record, "a file")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"population": np.zeros((2, 3))},
            'expected the tensor "population" as float32 with 2 dimensions; it is float64 with 2',
        ),
        ({"population": np.zeros(3, np.float32)}, "it is float32 with 1"),
        ({"other": np.zeros(1)}, 'unknown tensor "other"'),
        ({"sigma": np.zeros(())}, 'unknown tensor "sigma"'),
        ({"population": None}, 'the tensor "population" is missing'),
        ({"normaliser.mean": None}, 'the tensor "normaliser.mean" is missing'),
    ],
)
def test_tensors_that_do_not_fit_are_refused(change, words):
    tensors, record = flatten(FULL)
    fitting = {name: array for name, array in {**tensors, **change}.items() if array is not None}
    with pytest.raises(FileRefused, match=words):
        restore(FULL, fitting, record, "a file")


@dataclass(frozen=True)
class Picky:
    count: int

    def __post_init__(self):
        if self.count < 0:
            raise ValueError("count must not be negative")


def test_a_value_that_the_state_itself_refuses_is_refused():
    with pytest.raises(FileRefused, match="a file: count must not be negative"):
        restore(Picky(0), {}, {"count": -1}, "a file")


@dataclass(frozen=True)
class Vague:
    anything: Any


def test_a_type_that_nothing_tells_is_a_mistake_of_the_programmer():
    with pytest.raises(TypeError, match="must be told by its annotation"):
        restore(Vague(None), {}, {"anything": 1}, "a file")


# --- checkpoints ---


def test_no_checkpoint_is_none(run):
    assert load_latest(run, TEMPLATE) is None


def test_the_newest_three_are_kept_and_the_newest_is_loaded(run):
    saved(run, 1, 2, 9, 10, 11)
    assert names_in(run) == [f"checkpoint-{generation}.safetensors" for generation in (10, 11, 9)]
    generation, state, warnings = loaded(run)
    assert (generation, warnings) == (11, [])
    assert same(state, replace(FULL, generation=11))


def test_killed_at_every_call_of_a_save_the_last_or_the_new_checkpoint_is_there(run):
    saved(run, 1, 2, 3)
    for _ in every_kill(lambda: saved(run, 4)):
        generation, state, warnings = loaded(run)
        assert generation in {3, 4}
        assert same(state, replace(FULL, generation=generation))
        assert not warnings
        run.checkpoint(4).unlink(missing_ok=True)
    assert names_in(run) == [f"checkpoint-{generation}.safetensors" for generation in (2, 3, 4)]


@pytest.mark.parametrize("code", ERRORS)
def test_any_call_of_a_save_that_fails_leaves_a_checkpoint_to_load(run, code):
    saved(run, 1, 2, 3)
    before = {generation: run.checkpoint(generation).read_bytes() for generation in (2, 3)}
    for _, error in every_failure(code, lambda: saved(run, 4)):
        assert error is None or isinstance(error, StorageFailed)
        assert loaded(run)[0] in {3, 4}
        assert all(run.checkpoint(generation).read_bytes() == data for generation, data in before.items())
        run.checkpoint(4).unlink(missing_ok=True)


@pytest.mark.parametrize("code", ERRORS)
def test_a_sync_that_fails_is_a_save_that_failed(run, code, monkeypatch):
    def fsync(_descriptor):
        raise OSError(code, os.strerror(code))

    saved(run, 3)
    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(StorageFailed, match=os.strerror(code)) as caught:
        saved(run, 4)
    assert lacks_room(caught.value) == (code in NO_ROOM)
    assert names_in(run) == ["checkpoint-3.safetensors"]


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda _data: b"", lambda data: data[:-1] + bytes([data[-1] ^ 1])])
def test_a_damaged_checkpoint_is_passed_over_with_a_warning(run, damage):
    saved(run, 1, 2, 3)
    run.checkpoint(3).write_bytes(damage(run.checkpoint(3).read_bytes()))
    generation, state, warnings = loaded(run)
    assert generation == 2
    assert same(state, replace(FULL, generation=2))
    assert len(warnings) == 1
    assert warnings[0].startswith(f"checkpoint passed over: {run.checkpoint(3)} is ")
    assert warnings[0].endswith(f"; going on from {run.checkpoint(2)}")


def test_damaged_checkpoints_do_not_push_out_good_ones(run):
    saved(run, 1, 50, 60, 70)
    for generation in (60, 70):
        run.checkpoint(generation).write_bytes(b"")
    saved(run, 51, 52, 53)
    assert [generation for generation, _ in run.checkpoints()] == [70, 60, 53, 52, 51]
    assert loaded(run)[0] == 53


def test_where_all_are_damaged_nothing_is_changed(run):
    saved(run, 1, 2, 3)
    for _, path in run.checkpoints():
        path.write_bytes(b"")
    before = {path: path.read_bytes() for path in run.path.iterdir()}
    with pytest.raises(FileRefused) as caught:
        load_latest(run, TEMPLATE)
    assert str(caught.value) == "\n".join(
        [
            f"no checkpoint in {run.path} can be read; nothing was changed. Move them away to begin the run anew",
            *(
                f"checkpoint passed over: {run.checkpoint(generation)} is not a kind of file we know;"
                " expected a safetensors file. Evolvent reads no other kind"
                for generation in (3, 2, 1)
            ),
        ]
    )
    assert before == {path: path.read_bytes() for path in run.path.iterdir()}


def rewritten(run, number, **changes):
    """Change metadata of a checkpoint and make its digest fit again."""
    path = run.checkpoint(number)
    tensors, metadata = unpack_tensors(path.read_bytes(), "a file")
    del metadata["sha256"]
    metadata |= changes
    metadata["sha256"] = checkpoint._digest(tensors, metadata)
    path.write_bytes(pack_tensors(tensors, metadata))


def test_a_newer_format_is_refused_and_older_checkpoints_are_not_used_instead(run):
    saved(run, 1, 2)
    rewritten(run, 2, format_version="2", evolvent="9.1.0", novelty="x")
    with pytest.raises(FileRefused) as caught:
        load_latest(run, TEMPLATE)
    assert str(caught.value) == (
        f"{run.checkpoint(2)} was written by Evolvent '9.1.0' in format '2';"
        " this version reads formats up to 1. Upgrade Evolvent to go on with this run"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": "evolvent-policy"}, "is not a checkpoint: its format is 'evolvent-policy'"),
        ({"generation": "7"}, "holds the state after another generation"),
        ({"novelty": "x"}, 'unknown key "novelty"'),
        ({"record": "[]"}, "must be a JSON object"),
        ({"record": '{"a": NaN}'}, "is not valid JSON"),
        ({"record": json.dumps({"module": "os"})}, "is missing"),
    ],
)
def test_a_checkpoint_that_is_whole_but_strange_is_refused(run, changes, words):
    saved(run, 1)
    rewritten(run, 1, **changes)
    with pytest.raises(FileRefused, match=words):
        load_latest(run, TEMPLATE)


def test_a_run_folder_that_is_gone_is_told(run):
    run.path.rename(run.path.with_name("moved"))
    with pytest.raises(StorageFailed, match="its folder is gone"):
        saved(run, 1)
    assert not run.path.exists()
