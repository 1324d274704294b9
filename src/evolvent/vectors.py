# pyright: basic, reportCallIssue=false, reportAttributeAccessIssue=false, reportOptionalCall=false, reportPrivateImportUsage=false
"""Several numbers in one vector register: a Numba type and its operators.

With `evolvent.instructions` the only place that names LLVM. No operation is reordered or fused (no fast-math), so a lane
of a vector holds, to the bit, what the same operations give for a single number.
"""

from __future__ import annotations

import operator

from llvmlite import ir
from numba import types
from numba.core.typeconv import Conversion
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, lower_cast, models, register_model

INT32 = ir.IntType(32)


class Vec(types.Type):
    """Numbers of one type, or truth values, side by side.

    Args:
        element: Numba's type of each: float32, float64, int64, uint64 or boolean.
        lanes: How many.
    """

    def __init__(self, element, lanes):
        """Name the type after both."""
        self.element = element
        self.lanes = lanes
        super().__init__(name=f"Vec({element}, {lanes})")

    def can_convert_from(self, typingctx, other):
        """A single number stands for itself in every lane."""
        return Conversion.safe if is_single(other) else None

    def unify(self, typingctx, other):
        """A variable that is a number first and a vector later is a vector."""
        return self if is_single(other) else None


@register_model(Vec)
class VecModel(models.PrimitiveModel):
    """Lets LLVM hold a Vec as one of its own vectors."""

    def __init__(self, manager, vec):
        """Choose LLVM's type for `vec`."""
        super().__init__(manager, vec, ir.VectorType(manager.lookup(vec.element).get_value_type(), vec.lanes))


def is_single(kind):
    """Return whether a Numba type is one number or truth value."""
    return isinstance(kind, (types.Number, types.Boolean))


def like(vec, element):
    """Return the vector type of as many lanes with another element."""
    return Vec(element, vec.lanes)


def widened(context, builder, value, kind, vec):
    """Return `value` as a vector: itself, or one number repeated in every lane."""
    if isinstance(kind, Vec):
        return value
    single = context.cast(builder, value, kind, vec.element)
    shape = context.get_value_type(vec)
    first = builder.insert_element(ir.Constant(shape, ir.Undefined), single, ir.Constant(INT32, 0))
    return builder.shuffle_vector(first, ir.Constant(shape, ir.Undefined), ir.Constant(ir.VectorType(INT32, vec.lanes), None))


@lower_cast(types.Number, Vec)
@lower_cast(types.Boolean, Vec)
def _cast_single_to_vec(context, builder, kind, vec, value):
    return widened(context, builder, value, kind, vec)


# --- operators -----------------------------------------------------------------------------------------------------


def _register(function, instructions, *, gives_mask=False, takes_masks=False):
    """Give an operator its meaning on vectors: `instructions` by the kind of element, "float", "int", "uint" or "mask"."""

    @infer_global(function)
    class Template(AbstractTemplate):
        def generic(self, args, kws):
            vecs = {arg for arg in args if isinstance(arg, Vec)}
            if len(vecs) != 1 or not all(isinstance(arg, Vec) or is_single(arg) for arg in args):
                return None
            (vec,) = vecs
            if _kind(vec) not in instructions:
                return None
            return signature(like(vec, types.boolean) if gives_mask else vec, *args)

    def lower(context, builder, sig, args):
        vec = next(arg for arg in sig.args if isinstance(arg, Vec))
        values = [widened(context, builder, arg, kind, vec) for arg, kind in zip(args, sig.args, strict=True)]
        return instructions[_kind(vec)](builder, *values)

    count = 1 if function in {operator.neg, operator.invert} else 2
    for single in (types.Number, types.Boolean):
        for kinds in ((Vec, Vec), (Vec, single), (single, Vec)) if count == 2 else ((Vec,),):
            lower_builtin(function, *kinds)(lower)


def _kind(vec):
    if vec.element == types.boolean:
        return "mask"
    if isinstance(vec.element, types.Float):
        return "float"
    return "int" if vec.element.signed else "uint"


def _arithmetic(function, for_floats, for_integers):
    _register(function, {"float": for_floats, "int": for_integers, "uint": for_integers})


def _comparison(function, sign):
    by_kind = {
        "float": lambda b, x, y: (b.fcmp_unordered if sign == "!=" else b.fcmp_ordered)(sign, x, y),
        "int": lambda b, x, y: b.icmp_signed(sign, x, y),
        "uint": lambda b, x, y: b.icmp_unsigned(sign, x, y),
    }
    if sign in {"==", "!="}:
        by_kind["mask"] = by_kind["uint"]
    _register(function, by_kind, gives_mask=True)


def _bitwise(function, instruction):
    _register(function, dict.fromkeys(("int", "uint", "mask"), instruction))


_arithmetic(operator.add, lambda b, x, y: b.fadd(x, y), lambda b, x, y: b.add(x, y))
_arithmetic(operator.sub, lambda b, x, y: b.fsub(x, y), lambda b, x, y: b.sub(x, y))
_arithmetic(operator.mul, lambda b, x, y: b.fmul(x, y), lambda b, x, y: b.mul(x, y))
_register(operator.truediv, {"float": lambda b, x, y: b.fdiv(x, y)})
_register(operator.neg, {"float": lambda b, x: b.fneg(x), "int": lambda b, x: b.neg(x)})
_bitwise(operator.and_, lambda b, x, y: b.and_(x, y))
_bitwise(operator.or_, lambda b, x, y: b.or_(x, y))
_bitwise(operator.xor, lambda b, x, y: b.xor(x, y))
_register(operator.rshift, {"int": lambda b, x, y: b.ashr(x, y), "uint": lambda b, x, y: b.lshr(x, y)})
for _function, _sign in ((operator.lt, "<"), (operator.le, "<="), (operator.gt, ">"), (operator.ge, ">="), (operator.eq, "==")):
    _comparison(_function, _sign)
_comparison(operator.ne, "!=")
