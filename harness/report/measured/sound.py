"""What the report demands of a record beyond the kinds of its fields, so that no table has to ask again."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from harness.contract.protocol import DTYPES
from harness.geometry.spec import ConvSpec, SpecError
from harness.results.records import Ceilings, Cell, Line, RunHeader
from harness.results.writing import ResultsError
from harness.telling import one_line

_MOST = 300  # characters of a line on a file that cannot be used


def require_sound(record: Line, header: RunHeader, path: Path) -> None:
    """Raises `ResultsError` for a record of another run, or one that no table could show."""
    complaint = ""
    if isinstance(record, RunHeader):
        complaint = "" if record == header else f"it holds a second run, {record.run!r}"
        complaint = complaint or _about_plan(record)
    elif isinstance(record, Cell):
        complaint = _about_cell(record, header)
    elif isinstance(record, Ceilings) and not record.reason:
        complaint = _about_ceilings(record)
    if complaint:
        raise ResultsError(f"{path} cannot be used: {complaint}")


def in_short(error: Exception) -> str:
    """An error in one line of a bearable length."""
    text = one_line(error)
    return text if len(text) <= _MOST else f"{text[: _MOST - 1]}…"


def _about_cell(cell: Cell, header: RunHeader) -> str:
    which = f"the cell of {cell.backend}, {cell.op} on {cell.layer}"
    if cell.run != header.run:
        return f"{which} is of run {cell.run!r}, and the file of run {header.run!r}"
    if cell.dtype not in DTYPES:
        return f"{which} has dtype {cell.dtype!r}, which must be among {', '.join(DTYPES)}"
    if not re.fullmatch(r"[a-z0-9_]{1,32}", cell.allocator):  # a part of file names
        return f"{which} has allocator {cell.allocator!r}, which must be a name"
    wrong = _about_spec(cell.spec)
    return f"{which}: {wrong}" if wrong else ""


def _about_plan(header: RunHeader) -> str:
    """Why the layers of a plan, which may be those of a network, are no geometries."""
    wrong = next(filter(None, map(_about_spec, header.plan.specs)), "")
    return f"its plan: {wrong}" if wrong else ""


def _about_ceilings(found: Ceilings) -> str:
    for name in ("cache", "dram"):
        if name not in found.copy_gbs or not found.copy_bytes.get(name):
            return f"the ceilings of {found.device or 'the CPU'} lack the copy {name}"
    return ""


@cache
def _about_spec(text: str) -> str:
    """Why a text is no geometry."""
    try:
        ConvSpec.parse(text)
    except SpecError as error:
        return str(error)
    return ""
