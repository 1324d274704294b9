"""A policy as a file: one safetensors file whose metadata say, in strict JSON, what the numbers are for.

A file holds names out of closed tables and numbers. Nothing in it names something to import, and what is not understood
is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Row
from evolvent.env_kwargs import as_text
from evolvent.errors import FileRefused, UsageError
from evolvent.files import (
    JsonObject,
    dump_json,
    pack_tensors,
    parse_json,
    parse_object,
    read_tensors,
    refuse_leftovers,
    save_atomically,
    take,
    take_list,
    take_object,
)
from evolvent.moments import Moments
from evolvent.networks import Network
from evolvent.policies.actions import AUTO, fitting_rule, num_outputs
from evolvent.policies.network_records import network_from_json, network_to_json
from evolvent.policies.space_records import space_from_json, space_to_json
from evolvent.spaces import ActionSpace, Space

FORMAT: Final = "evolvent-policy"
FORMAT_VERSION: Final = 1
MOST_OBSERVATIONS: Final = 2**53  # up to here a float counts them

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRecord:
    """What a policy file says beside the parameters; see `Policy` for the fields."""

    network: Network
    observation_space: Space
    action_space: ActionSpace
    action_rule: str
    env_id: str
    env_kwargs: tuple[str, ...]
    provenance: Mapping[str, str]
    normaliser: Moments | None = None


def save(path: Path, record: PolicyRecord, row: Row) -> None:
    """Write a policy with the parameters `row (dim,)`, in one step.

    Raises:
        UsageError: The description of its spaces is longer than a file's may be, or is no text that JSON can hold.
        StorageFailed: The file cannot be written; an older one is untouched.
    """
    content: JsonObject = {
        "network": network_to_json(record.network),
        "observation_space": space_to_json(record.observation_space),
        "action_space": space_to_json(record.action_space),
        **({} if record.action_rule == fitting_rule(AUTO, record.action_space) else {"action_rule": record.action_rule}),
        "env_id": record.env_id,
        **({"env_kwargs": list(record.env_kwargs)} if record.env_kwargs else {}),
        **({} if record.normaliser is None else {"normaliser": {"count": record.normaliser.count}}),
        "provenance": dict(record.provenance),
    }
    tensors: dict[str, NDArray[Any]] = dict(record.network.named_views(row))
    if record.normaliser is not None:
        tensors |= {"normaliser.mean": record.normaliser.mean, "normaliser.squares": record.normaliser.squares}
    try:
        metadata = {"format": FORMAT, "format_version": str(FORMAT_VERSION), "policy": dump_json(content)}
        packed = pack_tensors(tensors, metadata)
    except ValueError as problem:
        raise UsageError(f"observation_space: {record.observation_space!s:.80} cannot be kept in a file: {problem}") from None
    save_atomically(path, packed)


def load(path: Path) -> tuple[PolicyRecord, Row]:
    """Read a policy and its parameters `(dim,)`.

    Raises:
        UsageError: There is no such file.
        FileRefused: The file is damaged, too new, or something else than a policy.
    """
    source = str(path)
    tensors, metadata = read_tensors(path)
    if metadata.get("format") != FORMAT:
        raise FileRefused(f"{source}: expected a policy of Evolvent, got another kind of safetensors file")
    if metadata.get("format_version") != str(FORMAT_VERSION):
        version = metadata.get("format_version", "no version")[:20]
        raise FileRefused(
            f"{source} was written by Evolvent {_writer(metadata)!r} in policy format {version!r};"
            f" this version reads formats up to {FORMAT_VERSION}. Upgrade Evolvent to use this policy"
        )
    content = parse_json(metadata.get("policy", ""), source)
    if not isinstance(content, dict):
        raise FileRefused(f"{source}: expected an object that describes the policy")
    count = _count(content, source)
    record = _record(content, source)
    row = np.empty(record.network.dim, np.float32)
    for name, view in record.network.named_views(row).items():
        view[...] = _tensor(tensors, name, "float32", view.shape, source)
    if count is not None:
        record = replace(record, normaliser=_moments(count, tensors, record.network.num_inputs, source))
    if tensors:
        raise FileRefused(f"{source}: unknown tensor {min(tensors)!r}")
    return record, row


def _tensor(tensors: dict[str, NDArray[Any]], name: str, dtype: str, shape: tuple[int, ...], source: str) -> NDArray[Any]:
    """Take a tensor out of those of a file."""
    tensor = tensors.pop(name, None)
    if tensor is None or tensor.dtype != dtype or tensor.shape != shape:
        got = "nothing" if tensor is None else f"{tensor.dtype} {tensor.shape}"
        raise FileRefused(f"{source}: tensor {name!r}: expected {dtype} {shape}, got {got}")
    if not np.isfinite(tensor).all():
        raise FileRefused(f"{source}: tensor {name!r}: there are parameters that are not finite numbers")
    return tensor


def _count(content: JsonObject, source: str) -> int | None:
    """Take out how many observations the normaliser has seen; None where there is no normaliser."""
    if "normaliser" not in content:
        return None
    said = take_object(content, "normaliser", source)
    count = take(said, "count", int, source)
    refuse_leftovers(said, source)
    if not 0 <= count <= MOST_OBSERVATIONS:
        raise FileRefused(f"{source}: normaliser: expected a count from 0 to {MOST_OBSERVATIONS:,}, got {count:,}")
    return count


def _moments(count: int, tensors: dict[str, NDArray[Any]], size: int, source: str) -> Moments:
    mean, squares = (_tensor(tensors, f"normaliser.{name}", "float64", (size,), source) for name in ("mean", "squares"))
    if (squares < 0).any():
        raise FileRefused(f"{source}: tensor 'normaliser.squares': expected sums of squares, got negative numbers")
    return Moments(count=count, mean=mean, squares=squares)


def _writer(metadata: Mapping[str, str]) -> str:
    """Return the version that wrote a file of another format, where that still stands in the same place."""
    try:
        content = parse_object(metadata.get("policy", ""), "")
        return take(take_object(content, "provenance", ""), "evolvent", str, "")[:40]
    except FileRefused:
        return "unknown"


def _record(content: JsonObject, source: str) -> PolicyRecord:
    network = network_from_json(take_object(content, "network", source), source)
    observation_space = space_from_json(take_object(content, "observation_space", source), source)
    action_space = space_from_json(take_object(content, "action_space", source), source)
    rule = take(content, "action_rule", str, source) if "action_rule" in content else AUTO
    action_rule = _built(lambda: fitting_rule(rule, action_space), source)
    env_id = take(content, "env_id", str, source)
    texts = take_list(content, "env_kwargs", str, source) if "env_kwargs" in content else []
    env_kwargs = _built(lambda: as_text(texts), source)
    provenance = take_object(content, "provenance", source)
    refuse_leftovers(content, source)
    if not isinstance(action_space, ActionSpace):
        raise FileRefused(f"{source}: expected no action space of several parts")
    if network.num_inputs != observation_space.width or network.num_outputs != num_outputs(action_space):
        sizes = f"{network.num_inputs} inputs and {network.num_outputs} outputs"
        raise FileRefused(f"{source}: the network's {sizes} do not fit its spaces")
    if not all(isinstance(text, str) for text in provenance.values()):
        raise FileRefused(f"{source}: provenance: expected text")
    return PolicyRecord(
        network=network,
        observation_space=observation_space,
        action_space=action_space,
        action_rule=action_rule,
        env_id=env_id,
        env_kwargs=env_kwargs,
        provenance=cast("Mapping[str, str]", provenance),
    )


def _built(make: Callable[[], T], source: str) -> T:
    try:
        return make()
    except UsageError as problem:
        raise FileRefused(f"{source}: {problem}") from None
