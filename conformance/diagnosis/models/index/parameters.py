"""Stride or dilation wrong in the index: ignored, of the other axis, doubled, exchanged, off by one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from conformance.diagnosis.models.index.formula import Change, Formula, models
from conformance.diagnosis.models.model import Model
from conformance.diagnosis.models.tables import Axis, table
from harness.contract.protocol import Array

_Number = Callable[[Axis, Axis], int]


def reads(**fields: _Number) -> Change:
    """The table of the axis with these numbers in place of its own."""
    return partial(_read, fields)


def _read(fields: dict[str, _Number], axis: Axis, other: Axis) -> Array:
    return table(axis, **{name: number(axis, other) for name, number in fields.items()})


def _from_the_middle(axis: Axis, other: Axis) -> Array:
    middle = (axis.kernel - 1) // 2
    return table(axis, before=axis.before + middle * (axis.dilation - 1))


_STRIDE = (
    Formula(
        "stride ignored", "ignores the stride{where}: every window starts one {line} after the last",
        "multiply the window number by the stride: {formula}; in a slice, `begin:begin + (O - 1) * stride + 1:stride`",
        reads(stride=lambda a, b: 1),
    ),
    Formula(
        "stride of the other axis", "takes the stride of the {other} for the {id}",
        "`stride` is (height, width): rows step by `stride[0]`, columns by `stride[1]`",
        reads(stride=lambda a, b: b.stride), both="exchanges the strides of height and width",
        seen="conv-stride-from-wrong-tuple-slot",
    ),
    Formula(
        "stride one too large", "steps by stride + 1{where}", "step by the stride itself: {formula}",
        reads(stride=lambda a, b: a.stride + 1),
    ),
    Formula(
        "stride one too small", "steps by stride - 1{where}", "step by the stride itself: {formula}",
        reads(stride=lambda a, b: max(a.stride - 1, 1)),
    ),
    Formula(
        "stride doubled", "steps by twice the stride{where}", "multiply by the stride once: {formula}",
        reads(stride=lambda a, b: 2 * a.stride),
    ),
    Formula(
        "stride squared", "multiplies by the stride twice{where}", "multiply by the stride once: {formula}",
        reads(stride=lambda a, b: a.stride**2),
    ),
    Formula(
        "stride halved", "steps by half the stride{where}", "step by the stride itself: {formula}",
        reads(stride=lambda a, b: max(a.stride // 2, 1)), cost=1.1,
    ),
    Formula(
        "kernel for stride", "steps windows by the kernel's size{where}, as if they did not overlap",
        "step by the stride, whatever {kernel}: {formula}", reads(stride=lambda a, b: a.kernel), cost=1.1,
    ),
    Formula(
        "dilation for stride", "steps windows by the dilation{where}", "stride steps windows: {formula}",
        reads(stride=lambda a, b: a.dilation), cost=1.1,
    ),
    Formula(
        "stride and dilation exchanged", "exchanges stride and dilation{where}",
        "stride steps windows, dilation steps the taps inside one: {formula}",
        reads(stride=lambda a, b: a.dilation, dilation=lambda a, b: a.stride), seen="dx-stride-dilation-swapped",
    ),
)  # fmt: skip

_DILATION = (
    Formula(
        "dilation ignored", "ignores the dilation{where}: it reads neighbouring pixels",
        "multiply the tap number by the dilation: {formula}", reads(dilation=lambda a, b: 1),
        seen="im2col-dilation-ignored",
    ),
    Formula(
        "dilation of the other axis", "takes the dilation of the {other} for the {id}",
        "`dilation` is (height, width): kernel rows step by `dilation[0]`, kernel columns by `dilation[1]`",
        reads(dilation=lambda a, b: b.dilation), both="exchanges the dilations of height and width",
        seen="im2col-dilation-axes-swapped",
    ),
    Formula(
        "dilation one too large", "steps taps by dilation + 1{where}",
        "dilation 1 is dense: it is the step from tap to tap, not the gap between them",
        reads(dilation=lambda a, b: a.dilation + 1),
    ),
    Formula(
        "dilation one too small", "steps taps by dilation - 1{where}",
        "dilation 1 is dense: it is the step from tap to tap, not the gap between them",
        reads(dilation=lambda a, b: max(a.dilation - 1, 1)),
    ),
    Formula(
        "dilation doubled", "steps taps by twice the dilation{where}", "multiply by the dilation once: {formula}",
        reads(dilation=lambda a, b: 2 * a.dilation),
    ),
    Formula(
        "dilation squared", "multiplies by the dilation twice{where}", "multiply by the dilation once: {formula}",
        reads(dilation=lambda a, b: a.dilation**2), cost=1.1,
    ),
    Formula(
        "dilation halved", "steps taps by half the dilation{where}", "step by the dilation itself: {formula}",
        reads(dilation=lambda a, b: max(a.dilation // 2, 1)), cost=1.1,
    ),
    Formula(
        "stride for dilation", "steps taps by the stride{where}", "the stride moves windows; taps step by the dilation",
        reads(dilation=lambda a, b: a.stride), cost=1.1,
    ),
    Formula(
        "dilation times stride", "steps taps by dilation * stride{where}",
        "the stride moves windows; inside one the step is the dilation: {formula}",
        reads(dilation=lambda a, b: a.dilation * a.stride),
    ),
    Formula(
        "stride times dilation", "steps windows by stride * dilation{where}",
        "the dilation spreads taps; windows step by the stride: {formula}",
        reads(stride=lambda a, b: a.dilation * a.stride),
    ),
    Formula(
        "dilation from the middle", "spreads the taps about the middle one{where}, not from the first on",
        "tap 0 stays at the start of the window: {formula}", _from_the_middle, cost=1.2,
    ),
)  # fmt: skip

FORMULAS: tuple[Formula, ...] = (*_STRIDE, *_DILATION)
MODELS: tuple[Model, ...] = tuple(models("index", FORMULAS))
