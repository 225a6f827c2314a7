"""Records of a measurement with plain values, for tests that look at one field of them."""

from __future__ import annotations

from typing import Any

from harness.contract.status import CellStatus
from harness.results.records import BackendFacts, Cell, Code, Machine, PlanRecord


def a_machine(commit: str = "0123456789abcdef", changes: str = "") -> Machine:
    """A machine whose code is in the state given."""
    return Machine(
        name="some-cpu_4c8t", cpu="Some CPU", cores=4, hardware_threads=8, caches={"L1d": "32K"}, memory_gib=8.0,
        os="Linux", python="3.11.7", versions={"numpy": "2.4.6"},
        code=Code(commit=commit, dirty=bool(changes), changes=changes),
    )  # fmt: skip


def a_plan(**changed: Any) -> PlanRecord:
    """One op of one backend on one layer."""
    fields: dict[str, Any] = dict(
        shapes="quick", layers=["net:small"], specs=["n1c2h6w6_f4kh3kw3"], ops=["im2col"], dtypes=["float32"],
        backends=["numpy_fancy"], threads=1, allocator="steady", budget=2.0, rounds=11,
    )  # fmt: skip
    return PlanRecord(**{**fields, **changed})


def a_cell(backend: str = "numpy_fancy", samples: list[float] | None = None, **changed: Any) -> Cell:
    """A cell with times, or, without samples, one that has none."""
    fields: dict[str, Any] = dict(
        run="run", group="group", op="im2col", dtype="float32", layer="net:small", spec="n1c2h6w6_f4kh3kw3", threads=1,
        allocator="steady", machine="some-cpu_4c8t", commit="ab" * 20, backend=backend, status=CellStatus.OK,
        samples=samples or [], checked_points=64, repetitions=1,
    )  # fmt: skip
    return Cell(**{**fields, **changed})


def some_facts(backend: str = "numpy_fancy", **changed: Any) -> BackendFacts:
    """An available backend on the CPU."""
    fields: dict[str, Any] = dict(
        backend=backend, target=backend, available=True, info={"device": "cpu"}, numerics="gemm"
    )
    return BackendFacts(**{**fields, **changed})
