"""What `harness check --json` said of each backend, as far as the report shows it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.contract.status import Verdict
from harness.report import standing
from harness.report.measured.load import load
from harness.report.verdicts import ConformanceVerdict, read_verdicts
from harness.results.writing import ResultsError
from harness.tests.helpers.damaged import OF_GOOD, times, write_good


def test_every_verdict_is_read_whatever_else_stands_beside_it(tmp_path: Path) -> None:
    """Numbers of cases too, where they are known; of two records of a backend, the later."""
    path = tmp_path / "conformance.json"
    records = [{"schema": 1, "backend": v, "verdict": v, "tier": 1, "checks": [], "reason": "x"} for v in Verdict]
    twice = [{"backend": "b", "verdict": "fail"}, {"backend": "b", "verdict": "pass", "planned": 9, "executed": 8}]
    path.write_text(json.dumps([*records, *twice]))
    assert read_verdicts(path) == {
        **{str(v): ConformanceVerdict(backend=v, verdict=v) for v in Verdict},
        "b": ConformanceVerdict(backend="b", verdict=Verdict.PASS, planned=9, executed=8),
    }


def test_without_a_file_nothing_was_checked(tmp_path: Path) -> None:
    assert read_verdicts(tmp_path / "conformance.json") is None
    assert read_verdicts(tmp_path / "none" / "conformance.json") is None


def test_names_that_no_utf8_has_come_back(tmp_path: Path) -> None:
    path = tmp_path / "conformance.json"
    path.write_text(json.dumps([{"backend": "no \udc80", "verdict": "fail", "reason": "\udc80"}]))
    assert list(read_verdicts(path) or ()) == ["no \udc80"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"no": "list"}', "Expected `array`, got `object`"),
        (b'[{"backend": "mine"}]', "Object missing required field `verdict` - at `$[0]`"),
        (b'[{"backend": "mine", "verdict": "splendid"}]', "Invalid enum value 'splendid' - at `$[0].verdict`"),
        (b'[{"backend": "mine", "verdict": "pass", "planned": "9"}]', "Expected `int | null`, got `str`"),
        (b'[{"backend": 7, "verdict": "pass"}]', "Expected `str`, got `int` - at `$[0].backend`"),
        (b'[{"backend": "mine", "verdict": "a\\n\\nb"}]', "Invalid enum value 'a\\n\\nb' - at `$[0].verdict`"),
        (b"[", "Input data was truncated"),
        (b"", "Input data was truncated"),
        (b"\0\0", "JSON is malformed: invalid character (byte 0)"),
        (b'["\xff"]', "'utf-8' codec can't decode byte 0xff"),
        (b"[" * 100_000, "JSON is nested too deeply"),
        (b"[NaN]", "JSON is malformed: invalid character (byte 1)"),
    ],
)
def test_a_foreign_file_of_verdicts_is_named_and_left_out(tmp_path: Path, content: bytes, said: str) -> None:
    write_good(tmp_path)
    path = tmp_path / "conformance.json"
    path.write_bytes(content)
    data = load(tmp_path)
    (line,) = data.left_out
    assert line.startswith(f"{str(path)!r} is no record of `harness check --json`: {said}")
    assert "\n" not in line
    assert times(data) == OF_GOOD
    assert data.verdicts is None
    assert standing.correctness(data) == (
        "Correctness: not checked (conformance.json cannot be used; `harness check --json results/conformance.json` "
        "writes it)."
    )


@given(st.integers(0, 500), st.binary(max_size=3))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_verdicts_cut_or_written_over_are_read_or_named(tmp_path: Path, at: int, over: bytes) -> None:
    verdicts = [{"backend": v, "verdict": v, "planned": 9, "executed": 8, "checks": []} for v in Verdict]
    whole = json.dumps(verdicts).encode()
    path = tmp_path / "conformance.json"
    path.write_bytes(whole[:at] + over + (whole[at + len(over) :] if over else b""))
    said, found = "", None
    try:
        found = read_verdicts(path)
    except ResultsError as error:
        said = str(error)
    assert "\n" not in said
    assert said.startswith(f"{str(path)!r} is no record of `harness check --json`: ") == (found is None)
    assert found is None or len(found) >= len(Verdict) - 1
