"""Optional: does the backend itself refuse arrays that do not fit, and is it still right afterwards?

The ids are `errors.ndim`, `errors.channels`, `errors.weight`, `errors.bias`, `errors.positions` and `errors.dtype`. The
contract does not ask for it, so they count only when asked for by name. No wrong array has less memory than the right
one, so a backend that trusts the spec reads nothing foreign; one that trusts the array may write past its result.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np

from conformance.cases.case import Case
from conformance.cases.data import case_data
from conformance.cases.specs import DISTINCT, some
from conformance.checks.outcomes import Failed, Mistrusted
from conformance.checks.registration import asks
from conformance.checks.under_test import BackendUnderTest
from harness.contract.protocol import ArgumentError, Array, validate
from harness.geometry.spec import OPS, Op
from harness.oracle.comparing import mismatch

Wrong = tuple[str, case_data.Arrays]  # what is wrong, and all arguments of the call

_SPECS = [DISTINCT[2], *some("plain")]
_IMAGES: dict[Op, tuple[int, ...]] = {"conv2d_weight_grad": (0, 1)}  # arguments with channels; elsewhere the first
_NO_EXCEPTION = ("SystemExit", "KeyboardInterrupt", "GeneratorExit", "BaseException")


@asks("errors.ndim", _SPECS, ops=OPS, grade=None)
def ndim(subject: BackendUnderTest, case: Case) -> None:
    """The images of a batch stacked into one, and an axis too many."""
    refuses(subject, case, _ndim(case))


def _ndim(case: Case) -> Iterator[Wrong]:
    for number in _images(case.op):
        a = _argument(case, number)
        yield _replaced(case, number, a.reshape(a.shape[0] * a.shape[1], *a.shape[2:]))
        yield _replaced(case, number, a[None])


@asks("errors.channels", _SPECS, ops=OPS, grade=None)
def channels(subject: BackendUnderTest, case: Case) -> None:
    """Twice the channels of x, filters of dy, or rows of columns."""
    refuses(subject, case, (_replaced(case, i, _doubled(_argument(case, i), 1)) for i in _images(case.op)))


@asks("errors.weight", _SPECS, ops=["conv2d", "conv2d_input_grad"], grade=None)
def weight(subject: BackendUnderTest, case: Case) -> None:
    """Kernel axes swapped, filters and channels swapped, twice the filters, the channels of all groups."""
    w = _argument(case, 1)
    shapes = [w.swapaxes(2, 3), w.swapaxes(0, 1), _doubled(w, 0), _doubled(w, 1)]
    refuses(subject, case, (_replaced(case, 1, wrong) for wrong in shapes))


@asks("errors.bias", _SPECS, ops=["conv2d"], grade=None)
def bias(subject: BackendUnderTest, case: Case) -> None:
    """One element too many; a column; and a single element, which NumPy would broadcast."""
    longer = np.ones(case.spec.out_channels + 1, case.dtype)
    single = longer[:1]  # a view: the memory of a whole bias lies behind it
    refuses(subject, case, (_replaced(case, 2, wrong) for wrong in (longer, longer[1:, None], single)))


@asks(
    "errors.positions",
    _SPECS,
    ops=["col2im", "conv2d_input_grad", "conv2d_weight_grad", "conv2d_bias_grad"],
    grade=None,
)
def positions(subject: BackendUnderTest, case: Case) -> None:
    """One window position (of dy: one column of them) too many, and the last two axes swapped."""
    a = _argument(case, 0)
    wider = np.concatenate([a, a[..., -1:]], axis=-1)
    refuses(subject, case, (_replaced(case, 0, wrong) for wrong in (wider, a.swapaxes(-2, -1))))


@asks("errors.dtype", _SPECS, ops=OPS, grade=None)
def dtype(subject: BackendUnderTest, case: Case) -> None:
    """Complex numbers and dates in all arguments; another dtype in one of several."""
    refuses(subject, case, _dtypes(case))


def _dtypes(case: Case) -> Iterator[Wrong]:
    given = case_data.exact_inputs(case)
    for foreign in ("complex128", "datetime64[s]"):
        yield foreign, tuple(None if a is None else a.astype(np.int64).astype(foreign) for a in given)
    wider = "float64" if case.dtype != "float64" else "int64"  # as many bytes at least
    for number in [i for i, a in enumerate(given) if len(given) > 1 and a is not None]:
        yield _replaced(case, number, _argument(case, number).astype(wider))


def refuses(subject: BackendUnderTest, case: Case, wrong: Iterator[Wrong]) -> None:
    """Every wrong call raises an ordinary exception, spoils no argument and no later call. Raises `Failed` if not."""
    calls = [(what, arrays) for what, arrays in wrong if not _fits(case, arrays)]
    if not calls:
        raise Mistrusted(f"on {case.spec} every array made for {case.check} fits")
    silent = [what for what, arrays in calls if not _raises(subject, case, what, arrays)]
    if silent:
        raise Failed(f"{case.op} accepts silently: {', '.join(silent)}")


def _raises(subject: BackendUnderTest, case: Case, what: str, arrays: case_data.Arrays) -> bool:
    raised = subject.attempt(case.op, case.spec, *arrays)
    if raised.partition(":")[0] in _NO_EXCEPTION:
        raise Failed(f"{case.op} on {what} raised {raised}, which is no ordinary exception")
    if subject.calls[-1].outcome.changed:
        raise Failed(f"{case.op} changed its arguments on {what}")
    right = subject.run(case.op, case.spec, *case_data.exact_inputs(case))
    difference = mismatch(right, case_data.exact_expected(case))
    if difference:
        raise Failed(f"{case.op} is wrong in the next call after {what}: {difference}")
    return bool(raised)


def _fits(case: Case, arrays: case_data.Arrays) -> bool:
    """Whether nothing is wrong after all: a square kernel has the same shape with its axes swapped."""
    try:
        validate(case.op, case.spec, *arrays)
    except ArgumentError:
        return False
    return True


def _images(op: Op) -> tuple[int, ...]:
    return _IMAGES.get(op, (0,))


def _argument(case: Case, number: int) -> Array:
    return cast(Array, case_data.exact_inputs(case)[number])


def _replaced(case: Case, number: int, wrong: Array) -> Wrong:
    arrays = list(case_data.exact_inputs(case))
    arrays[number] = np.ascontiguousarray(wrong)
    return f"argument {number} of shape {wrong.shape} and {wrong.dtype}", tuple(arrays)


def _doubled(a: Array, axis: int) -> Array:
    return np.concatenate([a, a], axis=axis)
