# pyright: basic, reportAttributeAccessIssue=false
"""Checks while compiling: what plain Python, a compiled number and lanes would compute differently is refused.

In plain Python `x * 0.1` of a float32 is float32; compiled it would be float64. `x ** 2` is the C library's power, whose
last bit differs from that of `x * x`.
"""

from __future__ import annotations

import operator

import numpy as np
from numba.core import ir, types
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import AnalysisPass, register_pass
from numba.core.errors import TypingError
from numba.core.typed_passes import NopythonTypeInference
from numba.core.untyped_passes import DeadBranchPrune

from evolvent.vectors import Vec, element_of, mixture

ARITHMETIC = {operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod}
ARITHMETIC |= {operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ifloordiv, operator.imod}
COMPARISONS = {operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne}
POWERS = {operator.pow, operator.ipow}
CHOICES = {max, min}
POWER = "the last bit of a power differs from library to library; write x * x for x ** 2, sqrt(x) for x ** 0.5"


@register_pass(mutates_CFG=False, analysis_only=True)
class NamesAreDefined(AnalysisPass):
    """Refuses a name that stands for nothing, with the line that has it."""

    _name = "evolvent_names_are_defined"

    def __init__(self):
        """Have nothing to set."""
        AnalysisPass.__init__(self)

    def run_pass(self, state):
        """Look at every global name of the function in `state`."""
        for assignment in _assignments(state):
            if isinstance(assignment.value, ir.Global) and assignment.value.value is ir.UNDEFINED:
                words = f"the name {assignment.value.name} is not defined; define or import it"
                raise TypingError(f"refused: {words}", loc=assignment.loc)
        return False


@register_pass(mutates_CFG=False, analysis_only=True)
class OnePrecision(AnalysisPass):
    """Refuses what mixes float32 with float64 or whole numbers, powers of floats, and lists and printing in lanes."""

    _name = "evolvent_one_precision"

    def __init__(self):
        """Have nothing to set."""
        AnalysisPass.__init__(self)

    def run_pass(self, state):
        """Look at every operation of the function in `state`."""
        for assignment in _assignments(state):
            words = _of_container(state.typemap[assignment.target.name]) or _refusal(state, assignment.value)
            if words:
                raise TypingError(f"refused: {words}", loc=assignment.loc)
        for block in state.func_ir.blocks.values():
            for each in block.find_insts(ir.Print):
                if any(isinstance(state.typemap[argument.name], Vec) for argument in each.args):
                    raise TypingError("refused: print() has no form in lanes; take it away", loc=each.loc)
        return False


class Compiler(CompilerBase):
    """Numba's compiler with the checks before and after its type inference."""

    def define_pipelines(self):
        """Return the one pipeline."""
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.add_pass_after(NamesAreDefined, DeadBranchPrune)
        passes.add_pass_after(OnePrecision, NopythonTypeInference)
        passes.finalize()
        return [passes]


def _assignments(state):
    return (each for block in state.func_ir.blocks.values() for each in block.find_insts(ir.Assign))


def _of_container(kind):
    in_lanes = isinstance(kind, (types.List, types.Set)) and "Vec(" in str(kind)
    return "a list or set of values has no form in lanes; write a tuple, (x, y) for [x, y]" if in_lanes else None


def _refusal(state, value):
    if not isinstance(value, ir.Expr):
        return None
    if value.op in {"binop", "inplace_binop"}:
        kinds = [state.typemap[each.name] for each in (value.lhs, value.rhs)]
        if value.fn in POWERS and any(isinstance(element_of(kind), types.Float) for kind in kinds):
            return POWER
        if value.fn in ARITHMETIC:
            return mixture(kinds)
        if value.fn in COMPARISONS and not any(_is_exact(state, each) for each in (value.lhs, value.rhs)):
            return mixture(kinds)
    if value.op == "call" and getattr(state.typemap[value.func.name], "typing_key", None) in CHOICES and len(value.args) == 2:
        return mixture([state.typemap[each.name] for each in value.args])
    return None


def _is_exact(state, variable):
    """Return whether a variable is a constant that float32 holds without rounding, so that it compares alike in both."""
    definition = state.func_ir.get_definition(variable)
    constant = getattr(definition, "value", None) if isinstance(definition, (ir.Const, ir.Global, ir.FreeVar)) else None
    return isinstance(constant, (int, float)) and float(np.float32(constant)) == constant
