"""A conformance run as one self-contained HTML page: verdicts, then a matrix of checks and backends.

The details of a cell are a section that is shown when its link is followed (CSS `:target`), so they need no JavaScript
and each has an address that can be sent to somebody. Anchors are numbers: two backends may have the same name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.reports.junit import failures, printable
from harness.results.writing import ResultsError

Record = dict[str, Any]
# Worst first: a cell is judged by the first that occurs in it.
WORDS = {
    "fail": "FAIL", "xpass": "XPASS", "mistrusted": "mistrusted", "not_run": "not run", "xfail": "xfail",
    "pass": "pass", "unsupported": "refused",
}  # fmt: skip
_MEANINGS = {
    "fail": "a wrong result, or an error where none was announced",
    "xpass": "passes although listed as a known failure: remove it from the list",
    "mistrusted": "not counted: the expected result could not tell right from wrong",
    "not_run": "planned and not executed",
    "xfail": "fails as listed in the known failures",
    "pass": "every executed case is right",
    "unsupported": "the backend says that it does not do this (“unsupported” in the JSON)",
}
_FAMILIES = {
    "values": "results against the definition",
    "law": "identities between the operations",
    "contract": "form, ownership and repeatability of results",
    "external": "results published by others",
    "errors": "what is raised for wrong arguments",
}
_PICTURE_WIDTH = 280.0  # pixels, of the widest picture


@dataclass(frozen=True, slots=True)
class PlaneDrawing:
    """One plane of a result as two SVG paths, squares for wrong elements and dots for right ones."""

    width: int
    height: int
    scale: float
    wrong: str
    right: str
    label: str


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """All that one check says about one backend; `groups` has one entry an op and dtype."""

    anchor: str
    backend: str
    check: str
    groups: Sequence[Record]

    @property
    def status(self) -> str:
        """The worst of the groups."""
        return worst(self.groups)

    @property
    def cases(self) -> str:
        """How many were executed, and of how many where some were not."""
        return _of(sum(g["executed"] for g in self.groups), sum(g["planned"] for g in self.groups))

    @property
    def more(self) -> str:
        """How far the status reaches, where it does not hold for all alike."""
        same = sum(g["status"] == self.status for g in self.groups)
        if self.status not in ("pass", "unsupported"):
            return f"in {same} of {len(self.groups)}"
        refused = any("refused: " in g["reason"] for g in self.groups)
        return "part refused" if refused and self.status == "pass" else ""

    @property
    def ops(self) -> list[str]:
        """Rows of the small table."""
        return list(dict.fromkeys(g["op"] for g in self.groups))

    @property
    def dtypes(self) -> list[str]:
        """Columns of the small table."""
        return list(dict.fromkeys(g["dtype"] for g in self.groups))

    def at(self, op: str, dtype: str) -> Record | None:
        """The group of an op and dtype."""
        return next((g for g in self.groups if (g["op"], g["dtype"]) == (op, dtype)), None)

    @property
    def reasons(self) -> dict[str, list[str]]:
        """Each reason once, with the ops and dtypes that it holds for: refusals repeat a lot."""
        found: dict[str, list[str]] = {}
        for group in self.groups:
            if group["reason"]:
                found.setdefault(group["reason"], []).append(f"{group['op']} {group['dtype']}")
        return found

    @property
    def failures(self) -> list[Record]:
        """What failed, in the order of the groups."""
        return [failure for group in self.groups for failure in failures(group)]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows of cells by family of checks; None where a backend was not asked."""

    anchor: str
    families: dict[str, dict[str, list[MatrixCell | None]]]

    def cells(self) -> Iterator[MatrixCell]:
        """Every cell, row by row."""
        for rows in self.families.values():
            yield from (cell for row in rows.values() for cell in row if cell)


