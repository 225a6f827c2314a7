"""Functions of one number that have a number of their own, read off from what they made of others: limits, factors."""

from __future__ import annotations

from functools import partial

import numpy as np

from conformance.diagnosis.models.numbers import Number
from harness.contract.protocol import Array


def clipped(given: Array, got: Array) -> Number | None:
    """The limits that numbers were clipped at, if that is all that became of them."""
    low, high = float(got.min()), float(got.max())
    low_cut, high_cut = given.min() < low, given.max() > high
    if not (low_cut or high_cut) or not np.array_equal(got, np.clip(given, low, high)):
        return None
    if low_cut and high_cut:
        said = f"at +-{high:.10g}" if low == -high else f"to {low:.10g} .. {high:.10g}"
    else:
        said = f"above {high:.10g}" if high_cut else f"below {low:.10g}"
    return Number(
        f"clipped {said}", f"clips {{what}} {said}", "do not clip, as `np.clip`, `min` and `max` do",
        partial(np.clip, a_min=low if low_cut else -np.inf, a_max=high if high_cut else np.inf),
    )  # fmt: skip


def dropped(given: Array, got: Array) -> Number | None:
    """The limit below which numbers were taken for 0, if that is all that became of them."""
    gone = (got == 0) & (given != 0)
    if not gone.any() or gone.all() or not np.array_equal(got[~gone], given[~gone]):
        return None
    least = float(np.abs(given[~gone & (given != 0)]).min())
    if np.abs(given[gone]).max() >= least:
        return None
    return Number(
        f"below {least:.0e} to 0", f"takes 0 for {{what}} below {least:.0e} in size", "do not skip small values",
        partial(_above, least),
    )  # fmt: skip


def multiplied(given: Array, got: Array, near: float) -> Number | None:
    """The one factor of all, which is not 1."""
    ratio = got[given != 0] / given[given != 0]
    if not ratio.size or got[given == 0].any() or np.ptp(ratio) > near * abs(ratio[0]) or ratio[0] in (0, 1):
        return None
    factor = float(np.median(ratio))
    says = f"multiplies {{what}} by {factor:.9g}"
    return Number(f"times {factor:.6g}", says, "drop the factor", partial(_times, factor))


def large_for_infinite(given: Array, got: Array) -> Number | None:
    """The number that stands for infinity, if there is one."""
    infinite = np.isinf(given)
    if not infinite.any() or not np.array_equal(got[~infinite], given[~infinite], equal_nan=True):
        return None
    large = np.unique(np.abs(got[infinite]))
    same_sign = np.array_equal(np.sign(got[infinite]), np.sign(given[infinite]))
    if len(large) != 1 or not np.isfinite(large[0]) or not same_sign:
        return None
    value = float(large[0])
    return Number(
        f"infinite to {value:.3g}", f"takes +-{value:.3g} for infinities in {{what}}",
        "let it through: compare and multiply as IEEE 754 says", partial(_large, value),
    )  # fmt: skip


def _above(limit: float, values: Array) -> Array:
    return np.where(np.abs(values) < limit, 0, values)


def _times(factor: float, values: Array) -> Array:
    return factor * values


def _large(limit: float, values: Array) -> Array:
    return np.where(np.isinf(values), limit * np.sign(values), values)
