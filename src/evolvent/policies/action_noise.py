"""Normal noise on the outputs that become the actions of a box, as tasks add it while a population is trained.

A rule with noise has a name of its own, `clipped~0.1`, that tasks hand on; no setting and no policy takes it. The noise follows
from an episode's key and the step alone.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from evolvent.errors import UsageError
from evolvent.jit import bind
from evolvent.lanes import Value, as_tuple, buffer, cos, log, sqrt, to_float32, to_float64
from evolvent.policies.action_rules import ActionRule
from evolvent.seeding import Draw, uniform
from evolvent.spaces import ActionSpace, Box

MARK: Final = "~"
KEY: Final = np.uint64(0x3C79AC492BA7B653)  # so that the draws are others than the world's and those of action rules
TURN: Final = 2.0 * math.pi
SIZE = 0
SIGMA = 0.0
RULE: Any = None


def with_noise(rule: str, space: ActionSpace, sigma: float) -> str:
    """Return the name of a rule with noise, that of the rule itself where the noise is none.

    Args:
        rule: The name of a rule that fits the space.
        space: Of the actions.
        sigma: Standard deviation of the noise, in units of the network's outputs.

    Raises:
        UsageError: The actions are choices, or the deviation is negative or no number.

    Examples:
        >>> with_noise("clipped", Box.symmetric((1.0,)), 0.1), with_noise("clipped", Box.symmetric((1.0,)), 0.0)
        ('clipped~0.1', 'clipped')
    """
    if not 0 <= sigma < math.inf:
        raise UsageError(f"action_noise: expected a standard deviation of at least 0, got {sigma}")
    if sigma and not isinstance(space, Box):
        raise UsageError(f"action_noise: expected 0 where actions are choices, {space}, got {sigma:g}; sampled draws them")
    return f"{rule}{MARK}{float(sigma)}" if sigma else rule


def without_noise(rule: str) -> tuple[str, float]:
    """Return the name of the rule itself, and the standard deviation of its noise.

    Examples:
        >>> without_noise("clipped~0.1"), without_noise("tanh")
        (('clipped', 0.1), ('tanh', 0.0))
    """
    name, mark, sigma = rule.partition(MARK)
    return name, float(sigma) if mark else 0.0


def noisy(rule: ActionRule, size: int, sigma: float) -> ActionRule:
    """Return `rule` for `size` outputs with normal noise of standard deviation `sigma` on each."""
    return bind(_noisy, RULE=rule, SIZE=size, SIGMA=sigma) if sigma else rule


def _noisy(outputs: tuple[Value, ...], draw: Draw) -> tuple[Value, ...]:
    """Return the actions for outputs with noise, two uniform numbers a value (Box and Muller 1958)."""
    own = Draw(draw.key ^ KEY, draw.step)
    shaken = buffer(outputs[0], SIZE)
    for k in range(SIZE):
        radius = sqrt(-2.0 * log(1.0 - uniform(own, 2 * k)))
        normal = radius * cos(TURN * uniform(own, 2 * k + 1))
        shaken[k] = to_float32(to_float64(outputs[k]) + SIGMA * normal)
    return RULE(as_tuple(shaken, SIZE), draw)
