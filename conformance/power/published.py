"""What is published of the suite's power: a run of `harness faults` without its matrix, and the table in the docs.

`python -m conformance.power.published RUN.json` keeps a run in results/faults, under the version of the suite, and
writes the table into docs/how-strong-is-the-suite.md; a test compares the two. Of a run with `--diagnose` see
`conformance.power.diagnosed.published`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
from msgspec import structs

from conformance.power.diagnosed import published as diagnosed
from conformance.power.records import KindReport, PowerReport
from harness.report.readme import Marks
from harness.results.writing import write_atomically

MARKS = Marks("<!-- power -->\n", "<!-- /power -->")
FOLDER, PAGE = Path("results/faults"), Path("docs/how-strong-is-the-suite.md")
_SAID = {
    "parameter": "a number of the geometry read wrongly: off by one, of the other axis, ignored, doubled",
    "index": "an index of a loop wrong: one missed, one too far, backwards, the first for all",
    "index.tail": "the rest of blocks of 2 to 16 missed; a buffer of 4 to 32 used round and round",
    "precision": "cheap sums, inputs or results",
    "data": "data not taken as they are: NaN as 0, clipped, without sign",
    "state.cache": "a cache whose key lacks something",
    "state.calls": "what a call finds of the one before",
    "memory.strides": "strides or offsets of one argument not looked at",
    "memory.sharing": "memory that is not its own; the form of results",
    "index.where": "an index wrong, where one condition holds",
    "parameter.where": "a parameter wrong, where one condition holds",
    "precision.where": "cheap precision, where one condition holds",
    "data.where": "data not taken as they are, where one condition holds",
    "state.where": "state, where one condition holds",
    "memory.where": "memory, where one condition holds",
    "dtype": "an index wrong in one dtype",
    "state.number": "an index wrong at some calls: the second, every fifth, after 400",
    "data.only": "an index wrong on some data: with a zero, all of one number",
    "retold": "faults of public implementations, retold",
    "random.one": "anything wrong, where one condition holds that nobody chose",
    "random.two": "where two such hold",
    "random.three": "where three such hold",
}


def read(folder: Path = FOLDER) -> PowerReport:
    """The run of the newest suite that is kept. Raises `FileNotFoundError` if there is none."""
    files = sorted(folder.glob("suite-*.json"))
    if not files:
        raise FileNotFoundError(f"no run of `harness faults` is kept in {folder}")
    return msgspec.json.decode(files[-1].read_bytes(), type=PowerReport)


def markdown(report: PowerReport) -> str:
    """One line a kind, then all; shares are of the faults that are not equivalent."""
    lines = [
        "| kind | what is wrong | faults | tier 0 | tier 1 | equivalent |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    lines += [_line(f"`{kind}`", _SAID.get(kind, ""), one) for kind, one in report.kinds.items()]
    kinds = report.kinds.values()
    total = KindReport(
        faults=report.faults, equivalent=report.equivalent, tier0=sum(one.tier0 for one in kinds),
        tier1=sum(one.tier1 or 0 for one in kinds), tier3=None,
    )  # fmt: skip
    lines.append(_line("all", "", total))
    return "\n".join([*lines, "", _conditions(report)]) + "\n"


def _line(name: str, what: str, one: KindReport) -> str:
    able = max(1, one.faults - one.equivalent)
    seen = f"{one.tier0 / able:.1%} | {(one.tier1 or 0) / able:.1%}"
    return f"| {name} | {what} | {one.faults:,} | {seen} | {one.equivalent:,} |"


def _conditions(report: PowerReport) -> str:
    whole = "all" if report.faults == report.planned else f"{report.faults:,} of {report.planned:,}"
    return (
        f"Suite {report.suite_version}, seed {report.seed}, {whole} faults; {report.controls_passed} of "
        f"{report.controls} right implementations pass."
    )


def main(run: Path) -> None:
    """Keep a run, and write its table into the page. Raises `OSError` and `msgspec.ValidationError`."""
    report = msgspec.json.decode(run.read_bytes(), type=PowerReport)
    FOLDER.mkdir(parents=True, exist_ok=True)
    if report.diagnosed:
        diagnosed.keep(report, FOLDER, PAGE)
        return
    report = structs.replace(report, matrix=[])
    text = msgspec.json.format(msgspec.json.encode(report), indent=1).decode()
    write_atomically(FOLDER / f"suite-{report.suite_version}.json", text + "\n")
    write_atomically(PAGE, MARKS.replaced(PAGE.read_text(encoding="utf-8"), markdown(report)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
