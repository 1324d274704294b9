import json
import pickle  # noqa: TID251 - to write what must not be read
import random
import subprocess
import sys
import time
import zipfile
from typing import Any

import numpy as np
import pytest

import evolvent as ev
from evolvent.cli.main import run
from evolvent.errors import FileRefused
from evolvent.files import pack_tensors, unpack_tensors
from evolvent.policies import policy_file
from evolvent.spaces import Box, Discrete
from tests.mutations import MUTATIONS, Memory, mutated

SPIES = """
import pathlib
pathlib.Path(__file__).with_name("canary").touch()
"""


SMALL = {"kind": "discrete", "n": 2, "start": 0}
LARGE = {"kind": "box", "low": "0x0p+0", "high": "0x1p+0", "shape": [1000, 1000]}


def within(depth):
    """Describe a space in so many others, the last counted."""
    space: Any = dict(SMALL)
    for _ in range(depth - 1):
        space = {"kind": "tuple", "spaces": [space]}
    return space


@pytest.fixture
def good(tmp_path):
    network = ev.MLP(sizes=(4, 3, 2))
    row = np.linspace(-1, 1, network.dim, dtype=np.float32)
    spaces = {"observation_space": Box.symmetric((4.8, np.inf, 0.4, np.inf)), "action_space": Discrete(n=2)}
    return ev.Policy(network, row, **spaces, env_id="CartPole-v1", provenance={"seed": "0"}).save(tmp_path / "good.safetensors")


def parts_of(path):
    tensors, metadata = unpack_tensors(path.read_bytes(), "a file")
    return tensors, metadata, json.loads(metadata["policy"])


def forged(path, tensors, metadata):
    """Write a policy file that is sound in all but what it says."""
    target = path.with_name("forged.safetensors")
    target.write_bytes(pack_tensors(tensors, metadata))
    return target


def saying(path, content):
    tensors, metadata, _ = parts_of(path)
    text = content if isinstance(content, str) else json.dumps(content)
    return forged(path, tensors, {**metadata, "policy": text})


def changed(path, keys, value):
    """Write the policy file with one value of its description changed; `...` takes the key away."""
    _, _, content = parts_of(path)
    *outer, last = keys.split(".")
    place = content
    for key in outer:
        place = place[key]
    place[last] = value
    if value is ...:
        del place[last]
    return saying(path, content)


