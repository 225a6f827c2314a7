"""Documents of `harness check --json` and `harness compare --json` with plain values, as files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from conformance.reports.summary import as_text
from conformance.run.records import BackendReport, CheckReport
from harness.contract.status import CellStatus, Status, Verdict
from harness.results.records import Comparison, ComparisonRow
from harness.tests.helpers.cli.reports import a_group, a_report
from harness.tests.helpers.records import a_machine


def a_comparison_row(
    mine: float | None = 1.0, other: float | None = 2.0, noise: float = 0.01, **changed: Any
) -> ComparisonRow:
    """The seconds of two backends, `mine` and `numpy_fancy`, and a ratio with an interval of that noise."""
    ratio = mine / other if mine and other else None
    fields: dict[str, Any] = dict(
        op="conv2d", dtype="float32", shape="net:small", spec="n1c2h6w6_f4kh3kw3", a="mine", b="numpy_fancy",
        ratio=ratio, low=ratio and ratio / (1 + noise), high=ratio and ratio * (1 + noise), pairs=30, a_seconds=mine,
        b_seconds=other, checked_points=64, status=CellStatus.OK, reason="", processes=3,
    )  # fmt: skip
    return ComparisonRow(**{**fields, **changed})


def write_comparison(path: Path, *rows: ComparisonRow, machine: str = "some-cpu_4c8t", **changed: Any) -> Path:
    """A document of these rows."""
    fields: dict[str, Any] = dict(schema=1, threads=1, allocator="steady", geomean=[], noise_floor=0.01)
    document = Comparison(**{**fields, **changed}, machine=replace(a_machine(), name=machine), rows=list(rows))
    path.write_text(json.dumps(msgspec.to_builtins(document)))
    return path


def checks(**statuses: Status) -> list[CheckReport]:
    """One check of each name on im2col."""
    return [a_group(status, id=name) for name, status in statuses.items()]


def write_reports(path: Path, *reports: BackendReport) -> Path:
    """A document of the suite, in lines if the name says so."""
    path.write_text(as_text(reports, lines=path.suffix == ".jsonl"))
    return path


def write_checks(path: Path, groups: Sequence[CheckReport] = (), **changed: Any) -> Path:
    """A document of the suite on the backend `mine`."""
    return write_reports(path, a_report(checks=list(groups), **{"verdict": Verdict.PASS, **changed}))
