"""`harness merge`: what several machines found, as one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Annotated

import msgspec
import typer

from conformance.reports import joining, summary
from conformance.reports.joining import JoinError
from conformance.run.records import BackendReport
from harness.cli import check_table, exit_codes, outputs, terminal
from harness.cli.options import JsonFile, file
from harness.contract.status import CellStatus
from harness.results import words
from harness.results.diff import documents
from harness.results.diff.documents import Judged, Measured
from harness.results.reading import parsed
from harness.results.writing import ResultsError

_FILES = "what `check --json` wrote, of parts of a run or of several machines; or files of `bench`"


def merge(
    given: Annotated[list[Path], typer.Argument(parser=file, metavar="FILE...", help=_FILES)],
    json_file: JsonFile = None,
) -> None:
    """Join what machines found that never saw each other. Times of several machines are shown side by side."""
    files = outputs.require((json_file,), given)
    if len({path.resolve() for path in given}) < len(given):
        raise ResultsError("a file is given twice")
    found = [documents.read(path) for path in given]
    if all(isinstance(one, Measured) for one in found):
        if json_file is not None:
            raise typer.BadParameter("--json is of results of `check`; times stay in the files of their machines")
        measured = [one for one in found if isinstance(one, Measured)]
        if any(one.rows for one in measured):
            raise ResultsError("merge reads files of `bench`, not of `compare`")
        _side_by_side(measured)
        return
    if not all(isinstance(one, Judged) for one in found):
        raise ResultsError("results of `check` and times cannot be joined; give files of one kind")
    named = joining.of_files((str(path), _reports(path)) for path in given)
    try:
        joined = joining.join(named)
    except JoinError as error:
        raise ResultsError(str(error)) from None
    reports = [one.report for one in joined]
    with terminal.aside(outputs.takes_stdout(files)):
        rows = [
            [one.report.backend, one.file, one.report.shard or "all", one.report.verdict,
             f"{one.report.executed} of {one.report.planned}"] for one in named
        ]  # fmt: skip
        terminal.table("by machine", ("backend", "file", "part", "verdict", "executed"), rows)
        check_table.show(reports, [note for one in joined for note in one.notes])
    lines = json_file is not None and json_file.suffix == ".jsonl"
    code = outputs.write(
        [(json_file, lambda: summary.as_text(reports, lines=lines))], exit_codes.of_reports(reports, named=True)
    )
    raise typer.Exit(code)


def _reports(path: Path) -> list[BackendReport]:
    """The reports of a file. Raises `ResultsError`."""
    try:
        return msgspec.convert(parsed(path.read_bytes()), list[BackendReport])
    except (ValueError, OSError) as error:
        raise ResultsError(
            f"{str(path)!r} holds no whole reports; merge reads what `check --json F.json` wrote"
        ) from error


def _side_by_side(found: Sequence[Measured]) -> None:
    """Times of each backend, op and layer, a column a machine; its threads and allocator are said with it."""
    columns: dict[str, dict[documents.CellKey, list[float]]] = {}
    for one in found:
        machine, threads, allocator = one.conditions
        times = columns.setdefault(f"{machine}, {words.plural(threads, 'thread')}, {allocator}", {})
        for cell in one.cells:
            if cell.status is CellStatus.OK and cell.samples:
                key = documents.CellKey(cell.backend, cell.op, cell.dtype, cell.layer, cell.spec)
                times.setdefault(key, []).extend(cell.samples)
    keys = dict.fromkeys(key for times in columns.values() for key in times)
    if not any(columns.values()):
        raise ResultsError("no file has a time")
    rows = [
        [key.backend, key.op, key.dtype, key.shape]
        + [words.duration(median(times[key])) if key in times else "-" for times in columns.values()]
        for key in sorted(keys)
    ]
    terminal.table("by machine", ("backend", "op", "dtype", "layer", *columns), rows)
