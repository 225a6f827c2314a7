"""What every check says in the same words, so that no experiment is needed: dtypes of results, and whose they are."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from conformance.cases.case import Case
from conformance.run.records import BackendReport, CauseReport, CheckReport, FailureReport
from harness.contract.status import Status
from harness.geometry.spec import ALL_OPS, Op

FORM = "form"  # the kind of these causes
DTYPE = "form/dtype"
_SAID = re.compile(r"^(\w+) returned dtype (\S+) for (\S+) input")
_MEND = (
    "Make the result in the dtype of the input, as in `np.zeros(shape, x.dtype)`, or return `result.astype(x.dtype)`."
)


class _Fault(NamedTuple):
    """What one check alone tells; `says` follows "Your im2col"."""

    check: str
    said: str  # a pattern of what it says
    id: str
    says: str
    why: str
    mend: str
    elsewhere: bool = False  # whether other checks say it too
    alone: bool = False  # only of an op whose numbers are right elsewhere: else that is what is said here


_FAULTS = (
    _Fault("contract.no_alias_input", " returned memory of argument ", "memory/alias",
           "returns memory of its own argument: who changes the one changes the other",
           "The addresses of the result and of the arguments are compared",
           "Return a copy: `result.copy()`. `np.asarray`, `reshape` and slices give views where they can.",
           elsewhere=True),
    _Fault("contract.contiguous", " returned strides ", "form/contiguous", "returns a view, which is not C-contiguous",
           "The strides of the result are compared with those of a new array of its shape",
           "Return `np.ascontiguousarray(result)`: a slice such as `big[:, :, p:-p]` or a `transpose` is a view."),
    _Fault("contract.writeable", " returned a read-only ", "form/writeable", "returns a read-only array",
           "The flags of the result say so",
           "Return a copy: `result.copy()`. What `np.broadcast_to` gives is no array of its own."),
    _Fault("contract.concurrent", " at once", "form/threads", "is right when it is called alone, and wrong where "
           "several threads call it at the same time", "Four threads call it at once, each with data of its own",
           "Share no memory between calls: allocate in each, or keep scratch memory in `threading.local()`.",
           alone=True),
    _Fault("contract.empty_batch", " raised ", "form/empty batch", "raises where there is no image (N = 0)",
           "A batch without images has a result, too: one of the right shape, without elements or of zeros",
           "Begin with `if spec.batch == 0:` and return `np.zeros` of the right shape.", alone=True),
    _Fault("contract.empty_batch", r" returned (?!dtype|strides|a read-only|memory)", "form/empty batch",
           "returns no result of the right form where there is no image (N = 0)",
           "A batch without images has a result, too: one of the right shape, without elements or of zeros",
           "Begin with `if spec.batch == 0:` and return `np.zeros` of the right shape.", alone=True),
    _Fault("contract.nonfinite", " does not reach ", "form/nonfinite", "loses NaN or infinities of its arguments",
           "One element of an argument is NaN or infinite, and so has to be every result that reads it",
           "Leave them as they are: `np.nan_to_num`, `np.nansum`, `np.nanmax`, and tests such as `if x:` or `x > 0` "
           "lose them.", alone=True),
    _Fault("contract.nonfinite", " with the opposite sign", "form/nonfinite",
           "turns the sign of infinities of its arguments",
           "One element of an argument is infinite, and results that read it have the sign that the sum gives",
           "Do not take absolute values or compare with a limit on the way.", alone=True),
    _Fault("contract.nonfinite", r" reaches \w+\[", "form/nonfinite",
           "spreads NaN or infinities to results that do not read them",
           "One element of an argument is NaN or infinite, and no result that does not read it may be",
           "A product with a matrix of zeros and ones does that, as 0 * NaN is NaN, and so does adding such products: "
           "copy or add the elements themselves.", alone=True),
)  # fmt: skip


def of_form(report: BackendReport, native: Collection[Op]) -> list[CauseReport]:
    """Of the backend's own ops: which give other dtypes, and which give results that are views or not their own."""
    return [*_other_dtypes(report, native), *(one for fault in _FAULTS for one in _of_fault(fault, report, native))]


def is_told(group: CheckReport, cause_id: str) -> bool:
    """Whether a cause of that id is all that a group of cases is about."""
    return any(cause_id == fault.id and _says(group, fault) for fault in _FAULTS)


def is_of_dtype(group: CheckReport) -> bool:
    """Whether all that a group of cases says is that results have another dtype."""
    said = [_SAID.match(one.text) for one in group.failures]
    return bool(said) and all(one is not None and one[3] == group.dtype for one in said)


def _says(group: CheckReport, fault: _Fault) -> bool:
    return (
        (fault.elsewhere or group.id == fault.check)
        and bool(group.failures)
        and all(re.search(fault.said, one.text) for one in group.failures)
    )


def _other_dtypes(report: BackendReport, native: Collection[Op]) -> list[CauseReport]:
    found: dict[Op, dict[str, tuple[str, FailureReport]]] = {}
    for group in _failed(report, native):
        for failure in group.failures:
            said = _SAID.match(failure.text)
            if said and said[1] == group.op and said[3] == group.dtype:
                found.setdefault(group.op, {}).setdefault(group.dtype, (said[2], failure))
    return [_of_dtypes(op, found[op]) for op in ALL_OPS if op in found]


def _of_dtypes(op: Op, given: dict[str, tuple[str, FailureReport]]) -> CauseReport:
    told = " and ".join(f"{name} for {dtype} input" for dtype, (name, _) in given.items())
    why = "The dtype of the result is compared with that of the input."
    failures = [failure for _, failure in given.values()]
    return _cause(op, list(given), (DTYPE, f"returns {told}", why, _MEND), failures)


def _of_fault(fault: _Fault, report: BackendReport, native: Collection[Op]) -> Iterator[CauseReport]:
    found: dict[Op, dict[str, FailureReport]] = {}
    failed = list(_failed(report, native))
    wrong = {group.op for group in failed if group.id.startswith("values.")} if fault.alone else set()
    for group in failed:
        if _says(group, fault) and group.op not in wrong:
            found.setdefault(group.op, {}).setdefault(group.dtype, group.failures[0])
    for op, failures in found.items():
        first = next(iter(failures.values()))
        why = f"{fault.why}: {first.text}, on {Case.parse(first.case).spec}."
        yield _cause(op, list(failures), (fault.id, fault.says, why, fault.mend), list(failures.values()))


def _failed(report: BackendReport, native: Collection[Op]) -> Iterator[CheckReport]:
    for group in report.checks:
        if group.status is Status.FAIL and not group.optional and group.op in native:
            yield group


def _cause(
    op: Op, dtypes: list[str], words: tuple[str, str, str, str], failures: list[FailureReport]
) -> CauseReport:  # fmt: skip
    name, says, why, mend = words
    plainest = min(failures, key=lambda one: Case.parse(one.case).spec.macs)
    return CauseReport(
        op=op, dtypes=dtypes, kind=FORM, id=name, says=f"Your {op} {says}.", why=why, mend=mend,
        plainest=str(Case.parse(plainest.case).spec), failure=plainest,
    )  # fmt: skip
