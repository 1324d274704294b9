# pyright: basic, reportCallIssue=false, reportAttributeAccessIssue=false, reportOptionalCall=false
"""Machine instructions that kernels need and Numba does not have: on vectors, on bits, on the stack, between threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from evolvent.vectors import Vec, like, refused, widened

Function = Callable[..., Any]

INT1, INT64 = ir.IntType(1), ir.IntType(64)
ALIGNMENT = 64  # [bytes], the widest vector register of today
FUSES = bool(get_host_cpu_features().get("fma", True))  # processors that need not say so, such as ARM's, all do


def instruction(function: Function) -> Function:
    """Compile a call into what `function` emits for the types of the arguments."""
    return intrinsic(function)


def instruction_of_sizes(function: Function) -> Function:
    """Do as `instruction`, with whole numbers known as constants, where they are."""
    return intrinsic(prefer_literal=True)(function)


# --- choosing and converting ---------------------------------------------------------------------------------------


@instruction
def select(typing_context, condition, yes, no):
    """Return in each lane `yes` where `condition` holds, else `no`."""
    vec = next((each for each in (yes, no) if isinstance(each, Vec)), None)
    if vec is None:
        kept = yes == no and (isinstance(yes, types.Boolean) or yes == types.float32)
        vec = like(condition, yes if kept else types.float64)

    def codegen(context, builder, sig, args):
        values = (widened(context, builder, value, kind, vec) for value, kind in zip(args[1:], sig.args[1:], strict=True))
        return builder.select(args[0], *values)

    return vec(condition, yes, no), codegen


@instruction
def opposite(typing_context, mask):
    """Return the mask that holds where `mask` does not."""

    def codegen(context, builder, sig, args):
        return builder.not_(args[0])

    return mask(mask), codegen


def _conversion(element):
    @instruction
    def convert(typing_context, vec):
        def codegen(context, builder, sig, args):
            return _converted(builder, args[0], vec.element, element, context.get_value_type(sig.return_type))

        return like(vec, element)(vec), codegen

    return convert


def _converted(builder, value, source, target, target_type):
    if source == target:
        return value
    if isinstance(source, types.Float):
        if isinstance(target, types.Float):
            return (builder.fptrunc if target.bitwidth < source.bitwidth else builder.fpext)(value, target_type)
        return (builder.fptosi if target.signed else builder.fptoui)(value, target_type)
    if isinstance(target, types.Float):
        return (builder.sitofp if source.signed else builder.uitofp)(value, target_type)
    return value  # int64 and uint64 are the same bits


as_float32, as_float64 = _conversion(types.float32), _conversion(types.float64)
as_int32, as_int64, as_uint64 = _conversion(types.int32), _conversion(types.int64), _conversion(types.uint64)


def _by_llvm(name):
    @instruction
    def call(typing_context, vec):
        if not isinstance(vec.element, types.Float):
            raise refused(f"{name} is asked of {vec.element} in lanes; write to_float64(...) around it")

        def codegen(context, builder, sig, args):
            shape = args[0].type
            width = f"v{vec.lanes}f{vec.element.bitwidth}"
            function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(shape, [shape]), f"llvm.{name}.{width}")
            return builder.call(function, args)

        return vec(vec), codegen

    return call


@instruction
def fused(typing_context, x, y, z):
    """Return x * y + z of float32 numbers, each alone or in lanes, rounded once."""
    result = next((each for each in (x, y, z) if isinstance(each, Vec)), types.float32)

    def codegen(context, builder, sig, args):
        in_lanes = isinstance(result, Vec)
        given = zip(args, sig.args, strict=True)
        values = [widened(context, builder, *each, result) for each in given] if in_lanes else args
        shape = context.get_value_type(result)
        function = ir.FunctionType(shape, [shape] * 3)
        name = f"llvm.fma.v{result.lanes}f32" if in_lanes else "llvm.fma.f32"
        return builder.call(cgutils.get_or_insert_function(builder.module, function, name), values)

    return result(x, y, z), codegen


floor_of, sqrt_of, magnitude_of = _by_llvm("floor"), _by_llvm("sqrt"), _by_llvm("fabs")


# --- the bits of a float, alone or in lanes ------------------------------------------------------------------------


def _reinterpretation(source, target):
    @instruction
    def reinterpret(typing_context, value):
        result = like(value, target) if isinstance(value, Vec) else target

        def codegen(context, builder, sig, args):
            return builder.bitcast(args[0], context.get_value_type(result))

        return result(like(value, source) if isinstance(value, Vec) else source), codegen

    return reinterpret


bits_of, float_of = _reinterpretation(types.float64, types.int64), _reinterpretation(types.int64, types.float64)
bits_of_float32, float32_of = _reinterpretation(types.float32, types.int32), _reinterpretation(types.int32, types.float32)


@instruction
def shifted_left(typing_context, value, count):
    """Return whole numbers moved up by `count` bits."""

    def codegen(context, builder, sig, args):
        vec = sig.args[0]
        by = widened(context, builder, args[1], sig.args[1], vec) if isinstance(vec, Vec) else args[1]
        return builder.shl(args[0], by)

    return value(value, count if isinstance(value, Vec) else types.int64), codegen


# --- values in a row -----------------------------------------------------------------------------------------------


@instruction_of_sizes
def stack_buffer(typing_context, example, size):
    """Return room for `size` values of the type of `example`, on the stack, where LLVM can keep it in registers."""
    if not isinstance(size, types.IntegerLiteral):
        return None
    element = types.unliteral(example)

    def codegen(context, builder, sig, args):
        room = cgutils.alloca_once(builder, context.get_value_type(element), size=size.literal_value)
        room.align = ALIGNMENT
        return room

    return types.CPointer(element)(example, size), codegen


@instruction_of_sizes
def loaded_tuple(typing_context, values, size):
    """Return the first `size` values of a buffer as a tuple."""
    if not isinstance(size, types.IntegerLiteral):
        return None
    result = types.UniTuple(values.dtype, size.literal_value)

    def codegen(context, builder, sig, args):
        places = [ir.Constant(INT64, k) for k in range(size.literal_value)]
        items = [builder.load(builder.gep(args[0], [place])) for place in places]
        return context.make_tuple(builder, result, items)

    return result(values, size), codegen


# --- between lanes and single values -------------------------------------------------------------------------------


@instruction_of_sizes
def spread(typing_context, values, lanes):
    """Return a tuple, however nested, with each of its numbers repeated in every lane; a vector stays as it is."""
    if not isinstance(lanes, types.IntegerLiteral) or not isinstance(values, types.BaseTuple):
        return None
    result = _spread_type(values, lanes.literal_value)

    def codegen(context, builder, sig, args):
        return _spread(context, builder, args[0], values, result)

    return result(values, lanes), codegen


def _spread_type(kind, lanes):
    if isinstance(kind, types.BaseTuple):
        return types.BaseTuple.from_types([_spread_type(each, lanes) for each in kind.types], _class_of(kind))
    return kind if isinstance(kind, Vec) else Vec(types.unliteral(kind), lanes)


def _class_of(kind):
    return getattr(kind, "instance_class", None)


def _spread(context, builder, value, kind, result):
    if isinstance(kind, types.BaseTuple):
        items = cgutils.unpack_tuple(builder, value, len(kind))
        wide = [_spread(context, builder, *each) for each in zip(items, kind.types, result.types, strict=True)]
        return context.make_tuple(builder, result, wide)
    return widened(context, builder, value, kind, result)


@instruction
def with_lane(typing_context, vectors, lane, values):
    """Return the tuple of vectors, however nested, with the numbers of the tuple `values` in one lane."""

    def codegen(context, builder, sig, args):
        return _with_lane(context, builder, (args[0], vectors), (args[2], values), args[1])

    return vectors(vectors, types.int64, values), codegen


def _with_lane(context, builder, wide, single, lane):
    (vector, vec), (value, kind) = wide, single
    if isinstance(vec, types.BaseTuple):
        wides = zip(cgutils.unpack_tuple(builder, vector, len(vec)), vec.types, strict=True)
        singles = zip(cgutils.unpack_tuple(builder, value, len(kind)), kind.types, strict=True)
        items = [_with_lane(context, builder, *each, lane) for each in zip(wides, singles, strict=True)]
        return context.make_tuple(builder, vec, items)
    return builder.insert_element(vector, context.cast(builder, value, kind, vec.element), lane)


@instruction
def lane_of(typing_context, vector, lane):
    """Return the number in one lane."""

    def codegen(context, builder, sig, args):
        return builder.extract_element(args[0], args[1])

    return vector.element(vector, types.int64), codegen


@instruction
def mask_bits(typing_context, mask):
    """Return a mask of at most 63 lanes as one int64, the first lane in the lowest bit."""

    def codegen(context, builder, sig, args):
        return builder.zext(builder.bitcast(args[0], ir.IntType(mask.lanes)), INT64)

    return types.int64(mask), codegen


@instruction
def lowest_bit(typing_context, bits):
    """Return the place of the lowest bit that is set in an int64 that is not zero."""

    def codegen(context, builder, sig, args):
        function = ir.FunctionType(INT64, [INT64, INT1])
        count = cgutils.get_or_insert_function(builder.module, function, "llvm.cttz.i64")
        return builder.call(count, [args[0], ir.Constant(INT1, 1)])

    return types.int64(types.int64), codegen


@instruction
def all_hold(typing_context, mask):
    """Return whether a mask holds in every lane."""

    def codegen(context, builder, sig, args):
        bits = ir.IntType(mask.lanes)
        return builder.icmp_unsigned("==", builder.bitcast(args[0], bits), ir.Constant(bits, -1))

    return types.boolean(mask), codegen


@instruction
def read_memory_anew(typing_context):
    """Keep what is read below from being read above, once for a whole loop, into more registers than there are."""

    def codegen(context, builder, sig, args):
        builder.fence("acquire", "singlethread")
        return context.get_dummy_value()

    return types.none(), codegen


@instruction
def first_aligned(typing_context, room):
    """Return the index of the first element of a float32 array that lies at a vector's boundary."""

    def codegen(context, builder, sig, args):
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        address = builder.ptrtoint(data, INT64)
        to_boundary = builder.and_(builder.neg(address), ir.Constant(INT64, ALIGNMENT - 1))
        return builder.lshr(to_boundary, ir.Constant(INT64, 2))

    return types.int64(room), codegen


