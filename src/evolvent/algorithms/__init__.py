"""Algorithms: searches over parameter rows, which see arrays only."""

from evolvent.algorithms.base import Algorithm
from evolvent.algorithms.genetic import Genetic
from evolvent.algorithms.mutation import Gaussian
from evolvent.algorithms.selection import Truncation

ALGORITHMS: dict[str, type[Genetic]] = {"genetic": Genetic}

__all__ = ["ALGORITHMS", "Algorithm", "Gaussian", "Genetic", "Truncation"]
