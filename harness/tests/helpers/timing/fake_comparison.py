"""Measuring for `harness compare` in the hands of a test, and its tables taken apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from harness.results.records import BackendFacts, Ceilings, Cell
from harness.tests.helpers.records import a_cell
from harness.timing.plan import Plan


@dataclass
class FakeComparison:
    """Stands in for measuring: it remembers what was asked, and yields the test's cells that the plan has."""

    cells: list[Cell] = field(default_factory=lambda: [a_cell("numpy_fancy", [1.0]), a_cell("matlab_loop", [2.0])])
    described: list[BackendFacts | Ceilings] = field(default_factory=list)
    interrupted: bool = False
    plans: list[Plan] = field(default_factory=list)

    def __call__(
        self, plan: Plan, progress: Callable[[Cell], None], described: Callable[[Any], None], *more: Any
    ) -> Iterator[Cell]:
        self.plans.append(plan)
        for record in self.described:
            described(record)
        for cell in self.cells:
            if (cell.op, cell.dtype, cell.layer, cell.backend) not in plan.left_out:
                progress(cell)
                yield cell
        if self.interrupted:
            raise KeyboardInterrupt


def table_lines(text: str) -> list[list[str]]:
    """The cells of every line of tables; columns are two spaces apart at least."""
    return [[c.strip() for c in line.split("  ") if c.strip()] for line in text.splitlines()]


def cells_of(layer: str, op: str, dtype: str, **samples: list[float]) -> list[Cell]:
    """One group, with these samples."""
    spec = {"net:1": "n1c2h6w6_f4kh3kw3", "net:2": "n2c3h9w8_f4kh3kw2"}[layer]
    facts: dict[str, Any] = dict(layer=layer, spec=spec, op=op, dtype=dtype, group=f"{layer}/{op}/{dtype}")
    points = {name: 8 * number for number, name in enumerate(samples, start=1)}
    return [a_cell(name, times, checked_points=points[name], **facts) for name, times in samples.items()]
