"""Joins results of machines that never saw each other: parts of one run, and runs of the same backend elsewhere.

Only what is of one suite version and of the same sources is joined. Two files about the same part have to say the
same; where they do not, the worse one stands and the difference is told. A part that is missing makes it incomplete.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from msgspec import structs

from conformance.cases.case import SelectionError
from conformance.cases.shard import WHOLE, Shard
from conformance.reports import sums
from conformance.reports.merging import disagreements, merge
from conformance.run.records import SCHEMA, BackendReport
from harness.contract.status import Verdict

_NAMED = 8  # parts that are missing


class JoinError(ValueError):
    """Results that do not belong together; the text names the files."""


class Named(NamedTuple):
    """One report, and the file that it is from."""

    file: str
    report: BackendReport


class Joined(NamedTuple):
    """One report of a backend, and what is to be told about the files that it is of."""

    report: BackendReport
    notes: list[str]


def join(found: Sequence[Named]) -> list[Joined]:
    """One report a backend, in the order in which they first come. Raises `JoinError`."""
    if not found:
        raise JoinError("the files hold no report")
    for one in found:
        why = _why_not(one.report)
        if why:
            raise JoinError(f"{one.file} cannot be joined: {one.report.backend}: {why}")
    names = dict.fromkeys(one.report.backend for one in found)
    return [_joined([one for one in found if one.report.backend == name]) for name in names]


def _joined(same: Sequence[Named]) -> Joined:
    _require_equal(same)
    there = [one for one in same if one.report.verdict is not Verdict.UNAVAILABLE]
    notes = [f"{one.file}: unavailable: {one.report.reason}" for one in same if one not in there]
    if not there:
        return Joined(same[0].report, notes)
    parts: dict[int, Named] = {}
    differences: list[str] = []
    for one in there:
        index, _ = _part(one.report)
        before = parts.setdefault(index, one)
        if before is one:
            continue
        both = f"{before.file} and {one.file}, both with {_label(one.report)} of {one.report.backend},"
        differ = disagreements(before.report, one.report)
        if differ:
            differences.append(f"{both} differ on {differ[0]}" + f", and {len(differ) - 1} more" * (len(differ) > 1))
        elif one.report.executed != before.report.executed:  # one of them was cut off
            full = max(before, one, key=lambda named: named.report.executed)
            notes.append(f"{both} agree in what both have; that of {full.file} counts, which has more")
            parts[index] = full
            continue
        else:
            notes.append(f"{both} agree")
        if _rank(one.report) > _rank(before.report):
            parts[index] = one
    return Joined(_whole(parts, differences), [*notes, *differences])


def _whole(parts: dict[int, Named], differences: Sequence[str]) -> BackendReport:
    """One report of the parts, the first part first: it holds what is said of the whole."""
    first = next(iter(parts.values())).report
    _, count = _part(first)
    whole = first if count == 1 else merge([parts[index].report for index in sorted(parts)])
    missing = count - len(parts)
    first_few = islice((f"{index}/{count}" for index in range(1, count + 1) if index not in parts), _NAMED)
    more = f" and {missing - _NAMED} more" if missing > _NAMED else ""
    cuts = [f"part {', '.join(first_few)}{more} is missing"] if missing else []
    cuts += differences
    if count > 1:
        whole = structs.replace(whole, shard="")
    if not cuts:
        return whole
    text = "; ".join(cuts)
    return structs.replace(
        whole,
        verdict=Verdict.worst((whole.verdict, Verdict.INCOMPLETE)),
        cut="; ".join(filter(None, (whole.cut, text))),
        reason="; ".join(filter(None, (whole.reason, text))),
    )


def _require_equal(same: Sequence[Named]) -> None:
    """Raises `JoinError` where what must be one is not."""
    for what, values in (
        ("suite version", [one.report.suite_version for one in same]),
        ("sources of the backend", [one.report.source for one in same]),
        ("selection (ops, dtypes, geometries, checks)", [one.report.selection for one in same]),
        ("tier", [str(one.report.tier) for one in same]),
        ("seed", [str(one.report.seed) for one in same]),
        ("number of parts", [str(_part(one.report)[1]) for one in same]),
    ):
        for one, value in zip(same, values, strict=True):
            if value != values[0]:
                raise JoinError(
                    f"{same[0].file} and {one.file} cannot be joined: {what} of {one.report.backend} is "
                    f"{values[0] or 'not told'} in one, {value or 'not told'} in the other"
                )


def _why_not(report: BackendReport) -> str:
    """Why a report may not be joined to others, by itself; empty if it may."""
    if report.schema != SCHEMA:
        return f"its schema must be {SCHEMA}, got {report.schema}"
    if report.shard:
        try:
            label = Shard.parse(report.shard).label
        except SelectionError:
            label = ""
        if label != report.shard:
            return f"its shard must be I/N with 1 <= I <= N and N > 1, got {report.shard[:40]!r}"
    return sums.why_not(report)


def _part(report: BackendReport) -> tuple[int, int]:
    part = Shard.parse(report.shard) if report.shard else WHOLE
    return part.index, part.count


def _label(report: BackendReport) -> str:
    return f"part {report.shard}" if report.shard else "the whole"


def _rank(report: BackendReport) -> int:
    """How bad a verdict is: of two files about the same part, the worse one stands."""
    return [Verdict.PASS, Verdict.INCOMPLETE, Verdict.DEVIATES, Verdict.FAIL, Verdict.UNAVAILABLE].index(report.verdict)


def of_files(found: Iterable[tuple[str, Sequence[BackendReport]]]) -> list[Named]:
    """Every report with its file."""
    return [Named(file, report) for file, reports in found for report in reports]
