"""The right implementation that faults are put into is right, and every table of it matters."""

from __future__ import annotations

import numpy as np
import pytest

from conformance.cases.specs import ALL
from conformance.domain.pool import pool
from conformance.power.kinds import indices
from conformance.power.right.ops import Call, Change, run
from conformance.power.right.tables import TABLES, Tables
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.oracle import by_taps, data

_SPECS = [*ALL.values(), *pool()[:60]]
_DISTINCT = ConvSpec.parse("n3c6h8w7_f9kh2kw3_sh1sw2_pt1pb0pl2pr1_dh2dw1_g3")


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_it_equals_the_oracle(op: Op, dtype: str) -> None:
    for spec in _SPECS:
        arrays = data.exact(op, spec, dtype, "power")
        got, expected = run(Call(op, spec, arrays)), by_taps.run(op, spec, *arrays)
        assert (got.dtype, got.shape, got.flags.c_contiguous, got.base) == (dtype, expected.shape, True, None)
        assert (got == expected).all(), spec


@pytest.mark.parametrize("op", OPS)
def test_sums_of_halves_are_formed_in_single_precision(op: Op) -> None:
    arrays = data.real(op, _DISTINCT, "float16", "power")
    wide = by_taps.run(op, _DISTINCT, *arrays)
    got = run(Call(op, _DISTINCT, arrays))
    assert np.abs(got.astype(np.float64) - wide).max() <= 2.0**-11 * np.abs(wide).max() + 1e-6


def test_without_a_bias() -> None:
    x, w, b = data.exact("conv2d", _DISTINCT, "float32", "power")
    without = run(Call("conv2d", _DISTINCT, (x, w, None)))
    assert (run(Call("conv2d", _DISTINCT, (x, w, b))) - without == b[:, None, None]).all()


def _used(op: Op) -> set[str]:
    """The tables whose loss changes the result of an op."""
    found = set()
    arrays = data.exact(op, _DISTINCT, "float32", "power")
    right = run(Call(op, _DISTINCT, arrays))
    for name in TABLES:

        def lost(call: Call, tables: Tables, name: str = name) -> None:
            setattr(tables, name, getattr(tables, name) * 0 - 1)

        if not np.array_equal(run(Call(op, _DISTINCT, arrays), Change("lost", tables=lost)), right):
            found.add(name)
    return found


@pytest.mark.parametrize("op", OPS)
def test_the_tables_that_faults_alter_are_those_that_an_op_reads(op: Op) -> None:
    assert {change.what.split()[0] for change in indices.changes(op)} == _used(op)


@pytest.mark.parametrize("op", OPS)
def test_every_way_to_alter_an_index_is_seen_on_a_geometry_in_which_all_differs(op: Op) -> None:
    spec = ConvSpec.parse("n3c12h9w10_f9kh3kw4_sh1sw2_pt1pb2pl2pr1_dh2dw1_g3")
    arrays = data.exact(op, spec, "float32", "power")
    right = run(Call(op, spec, arrays))
    unseen = [c.what for c in indices.changes(op) if np.array_equal(run(Call(op, spec, arrays), c), right)]
    # A sum over all positions, images or filters is the same in any order.
    assert [what for what in unseen if not what.endswith(("goes backwards", "has the last two swapped"))] == []
    assert len(unseen) == {"conv2d_bias_grad": 6, "conv2d_weight_grad": 2}.get(op, 0)