def page(objects: Sequence[Record], title: str = "Conformance of im2col, col2im and convolution") -> str:
    """The HTML of the objects of `harness check --json`. Raises `ResultsError` if jinja2 is missing."""
    try:
        import jinja2
    except ModuleNotFoundError as error:
        if error.name != "jinja2":
            raise
        text = "the page needs jinja2, which is not installed: pip install 'im2col-harness[report]'"
        raise ResultsError(text) from error
    clean = printable(list(objects))
    asked = [found for found in clean if found["checks"]]
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("conformance.reports", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    environment.globals.update(words=WORDS, picture=picture, share=share, of=_of, percent=percent, worst=worst)
    return environment.get_template("page.html.j2").render(
        title=printable(title), facts=_facts(clean), backends=clean, asked=asked, meanings=_MEANINGS,
        families=_FAMILIES, verdicts=_verdicts(clean), required=matrix(asked, False), optional=matrix(asked, True),
    )  # fmt: skip


def matrix(objects: Sequence[Record], optional: bool) -> Matrix:
    """The checks of all backends that are, or are not, optional."""
    anchor = "optional" if optional else "matrix"
    table: dict[str, dict[str, list[MatrixCell | None]]] = {name: {} for name in _FAMILIES}
    ids = dict.fromkeys(g["id"] for o in objects for g in o["checks"] if bool(g.get("optional")) == optional)
    for row, check in enumerate(ids):
        cells: list[MatrixCell | None] = []
        for column, found in enumerate(objects):
            groups = [g for g in found["checks"] if g["id"] == check and bool(g.get("optional")) == optional]
            cells.append(MatrixCell(f"{anchor}-{row}-{column}", found["backend"], check, groups) if groups else None)
        table.setdefault(check.partition(".")[0], {})[check] = cells
    return Matrix(anchor, {family: rows for family, rows in table.items() if rows})


def worst(groups: Sequence[Record]) -> str:
    """The status that stands for all."""
    found = {group["status"] for group in groups}
    return next(status for status in WORDS if status in found)


def picture(rows: Sequence[str]) -> PlaneDrawing:
    """`#` in the rows is a wrong element, anything else a right one."""
    width, height = max(map(len, rows)), len(rows)
    marks = {(i, j): mark == "#" for i, row in enumerate(rows) for j, mark in enumerate(row)}
    scale = max(3.0, min(14.0, _PICTURE_WIDTH / max(width, 1)))
    label = f"{sum(marks.values())} of {len(marks)} elements of this plane are wrong"
    wrong = "".join(f"M{j} {i}h.9v.9h-.9z" for (i, j), bad in marks.items() if bad)
    right = "".join(f"M{j + 0.35:g} {i + 0.35:g}h.2v.2h-.2z" for (i, j), bad in marks.items() if not bad)
    return PlaneDrawing(width, height, scale, wrong, right, label)


def share(group: Record) -> str:
    """How much of the error allowance was used, in words; empty where nothing was rounded or nothing is known.

    >>> share({"used": 0.031}), share({"used": 0.0004}), share({})
    ('3 % of the allowance', '0.04 % of the allowance', '')
    """
    used = group.get("used")
    if used is None:
        return ""
    return (
        f"{100 * used:.0f} % of the allowance" if used >= 0.01 or not used else f"{100 * used:.1g} % of the allowance"
    )


def percent(part: int, whole: int) -> str:
    """Rounded down: 100 % means all.

    >>> percent(1483, 1484), percent(0, 0)
    ('99 %', '')
    """
    return f"{100 * part // whole} %" if whole else ""


def _of(part: int, whole: int) -> str:
    return f"{part}" if part == whole else f"{part} of {whole}"


def _facts(objects: Sequence[Record]) -> list[str]:
    """The conditions of the run; more than one value where saved runs of different ones are shown together."""
    names = {"suite_version": "suite", "tier": "tier", "seed": "seed"}
    found = []
    for key, name in names.items():
        values = dict.fromkeys(str(o[key]) for o in objects if key in o)
        found += [f"{name} {' and '.join(values)}"] if values else []
    apart = {o["isolated"] for o in objects if "isolated" in o}
    found += (
        ["each backend in a process of its own" if apart == {True} else "in one process"] if len(apart) == 1 else []
    )
    return found


def _verdicts(objects: Sequence[Record]) -> str:
    words = {"pass": "passed", "fail": "failed", "incomplete": "incomplete", "unavailable": "unavailable"}
    counts = {word: sum(o["verdict"] == verdict for o in objects) for verdict, word in words.items()}
    said = [f"{count} {word}" for word, count in counts.items() if count]
    return f"{len(objects)} backend{'s' * (len(objects) != 1)}: {', '.join(said)}." if said else "No backend."
