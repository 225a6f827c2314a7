"""What is published of the diagnosis: a run of `harness faults --diagnose`, with the faults that it did not name."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import structs

from conformance.power.diagnosed.counting import ALL, CONDITIONAL, UNCONDITIONAL
from conformance.power.records import DiagnosedKind, FaultReport, PowerReport
from harness.report.readme import Marks
from harness.results.writing import write_atomically

MARKS = Marks("<!-- diagnosis -->\n", "<!-- /diagnosis -->")
NAMING = Path("docs/naming.md")
_NAMED = {UNCONDITIONAL: "always wrong", CONDITIONAL: "wrong under a condition", ALL: "all"}


def read(folder: Path) -> PowerReport:
    """The run of the newest suite that is kept. Raises `FileNotFoundError` if there is none."""
    files = sorted(folder.glob("diagnosis-*.json"))
    if not files:
        raise FileNotFoundError(f"no run of `harness faults --diagnose` is kept in {folder}")
    return msgspec.json.decode(files[-1].read_bytes(), type=PowerReport)


def keep(report: PowerReport, folder: Path, page: Path) -> None:
    """Keep a run in the folder, and write its table into the page and its sum into `NAMING`. Raises `OSError`."""
    report = structs.replace(report, matrix=[row for row in report.matrix if _is_told(row)])
    text = msgspec.json.format(msgspec.json.encode(report), indent=1).decode()
    write_atomically(folder / f"diagnosis-{report.suite_version}.json", text + "\n")
    write_atomically(page, MARKS.replaced(page.read_text(encoding="utf-8"), markdown(report)))
    write_atomically(NAMING, MARKS.replaced(NAMING.read_text(encoding="utf-8"), sentences(report)))


def _is_told(row: FaultReport) -> bool:
    """Whether something is to be said of a fault: all but those with a right name and, if there is one, condition."""
    found = row.diagnosis
    if found is None:
        return row.killed_by is not None
    return found.truth != "right" or found.condition == "off" or found.blind == "wrong"


def markdown(report: PowerReport) -> str:
    """Faults without a condition, with one, and all; then what is not in these numbers."""
    lines = [
        "| faults that are | diagnosed | named rightly | wrongly | no name | condition exact | off "
        "| without their models | wrongly | median | most |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [_line(name, report.diagnosed[kind]) for kind, name in _NAMED.items() if kind in report.diagnosed]
    return "\n".join([*lines, "", _conditions(report)]) + "\n"


def sentences(report: PowerReport) -> str:
    """The same in words."""
    always, under, all_ = (report.diagnosed[kind] for kind in _NAMED)
    return (
        f"Of {always.seen:,} faults that are always wrong {always.right:,} were named rightly and {always.wrong:,} "
        f"wrongly; of {under.seen:,}\nthat are wrong under a condition {under.right:,} and {under.wrong:,}, with "
        f"{under.exact:,} conditions exact and {under.off:,} off. Without the models\nof the mistake itself "
        f"{all_.blind_wrong:,} of {all_.blind:,} got a wrong name. A diagnosis took {all_.median:.1f} s in the median "
        f"and {all_.worst:.1f} s at most.\n"
    )


def _line(name: str, one: DiagnosedKind) -> str:
    share = f" ({one.right / one.seen:.1%})"
    return (
        f"| {name} | {one.seen:,} | {one.right:,}{share} | {one.wrong:,} | {one.silent:,} | {one.exact:,} "
        f"| {one.off:,} | {one.blind:,} | {one.blind_wrong:,} | {one.median:.1f} s | {one.worst:.1f} s |"
    )


def _conditions(report: PowerReport) -> str:
    unseen = report.killed - report.diagnosed[ALL].seen
    return (
        f"Suite {report.suite_version}, seed {report.seed}, {report.faults:,} faults, of which the suite sees "
        f"{report.killed:,}; the diagnosis finds nothing wrong with {unseen:,} of these."
    )
