"""Actions: which rule makes them, for which space, and what an environment is handed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from evolvent.arrays import Actions
from evolvent.errors import UsageError, did_you_mean, shown
from evolvent.jit import bind
from evolvent.lanes import Value
from evolvent.policies.action_noise import noisy, without_noise
from evolvent.policies.action_rules import (
    ActionRule,
    argmax,
    argmax_of_each,
    as_it_is,
    clipped,
    likelier_of_two,
    nearest_whole,
    sampled,
    sampled_bits,
    squashed,
)
from evolvent.spaces import ActionSpace, Box, Discrete, MultiBinary, MultiDiscrete, Space

AUTO: Final = "auto"
SAMPLED: Final = "sampled"


def _argmax(space: Any) -> ActionRule:  # noqa: ARG001
    return argmax


def _argmax_of_each(space: MultiDiscrete) -> ActionRule:
    return bind(argmax_of_each, SIZE=space.size, COUNTS=space.nvec)


def _likelier_of_two(space: MultiBinary) -> ActionRule:
    return bind(likelier_of_two, SIZE=space.size)


def _sampled(space: Discrete | MultiDiscrete) -> ActionRule:
    counts = (space.n,) if isinstance(space, Discrete) else space.nvec
    return bind(sampled, SIZE=space.size, COUNTS=counts, MOST=max(counts))


def _sampled_bits(space: MultiBinary) -> ActionRule:
    return bind(sampled_bits, SIZE=space.size)


def _clipped(space: Box) -> ActionRule:
    return bind(clipped, LOW=space.low, HIGH=space.high, SIZE=space.size, ROUNDED=_rounding(space))


def _squashed(space: Box) -> ActionRule:
    return bind(
        squashed,
        LOW=space.low,
        HIGH=space.high,
        SHOWN_LOW=_as_float32(space.low),
        SHOWN_HIGH=_as_float32(space.high),
        SQUASHED=_two_bounds(space),
        SIZE=space.size,
        ROUNDED=_rounding(space),
    )


def _rounding(space: Box) -> Callable[[Value], Value]:
    return as_it_is if np.dtype(space.dtype).kind == "f" else nearest_whole


def _as_float32(bounds: tuple[float, ...]) -> tuple[float, ...]:
    with np.errstate(over="ignore"):
        return tuple(map(float, np.array(bounds).astype(np.float32)))


def _two_bounds(space: Box) -> tuple[bool, ...]:
    bounds = zip(_as_float32(space.low), _as_float32(space.high), strict=True)
    return tuple(math.isfinite(low) and math.isfinite(high) for low, high in bounds)


ACTION_RULES: Mapping[str, Mapping[type, Callable[[Any], ActionRule]]] = {
    "argmax": {Discrete: _argmax, MultiDiscrete: _argmax_of_each, MultiBinary: _likelier_of_two},
    "clipped": {Box: _clipped},
    SAMPLED: {Discrete: _sampled, MultiDiscrete: _sampled, MultiBinary: _sampled_bits},
    "tanh": {Box: _squashed},
}
"""The rules by the names that settings and files use, each with the spaces that it makes actions of; default ones first."""


def rules_for(space: Space) -> tuple[str, ...]:
    """Return the names of the rules that make actions of `space`, the default one first.

    Raises:
        UsageError: No rule does.

    Examples:
        >>> rules_for(Discrete(n=2)), rules_for(Box.symmetric((1.0,)))
        (('argmax', 'sampled'), ('clipped', 'tanh'))
    """
    names = tuple(name for name, kinds in ACTION_RULES.items() if type(space) in kinds)
    if not names:
        kind = type(space).__name__.removesuffix("Space")
        raise UsageError(
            f"action space: {kind} is not supported; Box, Discrete, MultiBinary and MultiDiscrete are:"
            " wrap the environment with gymnasium.wrappers.TransformAction"
        )
    if isinstance(space, Box) and not any(_two_bounds(space)):
        return ("clipped",)
    return names


def fitting_rule(name: str, space: Space) -> str:
    """Return the name of the rule that `name` means for `space`: itself, or for "auto" the default.

    Raises:
        UsageError: There is no such rule, or it makes no actions of this space.

    Examples:
        >>> fitting_rule("auto", Discrete(n=2))
        'argmax'
    """
    possible = rules_for(space)
    if name == AUTO:
        return possible[0]
    if name not in possible:
        known = name in ACTION_RULES
        words = "does not fit" if known else f"is unknown{did_you_mean(name, ACTION_RULES)}; it cannot be the rule for"
        bounds = " without two finite bounds" if known and possible == ("clipped",) else ""
        raise UsageError(f"action_rule: {shown(name)} {words} {space}{bounds}; expected {' or '.join((AUTO, *possible))}")
    return name


def action_rule(space: Space, name: str = AUTO) -> ActionRule:
    """Return the rule of this name for actions of `space`.

    Args:
        space: Of the actions.
        name: One of `ACTION_RULES`, or "auto": argmax where there are choices, clipped in a box; that of one with noise.

    Raises:
        UsageError: The rule is unknown, or does not fit the space.
    """
    plain, sigma = without_noise(name)
    return noisy(ACTION_RULES[fitting_rule(plain, space)][type(space)](space), space.width, sigma)


def draws(space: Space, name: str) -> bool:
    """Return whether the rule of this name draws random numbers for actions of `space`."""
    plain, sigma = without_noise(name)
    return sigma > 0 or fitting_rule(plain, space) == SAMPLED


def num_outputs(space: Space) -> int:
    """Return how many outputs a network needs for actions of `space`.

    Raises:
        UsageError: No policy can be made for such actions.
    """
    rules_for(space)
    return space.width


def drawn_evenly(shares: NDArray[np.float64], space: ActionSpace) -> Actions:
    """Return actions `(n, size)` as a rule makes them, each value drawn evenly.

    Args:
        shares: `(n, size)`, evenly drawn from [0, 1).
        space: Of the actions; the bounds of a box are finite.
    """
    if isinstance(space, Box):
        low, high = np.array(space.low), np.array(space.high)
        if _rounding(space) is nearest_whole:
            return np.floor(low * (1.0 - shares) + (high + 1.0) * shares)
        return low * (1.0 - shares) + high * shares
    if isinstance(space, MultiBinary):
        return np.floor(shares * 2)
    return np.floor(shares * np.array(space.n if isinstance(space, Discrete) else space.nvec))


# --- what an environment is handed ------------------------------------------------------------------------------------


def for_environment(actions: Actions, space: ActionSpace) -> NDArray[Any]:
    """Return rule-made actions `(n, size)` as Gymnasium has them.

    Args:
        actions: What a rule made.
        space: Of the actions.

    Returns:
        Whole numbers `(n,)` for a discrete space; else `(n, *shape)`, of the box's type, int64 or, of zeros and ones, int8.
    """
    if isinstance(space, Discrete):
        return actions[:, 0].astype(np.int64) + space.start
    return _arrays(space, (-1, *space.shape))(actions)


def one_for_environment(space: ActionSpace) -> Callable[[Actions], Any]:
    """Return what makes one action `(1, size)` what Gymnasium has: an int64 for a discrete space, else an array.

    It is called at every step, so the numbers of a discrete space are made once: making one takes longer than a network does.
    """
    if isinstance(space, Discrete):
        choices = [np.int64(space.start + k) for k in range(space.n)]
        return lambda actions: choices[int(actions.item())]
    return _arrays(space, space.shape)


def _arrays(space: Box | MultiDiscrete | MultiBinary, shape: tuple[int, ...]) -> Callable[[Actions], NDArray[Any]]:
    """Return what makes arrays of a shape of actions, each value of the space's type."""
    if isinstance(space, MultiDiscrete):
        starts = np.array(space.start, np.int64)
        return lambda actions: (actions.astype(np.int64) + starts).reshape(shape)
    if isinstance(space, MultiBinary):
        return lambda actions: actions.astype(np.int8).reshape(shape)
    if space.dtype in {"float32", "float64"}:
        dtype = np.dtype(space.dtype)
        return lambda actions: actions.astype(dtype).reshape(shape)
    return _narrow_arrays(np.dtype(space.dtype), shape)


def _narrow_arrays(dtype: np.dtype[Any], shape: tuple[int, ...]) -> Callable[[Actions], NDArray[Any]]:
    """Return the same for a type that does not hold every float32: casting one beyond it gives any number."""
    if dtype.kind == "b":
        return lambda actions: (actions > 0.0).reshape(shape)
    limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(cast("Any", dtype))
    least, most = float(limits.min), float(limits.max)
    if int(most) > int(limits.max):  # the next number of float64, which is no longer one of this type
        most = math.nextafter(most, 0.0)
    return lambda actions: np.clip(actions, least, most).astype(dtype).reshape(shape)
