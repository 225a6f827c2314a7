"""What the answer leaves out, in one line each: wrong, deviating, unavailable, not measured; below it the reasons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.contract.status import CellStatus, Verdict
from harness.report import standing
from harness.report.answer.right import HARMLESS
from harness.report.measured.grouping import grouped
from harness.report.measured.load import Data
from harness.report.measured.rows import Row
from harness.results import words

_WRONG = (CellStatus.FAIL, CellStatus.CRASHED, CellStatus.HUNG)
Grave = Literal["fail", "doubt", "plain"]


@dataclass(frozen=True)
class Aside:
    """One line with the reasons that it unfolds to, and how grave it is: a class of the style sheet."""

    label: str
    names: str
    reasons: Sequence[str]
    kind: Grave = "plain"


def asides(data: Data) -> list[Aside]:
    """The lines, the gravest first; none for what did not happen."""
    by_verdict = grouped(standing.measured(data), data.verdict)
    failing = [f"{name}: {Verdict.FAIL.words} (conformance suite)" for name in by_verdict.get(Verdict.FAIL, [])]
    bad = _cells(data.rows, _WRONG)
    wrong = [*by_verdict.get(Verdict.FAIL, []), *(row.cell.backend for row in bad)]
    found = [Aside("Wrong", _listed(wrong), failing + [standing.failure(row.cell) for row in bad], "fail")]
    deviating = by_verdict.get(Verdict.DEVIATES, [])
    found.append(
        Aside("Deviates", _listed(deviating), [f"{name}: {Verdict.DEVIATES.words}" for name in deviating], "doubt")
    )
    for status in CellStatus:
        if status not in HARMLESS and status not in _WRONG:
            rows = _cells(data.rows, [status])
            told = [standing.failure(row.cell) for row in rows]
            found.append(
                Aside(standing.spoken(status).capitalize(), _listed(r.cell.backend for r in rows), told, "fail")
            )
    gone = [facts for facts in data.backends.values() if not facts.available]
    found += [
        _unchecked(data, by_verdict),
        Aside("Unavailable", _listed(f"{f.backend} ({f.reason})" for f in gone), standing.absent(data)),
        _of_cells("Refused", _cells(data.rows, [CellStatus.UNSUPPORTED])),
        *_without_times(data),
        _of_runs(data),
        Aside("Left out", words.plural(len(data.left_out), "file"), data.left_out, "fail"),
    ]  # fmt: skip
    return [aside for aside in found if aside.reasons]


def _unchecked(data: Data, by_verdict: dict[Verdict | None, list[str]]) -> Aside:
    """Backends that the suite did not judge, or not to the end; all of them where there are no verdicts."""
    if data.verdicts is None:
        return Aside("Not checked", "all backends", [standing.correctness(data)], "doubt")
    partly = by_verdict.get(Verdict.INCOMPLETE, [])
    never = by_verdict.get(None, [])
    told = [f"{name}: {Verdict.INCOMPLETE.words}" for name in partly]
    told += [f"{name}: the conformance suite has not judged it" for name in never]
    return Aside("Not checked", _listed([*partly, *never]), told, "doubt")


def _of_runs(data: Data) -> Aside:
    """How much of the plan of the newest run of each configuration was done."""
    runs = {run.name: run for run in [data.last_run(config) for config in data.configs()]}
    early = [name for name, run in runs.items() if not run.finished]
    how = f"UNFINISHED: {', '.join(early)}" if early else f"{words.plural(len(runs), 'run')}, finished"
    return Aside("Runs", how, [standing.completeness(run) for run in runs.values()], "doubt" if early else "plain")


def _cells(rows: Iterable[Row], statuses: Sequence[CellStatus]) -> list[Row]:
    return [row for row in rows if row.cell.status in statuses]


def _without_times(data: Data) -> list[Aside]:
    """What would take too long or too much memory: everything of a backend, or only some cells."""
    rows = _cells(data.rows, [CellStatus.OVER_BUDGET, CellStatus.NO_MEMORY])
    timed = {row.cell.backend for row in data.rows if row.seconds}
    partly = [row for row in rows if row.cell.backend in timed]
    never = [row for row in rows if row.cell.backend not in timed]
    return [_of_cells("Partly measured", partly), _of_cells("Not measured", never)]


def _of_cells(label: str, rows: Sequence[Row]) -> Aside:
    """A reason once for each backend, with the number of cells; what was predicted differs from cell to cell."""
    told: list[str] = []
    for (name, status), own in grouped(rows, lambda row: (row.cell.backend, row.cell.status)).items():
        if status is CellStatus.OVER_BUDGET:
            told.append(f"{name}: {status.words}, in {words.plural(len(own), 'cell')}")
            continue
        for reason, alike in grouped(own, lambda row: row.cell.reason).items():
            told.append(f"{name}: {reason or status.words}, in {words.plural(len(alike), 'cell')}")
    return Aside(label, _listed(row.cell.backend for row in rows), told)


def _listed(names: Iterable[str]) -> str:
    """Each name once."""
    return ", ".join(dict.fromkeys(names))
