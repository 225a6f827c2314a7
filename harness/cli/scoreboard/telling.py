"""What a result says in words: how right a library is, what is not as it was listed, and how fast it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

from conformance.run.records import BackendReport
from harness.cli.scoreboard.peers import Fault, Peer
from harness.cli.scoreboard.records import PeerResult, Shown, Times
from harness.contract.status import CellStatus, Grade, Status, Verdict
from harness.geometry.spec import OPS, Op
from harness.results import ratios, words
from harness.results.intervals import Interval, median_interval
from harness.results.records import Cell

_BUSY = 1.2  # CPU time over wall time from which one thread was not one


def grade_cell(report: BackendReport, grade: Grade) -> str:
    """How many checks of an op fail, of how many that were run: those that are known to, and those that are not."""
    asked = [one for one in report.checks if one.grade is grade and one.executed and not one.optional]
    new = sum(one.status in (Status.FAIL, Status.XPASS) for one in asked)
    known = sum(one.status is Status.XFAIL for one in asked)
    said = [f"**{new} new**"] * bool(new) + [f"{known} known"] * bool(known)
    return f"{', '.join(said)} of {len(asked)}" if said else f"0 of {len(asked)}"


def verdict(report: BackendReport) -> str:
    """The verdict as if nothing were known: a known fault is a fault."""
    known = {one.grade for one in report.checks if one.status is Status.XFAIL and not one.optional}
    if report.verdict is not Verdict.PASS or not known:
        return str(report.verdict)
    return f"{Verdict.DEVIATES if known == {Grade.FORM} else Verdict.FAIL}, as known"


def surprises(peer: Peer, result: PeerResult) -> Iterator[str]:
    """What is not as it was listed: faults that do not show in a newer version, failures that nobody knows."""
    named = f"{peer.package} {result.version}"
    for fault, one in _with_fault(peer, result):
        if not one.shows and result.version != fault.confirmed:
            yield (
                f"{named}: {fault.text}: does not show any more, it was last seen in {fault.confirmed}. "
                f"Run {fault.repro} elsewhere too, then take it out of the list"
            )
    report = result.report
    if report is None or report.verdict is Verdict.UNAVAILABLE:
        return
    passed = sum(one.status is Status.XPASS for one in report.checks)
    failed = [one for one in report.checks if one.status is Status.FAIL and not one.optional]
    if passed:
        yield f"{named}: {words.plural(passed, 'check')} of known failures {'passes' if passed == 1 else 'pass'}"
    for check in failed:
        yield f"{named}: {check.id} of {check.op} fails, which is no known failure: {check.repro}"
    if report.executed < report.planned or report.verdict is Verdict.INCOMPLETE:
        yield f"{named}: {report.executed:,} of {report.planned:,} cases were run: {report.reason}"


def faults(peer: Peer, result: PeerResult | None) -> Iterator[tuple[Fault, str]]:
    """The known faults, and whether each shows here."""
    looked = () if result is None else ((one, _where(fault, one, result)) for fault, one in _with_fault(peer, result))
    said = {one.script: where for one, where in looked}
    for fault in peer.faults:
        yield fault, said.get(fault.script, "not run")


class Speed(NamedTuple):
    """One op of one library: ratios of its time to that of others, over layers; seconds and bytes of a call."""

    op: Op
    against: dict[str, Interval | None]
    layers: dict[str, int]
    first_seconds: float | None
    bytes: dict[str, float]  # of the library and of those that it is compared with
    threads: float | None  # CPU time over wall time, where that says that one thread was not one


def speeds(peer: str, others: Sequence[str], times: Times) -> list[Speed]:
    """Every op that has a time, in the order of the contract."""
    rows = ratios.rows(times.cells, [peer, *others])
    found = []
    for op in OPS:
        cells = [one for one in times.cells if one.op == op and one.status is CellStatus.OK]
        own = [one for one in cells if one.backend == peer]
        if not own:
            continue
        values = {b: [r.ratio for r in rows if r.op == op and r.b == b and r.ratio is not None] for b in others}
        busy = [one.cpu_ratio for one in own if one.cpu_ratio is not None]
        first = [one.first_seconds for one in own if one.first_seconds is not None]
        middles = {b: median_interval(v) if v else None for b, v in values.items()}
        found.append(
            Speed(
                op=op,
                against=middles,
                layers={b: len(v) for b, v in values.items()},
                first_seconds=median(first) if first else None,
                bytes=_bytes(cells),
                threads=median(busy) if busy and median(busy) > _BUSY else None,
            )
        )
    return found


def untimed(times: Times, peer: str) -> str:
    """How many cells of the peer have no time, and why; of those that are not believed, the reason of the first."""
    lost: dict[CellStatus, list[Cell]] = {}
    for one in times.cells:
        if one.backend == peer and one.status not in (CellStatus.OK, CellStatus.UNSUPPORTED):
            lost.setdefault(one.status, []).append(one)
    said = [f"{words.plural(len(cells), 'time')} left out ({_why(cells[0])})" for cells in lost.values()]
    return "; ".join([*said, *([] if times.whole else ["the rest is not timed yet"])])


def _why(cell: Cell) -> str:
    return f"the first: {cell.reason}" if cell.status.is_bad else cell.status.words


def _with_fault(peer: Peer, result: PeerResult) -> Iterator[tuple[Fault, Shown]]:
    listed = {fault.script: fault for fault in peer.faults}
    return ((listed[one.script], one) for one in result.shown if one.script in listed)


def _where(fault: Fault, one: Shown, result: PeerResult) -> str:
    if one.shows:
        return f"shows in {result.version}"
    if result.version == fault.confirmed:
        return "does not show on this processor"
    return f"does not show in {result.version}"


def _bytes(cells: Sequence[Cell]) -> dict[str, float]:
    by_backend: dict[str, list[int]] = {}
    for one in cells:
        taken = [count for count in (one.peak_bytes, one.resident_bytes) if count is not None]
        if taken:
            by_backend.setdefault(one.backend, []).append(max(taken))
    return {name: median(counts) for name, counts in by_backend.items()}
