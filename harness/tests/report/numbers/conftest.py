"""A report on five backends, and the raw lines that it was made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness import report
from harness.contract import registry
from harness.results.records import Code, StageTime
from harness.tests.helpers.runfiles import MACHINE, SPECS, make_cell, make_header, write_run
from harness.tests.helpers.suite.html import Element, read
from harness.tests.report.numbers.plain import BASE, NUMPY, OPS, PARTS, SPEEDS, Lines


def _samples(seed: int, scale: float) -> list[float]:
    """Eleven times that scatter by a fifth, always the same."""
    return [scale * (1 + ((seed * 7919 + i * 104729) % 211) / 1000) for i in range(11)]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on five backends in two runs and on two thread counts; two cells were too slow, one op is half done."""
    home = tmp_path_factory.mktemp("numbers")

    def cells(threads: int, layers: list[str]) -> list[Any]:
        found = []
        for i, (op, layer, name) in enumerate((o, la, n) for o in OPS for la in layers for n in SPEEDS):
            lost = (name == "half" and layer == "net:wide") or (name == "naive_loops" and layer == "net:large")
            samples = [] if lost else _samples(i + threads, 1e-4 * SPEEDS[name] * (1 + i % 5) / threads**0.5)
            found.append(make_cell(
                name, samples, layer, op=op, threads=threads, status="over_budget" if lost else "ok",
                reason="late" if lost else "", first_seconds=None if lost else 0.01 * (1 + i % 7),
                first_in_process=layer == "net:small", cold_samples=[] if lost else [0.03 * (1 + i % 3), 0.02, 0.07],
                cold_bytes=0 if lost else 2**26,
                stages=[StageTime(name=part, seconds=1e-5 * (1 + i % 3)) for part in PARTS] if name == NUMPY else [],
            ))  # fmt: skip
        return found

    layers = list(SPECS)
    write_run(home, "20260101T000000-a", cells(1, layers[:3]))
    names = list(SPEEDS)
    header = make_header("20260102T000000-b", backends=names, code=Code(commit="cd" * 20))
    write_run(home, "20260102T000000-b", cells(1, layers[2:]), header=header)
    header = make_header("20260103T000000-c", backends=names, threads=2)
    write_run(home, "20260103T000000-c", cells(2, layers[:2]), header=header)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "names", lambda: ["naive_loops", NUMPY, BASE])
        report.write_report(home, home / "out")
    return home / "out"


@pytest.fixture(scope="module")
def newest(out: Path) -> Lines:
    """The newest line of each op, layer, backend and number of threads, straight from the files."""
    found: Lines = {}
    for path in sorted((out.parent / "runs" / MACHINE).glob("*.jsonl")):
        for line in map(json.loads, path.read_text().splitlines()):
            if line["kind"] == "cell":
                found[line["op"], line["layer"], line["backend"], str(line["threads"])] = line
    return found


@pytest.fixture(scope="module")
def page(out: Path) -> Element:
    """The page, read."""
    return read((out / "index.html").read_text(encoding="utf-8"))
