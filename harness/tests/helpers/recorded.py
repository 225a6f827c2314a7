"""Calls of a plug-in as a check would have recorded them, for the diagnosis to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from conformance.checks.outcomes import RecordedCall
from harness.calls import memory_layouts
from harness.calls.caller import Conditions
from harness.calls.in_process import InProcess
from harness.contract import registry
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import data


def recorded(
    path: Path, wanted: Sequence[tuple[Op, ConvSpec]], layout: str = "C", real: bool = False, same: bool = False
) -> list[RecordedCall]:
    """The calls of a case, made here on whole numbers (or real ones), on the same arrays every time if asked."""
    backend, calls, conditions = InProcess(registry.load(str(path))), [], Conditions(layout)
    for number, (op, spec) in enumerate(wanted):
        arrays = (data.real if real else data.exact)(op, spec, "float32", f"{0 if same else number}")
        logical = tuple(memory_layouts.representable(a, layout) for a in arrays)
        calls.append(RecordedCall(op, spec, logical, backend.call(op, spec, arrays, conditions), conditions))
    return calls


def written(folder: Path, source: str) -> Path:
    """The plug-in as a file, `mine.py`."""
    path = folder / "mine.py"
    path.write_text(source, encoding="utf-8")
    return path
