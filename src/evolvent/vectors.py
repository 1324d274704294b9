# pyright: basic, reportCallIssue=false, reportAttributeAccessIssue=false, reportOptionalCall=false, reportPrivateImportUsage=false
"""Several numbers in one vector register: a Numba type and its operators.

With `evolvent.instructions` the only place that names LLVM. No operation is reordered or fused (no fast-math), so a lane
of a vector holds, to the bit, what the same operations give for a single number.
"""

from __future__ import annotations

import operator

from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.core.typeconv import Conversion
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, lower_cast, models, register_model

INT32 = ir.IntType(32)


class Vec(types.Type):
    """Numbers of one type, or truth values, side by side.

    Args:
        element: Numba's type of each: float32, float64, int32, int64, uint64 or boolean.
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
        return self if is_single(other) and not mixture((self, other)) else None


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


# --- what goes together --------------------------------------------------------------------------------------------


def element_of(kind):
    """Return Numba's type of a number, alone or in lanes; None for what is no number and no truth value."""
    if isinstance(kind, Vec):
        return kind.element
    return types.unliteral(kind) if is_single(kind) else None


def mixture(kinds):
    """Return in words why two values cannot be computed with in one operation, and what to write; None if they can.

    Compiled alone, Python's own numbers are float64 and int64, and a float32 beside them becomes one. Beside lanes they
    would take the type of the lanes, in plain Python that of a float32. So what differs between the three is refused.
    """
    first, second = (element_of(kind) for kind in kinds)
    if first is None or second is None or first == second:
        return None
    if types.boolean in {first, second}:
        mask = any(isinstance(kind, Vec) and kind.element == types.boolean for kind in kinds)
        return "a truth value meets a number; write where(flag, 1.0, 0.0) for the flag" if mask else None
    if types.float32 in {first, second}:
        (other,) = {first, second} - {types.float32}
        return f"float32 meets {other}; write to_float32(...) around the {other}, or to_float64(...) around the float32"
    whole = next((kind.element for kind in kinds if isinstance(kind, Vec) and isinstance(kind.element, types.Integer)), None)
    other = second if first == whole else first
    if whole is None or (isinstance(other, types.Integer) and other.signed == whole.signed):
        return None
    return f"{whole} in lanes meets {other}; write to_float64(...) around the {whole}"


def refused(words):
    """Return the error that ends compiling with `words`, which `evolvent.refusals.explain` finds again."""
    return TypingError(f"refused: {words}")


# --- operators -----------------------------------------------------------------------------------------------------

IN_PLACE = {
    operator.add: operator.iadd,
    operator.sub: operator.isub,
    operator.mul: operator.imul,
    operator.truediv: operator.itruediv,
    operator.and_: operator.iand,
    operator.or_: operator.ior,
    operator.xor: operator.ixor,
    operator.rshift: operator.irshift,
}


def _register(function, instructions, *, gives_mask=False):
    """Give an operator its meaning on vectors: `instructions` by the kind of element, "float", "int", "uint" or "mask"."""

    class Template(AbstractTemplate):
        def generic(self, args, kws):
            vec = _common(args)
            if vec is None:
                return None
            if len(args) == 2 and not (gives_mask and _compare_alike(args)) and (words := mixture(args)):
                raise refused(words)
            return signature(like(vec, types.boolean) if gives_mask else vec, *args) if _kind(vec) in instructions else None

    def lower(context, builder, sig, args):
        vec = _common(sig.args)
        values = [_brought(context, builder, arg, kind, vec) for arg, kind in zip(args, sig.args, strict=True)]
        return instructions[_kind(vec)](builder, *values)

    count = 1 if function in {operator.neg, operator.pos} else 2
    for spelling in (function, IN_PLACE[function]) if function in IN_PLACE else (function,):
        infer_global(spelling)(Template)
        for single in (types.Number, types.Boolean):
            for kinds in ((Vec, Vec), (Vec, single), (single, Vec)) if count == 2 else ((Vec,),):
                lower_builtin(spelling, *kinds)(lower)


def _common(kinds):
    """Return the vector type that an operation on values of these types is done in; None if they are no vectors."""
    vecs = [kind for kind in kinds if isinstance(kind, Vec)]
    elements = {element_of(kind) for kind in kinds}
    if None in elements or len({vec.lanes for vec in vecs}) != 1:
        return None
    both_floats = elements == {types.float32, types.float64}  # to be compared: nothing is lost in float64
    return like(vecs[0], types.float64) if both_floats else vecs[0]


def _compare_alike(kinds):
    """Return whether float32 meets float64 or a single whole number, for which `evolvent.checks` answers."""
    floats = [isinstance(element_of(kind), types.Float) for kind in kinds]
    numbers = [is_float or isinstance(kind, types.Integer) for is_float, kind in zip(floats, kinds, strict=True)]
    return types.float32 in {element_of(kind) for kind in kinds} and all(numbers)


def _brought(context, builder, value, kind, vec):
    if isinstance(kind, Vec) and kind != vec:
        return builder.fpext(value, context.get_value_type(vec))
    return widened(context, builder, value, kind, vec)


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
_register(operator.pos, {"float": lambda b, x: x, "int": lambda b, x: x, "uint": lambda b, x: x})
_bitwise(operator.and_, lambda b, x, y: b.and_(x, y))
_bitwise(operator.or_, lambda b, x, y: b.or_(x, y))
_bitwise(operator.xor, lambda b, x, y: b.xor(x, y))
_register(operator.rshift, {"int": lambda b, x, y: b.ashr(x, y), "uint": lambda b, x, y: b.lshr(x, y)})
for _function, _sign in ((operator.lt, "<"), (operator.le, "<="), (operator.gt, ">"), (operator.ge, ">="), (operator.eq, "==")):
    _comparison(_function, _sign)
_comparison(operator.ne, "!=")
