"""Scripts of faults that need what came before: an array changed in place, a thousand calls, one argument's memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.cases.case import Case
from conformance.checks.under_test import BackendUnderTest
from conformance.diagnosis.script.standalone import standalone
from conformance.run import engine
from conformance.run.results import CaseResult
from harness.calls.in_process import InProcess
from harness.contract import registry
from harness.contract.status import Status
from harness.tests.conformance.diagnosis.repros.test_repro import run
from harness.tests.helpers.plugins import GOOD, called

_PLAIN = "n2c3h6w7_f4kh3kw2"
_AFTER = "\n\n_right, _seen = im2col, []\n\n\ndef im2col(x, spec):\n    {}\n"
WRONG = {
    "kept_by_identity": (
        "_seen.append((x, x.copy())); return _right(next(b for a, b in _seen if a is x), spec)",
        f"contract.in_place/im2col/float32/{_PLAIN}",
    ),
    "worn_out": ("_seen.append(1); return _right(x, spec) + (len(_seen) > 900)",
                 "contract.many_calls/im2col/float32/n1c2h2w3_f2kh2kw2"),
    "steps_ignored": (
        "return _right(x if x.strides[-1] > 0 else x[..., ::-1], spec)",
        f"values.strided/im2col/float32/{_PLAIN}/layout=last_reversed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_the_script_fails_because_of_the_fault(tmp_path: Path, name: str) -> None:
    line, text = WRONG[name]
    (tmp_path / "mine.py").write_text(GOOD + _AFTER.format(line))
    case = Case.parse(text)
    found, subject = CaseResult(case), BackendUnderTest(InProcess(registry.load(str(tmp_path / "mine.py"))))
    engine.judge(subject, found)
    assert found.status is Status.FAIL
    script = standalone(subject.calls, text, found.detail, called("mine.py"))
    assert len(script.splitlines()) <= 20
    assert run(tmp_path, script)[0] != 0
    (tmp_path / "mine.py").write_text(GOOD)
    assert run(tmp_path, script) == (0, "")
