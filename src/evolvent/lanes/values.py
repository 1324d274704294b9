# pyright: basic, reportCallIssue=false
"""Values: choosing between them, rounding them, bounding them."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numba import types

from evolvent import instructions
from evolvent.jit import primitive
from evolvent.vectors import Vec, is_single, mixture, refused

Value: TypeAlias = Any  # a float, a NumPy scalar or an array of either
Flag: TypeAlias = Any  # a bool, or an array of bools


def where(condition: Flag, yes: Value, no: Value) -> Value:
    """Return `yes` where `condition` holds, else `no`; both have been computed.

    Examples:
        >>> where(2.0 > 1.0, 5.0, 7.0)
        5.0
    """
    if isinstance(condition, np.ndarray):
        return np.where(condition, yes, no)
    return yes if condition else no


@primitive(where)
def _where(condition, yes, no):
    if words := mixture((yes, no)):
        raise refused(words)
    if isinstance(condition, Vec) and condition.element != types.boolean:
        raise refused("the condition of where is a number; write x != 0.0 for x")
    if isinstance(condition, Vec):
        if not all(isinstance(kind, Vec) or is_single(kind) for kind in (yes, no)):
            raise refused("where chooses between numbers; write a where(...) of its own for each number of a tuple")
        return lambda condition, yes, no: instructions.select(condition, yes, no)
    return lambda condition, yes, no: yes if condition else no


def logical_not(flag: Flag) -> Flag:
    """Return the opposite of `flag`; Python's `~` is not it: `~True` is -2."""
    return np.logical_not(flag) if isinstance(flag, np.ndarray) else not flag


@primitive(logical_not)
def _logical_not(flag):
    if isinstance(flag, Vec) and flag.element != types.boolean:
        raise refused("logical_not is asked of a number; write x == 0.0 for logical_not(x)")
    return (lambda flag: instructions.opposite(flag)) if isinstance(flag, Vec) else (lambda flag: not flag)


def to_float32(x: Value) -> Value:
    """Return `x` rounded to float32."""
    return np.float32(x)


@primitive(to_float32)
def _to_float32(x):
    return (lambda x: instructions.as_float32(x)) if isinstance(x, Vec) else (lambda x: np.float32(x))


def to_float64(x: Value) -> Value:
    """Return `x` as float64."""
    return np.float64(x)


@primitive(to_float64)
def _to_float64(x):
    return (lambda x: instructions.as_float64(x)) if isinstance(x, Vec) else (lambda x: np.float64(x))


def in_float32(x: Value) -> bool:
    """Return whether the number or array `x` is float32."""
    return isinstance(x, (np.ndarray, np.generic)) and x.dtype == np.float32


def is_float32(kind: Any) -> bool:
    """Return whether a compiled value of Numba's type `kind` is float32, alone or in lanes."""
    return (kind.element if isinstance(kind, Vec) else kind) == types.float32


def with_precision_of(like: Value, x: Value) -> Value:
    """Return `x` rounded to the precision of `like`, float32 or float64."""
    return np.float32(x) if in_float32(like) else np.float64(x)


@primitive(with_precision_of)
def _with_precision_of(like, x):
    return (lambda like, x: to_float32(x)) if is_float32(like) else (lambda like, x: to_float64(x))


def floor(x: Value) -> Value:
    """Return the largest whole number not above `x`, as a float."""
    return np.floor(x)


@primitive(floor)
def _floor(x):
    return (lambda x: instructions.floor_of(x)) if isinstance(x, Vec) else (lambda x: np.floor(x))


def sqrt(x: Value) -> Value:
    """Return the square root of `x`, correctly rounded; NaN below zero."""
    return np.sqrt(x)


@primitive(sqrt)
def _sqrt(x):
    return (lambda x: instructions.sqrt_of(x)) if isinstance(x, Vec) else (lambda x: np.sqrt(x))


def absolute(x: Value) -> Value:
    """Return `x` without its sign."""
    return np.absolute(x)


@primitive(absolute)
def _absolute(x):
    return (lambda x: instructions.magnitude_of(x)) if isinstance(x, Vec) else (lambda x: np.absolute(x))


def minimum(x: Value, y: Value) -> Value:
    """Return the smaller of two values, `y` where either is NaN."""
    return where(x < y, x, y)


def maximum(x: Value, y: Value) -> Value:
    """Return the larger of two values, `y` where either is NaN."""
    return where(x > y, x, y)


def multiply_add(x: Value, y: Value, z: Value) -> Value:
    """Return `x * y + z` of float32 values, rounded once where the processor can (which all of today can), else twice.

    Plain Python computes it in float64 and rounds that: one result in some hundred million has another last bit.
    """
    return np.float32(np.float64(x) * y + z) if instructions.FUSES else x * y + z


@primitive(multiply_add)
def _multiply_add(x, y, z):
    if instructions.FUSES and all(map(is_float32, (x, y, z))):
        return lambda x, y, z: instructions.fused(x, y, z)
    return lambda x, y, z: x * y + z


def every(flag: Flag) -> bool:
    """Return whether `flag` holds, in every lane: what may be branched on, to leave out work whose result is the same."""
    return bool(np.all(flag))


@primitive(every)
def _every(flag):
    return (lambda flag: instructions.all_hold(flag)) if isinstance(flag, Vec) else (lambda flag: flag)


def clip(x: Value, low: Value, high: Value) -> Value:
    """Return `x`, or the bound that it lies beyond; NaN stays NaN."""
    return where(x < low, low, where(x > high, high, x))
