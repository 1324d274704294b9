import json

import numpy as np
import pytest
import safetensors.numpy

from evolvent.files import pack_tensors, unpack_tensors

TENSORS = {
    "b.float64": np.array([[0.1, -np.inf], [np.nan, 5e-324]]),
    "a.float32": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "int64": np.array(-(2**63)),
    "uint64": np.array([2**64 - 1], dtype=np.uint64),
    "int32": np.arange(3, dtype=np.int32)[::-1],
    "uint32": np.zeros((0, 4), dtype=np.uint32),
    "uint8": np.arange(5, dtype=np.uint8),
    "bool": np.array([True, False, True]),
}


def test_tensors_come_back_bit_by_bit_and_may_be_written_into():
    tensors, metadata = unpack_tensors(pack_tensors(TENSORS, {"b": "ü", "a": ""}), "a file")
    assert metadata == {"a": "", "b": "ü"}
    assert tensors.keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        assert tensors[name].dtype == array.dtype
        assert tensors[name].shape == array.shape
        assert tensors[name].tobytes() == array.tobytes()
        tensors[name][...] = 0


def test_bytes_depend_on_nothing_but_the_content():
    backwards = {name: TENSORS[name].copy() for name in reversed(TENSORS)}
    assert pack_tensors(TENSORS, {"a": "1", "b": "2"}) == pack_tensors(backwards, {"b": "2", "a": "1"})
    big_endian = {"a": np.arange(3).astype(">i8")}
    assert pack_tensors(big_endian, {}) == pack_tensors({"a": np.arange(3)}, {})


def test_the_reference_implementation_reads_our_files_and_we_read_its():
    for name, array in safetensors.numpy.load(pack_tensors(TENSORS, {"a": "1"})).items():
        assert array.tobytes() == TENSORS[name].tobytes()
    contiguous = {name: np.array(array, order="C") for name, array in TENSORS.items()}
    tensors, metadata = unpack_tensors(safetensors.numpy.save(contiguous, {"a": "1"}), "a file")
    assert metadata == {"a": "1"}
    assert all(tensors[name].tobytes() == array.tobytes() for name, array in TENSORS.items())


def test_every_tensor_is_aligned():
    data = pack_tensors(TENSORS, {})
    start = 8 + int.from_bytes(data[:8], "little")
    for name, description in json.loads(data[8:start]).items():
        if name != "__metadata__":
            assert (start + description["data_offsets"][0]) % TENSORS[name].itemsize == 0


def test_what_could_not_be_read_back_is_not_packed():
    for tensors, metadata, words in (
        ({"../x": np.zeros(1)}, {}, "the tensor name '../x'"),
        ({"a" * 129: np.zeros(1)}, {}, "must match"),
        ({"x": np.zeros(1, dtype=object)}, {}, "has dtype object"),
        ({"x": np.zeros(1, dtype=np.complex128)}, {}, "has dtype complex128"),
        ({}, {"a": "x" * (1 << 20)}, "at most 1048576"),
    ):
        with pytest.raises(ValueError, match=words):
            pack_tensors(tensors, metadata)
