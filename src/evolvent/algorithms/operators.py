"""Operators as text, which is how flags and files name them: `gaussian:strength=0.5,rate=0.1`.

A name stands for a class in a closed table and its settings for fields of that class, so text can make nothing else.
Mutations done one after the other are joined by a plus sign: `gaussian:strength=0.1+sign_flip:rate=0.01`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_type_hints

from evolvent.algorithms.base import Crossover, Mutation, Selection, Strength
from evolvent.algorithms.crossover import (
    BlendCrossover,
    NeuronCrossover,
    OnePointCrossover,
    TwoPointCrossover,
    UniformCrossover,
)
from evolvent.algorithms.mutation import Cauchy, Gaussian, InTurn, Multiplicative, Replacement, SignFlip, Uniform
from evolvent.algorithms.selection import Rank, Roulette, Tournament, Truncation
from evolvent.algorithms.strength import Constant, Decaying, SelfAdaptive
from evolvent.errors import UsageError, did_you_mean

OperatorT = TypeVar("OperatorT")

SELECTIONS: dict[str, Callable[..., Selection]] = {
    "truncation": Truncation,
    "tournament": Tournament,
    "rank": Rank,
    "roulette": Roulette,
}
CROSSOVERS: dict[str, Callable[..., Crossover]] = {
    "uniform": UniformCrossover,
    "one_point": OnePointCrossover,
    "two_point": TwoPointCrossover,
    "blend": BlendCrossover,
    "neuron": NeuronCrossover,
}
MUTATIONS: dict[str, Callable[..., Mutation]] = {
    "gaussian": Gaussian,
    "uniform": Uniform,
    "cauchy": Cauchy,
    "multiplicative": Multiplicative,
    "replacement": Replacement,
    "sign_flip": SignFlip,
}
STRENGTHS: dict[str, Callable[..., Strength]] = {
    "constant": Constant,
    "decaying": Decaying,
    "self_adaptive": SelfAdaptive,
}
MOST_MUTATIONS = 8
LONGEST = 400  # characters


def selection(text: str) -> Selection:
    """Return the selection that `text` names.

    Raises:
        UsageError: A name is unknown (the nearest is suggested), or a setting is no number or out of range.

    Examples:
        >>> selection("tournament:size=5")
        Tournament(size=5)
    """
    return _operator("selection", text, SELECTIONS)


def crossover(text: str) -> Crossover | None:
    """Return the crossover that `text` names, None for "none".

    Raises:
        UsageError: As for `selection`.
    """
    return None if text == "none" else _operator("crossover", text, CROSSOVERS, extra=("none",))


def mutation(text: str) -> Mutation:
    """Return the mutation that `text` names, or several in turn, joined by plus signs.

    Raises:
        UsageError: As for `selection`, or there are more than eight.

    Examples:
        >>> mutation("gaussian:strength=0.1+sign_flip:rate=0.01")
        InTurn(mutations=(Gaussian(strength=0.1, rate=1.0), SignFlip(rate=0.01)))
    """
    terms = re.split(r"\+(?!\d)", text)
    if len(terms) > MOST_MUTATIONS:
        raise UsageError(f"mutation: expected at most {MOST_MUTATIONS} in turn, got {len(terms)}")
    parts = tuple(_operator("mutation", term, MUTATIONS) for term in terms)
    return parts[0] if len(parts) == 1 else InTurn(parts)


def strength(text: str) -> Strength:
    """Return the course of the mutation's strength that `text` names.

    Raises:
        UsageError: As for `selection`.
    """
    return _operator("strength", text, STRENGTHS)


def _operator(role: str, text: str, table: Mapping[str, Callable[..., OperatorT]], extra: tuple[str, ...] = ()) -> OperatorT:
    if len(text) > LONGEST:
        raise UsageError(f"{role}: expected at most {LONGEST} characters, got {len(text)}")
    name, _, settings = (part.strip() for part in text.partition(":"))
    if name not in table:
        known = (*extra, *table)
        raise UsageError(f"{role}: {name!r} is unknown{did_you_mean(name, known)}; known: {', '.join(known)}")
    make = table[name]
    try:
        return make(**_settings(f"{role}: {name}", settings, get_type_hints(make)))
    except UsageError as problem:
        raise UsageError(f"{role}: {name}: {problem}" if not str(problem).startswith(role) else str(problem)) from None


def _settings(label: str, text: str, types: Mapping[str, Any]) -> dict[str, int | float]:
    values: dict[str, int | float] = {}
    for part in filter(None, text.split(",")):
        field, equals, number = (word.strip() for word in part.partition("="))
        if field not in types or not equals or field in values:
            known = ", ".join(f"{each}=..." for each in types) or "none"
            raise UsageError(
                f"{label}: expected settings as name=number, got {part!r}{did_you_mean(field, types)}; known: {known}"
            )
        try:
            values[field] = types[field](number)
        except ValueError:
            kind = "a whole number" if types[field] is int else "a number"
            raise UsageError(f"{label}: {field}: expected {kind}, got {number!r}") from None
    return values
