"""Checks whose outcome is written down beforehand, in place of the real ones: small plans with every status."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from conformance.cases.case import Case
from conformance.checks.registration import CHECKS, PLAINLY, Check, Question
from conformance.checks.under_test import BackendUnderTest
from harness.contract.status import Grade
from harness.geometry.spec import OPS, ConvSpec, Op

Answer = BaseException | Callable[[BackendUnderTest, Case], None]


@dataclass
class Script:
    """A question with an answer for each case: what it raises, or does; a case that is not listed passes."""

    answers: Mapping[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __call__(self, subject: BackendUnderTest, case: Case) -> None:
        self.asked.append(str(case))
        answer = self.answers.get(str(case))
        if isinstance(answer, BaseException):
            raise answer
        if answer is not None:
            answer(subject, case)


def a_check(id: str, specs: Sequence[ConvSpec] = (), run: Question | None = None, *, ops: Sequence[Op] = OPS) -> Check:
    """A check of all dtypes; it is of a higher tier if it has no geometries. `dataclasses.replace` changes the rest."""
    return Check(
        id=id, ops=tuple(ops), specs=lambda op: specs, run=run or Script(), needs=(), kinds="fi",
        variants=lambda op: PLAINLY, fits=lambda op, spec: True, optional=False, standing=bool(specs),
        grade=Grade.VALUES,
    )  # fmt: skip


@contextmanager
def only(*checks: Check) -> Iterator[None]:
    """The suite has these checks alone, in this order."""
    before = dict(CHECKS)
    CHECKS.clear()
    for check in checks:
        CHECKS.setdefault(check.id, []).append(check)
    try:
        yield
    finally:
        CHECKS.clear()
        CHECKS.update(before)


@contextmanager
def asked_instead(id: str, run: Question) -> Iterator[None]:
    """A check of the suite asks something else for a while."""
    before = CHECKS[id]
    CHECKS[id] = [replace(check, run=run) for check in before]
    try:
        yield
    finally:
        CHECKS[id] = before
