"""Values, and the functions of them that worlds, networks and action rules are written with.

A value is a number: a Python float, a NumPy scalar, or an array of them for debugging many at once. Text over values has
no branches: it says `where(condition, a, b)`. Compiled, it becomes machine code without a call; the same operations are
done in the same order everywhere, so plain Python and the compiled form agree to the bit, in float32 and in float64.

The elementary functions are ours because the C library's differ from one machine to the next and cannot be put side by
side in vector registers. They compute in the precision of their argument, float32 or float64; a whole number counts as
float64. Errors are in units in the last place (ulp) of that precision, and hold over the whole range that is stated.
"""

from evolvent.lanes import python_builtins as python_builtins
from evolvent.lanes.bits import exponent, power_of_two
from evolvent.lanes.counter import take_next
from evolvent.lanes.exponentials import exp, log, tanh
from evolvent.lanes.rows import as_tuple, buffer
from evolvent.lanes.trigonometry import cos, sin, tan
from evolvent.lanes.values import (
    Flag,
    Value,
    absolute,
    clip,
    every,
    floor,
    logical_not,
    maximum,
    minimum,
    multiply_add,
    sqrt,
    to_float32,
    to_float64,
    where,
    with_precision_of,
)

__all__ = [
    "Flag",
    "Value",
    "absolute",
    "as_tuple",
    "buffer",
    "clip",
    "cos",
    "every",
    "exp",
    "exponent",
    "floor",
    "log",
    "logical_not",
    "maximum",
    "minimum",
    "multiply_add",
    "power_of_two",
    "sin",
    "sqrt",
    "take_next",
    "tan",
    "tanh",
    "to_float32",
    "to_float64",
    "where",
    "with_precision_of",
]
