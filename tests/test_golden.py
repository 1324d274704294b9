"""What every released version wrote is read by this one."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import evolvent as ev
from evolvent.training import checkpoint
from evolvent.training.manifest import version
from evolvent.training.parts import prepare
from evolvent.training.run import read_config
from evolvent.training.search import begin
from tests.golden.make import HERE, OBSERVATIONS

VERSIONS = sorted(path.name for path in HERE.iterdir() if (path / "expected.json").exists())


@pytest.fixture(params=VERSIONS)
def written(request, tmp_path):
    """Give a copy of what a version wrote, and what its policy and run were then."""
    folder = HERE / request.param
    runs = Path(shutil.copytree(folder, tmp_path / "runs"))
    return ev.open_run("run", runs), json.loads((folder / "expected.json").read_text(encoding="utf-8"))


def test_this_version_has_left_its_files():
    assert version() in VERSIONS, "python -m tests.golden.make"


def test_a_policy_acts_as_it_did(written):
    folder, expected = written
    policy = ev.load_policy(folder.best)
    actions = policy.act(OBSERVATIONS).tolist()
    np.testing.assert_allclose(policy.outputs(OBSERVATIONS), expected["outputs"], rtol=1e-5)
    assert actions == expected["actions"]
    assert set(actions) == {0, 1}


def test_a_checkpoint_is_read_to_the_bit(written):
    folder, expected = written
    env, config = read_config(folder)
    search = prepare(env, config)
    try:
        kept = checkpoint.load_latest(folder, begin(search))
    finally:
        search.close()
    assert kept is not None
    _, progress, warnings = kept
    assert (progress.generation, progress.digest) == (expected["generations"], expected["digest"])
    assert progress.score.mean == expected["champion"]
    assert warnings == []


def test_a_run_goes_on(written):
    folder, expected = written
    run = ev.resume(folder, changes={"generations": expected["generations"] + 2})
    assert run.progress.generation == expected["generations"] + 2
    with folder.history.open(encoding="utf-8", newline="") as file:
        assert [int(row["generation"]) for row in csv.DictReader(file)] == list(range(run.progress.generation))
