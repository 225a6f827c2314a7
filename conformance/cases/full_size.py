"""The cases of tier 4: real networks' layers at full size, and results of more than 2^31 elements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from conformance.cases.case import Case
from harness.geometry.layers import read_layers
from harness.geometry.spec import OPS, POOL_OPS, ConvSpec, Op

LAYER, LARGE_INDEX = "values.layer", "contract.large_index"  # ids of the two checks
SET, POOLS = "core", "pools"
# 9 * 15,500^2 columns = 2.16e9 > 2^31 of them from 240 million pixels; a 32-bit index wraps around in the last rows.
LARGE_SPEC = ConvSpec.parse("n1c1h15502w15502_f1kh3kw3")
LARGE_OPS: tuple[Op, ...] = ("im2col", "col2im")
_ROOM = 2.0  # times the bytes of inputs and result: what an implementation with one copy of them holds at once


def full_size_cases(ops: Sequence[Op], dtypes: Sequence[str]) -> Iterator[Case]:
    """Every layer in every op and dtype (all ops, and float32 alone, if none is named), then the large results."""
    dtypes = dtypes or ("float32",)
    for shapes, mine in ((SET, OPS), (POOLS, POOL_OPS)):
        of_set = [op for op in ops or OPS if op in mine]
        for layer in read_layers(shapes) if of_set else ():
            yield from (Case(LAYER, op, dtype, layer.spec) for op in of_set for dtype in dtypes)
    for op in LARGE_OPS:
        if not ops or op in ops:
            yield from (Case(LARGE_INDEX, op, dtype, LARGE_SPEC) for dtype in dtypes)


def bytes_needed(case: Case) -> float:
    """What a machine must have free for the case to be worth a try."""
    return _ROOM * case.spec.min_bytes(case.op, case.dtype)