# --- descriptions ---


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        ("network.kind", "rnn", "network 'rnn' is unknown; known: mlp, recurrent, elman, gru, lstm"),
        ("network.kind", "os.system", "network 'os.system' is unknown"),
        ("network.kind", 3, "must be a string, not an integer"),
        ("network.sizes", [], "sizes"),
        ("network.sizes", [4], "sizes"),
        ("network.sizes", [4, -3, 2], "sizes: .* all positive"),
        ("network.sizes", [4, 0, 2], "sizes: .* all positive"),
        ("network.sizes", [4, True, 2], "must be an integer, not true or false"),
        ("network.sizes", [4, 3.0, 2], "must be an integer, not a number"),
        ("network.sizes", [4, "3", 2], "must be an integer, not a string"),
        ("network.sizes", [4, 10**12, 2], "sizes: expected at most"),
        ("network.sizes", [4, 2**70, 2], "does not fit 64 bits"),
        ("network.sizes", [4, *[3] * 5000, 2], "sizes: expected at most 32 layers"),
        ("network.sizes", [4, 4, 2], "tensor 'layer0.weights': expected float32"),
        ("network.sizes", [4, 3, 3, 2], "tensor 'layer1.weights': expected float32"),
        ("network.sizes", [5, 3, 2], "do not fit its spaces"),
        ("network.sizes", [4, 3, 3], "do not fit its spaces"),
        ("network.sizes", "432", "must be a list, not a string"),
        ("network.sizes", None, "must be a list, not null"),
        ("network.activation", "rleu", "activation: 'rleu' is unknown; did you mean \"relu\""),
        ("network.activation", "__import__('os')", "is unknown"),
        ("network.activation", ["relu"], "must be a string, not a list"),
        ("network.output_activation", "exec", "output_activation: 'exec' is unknown"),
        ("network.initialiser", "pickle", "initialiser: 'pickle' is unknown"),
        ("network.class", "os.system", 'unknown key "class"'),
        ("network.sizes", ..., 'the key "sizes" is missing'),
        ("network", [], "must be an object"),
        ("network", ..., 'the key "network" is missing'),
        ("action_space.kind", "text", "space 'text' is unknown; known: box, dict, discrete, "),
        ("action_space.n", 0, "n: a discrete space has 1 to"),
        ("action_space.n", -2, "n: a discrete space has 1 to"),
        ("action_space.n", 10**9, "n: a discrete space has 1 to"),
        ("action_space.n", True, "must be an integer, not true or false"),
        ("action_space.n", 3, "do not fit its spaces"),
        ("action_space.start", 2**64 - 1, "start: expected at most"),
        ("action_space.start", 0.0, "must be an integer, not a number"),
        ("action_space.dtype", "int64", 'unknown key "dtype"'),
        ("observation_space.shape", [], "bounds: 1 elements need as many, got 4 and 4"),
        ("observation_space.shape", [-2, -2], "shape: expected positive sizes"),
        ("observation_space.shape", [2**40, 2**40], "shape: expected positive sizes"),
        ("observation_space.shape", [5], "bounds: 5 elements need as many"),
        ("observation_space.low", ["0x0p+0"], "bounds: 4 elements need as many"),
        ("observation_space.low", [0, 0, 0, 0], "must be a string, not an integer"),
        ("observation_space.low", ["nan"] * 4, "bounds: each lower one must be at most the upper one"),
        ("observation_space.low", ["inf", "0", "0", "0"], "bounds: each lower one must be at most the upper one"),
        ("observation_space.high", ["0x1p99999"] * 4, "is not a bound"),
        ("observation_space.high", ["one"] * 4, "'one' is not a bound"),
        *(
            (f"observation_space.{key}", value, words)
            for key, value, words in [
                ("dtype", "float128", "dtype: 'float128' is unknown"),
                ("dtype", "os.system", "dtype: 'os.system' is unknown"),
                ("dtype", 32, "must be a string, not an integer"),
                ("low", "nan", "bounds: each lower one must be at most the upper one"),
                ("low", "zero", "'zero' is not a bound"),
                ("low", 0, "must be a list, not an integer"),
            ]
        ),
        *(
            ("observation_space", content, words)
            for content, words in [
                ({"kind": "discrete", "n": 5, "start": 0}, "do not fit its spaces"),
                ({"kind": "multi_binary", "shape": [2, 0]}, "shape: expected positive sizes"),
                ({"kind": "multi_binary", "shape": [4], "n": 4}, 'unknown key "n"'),
                ({"kind": "multi_binary", "shape": [2**40]}, "shape: expected positive sizes"),
                ({"kind": "multi_discrete", "nvec": [2, 2], "start": [0], "shape": [2]}, "nvec: 2 elements need as many"),
                ({"kind": "multi_discrete", "nvec": [2, 2], "start": [0, 0]}, 'the key "shape" is missing'),
                ({"kind": "multi_discrete", "nvec": [-2, 6], "start": [0, 0], "shape": [2]}, "n: a discrete space has 1 to"),
                ({"kind": "multi_discrete", "nvec": [10**6] * 9, "start": [0] * 9, "shape": [9]}, "at most 1,000,000 inputs"),
                ({"kind": "tuple", "spaces": []}, "spaces: expected at least one"),
                ({"kind": "tuple", "spaces": {}}, '"spaces" must be a list, not an object'),
                ({"kind": "tuple", "spaces": [4]}, 'an entry of "spaces" must be an object, not an integer'),
                ({"kind": "tuple", "spaces": [{"kind": "text"}]}, "space 'text' is unknown; known: box, dict, "),
                ({"kind": "tuple", "spaces": [SMALL, {**SMALL, "code": "1"}]}, 'unknown key "code"'),
                ({"kind": "tuple", "spaces": [LARGE] * 10_000}, "there are spaces with more than 1,000,000 inputs"),
                ({"kind": "dict", "keys": ["a"], "spaces": [SMALL, SMALL]}, "2 spaces need as many keys, got 1"),
                ({"kind": "dict", "keys": ["a", "a"], "spaces": [SMALL, SMALL]}, "the key 'a' appears twice"),
                ({"kind": "dict", "keys": [1, 2], "spaces": [SMALL, SMALL]}, 'entry 0 of "keys" must be a string'),
                (within(17), "more than 16 spaces within each other"),
                (within(40), "nested deeper than 64 levels"),
            ]
        ),
        ("action_space", {"kind": "tuple", "spaces": [SMALL]}, "action space: Tuple is not supported"),
        ("env_id", None, "must be a string, not null"),
        ("env_id", ..., 'the key "env_id" is missing'),
        ("provenance", {"seed": 1}, "provenance: expected text"),
        ("provenance", {"seed": {"a": "b"}}, "provenance: expected text"),
        ("provenance", "me", "must be an object"),
        ("callbacks", ["os.system"], 'unknown key "callbacks"'),
    ],
)
def test_a_description_that_makes_no_policy_is_refused(good, keys, value, words):
    path = changed(good, keys, value)
    with pytest.raises(FileRefused, match=words) as caught:
        ev.load_policy(path)
    assert str(caught.value).startswith(str(path)) or "the header of" in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not valid JSON"),
        ("[]", "expected an object"),
        ("null", "expected an object"),
        ('{"network": {}, "network": {}}', 'the key "network" appears twice'),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ('{"a": 1e999}', "does not fit float64"),
        ('{"a": "\\ud800"}', "half of a surrogate pair"),
        ("[" * 100_000, "nested deeper than 64 levels"),
        ('{"a":' * 100 + "1" + "}" * 100, "nested deeper than 64 levels"),
    ],
)
def test_a_description_that_is_not_strict_json_is_refused(good, text, words):
    with pytest.raises(FileRefused, match=words):
        ev.load_policy(saying(good, text))


