"""A run file that is damaged in some way, beside a good one: what is loaded of the two."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import msgspec

from harness.report.measured.load import Data, load
from harness.results.records import Line
from harness.tests.helpers.runfiles import (
    CPU,
    FLAT,
    make_cell,
    make_facts,
    make_header,
    write_run,
)

GOOD, BAD = "20260101T000000-good", "20260102T000000-bad"
RECORDS: list[Line] = [
    make_header(BAD, backends=["mine", "torch_native"]),
    make_facts("mine", info={"device": "cpu", "mine": "1.2"}),
    CPU,
    make_cell("torch_native", FLAT, "net:large", run=BAD, group="g"),
    make_cell("mine", [2.0] * 11, "net:large", run=BAD, group="g", first_seconds=3.0, first_in_process=True),
    make_cell("mine", run=BAD, group="h", status="over_budget", reason="too long", predicted_seconds=90.0),
]
LINES = [json.dumps(msgspec.to_builtins(record)) for record in RECORDS]
WHOLE = "".join(line + "\n" for line in LINES).encode()
OF_GOOD = {("torch_native", "net:small"): FLAT, ("mine", "net:small"): [0.5] * 11}
OF_BAD = {("torch_native", "net:large"): FLAT, ("mine", "net:large"): [2.0] * 11}


def write_good(results: Path) -> Path:
    """The good file, of two cells."""
    return write_run(results, GOOD, [make_cell("torch_native", FLAT), make_cell("mine", [0.5] * 11)])


def beside_a_good_one(folder: Path, content: bytes) -> tuple[Data, Path]:
    """What is loaded of a good file and, the newer of the two, one of this content; and where that is."""
    results = Path(tempfile.mkdtemp(dir=folder))
    path = write_good(results).with_name(f"{BAD}.jsonl")
    path.write_bytes(content)
    return load(results), path


def times(data: Data) -> dict[tuple[str, str], list[float]]:
    """Every measured time, by backend and layer."""
    return {(row.cell.backend, row.cell.layer): row.cell.samples for row in data.rows if row.seconds}


def left_out_alone(folder: Path, content: bytes) -> str:
    """That nothing but a file of this content is missing. Returns what the line on it says after its path."""
    data, path = beside_a_good_one(folder, content)
    assert times(data) == OF_GOOD
    (line,) = data.left_out
    assert line.startswith(str(path))
    assert "\n" not in line
    assert len(line) <= 300
    return line.removeprefix(str(path))
