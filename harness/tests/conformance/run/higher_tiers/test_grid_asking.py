"""The grid asks before it computes: what all backends refuse costs nothing but the question."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from conformance.cases.grids import grid
from conformance.cases.shard import WHOLE
from conformance.run import grid_run
from conformance.run.plan import plan_grid
from conformance.run.results import BackendResult
from harness.calls.caller import Arrays, CallResult, Conditions
from harness.contract.adapter import NOT_IMPLEMENTED
from harness.contract.protocol import Array
from harness.contract.status import Status
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import by_taps, data
from harness.tests.helpers.suite.fakes import FakeCaller

pytestmark = pytest.mark.usefixtures("small_grid")
_LONG = 5  # rows of the largest images: 14 of the 49 have them


def planned(*ops: Op) -> BackendResult:
    """A plan of the small grid for these ops in float32."""
    result = BackendResult("fake", True)
    plan_grid(result, ops, (), WHOLE)
    return result


def test_no_data_is_made_for_what_all_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Data and oracle of refused cases were 99 of 100 seconds."""
    made: dict[str, list[str]] = {"data": [], "oracle": []}
    pooled, definition = data.pooled, by_taps.run

    def making(op: Op, spec: ConvSpec, dtype: str, seed: str) -> Arrays:
        made["data"].append(str(spec))
        return pooled(op, spec, dtype, seed)

    def expecting(op: Op, spec: ConvSpec, *arrays: Array | None) -> Array:
        made["oracle"].append(str(spec))
        return definition(op, spec, *arrays)

    monkeypatch.setattr(data, "pooled", making)
    monkeypatch.setattr(by_taps, "run", expecting)

    def answer(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
        return CallResult(result=np.zeros(spec.output_shape(op), np.float32))

    def short(op: Op, spec: ConvSpec, dtype: str) -> str | None:
        return "long" if spec.input_size[0] == _LONG else None

    def narrow(op: Op, spec: ConvSpec, dtype: str) -> str | None:
        return "stride" if spec.stride[1] > 1 or spec.input_size[0] == _LONG else None

    callers = [FakeCaller(refuses=refuses, answers=answer) for refuses in (short, narrow)]
    grid_run.run([(caller, planned("im2col")) for caller in callers])
    wanted = sorted(str(spec) for spec in grid.geometries() if spec.input_size[0] != _LONG)
    assert (sorted(made["data"]), sorted(made["oracle"])) == (wanted, wanted)
    assert [len(caller.called) for caller in callers] == [35, 25]


def test_all_are_asked_ahead_of_the_calls_and_an_op_that_is_not_there_only_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grid_run, "_ASKED_AHEAD", 20)
    told: list[tuple[Op, int, int]] = []

    class Told(FakeCaller):
        def ask_ahead(self, op: Op, specs: Sequence[ConvSpec], dtype: str) -> None:
            told.append((op, len(specs), len(self.called)))

    caller = Told(refuses=lambda op, spec, dtype: NOT_IMPLEMENTED if op == "col2im" else None)
    result = planned("im2col", "col2im")
    grid_run.run([(caller, result)])
    assert told == [("im2col", 20, 0), ("im2col", 20, 20), ("im2col", 9, 40)]
    assert [one.counts for one in result.counted] == [
        {Status.PASS: 49, Status.NOT_RUN: 0}, {Status.UNSUPPORTED: 49, Status.NOT_RUN: 0}
    ]  # fmt: skip
    assert result.counted[1].refusals == {NOT_IMPLEMENTED: 49}
    assert [op for op, _, _ in caller.asked].count("col2im") == 1
