"""What a group is given, and what is expected of it: made once, before any backend is called."""

from __future__ import annotations

import random
from typing import NamedTuple

from harness.calls.limits import memory
from harness.contract.status import CellStatus
from harness.geometry.spec import ConvSpec
from harness.oracle import data
from harness.oracle.accuracy import Accuracy
from harness.oracle.comparing import UNIT
from harness.oracle.data import DataError
from harness.oracle.gate import FEW_TERMS, Gate
from harness.results.records import Cell
from harness.telling import one_line
from harness.timing.judging import inputs
from harness.timing.plan import Group

_ACCURATE_TERMS = 10_000  # of all points of real numbers together: a tenth of a second of plain Python


class Expected(NamedTuple):
    """The inputs of a group, and what is expected of the first set and of real numbers."""

    given: inputs.InputSets
    gate: Gate
    real: Accuracy | None


def expected_of(group: Group, spec: ConvSpec) -> Expected | Cell:
    """The inputs and what is expected; a cell that says why not, where they cannot be made."""
    op, dtype = group.op, group.dtype
    shortage = memory.shortage(memory.timed(op, spec, dtype))
    if shortage:
        return group.cell("", CellStatus.NO_MEMORY, shortage)
    what = "for its inputs"
    try:
        given = inputs.make(op, spec, dtype)
        what = "to judge it"
        gate = Gate(op, spec, given.sets[0], FEW_TERMS)
        is_judged = dtype in UNIT and not given.is_large
        real = data.real(op, spec, dtype, str(random.getrandbits(64))) if is_judged else None
        return Expected(given, gate, None if real is None else Accuracy(op, spec, real, _ACCURATE_TERMS))
    except DataError as reason:
        return group.cell("", CellStatus.UNSUPPORTED, str(reason))
    except MemoryError as error:
        return group.cell("", CellStatus.NO_MEMORY, f"there is not enough memory {what}: {one_line(error)}")
