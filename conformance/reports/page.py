"""A conformance run as one self-contained HTML page: what is wrong, verdicts, then a matrix of checks and backends.

The details of a cell are a section that is shown when its link is followed (CSS `:target`), so they need no JavaScript
and each has an address that can be sent to somebody. Anchors are numbers: two backends may have the same name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from conformance.reports.findings import SHOWN, findings
from conformance.reports.pictures import picture, written
from conformance.reports.printing import printable, printable_text
from conformance.run.records import BackendReport, CheckReport, FailureReport
from harness.contract.status import Status, Verdict
from harness.report.web import environment
from harness.results.writing import ResultsError

if TYPE_CHECKING:
    from jinja2 import Environment

_FAMILIES = {
    "values": "results against the definition",
    "law": "identities between the operations",
    "contract": "form, ownership and repeatability of results",
    "external": "results published by others",
    "errors": "what is raised for wrong arguments",
}
_SHOWN = 6  # failures of a cell
_MOST_SCRIPTS = 250_000  # bytes of scripts on a page; the JSON has all
_MOST_PLANES = 150_000  # bytes of planes of numbers


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """All that one check says about one backend; `groups` has one report an op and dtype."""

    anchor: str
    backend: str
    check_id: str
    groups: Sequence[CheckReport]

    @property
    def status(self) -> Status:
        """The worst of the groups."""
        return Status.worst(group.status for group in self.groups)

    @property
    def look(self) -> str:
        """A class of the page's style: the form of results has another colour than wrong numbers."""
        bad = [group for group in self.groups if group.status is self.status]
        return "deviates" if all(group.deviates for group in bad) else self.status

    @property
    def cases(self) -> str:
        """How many were executed, and of how many where some were not."""
        return _of(sum(group.executed for group in self.groups), sum(group.planned for group in self.groups))

    @property
    def more(self) -> str:
        """How far the status reaches, where it does not hold for all alike."""
        same = sum(group.status is self.status for group in self.groups)
        if self.status not in (Status.PASS, Status.UNSUPPORTED):
            return f"in {same} of {len(self.groups)}"
        refused = any("refused: " in group.reason for group in self.groups)
        return "part refused" if refused and self.status is Status.PASS else ""

    @property
    def ops(self) -> list[str]:
        """Rows of the small table."""
        return list(dict.fromkeys(group.op for group in self.groups))

    @property
    def dtypes(self) -> list[str]:
        """Columns of the small table."""
        return list(dict.fromkeys(group.dtype for group in self.groups))

    def at(self, op: str, dtype: str) -> CheckReport | None:
        """The group of an op and dtype."""
        return next((group for group in self.groups if (group.op, group.dtype) == (op, dtype)), None)

    @property
    def reasons(self) -> dict[str, list[str]]:
        """Each reason once, with the ops and dtypes that it holds for: refusals repeat a lot."""
        found: dict[str, list[str]] = {}
        for group in self.groups:
            if group.reason:
                found.setdefault(group.reason, []).append(f"{group.op} {group.dtype}")
        return found

    @property
    def failures(self) -> list[FailureReport]:
        """What failed: the first of each group, in their order, then the second of each."""
        found = [group.shown_failures for group in self.groups]
        return [failure for alike in zip_longest(*found) for failure in alike if failure]

    @property
    def shown(self) -> list[FailureReport]:
        """The first failures, which stand for the others."""
        return self.failures[:_SHOWN]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows of cells by family of checks; None where a backend was not asked."""

    anchor: str
    families: dict[str, dict[str, list[MatrixCell | None]]]

    def cells(self) -> Iterator[MatrixCell]:
        """Every cell, row by row."""
        for rows in self.families.values():
            yield from (cell for row in rows.values() for cell in row if cell)


def require() -> Environment:
    """What pages are made with, asked for before a run of minutes. Raises `ResultsError` if jinja2 is missing."""
    try:
        return environment("conformance.reports")
    except ModuleNotFoundError as error:
        if error.name != "jinja2":
            raise
        text = "the page needs jinja2, which is not installed: pip install 'im2col-harness[report]'"
        raise ResultsError(text) from error


def render(reports: Sequence[BackendReport], title: str = "Conformance of im2col, col2im and convolution") -> str:
    """The HTML of the reports of a run. Raises `ResultsError` if jinja2 is missing."""
    pages = require()
    clean = printable(reports)
    asked = [report for report in clean if report.checks]
    pages.globals.update(
        Status=Status, Verdict=Verdict, counted=Status.counted(), picture=picture, share=share, of=_of, percent=percent,
        scripts=_Room(_MOST_SCRIPTS), planes=_Room(_MOST_PLANES), written=written, shown_findings=SHOWN,
    )  # fmt: skip
    return pages.get_template("page.html.j2").render(
        title=printable_text(title), facts=_facts(clean), backends=clean, asked=asked, families=_FAMILIES,
        verdicts=_verdicts(clean), required=matrix(asked, False), optional=matrix(asked, True),
        wrong=[(report, found) for report in asked if (found := findings(report)) or report.causes],
    )  # fmt: skip


class _Room:
    """How much may still be shown: the first come first, and what is too large leaves room for the next."""

    def __init__(self, left: int) -> None:
        self._left = left

    def holds(self, text: str) -> bool:
        """Whether there is room for the text, which then takes it."""
        fits = len(text) <= self._left
        self._left -= len(text) if fits else 0
        return fits


def matrix(reports: Sequence[BackendReport], optional: bool) -> Matrix:
    """The checks of all backends that are, or are not, optional."""
    anchor = "optional" if optional else "matrix"
    table: dict[str, dict[str, list[MatrixCell | None]]] = {name: {} for name in _FAMILIES}
    ids = dict.fromkeys(group.id for report in reports for group in report.checks if group.optional == optional)
    for row, check_id in enumerate(ids):
        cells: list[MatrixCell | None] = []
        for column, report in enumerate(reports):
            groups = [group for group in report.checks if group.id == check_id and group.optional == optional]
            place = f"{anchor}-{row}-{column}"
            cells.append(MatrixCell(place, report.backend, check_id, groups) if groups else None)
        table.setdefault(check_id.partition(".")[0], {})[check_id] = cells
    return Matrix(anchor, {family: rows for family, rows in table.items() if rows})


def share(used: float | None) -> str:
    """How much of the error allowance was used, in words; empty where nothing was rounded or nothing is known.

    >>> share(0.031), share(0.0004), share(None)
    ('3 % of the allowance', '0.04 % of the allowance', '')
    """
    if used is None:
        return ""
    return f"{100 * used:.0f} % of the allowance" if used >= 0.01 else f"{100 * used:.1g} % of the allowance"


def percent(part: int, whole: int) -> str:
    """Rounded down: 100 % means all.

    >>> percent(1483, 1484), percent(0, 0)
    ('99 %', '')
    """
    return f"{100 * part // whole} %" if whole else ""


def _of(part: int, whole: int) -> str:
    return f"{part}" if part == whole else f"{part} of {whole}"


def _facts(reports: Sequence[BackendReport]) -> list[str]:
    """The conditions of the run; more than one value where saved runs of different ones are shown together."""
    found = []
    for name, attribute in (("suite", "suite_version"), ("tier", "tier"), ("seed", "seed")):
        values = dict.fromkeys(str(v) for v in (getattr(report, attribute) for report in reports) if v is not None)
        found += [f"{name} {' and '.join(values)}"] if values else []
    isolated = {report.isolated for report in reports} - {None}
    if len(isolated) == 1:
        found.append("each backend in a process of its own" if isolated == {True} else "in one process")
    return found


def _verdicts(reports: Sequence[BackendReport]) -> str:
    counts = {verdict: sum(report.verdict is verdict for report in reports) for verdict in Verdict.counted()}
    said = [f"{count} {verdict.marker}" for verdict, count in counts.items() if count]
    return f"{len(reports)} backend{'s' * (len(reports) != 1)}: {', '.join(said)}." if said else "No backend."
