"""One clause of a check at a time: a case, a backend that is wrong where this clause alone looks, and what is told."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from conformance.cases.case import Case
from conformance.checks.under_test import BackendUnderTest
from conformance.run import engine
from conformance.run.results import CaseResult
from harness.calls.caller import PLAIN, Arrays, Caller, CallResult, Conditions
from harness.calls.in_process import InProcess
from harness.contract.adapter import complete
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.faults import faulty
from harness.tests.helpers.faults.faulty import Right

Spoil = Callable[[Any], Any]


class Clause(NamedTuple):
    """What one clause of a check is for; in `text` # is a number that depends on the data, [..] an index."""

    backend: type[Right] | Caller
    case: str
    text: str


def told(backend: type[Right] | Caller, case: str) -> tuple[str, str]:
    """The status of one case, and its detail."""
    result = judged(backend, case)
    return result.status.value, result.detail


def judged(backend: type[Right] | Caller, case: str) -> CaseResult:
    """One case, judged as in a run."""
    caller = faulty.load(backend) if isinstance(backend, type) else backend
    result = CaseResult(Case.parse(case))
    engine.judge(BackendUnderTest(caller), result)
    return result


def require(clause: Clause) -> None:
    """The wrong backend fails with the clause's own words, all of them; the right one passes."""
    assert told(Right, clause.case) == ("pass", "")
    status, text = told(clause.backend, clause.case)
    pattern = re.escape(clause.text).replace(r"\#", r"-?[\d.]+(e[+-]\d+)?").replace(r"\[\.\.\]", r"\[[\d, ]*\]")
    assert status == "fail", (status, text)
    assert re.fullmatch(pattern, text), text


def on_call(number: int, spoil: Spoil, op: Op | None = None) -> type[Right]:
    """Spoils the result of one call, counted from 1 (of an op, if one is named)."""

    class Wrong(Right):
        def __init__(self) -> None:
            self.calls = 0

        def run(self, op_: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
            out = super().run(op_, spec, *arrays)
            self.calls += op in (None, op_)
            return spoil(out) if self.calls == number and op in (None, op_) else out

    return Wrong


def on_spec(text: str, spoil: Spoil, op: Op | None = None) -> type[Right]:
    """Spoils the results on one geometry (of an op, if one is named)."""
    wanted = ConvSpec.parse(text)
    return faulty.result(lambda o, spec, out, arrays: spoil(out) if spec == wanted and op in (None, o) else out)


def put(value: float, *index: int) -> Spoil:
    """A result with one element replaced."""

    def spoil(out: Any) -> Any:
        out[index] = value
        return out

    return spoil


class Under(InProcess):
    """Right, but for the calls made under some conditions: what the backend does there is nobody's to simulate."""

    def __init__(self, spoil: Spoil, **wanted: object) -> None:
        super().__init__(complete(Right(), "faulty", "faulty"))
        self._spoil, self._wanted = spoil, wanted

    def call(self, op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions = PLAIN) -> CallResult:
        """See `Caller`."""
        outcome = super().call(op, spec, arrays, conditions)
        if all(getattr(conditions, name) == value for name, value in self._wanted.items()):
            outcome.result = self._spoil(outcome.result)
        return outcome
