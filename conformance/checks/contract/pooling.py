"""What the gradients of pooling hand back: `law.adjoint` of pooling, and `law.conserved`, which is of pooling alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from conformance.cases.case import Case
from conformance.cases.data import case_data
from conformance.cases.specs import DISTINCT, some
from conformance.checks.law_between_ops import (
    LAW_SPECS,
    charged,
    dot,
    not_empty,
    require_adjoint,
    require_equal,
    require_same,
)
from conformance.checks.registration import asks
from conformance.checks.under_test import BackendUnderTest
from harness.contract.protocol import Array
from harness.geometry.spec import Op


@asks("law.adjoint", LAW_SPECS, ops=("max_pool2d_grad",), needs=("max_pool2d",), fits=not_empty)
@charged
def adjoint_max_pool2d_grad(subject: BackendUnderTest, case: Case) -> None:
    """<max(x), dy> = <x, dx(dy, x)>: each dy is multiplied by the pixel that it goes back to."""
    dy, x = _inputs(case, "max_pool2d_grad")
    largest, dx = subject.run("max_pool2d", case.spec, x), subject.run("max_pool2d_grad", case.spec, dy, x)
    require_equal("<max_pool2d(x), dy>", dot(largest, dy), "<x, dx>", dot(x, dx))


@asks("law.adjoint", LAW_SPECS, ops=("avg_pool2d_grad",), needs=("avg_pool2d",), fits=not_empty)
@charged
def adjoint_avg_pool2d_grad(subject: BackendUnderTest, case: Case) -> None:
    """<avg(x), dy> = <x, dx(dy)>."""
    _require_adjoint_average(subject, case, "avg_pool2d")


@asks(
    "law.adjoint", LAW_SPECS, ops=("avg_pool2d_exclude_padding_grad",), needs=("avg_pool2d_exclude_padding",),
    fits=not_empty,
)  # fmt: skip
@charged
def adjoint_avg_pool2d_exclude_padding_grad(subject: BackendUnderTest, case: Case) -> None:
    """The same, where padding is not counted."""
    _require_adjoint_average(subject, case, "avg_pool2d_exclude_padding")


@asks(
    "law.conserved",
    [*DISTINCT, *some("pad_symmetric", "same_stride2", "stride_beyond_kernel", "dilated_strided_padded")],
    ops=("max_pool2d_grad", "avg_pool2d_exclude_padding_grad"),
    fits=not_empty,
)
def conserved(subject: BackendUnderTest, case: Case) -> None:
    """Nothing of dy is lost in the padding or given away twice: sum(dx) = sum(dy), channel by channel.

    All pixels are negative, so padding that counts as zero wins, and many are equal.
    """
    dy, *others = _inputs(case, case.op)
    dy = np.abs(dy)  # no sum is zero
    dx = subject.run(case.op, case.spec, dy, *(-(np.abs(x) % 2 + 1) for x in others))
    wide = np.float64 if case.dtype.startswith("float") else np.int64
    require_same(
        dx.sum(axis=(2, 3), dtype=wide), dy.sum(axis=(2, 3), dtype=wide), f"the sums of dx and dy of {case.op} differ"
    )


def _require_adjoint_average(subject: BackendUnderTest, case: Case, forward: Op) -> None:
    def by(op: Op) -> Callable[[Array], Array]:
        return lambda a: subject.run(op, case.spec, a)

    (x,), (dy,) = _inputs(case, forward), _inputs(case, case.op)
    require_adjoint(case, (forward, by(forward), x), ("dx", by(case.op), dy))


def _inputs(case: Case, op: Op) -> list[Array]:
    """Whole-number inputs of an op on the case's geometry, seeded by the case."""
    arrays = case_data.exact_inputs(Case(str(case), op, case.dtype, case.spec))
    return [a for a in arrays if a is not None]
