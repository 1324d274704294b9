"""Algorithms: searches over parameter rows, which see arrays only."""

from typing import Any

from evolvent.algorithms.ars import ARS
from evolvent.algorithms.base import Algorithm, Crossover, Growing, Mutation, Resizable, Selection, Strength
from evolvent.algorithms.cma_es import CMAES
from evolvent.algorithms.cosyne import CoSyNE
from evolvent.algorithms.crossover import (
    BlendCrossover,
    NeuronCrossover,
    OnePointCrossover,
    TwoPointCrossover,
    UniformCrossover,
)
from evolvent.algorithms.genetic import Genetic
from evolvent.algorithms.mutation import Cauchy, Gaussian, InTurn, Multiplicative, Replacement, SignFlip, Uniform
from evolvent.algorithms.openai_es import OpenAIES
from evolvent.algorithms.pgpe import PGPE
from evolvent.algorithms.random_search import RandomSearch
from evolvent.algorithms.restarts import Restarts
from evolvent.algorithms.selection import Rank, Roulette, Tournament, Truncation
from evolvent.algorithms.sep_cma_es import SepCMAES
from evolvent.algorithms.snes import SNES
from evolvent.algorithms.strength import Constant, Decaying, SelfAdaptive
from evolvent.algorithms.xnes import XNES

ALGORITHMS: dict[str, type[Any]] = {
    "ars": ARS,
    "cma_es": CMAES,
    "cosyne": CoSyNE,
    "genetic": Genetic,
    "openai_es": OpenAIES,
    "pgpe": PGPE,
    "random_search": RandomSearch,
    "sep_cma_es": SepCMAES,
    "snes": SNES,
    "xnes": XNES,
}

__all__ = [
    "ALGORITHMS",
    "ARS",
    "CMAES",
    "PGPE",
    "SNES",
    "XNES",
    "Algorithm",
    "BlendCrossover",
    "Cauchy",
    "CoSyNE",
    "Constant",
    "Crossover",
    "Decaying",
    "Gaussian",
    "Genetic",
    "Growing",
    "InTurn",
    "Multiplicative",
    "Mutation",
    "NeuronCrossover",
    "OnePointCrossover",
    "OpenAIES",
    "RandomSearch",
    "Rank",
    "Replacement",
    "Resizable",
    "Restarts",
    "Roulette",
    "Selection",
    "SelfAdaptive",
    "SepCMAES",
    "SignFlip",
    "Strength",
    "Tournament",
    "Truncation",
    "TwoPointCrossover",
    "Uniform",
    "UniformCrossover",
]
