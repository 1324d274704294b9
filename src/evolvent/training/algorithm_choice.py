"""Which algorithm a run searches with: text such as `openai_es:sigma=0.05`, which flags and files hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Final

from evolvent.algorithms import ALGORITHMS, Algorithm, Genetic, Restarts
from evolvent.algorithms.named import canonical, made, parted
from evolvent.arrays import Indices
from evolvent.errors import UsageError, shown

ROLE: Final = "algorithm"
GENETIC: Final = "genetic"


@dataclasses.dataclass(frozen=True, slots=True)
class _SetElsewhere:
    """Stands for the genetic algorithm, whose operators are settings of their own."""


TABLE: Mapping[str, Callable[..., Any]] = {**ALGORITHMS, GENETIC: _SetElsewhere}

RESTARTS: Mapping[str, Callable[..., Restarts]] = {"ipop": Restarts}
NONE: Final = "none"


def canonical_algorithm(text: str) -> str:
    """Return the text of the same algorithm with all its settings, in their order.

    Raises:
        UsageError: The name or a setting is unknown, or a value is of another kind or out of range; what there is, is told.

    Examples:
        >>> canonical_algorithm(" genetic ")
        'genetic'
    """
    name, settings = parted(ROLE, text, TABLE)
    if name == GENETIC and settings:
        raise UsageError(
            f"{ROLE}: {GENETIC}: its settings have names of their own, --mutation and the like, in a file [genetic];"
            f" got {shown(settings)}"
        )
    return canonical(ROLE, text, TABLE)


def short_algorithm(text: str) -> str:
    """Return the text of the same algorithm with what differs from its defaults alone, for people to read."""
    return canonical(ROLE, text, TABLE, whole=False)


def short_search(algorithm: str, restarts: str) -> str:
    """Return how a run searches with what differs from the defaults alone, for people to read.

    Examples:
        >>> short_search("cma_es:sigma=0.3", "ipop:growth=3,largest=64")
        'cma_es:sigma=0.3, restarts ipop:growth=3.0'
    """
    search = short_algorithm(algorithm)
    return search if restarts == NONE else f"{search}, restarts {canonical('restarts', restarts, RESTARTS, whole=False)}"


def canonical_restarts(text: str) -> str:
    """Return the text of the same way of beginning anew with all its settings, "none" for that.

    Raises:
        UsageError: As for `canonical_algorithm`.

    Examples:
        >>> canonical_restarts("ipop:growth=3")
        'ipop:growth=3.0,largest=64,patience=0'
    """
    return NONE if text.strip() == NONE else canonical("restarts", text, RESTARTS, extra=(NONE,))


def restarting(algorithm: Algorithm[Any], text: str) -> Algorithm[Any]:
    """Return `algorithm`, within what begins it anew as `text` says."""
    if text == NONE:
        return algorithm
    return dataclasses.replace(made("restarts", text, RESTARTS), algorithm=algorithm)


def largest_population(first: int, restarts: str) -> int:
    """Return how many rows the largest population of a search may have, whose first has `first`."""
    if restarts == NONE or (way := made("restarts", restarts, RESTARTS)).growth == 1:
        return first
    return first * way.largest


def algorithm_name(text: str) -> str:
    """Return the name in the text of an algorithm.

    Examples:
        >>> algorithm_name("openai_es:sigma=0.05")
        'openai_es'
    """
    return text.partition(":")[0].strip()


def make_algorithm(text: str, genetic: Callable[[Indices | None], Genetic], groups: Indices | None) -> Algorithm[Any]:
    """Return the algorithm that `text` describes.

    Args:
        text: Of the settings.
        genetic: Makes the genetic one.
        groups: `(dim,)`, the neuron that each parameter belongs to, for algorithms that have to know; None where rows are no
            network's.
    """
    if algorithm_name(text) == GENETIC:
        return genetic(groups)
    algorithm: Any = made(ROLE, text, ALGORITHMS)
    if any(field.name == "groups" for field in dataclasses.fields(algorithm)):
        return dataclasses.replace(algorithm, groups=groups)
    return algorithm
