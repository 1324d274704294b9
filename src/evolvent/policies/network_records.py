"""Networks as strict JSON: the names of a closed table of kinds, and the fields of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final, cast

from evolvent.errors import FileRefused, UsageError
from evolvent.files import JsonObject, refuse_leftovers, take, take_list
from evolvent.networks import NETWORKS, Network

WRITTEN_IF_OTHER: Final[Mapping[str, Any]] = {"biases": True}  # what older files do not have


def network_to_json(network: Network) -> JsonObject:
    """Return a network as a JSON object.

    Raises:
        UsageError: It is of a kind of its own, which no file can name.

    Examples:
        >>> from evolvent.networks import GRU
        >>> network_to_json(GRU(sizes=(2, 4, 1)))
        {'kind': 'gru', 'sizes': [2, 4, 1], 'output_activation': 'identity', 'initialiser': 'normal'}
    """
    kind = next((name for name, known in NETWORKS.items() if type(network) is known), None)
    if kind is None:
        raise UsageError(
            f"network: a policy file cannot name a {type(network).__name__}; it can name {', '.join(NETWORKS)}."
            " Keep its row with numpy.save"
        )
    content: JsonObject = {"kind": kind}
    for field in dataclasses.fields(cast("Any", network)):
        value = getattr(network, field.name)
        if WRITTEN_IF_OTHER.get(field.name) != value:
            content[field.name] = list(value) if isinstance(value, tuple) else value  # pyright: ignore[reportUnknownArgumentType]
    return content


def network_from_json(content: JsonObject, source: str) -> Network:
    """Return the network that `network_to_json` wrote.

    Args:
        content: The object; it loses its keys.
        source: What it was read from, for messages.

    Raises:
        FileRefused: It describes no network.
    """
    kind = take(content, "kind", str, source)
    if kind not in NETWORKS:
        raise FileRefused(f"{source}: network {kind[:40]!r} is unknown; known: {', '.join(NETWORKS)}")
    settings: dict[str, Any] = {}
    for field in dataclasses.fields(NETWORKS[kind]):
        if field.name in content or field.name not in WRITTEN_IF_OTHER:
            settings[field.name] = _taken(content, field, source)
    refuse_leftovers(content, source)
    try:
        return NETWORKS[kind](**settings)
    except UsageError as problem:
        raise FileRefused(f"{source}: {problem}") from None


def _taken(content: JsonObject, field: dataclasses.Field[Any], source: str) -> Any:
    if field.name == "sizes":
        return tuple(take_list(content, "sizes", int, source))
    if field.type == "bool":
        return take(content, field.name, bool, source)
    return take(content, field.name, int, source) if field.type == "int" else take(content, field.name, str, source)
