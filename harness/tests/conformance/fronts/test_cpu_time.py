"""What tier 1 costs: the suite's own time and the child's are told apart."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from conformance import cpu_time
from conformance.cases.selection import Selection
from conformance.cpu_time import CpuTime
from conformance.run import engine
from harness.contract.status import Verdict
from harness.contract.targets import resolve
from harness.tests.helpers.plugins import Write
from harness.tests.helpers.program import at_start

_BURNED = 0.25  # seconds of CPU of each call, or case
_FEW = Selection(pattern="contract.dtype/im2col/float32/n2c5h4w3_f7kh1kw1")


def test_the_time_of_the_child_is_its_own(write: Write) -> None:
    slow = write("slow.py", at_start(f"import time\n    while time.process_time() < {_BURNED} + COUNT[0]: pass\n"
                                     "    COUNT[0] = time.process_time()") + "\n\nCOUNT = [0.0]\n")  # fmt: skip
    found = cpu_time.measure(resolve(str(slow)), _FEW)
    assert (found.executed, found.verdict) == (1, Verdict.PASS)
    assert found.child >= _BURNED


def test_the_time_of_the_suite_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    judge, burned = engine.judge, [0.0]

    def slow(*asked: object) -> None:
        start = time.process_time()
        while time.process_time() < start + _BURNED:
            pass
        burned[0] += _BURNED
        judge(*asked)  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "judge", slow)
    found = cpu_time.measure(resolve("numpy_fancy"), _FEW)
    assert found.here >= burned[0] == _BURNED


def test_both_are_what_the_system_says_before_and_after(monkeypatch: pytest.MonkeyPatch) -> None:
    said = iter([(1.0, 0.5), (100.0, 10.0), (4.0, 0.75), (120.0, 11.0)])

    def getrusage(who: int) -> SimpleNamespace:
        user, system = next(said)
        return SimpleNamespace(ru_utime=user, ru_stime=system)

    monkeypatch.setattr("resource.getrusage", getrusage)
    found = cpu_time.measure(resolve("numpy_fancy"), _FEW)
    assert (found.here, found.child) == (3.25, 21.0)


def test_the_command_prints_both(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[Selection] = []

    def measure(target: object, selection: Selection) -> CpuTime:
        asked.append(selection)
        return CpuTime(5576, Verdict.PASS if len(asked) == 1 else Verdict.FAIL, 7.254, 3.5)

    monkeypatch.setattr(cpu_time, "measure", measure)
    assert cpu_time.main(["numpy_fancy"]) == 0
    assert capsys.readouterr().out == (
        "numpy_fancy in float32, float64: pass, 5,576 cases\n7.25 s of CPU in the suite, 3.50 s in the child\n"
    )
    assert cpu_time.main(["numpy_fancy", "--dtypes", "int32", "--ops", "im2col,conv2d"]) == 1
    assert [(one.dtypes, one.ops, one.tier) for one in asked] == [
        (["float32", "float64"], [], 1), (["int32"], ["im2col", "conv2d"], 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["numpy_fanci"], "did you mean 'numpy_fancy'?"),
        (["numpy_fancy", "--dtypes", "float31"], "--dtypes must be among float16, float32, float64, int32, int64, got"),
        (["numpy_fancy", "--ops", "im2row"], "--ops must be among im2col, "),
    ],
)
def test_a_wrong_call_is_one_line(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cpu_time.main(words)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err.splitlines()[-1]
