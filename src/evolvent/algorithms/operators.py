"""Operators as text, which is how flags and files name them: `gaussian:strength=0.5,rate=0.1`.

The names are those of the closed tables below; `named` reads the settings. Mutations done one after the other are joined by
a plus sign: `gaussian:strength=0.1+sign_flip:rate=0.01`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from evolvent.algorithms.base import Crossover, Mutation, Selection, Strength
from evolvent.algorithms.crossover import (
    BlendCrossover,
    NeuronCrossover,
    OnePointCrossover,
    TwoPointCrossover,
    UniformCrossover,
)
from evolvent.algorithms.mutation import Cauchy, Gaussian, InTurn, Multiplicative, Replacement, SignFlip, Uniform
from evolvent.algorithms.named import made
from evolvent.algorithms.selection import Rank, Roulette, Tournament, Truncation
from evolvent.algorithms.strength import Constant, Decaying, SelfAdaptive
from evolvent.errors import UsageError

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


def selection(text: str) -> Selection:
    """Return the selection that `text` names.

    Raises:
        UsageError: A name is unknown (the nearest is suggested), or a setting is no number or out of range.

    Examples:
        >>> selection("tournament:size=5")
        Tournament(size=5)
    """
    return made("selection", text, SELECTIONS)


def crossover(text: str) -> Crossover | None:
    """Return the crossover that `text` names, None for "none".

    Raises:
        UsageError: As for `selection`.
    """
    return None if text == "none" else made("crossover", text, CROSSOVERS, extra=("none",))


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
    parts = tuple(made("mutation", term, MUTATIONS) for term in terms)
    return parts[0] if len(parts) == 1 else InTurn(parts)


def strength(text: str) -> Strength:
    """Return the course of the mutation's strength that `text` names.

    Raises:
        UsageError: As for `selection`.
    """
    return made("strength", text, STRENGTHS)