@instruction_of_sizes
def vectors_at(typing_context, room, offset, lanes):
    """Return the vectors that lie in a float32 array from an aligned element on, as a pointer: item k is the k-th one."""
    if not isinstance(lanes, types.IntegerLiteral):
        return None
    result = types.CPointer(Vec(room.dtype, lanes.literal_value))

    def codegen(context, builder, sig, args):
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        return builder.bitcast(builder.gep(data, [args[1]]), context.get_value_type(result))

    return result(room, types.int64, lanes), codegen


# --- a counter shared by threads -----------------------------------------------------------------------------------


@instruction
def atomic_add_one(typing_context, counter):
    """Return the first element of an int64 array and add one to it, in one step."""

    def codegen(context, builder, sig, args):
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        return builder.atomic_rmw("add", data, ir.Constant(INT64, 1), "monotonic")

    return types.int64(counter), codegen


# --- functions of C libraries --------------------------------------------------------------------------------------


@instruction
def call_with_two(typing_context, address, first, second):
    """Call the C function `void f(void *, void *)` that lies at an address, with two addresses; all are int64."""

    def codegen(context, builder, sig, args):
        pointer = ir.IntType(8).as_pointer()
        function = builder.inttoptr(args[0], ir.FunctionType(ir.VoidType(), [pointer, pointer]).as_pointer())
        builder.call(function, [builder.inttoptr(each, pointer) for each in args[1:]])
        return context.get_dummy_value()

    return types.none(types.int64, types.int64, types.int64), codegen


# --- how loops are compiled ----------------------------------------------------------------------------------------


@instruction
def widest_vectors(typing_context):
    """Have LLVM use the widest vector registers in the loops of this function, where its own choice is half of that."""

    def codegen(context, builder, sig, args):
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')  # llvmlite refuses attributes that have a value
        return context.get_dummy_value()

    return types.none(), codegen
