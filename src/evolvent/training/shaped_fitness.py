"""What selection sees in the place of the mean return, while a population is trained: returns and scores stay what they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Literal

import numpy as np

from evolvent.evaluation import Evaluation, mean

LARGEST: Final = float(np.finfo(np.float64).max)

Kind = Literal["return", "return_per_step"]


def shaped(evaluation: Evaluation, kind: Kind = "return", alive_bonus: float = 0.0) -> Evaluation:
    """Return the evaluation with the fitness that selection is to see.

    Args:
        evaluation: What a task measured, whose fitness is the mean return.
        kind: Whether an episode counts by its return, or by its return divided by its steps.
        alive_bonus: What a world pays for every step that is survived, which is taken off: otherwise to stand still for long
            is worth more than to fall on the way.

    References:
        Mania, Guy and Recht 2018, Simple random search provides a competitive approach to reinforcement learning,
        section 4.1, which takes the survival bonus off. https://arxiv.org/abs/1803.07055

    Examples:
        >>> from evolvent.evaluation import mean_return
        >>> returns, steps = np.array([[110.0, 10.0], [40.0, 40.0]]), np.array([[100, 10], [20, 20]])
        >>> measured = mean_return(returns, steps, np.zeros(2, bool))
        >>> shaped(measured, alive_bonus=1.0).fitness, shaped(measured, "return_per_step").fitness
        (array([ 5., 20.]), array([1.05, 2.  ]))
    """
    if kind == "return" and alive_bonus == 0:
        return evaluation
    sound = ~evaluation.failed
    steps = evaluation.steps[sound].astype(np.float64)
    with np.errstate(over="ignore"):
        counted = np.clip(evaluation.returns[sound] - alive_bonus * steps, -LARGEST, LARGEST)
    if kind == "return_per_step":
        counted = counted / np.maximum(steps, 1.0)
    fitness = np.full(len(sound), np.nan)
    fitness[sound] = mean(counted)
    return replace(evaluation, fitness=fitness)
