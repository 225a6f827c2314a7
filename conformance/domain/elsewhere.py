"""What the other parts of a run are asked that several processes or machines share: no part is judged without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from conformance.cases.case import Case
from conformance.domain.part import FEWEST
from harness.geometry.spec import ConvSpec, Op


@dataclass(slots=True)
class Elsewhere:
    """Their cases, and of each op and dtype some geometries that are claimed: as many as a verdict needs."""

    cases: list[Case] = field(default_factory=list)
    claimed: dict[tuple[Op, str], set[ConvSpec]] = field(default_factory=dict)
    _asked: set[tuple[Op, str, ConvSpec]] = field(default_factory=set)

    def add(self, case: Case, is_claimed: Callable[[Case], bool]) -> None:
        """A case; whether it is claimed is asked once a geometry, while that matters."""
        self.cases.append(case)
        known = self.claimed.setdefault((case.op, case.dtype), set())
        key = (case.op, case.dtype, case.spec)
        if len(known) < FEWEST and key not in self._asked:
            self._asked.add(key)
            if is_claimed(case):
                known.add(case.spec)
