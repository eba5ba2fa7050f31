"""A hint to the processor that a place of an array is soon needed: for kernels that go through large arrays in an order
that the processor cannot foresee, and would wait for each place."""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic

_BYTES = ir.IntType(8).as_pointer()
_INT = ir.IntType(32)
_TO_READ, _KEPT_CLOSE, _DATA = _INT(0), _INT(3), _INT(1)


@intrinsic  # type: ignore[untyped-decorator]
def prefetch(context: Any, array: Any, place: Any) -> Any:
    """Within a kernel: asks for `array[place]` (one dimension, int64 place, not negative). It changes no result."""

    def written(target: Any, builder: Any, signature: Any, given: Any) -> Any:
        data = target.make_array(signature.args[0])(target, builder, given[0]).data
        address = builder.bitcast(builder.gep(data, [given[1]]), _BYTES)
        kind = ir.FunctionType(ir.VoidType(), [_BYTES, _INT, _INT, _INT])
        hint = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(hint, [address, _TO_READ, _KEPT_CLOSE, _DATA])
        return target.get_dummy_value()

    return types.void(array, types.int64), written
