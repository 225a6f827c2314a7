"""The padding wrong in the index, and where windows and taps begin."""

from __future__ import annotations

import numpy as np

from conformance.diagnosis.models.index.formula import Change, Formula, models
from conformance.diagnosis.models.index.parameters import reads
from conformance.diagnosis.models.model import Model
from conformance.diagnosis.models.tables import Axis, bounded, table, unbounded
from harness.contract.protocol import Array


def _later(taps: int = 0, windows: int = 0, pixels: int = 0) -> Change:
    """Taps or windows counted from another number, or all shifted by pixels."""

    def change(axis: Axis, other: Axis) -> Array:
        return bounded(unbounded(axis) + taps * axis.dilation + windows * axis.stride + pixels, axis.size)

    return change


def _where_even(taps: int = 0, pixels: int = 0) -> Change:
    """The same where the kernel is even: what is taken for its middle is not the same everywhere."""

    def change(axis: Axis, other: Axis) -> Array:
        by = (1 - axis.kernel % 2) * (taps * axis.dilation + pixels)
        return bounded(unbounded(axis) + by, axis.size)

    return change


def _even_kernel(unit: str, late: bool, cost: float) -> Formula:
    """One tap, or one pixel, too early or too late where the kernel has no middle."""
    when, by = ("late", 1) if late else ("early", -1)
    one = "one tap" if unit == "tap" else "one {line}"
    where = "{where}" if unit == "tap" else ""
    change = _where_even(taps=by) if unit == "tap" else _where_even(pixels=by)
    return Formula(
        f"even kernel one {unit} {when}", f"starts windows {one} too {when}{where} where {{kernel}} is even",
        _NO_MIDDLE, change, cost=cost,
        both=f"starts windows one {unit} too {when} in each axis in which the kernel is even",
    )  # fmt: skip


