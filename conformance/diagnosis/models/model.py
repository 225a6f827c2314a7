"""One mistake: what an op gives that makes it, in words and as a function of the geometry and the arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op


class Given(NamedTuple):
    """A call: the op, the geometry, and its arrays in float64, which hold whole numbers. A bias may be None."""

    op: Op
    spec: ConvSpec
    arrays: tuple[Array | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A mistake. `gives` has the right result's shape or, where the mistake is in a size, another one.

    `says` follows "Your im2col": a verb in the third person and what it does, without a full stop. `mend` is an
    instruction. Of models that give the same, the one of the least `cost` is told: it is the plainest. Where a mistake
    changes nothing `gives` may return the right result itself, which nobody may write into.
    """

    id: str  # family/mistake/axis: index/stride ignored/height
    says: str
    mend: str
    ops: tuple[Op, ...]
    gives: Callable[[Given], Array]
    cost: float = 1.0
    seen: str = ""  # where it was seen in public, as in `conformance/checks/public_bugs.csv`, column `bug`

    @property
    def family(self) -> str:
        """The kind of mistake."""
        return self.id.partition("/")[0]
