"""Groups of one layer, and a child that has some backends loaded."""

from __future__ import annotations

from typing import Any

from harness.contract.protocol import CompleteBackend
from harness.geometry.spec import ConvSpec, Op
from harness.results.records import Cell
from harness.timing.group import MeasuringChild
from harness.timing.plan import Group

SPEC = ConvSpec.parse("n2c3h9w8_f4kh3kw2_sh2sw1_pt1")
LARGE = ConvSpec.parse("n1c16h34w34_f4kh3kw3")  # the first probe of its im2col is an eighth of it, the second all


def a_group(*backends: str, op: Op = "im2col", spec: ConvSpec = SPEC, **changed: Any) -> Group:
    """A group with unequal conditions."""
    fields: dict[str, Any] = dict(
        run="run", group=f"run/{op}/float32/{spec}", op=op, dtype="float32", layer="net:one", spec=str(spec),
        backends=list(backends), threads=3, allocator="default", budget=2.0, rounds=5, gap=0.0, machine="box",
        commit="ab" * 20,
    )  # fmt: skip
    return Group(**{**fields, **changed})


def child_of(**backends: CompleteBackend) -> MeasuringChild:
    """A child that has these loaded."""
    return MeasuringChild(loaded=dict(backends))


def cells(child: MeasuringChild, group: Group) -> dict[str, Cell]:
    """The cells of a group by backend, each once."""
    found = [one for one in child.measure(group) if isinstance(one, Cell)]
    assert len({cell.backend for cell in found}) == len(found)
    return {cell.backend: cell for cell in found}
