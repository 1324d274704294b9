"""Keeps what this version writes for the versions to come: `python -m tests.golden.make`, once before a release."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

import evolvent as ev

HERE = Path(__file__).parent
OBSERVATIONS = np.random.default_rng(0).normal(scale=3, size=(12, 4))


def main() -> None:
    """Write a run and what its policy does, in a folder named after this version; an older one is replaced."""
    version = ev.evolve("CartPole-v1", generations=1, max_steps=5, runs_dir=None).best.provenance["evolvent"]
    folder = HERE / version
    shutil.rmtree(folder, ignore_errors=True)
    run = ev.evolve(
        "CartPole-v1",
        name="run",
        runs_dir=folder,
        seed=7,
        hidden=(8,),
        population=6,
        generations=4,
        max_steps=40,
        target=None,
        validation_episodes=4,
        test_episodes=4,
        genetic={"strength": "self_adaptive", "crossover": "neuron"},
    )
    assert run.folder
    (run.folder.path / "lock").unlink(missing_ok=True)
    manifest = json.loads(run.folder.manifest.read_text(encoding="utf-8"))
    manifest |= {"command": "python -m tests.golden.make", "machine": {}, "result": {**manifest["result"], "run": None}}
    run.folder.manifest.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    expected = {
        "actions": run.best.act(OBSERVATIONS).tolist(),
        "outputs": run.best.outputs(OBSERVATIONS).tolist(),
        "digest": run.progress.digest,
        "generations": run.progress.generation,
        "champion": run.progress.score.mean,
    }
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