def test_duplicate_keys_in_the_header_are_refused(good):
    data = good.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + length].rstrip()[:-1] + b', "layer0.biases": {}}'
    good.write_bytes(len(header).to_bytes(8, "little") + header + data[8 + length :])
    with pytest.raises(FileRefused, match=r'the key "layer0\.biases" appears twice'):
        ev.load_policy(good)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": "evolvent-checkpoint"}, "expected a policy of Evolvent, got another kind"),
        ({"format": None}, "expected a policy of Evolvent, got another kind"),
        ({"format_version": "9" * 1000}, "Upgrade Evolvent"),
        ({"format_version": None}, "'no version'"),
        ({"policy": None}, "not valid JSON"),
    ],
)
def test_another_format_is_refused(good, changes, words):
    tensors, metadata, _ = parts_of(good)
    metadata = {key: text for key, text in {**metadata, **changes}.items() if text is not None}
    with pytest.raises(FileRefused, match=words) as caught:
        ev.load_policy(forged(good, tensors, metadata))
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("text", "writer"),
    [
        ('{"provenance": {"evolvent": "9.1.0"}, "novelty": []}', "9.1.0"),
        ('{"provenance": {"evolvent": 9}}', "unknown"),
        ("not JSON", "unknown"),
    ],
)
def test_a_newer_format_is_told_with_both_versions(good, text, writer):
    tensors, metadata, _ = parts_of(good)
    path = forged(good, tensors, {**metadata, "format_version": "2", "policy": text})
    with pytest.raises(FileRefused) as caught:
        ev.load_policy(path)
    assert str(caught.value) == (
        f"{path} was written by Evolvent '{writer}' in policy format '2';"
        " this version reads formats up to 1. Upgrade Evolvent to use this policy"
    )


# --- tensors ---


