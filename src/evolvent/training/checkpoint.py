"""Checkpoints: the state of a search as one file, and the newest good one back."""

from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from evolvent.errors import FileRefused, StorageFailed
from evolvent.files import (
    JsonObject,
    dump_json,
    pack_tensors,
    parse_object,
    read_tensors,
    refuse_leftovers,
    remove_leftovers,
    save_atomically,
    take,
)
from evolvent.training.plain_state import Tensors, flatten, restore
from evolvent.training.run_folder import RunFolder

FORMAT: Final = "evolvent-checkpoint"
FORMAT_VERSION: Final = 1
NUM_KEPT: Final = 3

StateT = TypeVar("StateT")


def save(run: RunFolder, generation: int, state: object, version: str) -> Path:
    """Save the state after a generation, then remove all but the newest three checkpoints up to it.

    Args:
        run: The run, which this process holds locked.
        generation: The generation that is done.
        state: What the next generation needs; see `plain_state`.
        version: The version of Evolvent, for whoever cannot read the file.

    Returns:
        The path of the checkpoint; when this returns, it is on disk.

    Raises:
        StorageFailed: If it cannot be saved; older checkpoints are untouched.
        TypeError: If the state is not plain data.
    """
    tensors, record = flatten(state)
    metadata = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "evolvent": version,
        "generation": str(generation),
        "record": dump_json(record),
    }
    metadata["sha256"] = _digest(tensors, metadata)
    path = run.checkpoint(generation)
    save_atomically(path, pack_tensors(tensors, metadata))
    for _, old in [entry for entry in run.checkpoints() if entry[0] <= generation][NUM_KEPT:]:
        with suppress(OSError):
            old.unlink()
    remove_leftovers(run.path)
    return path


def load_latest(run: RunFolder, template: StateT) -> tuple[int, StateT, list[str]] | None:
    """Load the newest checkpoint that is not damaged.

    Args:
        run: The run.
        template: A state of the same run, say that of generation 0.

    Returns:
        The generation, its state, and a warning for each newer checkpoint that was passed over; `None` if there is no
        checkpoint at all.

    Raises:
        FileRefused: If all are damaged, or the newest good one is of a newer format or belongs to another kind of run.
            Nothing was changed.
    """
    warnings: list[str] = []
    for generation, path in run.checkpoints():
        try:
            tensors, metadata = _read_verified(path)
        except (FileRefused, StorageFailed) as error:
            warnings.append(f"checkpoint passed over: {error}")
        else:
            state = _decode(path, generation, template, tensors, metadata)
            return generation, state, [f"{warning}; going on from {path}" for warning in warnings]
    if warnings:
        told = f"no checkpoint in {run.path} can be read; nothing was changed. Move them away to begin the run anew"
        raise FileRefused("\n".join([told, *warnings]))
    return None


def _digest(tensors: Tensors, metadata: Mapping[str, str]) -> str:
    """Digest the whole content, in the way of every version of the format: a newer file must not look like a damaged one."""
    digest = sha256(dump_json(dict(metadata)).encode())
    for name in sorted(tensors):
        array = tensors[name]
        digest.update(dump_json([name, array.dtype.name, list(array.shape)]).encode())
        digest.update(np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C").data)
    return digest.hexdigest()


def _read_verified(path: Path) -> tuple[Tensors, dict[str, str]]:
    tensors, metadata = read_tensors(path, follow_links=False)
    if metadata.get("format") != FORMAT:
        raise FileRefused(f"{path} is not a checkpoint: its format is {metadata.get('format')!r}, expected {FORMAT!r}")
    if metadata.pop("sha256", None) != _digest(tensors, metadata):
        raise FileRefused(f"{path} is damaged: its content does not match its SHA-256")
    return tensors, metadata


def _decode(path: Path, generation: int, template: StateT, tensors: Tensors, metadata: dict[str, str]) -> StateT:
    source = str(path)
    words: JsonObject = dict(metadata)
    written_by = take(words, "evolvent", str, source)
    if (version := take(words, "format_version", str, source)) != str(FORMAT_VERSION):
        raise FileRefused(
            f"{path} was written by Evolvent {written_by[:40]!r} in format {version[:40]!r};"
            f" this version reads formats up to {FORMAT_VERSION}. Upgrade Evolvent to go on with this run"
        )
    if take(words, "generation", str, source) != str(generation):
        raise FileRefused(f"{path} holds the state after another generation; give it its own name back")
    record = parse_object(take(words, "record", str, source), f"{source}, record")
    take(words, "format", str, source)
    refuse_leftovers(words, source)
    return restore(template, tensors, record, source)