def _same_total(axis: Axis) -> int:
    """What padding `same` adds on both sides together."""
    reach = (axis.kernel - 1) * axis.dilation + 1
    return max((-(-axis.size // axis.stride) - 1) * axis.stride + reach - axis.size, 0)


_PADDING = (
    Formula(
        "padding ignored", "leaves the {before} padding out of the index",
        "subtract the {before} padding: {formula}", reads(before=lambda a, b: 0),
    ),
    Formula(
        "padding doubled", "subtracts the {before} padding twice",
        "pad the image or shift the index, not both: {formula}", reads(before=lambda a, b: 2 * a.before),
    ),
    Formula(
        "padding of the end", "shifts by the {after} padding where the {before} padding belongs",
        "only the padding before the image moves the windows; the {after} padding only makes more of them",
        reads(before=lambda a, b: a.after), seen="im2col-pad-begin-end-swapped",
    ),
    Formula(
        "padding of the other axis", "takes the {other_before} padding for the {before} one",
        "`padding` is (top, bottom, left, right): rows shift by `padding[0]`, columns by `padding[2]`",
        reads(before=lambda a, b: b.before), both="exchanges the top and the left padding",
    ),
    Formula(
        "padding of the other axis's end", "takes the {other_after} padding for the {before} one",
        "`padding` is (top, bottom, left, right): rows shift by `padding[0]`, columns by `padding[2]`",
        reads(before=lambda a, b: b.after), both="takes the right padding for the top and the bottom one for the left",
        cost=1.1,
    ),
    Formula(
        "padding added", "adds the {before} padding instead of subtracting it", "subtract it: {formula}",
        reads(before=lambda a, b: -a.before),
    ),
    Formula(
        "padding halved up", "takes the {before} padding for a total of both sides and halves it, rounding up",
        "each side's padding counts by itself: {formula}", reads(before=lambda a, b: (a.before + 1) // 2),
        seen="im2col-pad-treated-as-total",
    ),
    Formula(
        "padding halved down", "takes the {before} padding for a total of both sides and halves it, rounding down",
        "each side's padding counts by itself: {formula}", reads(before=lambda a, b: a.before // 2),
        seen="im2col-pad-treated-as-total",
    ),
    Formula(
        "padding shared", "shares the padding evenly between {before} and {after}, rounding down",
        "keep the padding of each side apart: windows shift by the {before} one",
        reads(before=lambda a, b: (a.before + a.after) // 2),
        both="shares the padding of each axis evenly between its two sides, rounding down",
    ),
    Formula(
        "padding shared up", "shares the padding evenly between {before} and {after}, rounding up",
        "keep the padding of each side apart: windows shift by the {before} one",
        reads(before=lambda a, b: (a.before + a.after + 1) // 2),
        both="shares the padding of each axis evenly between its two sides, rounding up",
    ),
    Formula(
        "padding summed", "shifts by the padding of both sides together{where}",
        "only the {before} padding shifts the windows: {formula}", reads(before=lambda a, b: a.before + a.after),
    ),
    Formula(
        "padding the larger", "shifts by the larger padding of both sides{where}",
        "only the {before} padding shifts the windows: {formula}", reads(before=lambda a, b: max(a.before, a.after)),
        cost=1.1,
    ),
    Formula(
        "padding the smaller", "shifts by the smaller padding of both sides{where}",
        "only the {before} padding shifts the windows: {formula}", reads(before=lambda a, b: min(a.before, a.after)),
        cost=1.1,
    ),
    Formula(
        "padding one too small", "shifts by one less than the {before} padding, if there is any",
        "subtract the whole {before} padding: {formula}", reads(before=lambda a, b: max(a.before - 1, 0)),
    ),
    Formula(
        "padding one too large where there is any", "shifts by one more than the {before} padding, if there is any",
        "subtract the {before} padding itself: {formula}", reads(before=lambda a, b: a.before + (a.before > 0)),
    ),
    Formula(
        "padding always 1", "shifts by a padding of 1{where}, whatever is given",
        "subtract the {before} padding that is given: {formula}", reads(before=lambda a, b: 1),
        seen="col2im-hardcoded-pad-one",
    ),
    Formula(
        "padding at most 1", "shifts by a padding of 1 at most{where}",
        "subtract the {before} padding that is given: {formula}", reads(before=lambda a, b: min(a.before, 1)),
        cost=1.1,
    ),
    Formula(
        "padding times stride", "multiplies the {before} padding by the stride: (window - padding) * stride",
        "subtract the padding after multiplying: {formula}", reads(before=lambda a, b: a.before * a.stride),
    ),
    Formula(
        "padding times dilation", "multiplies the {before} padding by the dilation: (tap - padding) * dilation",
        "subtract the padding after multiplying: {formula}", reads(before=lambda a, b: a.before * a.dilation),
    ),
    Formula(
        "padding by stride", "divides the {before} padding by the stride",
        "padding counts pixels, whatever the stride: {formula}", reads(before=lambda a, b: a.before // a.stride),
        cost=1.1,
    ),
    Formula(
        "padding below the kernel", "cuts the {before} padding to less than the kernel",
        "padding may be as large as the kernel and larger: {formula}",
        reads(before=lambda a, b: min(a.before, a.kernel - 1)), seen="conv-large-pad-rejected",
    ),
    Formula(
        "padding below the reach", "cuts the {before} padding to less than the dilated kernel",
        "padding may be as large as the kernel and larger: {formula}",
        reads(before=lambda a, b: min(a.before, (a.kernel - 1) * a.dilation)), cost=1.1,
        seen="conv-large-pad-rejected",
    ),
    Formula(
        "padding of the transposed", "shifts by reach - 1 - padding{where}, as the transposed convolution does",
        "here the padding itself is subtracted: {formula}",
        reads(before=lambda a, b: (a.kernel - 1) * a.dilation - a.before), cost=1.2,
    ),
    Formula(
        "padding full", "shifts by reach - 1{where}, as padding `full` does, whatever is given",
        "subtract the {before} padding that is given: {formula}",
        reads(before=lambda a, b: (a.kernel - 1) * a.dilation), cost=1.2,
    ),
    Formula(
        "padding same", "shifts by the padding that `same` would give{where}, whatever is given",
        "subtract the {before} padding that is given: {formula}", reads(before=lambda a, b: _same_total(a) // 2),
        cost=1.2,
    ),
    Formula(
        "padding same, lower", "shifts by the padding that `same_lower` would give{where}, whatever is given",
        "subtract the {before} padding that is given: {formula}",
        reads(before=lambda a, b: _same_total(a) - _same_total(a) // 2), cost=1.2,
    ),
    Formula(
        "padding same, stride 1", "shifts by half the reach{where}, which is padding `same` for stride 1 only",
        "subtract the {before} padding that is given: {formula}",
        reads(before=lambda a, b: (a.kernel - 1) * a.dilation // 2), cost=1.2, seen="vtjeng/MIPVerify.jl PR #23",
    ),
    Formula(
        "padding same, dense", "shifts by half the kernel{where}, whatever padding is given",
        "subtract the {before} padding that is given: {formula}", reads(before=lambda a, b: a.kernel // 2), cost=1.2,
        seen="jamesmullenbach/caml-mimic #3",
    ),
    Formula(
        "padding same, dilation ignored", "shifts by (K - 1) / 2{where}, whatever padding is given",
        "subtract the {before} padding that is given: {formula}", reads(before=lambda a, b: (a.kernel - 1) // 2),
        cost=1.2, seen="onnx/onnx PR #2043",
    ),
)  # fmt: skip

_NO_MIDDLE = "an even kernel has no middle tap (K // 2 is not (K - 1) // 2): count taps from the first, as in {formula}"

_STARTS = (
    Formula(
        "start one late", "starts every window one {line} too late", "tap 0 of window 0 reads -padding: {formula}",
        _later(pixels=1), both="starts every window one row and one column too late",
    ),
    Formula(
        "start one early", "starts every window one {line} too early", "tap 0 of window 0 reads -padding: {formula}",
        _later(pixels=-1), both="starts every window one row and one column too early",
    ),
    Formula(
        "taps from 1", "counts taps from 1{where}", "count taps from 0: {formula}", _later(taps=1), cost=1.1,
    ),
    Formula(
        "taps from -1", "counts taps from -1{where}", "count taps from 0: {formula}", _later(taps=-1), cost=1.2,
    ),
    Formula(
        "windows from 1", "counts windows from 1{where}", "count windows from 0: {formula}", _later(windows=1),
        cost=1.1,
    ),
    Formula(
        "windows from -1", "counts windows from -1{where}", "count windows from 0: {formula}", _later(windows=-1),
        cost=1.2,
    ),
    *(_even_kernel(unit, late, cost) for unit, cost in (("tap", 1.2), ("pixel", 1.15)) for late in (False, True)),
    Formula(
        "next pixel", "reads the next {line} of the image, but takes the right ones for padding",
        "read the pixel that was tested: {formula}",
        lambda a, b: np.where(table(a) < a.size, np.minimum(table(a) + 1, a.size), a.size), cost=1.3,
    ),
    Formula(
        "pixel before", "reads the {line} before, but takes the right ones for padding",
        "read the pixel that was tested: {formula}", lambda a, b: bounded(table(a) - (table(a) < a.size), a.size),
        cost=1.3,
    ),
    Formula(
        "index doubled", "doubles the index{where}", "{formula}",
        lambda a, b: np.where(table(a) < a.size, np.minimum(2 * table(a), a.size), a.size), cost=1.3,
    ),
    Formula(
        "index from the end", "reads the image from the other end{where}", "{formula}, counted from the first",
        lambda a, b: np.where(table(a) < a.size, a.size - 1 - table(a), a.size), cost=1.3,
        both="reads the image from the last pixel to the first",
    ),
)  # fmt: skip

FORMULAS: tuple[Formula, ...] = (*_PADDING, *_STARTS)
MODELS: tuple[Model, ...] = tuple(models("index", FORMULAS))
