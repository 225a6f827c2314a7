"""What to measure: layers x ops x dtypes x backends under one set of conditions, and the groups that it falls into."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from harness.contract.status import CellStatus
from harness.contract.targets import Target
from harness.geometry.layers import Layer
from harness.geometry.spec import OPS, Op
from harness.results.records import Cell, Machine, PlanRecord

DEFAULT_BUDGET = 2.0  # seconds a cell
DEFAULT_ROUNDS = 11
_SPINNING_GAP = 0.03  # seconds for idle threads of another library to park, when more than one thread is used


class Group(Struct, frozen=True, kw_only=True):
    """One op, dtype and layer over all backends: what is measured together, interleaved, so that its samples pair."""

    run: str
    group: str
    op: Op
    dtype: str
    layer: str
    spec: str
    backends: list[str]
    threads: int
    allocator: str
    budget: float
    rounds: int
    gap: float
    machine: str
    commit: str

    def cell(self, backend: str, status: CellStatus, reason: str = "", **facts: Any) -> Cell:
        """The record of one backend; without `facts`, one that has no time."""
        return Cell(
            run=self.run, group=self.group, op=self.op, dtype=self.dtype, layer=self.layer, spec=self.spec,
            threads=self.threads, allocator=self.allocator, machine=self.machine, commit=self.commit,
            backend=backend, status=status, reason=reason, **facts,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure; `barred` are backends that must not be timed, by name, and why; `left_out` are single cells."""

    shapes: str
    layers: Sequence[Layer]
    backends: Sequence[Target]
    ops: Sequence[Op] = OPS
    dtypes: Sequence[str] = ("float32",)
    threads: int = 1
    allocator: str = "steady"
    budget: float = DEFAULT_BUDGET
    rounds: int = DEFAULT_ROUNDS
    batch: int | None = None  # images of every layer, where they replace the layers' own
    barred: Mapping[str, str] = field(default_factory=dict)
    left_out: Set[tuple[str, str, str, str]] = frozenset()  # (op, dtype, layer, backend)

    def record(self) -> PlanRecord:
        """The plan as written to the run file; equal plans give equal records."""
        return PlanRecord(
            shapes=self.shapes, layers=[layer.name for layer in self.layers],
            specs=[str(layer.spec) for layer in self.layers], counts=[layer.count or 0 for layer in self.layers],
            ops=list(self.ops), dtypes=list(self.dtypes), backends=[target.text for target in self.backends],
            threads=self.threads, allocator=self.allocator, budget=self.budget, rounds=self.rounds, batch=self.batch,
        )  # fmt: skip

    @property
    def cells(self) -> int:
        """How many cells there are."""
        return len(self.layers) * len(self.ops) * len(self.dtypes) * len(self.backends) - len(self.left_out)

    def groups(self, run: str, machine: Machine) -> Iterator[Group]:
        """One for each layer, dtype and op, in the order in which they are measured; none where all is left out.

        Its key has the layer's name, which is unique in a plan: two layers of one geometry are two groups.
        """
        for layer in self.layers:
            for dtype in self.dtypes:
                for op in self.ops:
                    names = [t.name for t in self.backends if (op, dtype, layer.name, t.name) not in self.left_out]
                    if self.backends and not names:
                        continue
                    yield Group(
                        run=run, group=f"{run}/{op}/{dtype}/{layer.name}", op=op, dtype=dtype, layer=layer.name,
                        spec=str(layer.spec), backends=names,
                        threads=self.threads, allocator=self.allocator, budget=self.budget, rounds=self.rounds,
                        gap=_SPINNING_GAP if self.threads > 1 else 0.0, machine=machine.name,
                        commit=machine.code.commit,
                    )  # fmt: skip