@pytest.mark.parametrize(
    ("name", "tensor", "words"),
    [
        ("layer0.weights", None, r"tensor 'layer0.weights': expected float32 \(4, 3\), got nothing"),
        ("layer0.weights", np.zeros((3, 4), np.float32), r"got float32 \(3, 4\)"),
        ("layer0.weights", np.zeros(12, np.float32), r"got float32 \(12,\)"),
        ("layer0.weights", np.zeros((4, 3)), r"got float64 \(4, 3\)"),
        ("layer0.biases", np.zeros(3, np.int32), r"got int32 \(3,\)"),
        (
            "layer1.biases",
            np.array([0, np.nan], np.float32),
            "'layer1.biases': there are parameters that are not",
        ),
        ("layer1.biases", np.array([0, np.inf], np.float32), "parameters that are not finite numbers"),
        ("layer2.weights", np.zeros((2, 2), np.float32), "unknown tensor 'layer2.weights'"),
        ("code", np.zeros(3, np.uint8), "unknown tensor 'code'"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(good, name, tensor, words):
    tensors, metadata, _ = parts_of(good)
    tensors = {key: array for key, array in {**tensors, name: tensor}.items() if array is not None}
    with pytest.raises(FileRefused, match=words):
        ev.load_policy(forged(good, tensors, metadata))


# --- bytes ---


def test_any_damage_is_refused_or_leaves_a_sound_policy(good, monkeypatch):
    data = good.read_bytes()
    dice = random.Random(5)  # noqa: S311 - the same damage every time
    memory = Memory(monkeypatch, "evolvent.files.tensors.read_bytes")
    sound = 0
    for _ in range(MUTATIONS):
        memory.content[good] = mutated(data, dice)
        began = time.perf_counter()
        try:
            record, row = policy_file.load(good)
        except FileRefused as refused:
            assert len(str(refused)) < 3000  # noqa: PT017 - there may be none
        else:
            sound += 1
            assert row.shape == (record.network.dim,)
            assert np.isfinite(row).all()
            assert record.network.num_inputs == record.observation_space.width
        assert time.perf_counter() - began < 1
    assert 0 < sound < MUTATIONS / 2


def test_every_truncation_is_refused(good):
    data = good.read_bytes()
    for length in range(len(data)):
        good.write_bytes(data[:length])
        with pytest.raises(FileRefused):
            policy_file.load(good)


# --- at the command ---


def disguised(path, kind):
    class Canary:
        def __reduce__(self):
            return open, (str(path.with_name("canary")), "w")

    if kind == "pickle":
        path.write_bytes(pickle.dumps(Canary()))
    elif kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("policy/data.pkl", pickle.dumps(Canary(), 2))
    elif kind == "numpy":
        np.save(path.with_suffix(".npy"), np.array([Canary()], dtype=object), allow_pickle=True)
        path.with_suffix(".npy").rename(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.write_bytes(b"")
    return path


@pytest.mark.parametrize("kind", ["pickle", "zip", "numpy", "folder", "empty"])
def test_the_command_refuses_what_only_looks_like_a_policy(tmp_path, capsys, kind):
    path = disguised(tmp_path / "policy.safetensors", kind)
    assert run(["evaluate", str(path)]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith(f"evolvent: {path} ")
    assert not (tmp_path / "canary").exists()


def test_the_command_refuses_a_forged_policy_in_one_line(good, capsys):
    assert run(["evaluate", str(changed(good, "network.activation", "\x1b[31mrelu\n"))]) == 3
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "\x1b" not in err


@pytest.mark.parametrize("env_id", ["spies:Spy-v0", "spies:CartPole-v1"])
def test_a_file_never_decides_what_is_imported(good, env_id):
    (good.parent / "spies.py").write_text(SPIES, encoding="utf-8")
    path = changed(good, "env_id", env_id)
    command = [sys.executable, "-m", "evolvent", "evaluate", str(path)]
    done = subprocess.run(command, cwd=good.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "is not a known world" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (good.parent / "canary").exists()
    subprocess.run([*command, "--env", env_id], cwd=good.parent, capture_output=True, check=False)
    assert (good.parent / "canary").exists()
