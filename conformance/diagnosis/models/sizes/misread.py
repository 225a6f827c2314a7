"""The right op for a misread geometry: axes exchanged, a padding read in another order, a stride ignored throughout."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from conformance.diagnosis.models.model import Model
from conformance.diagnosis.models.sizes.grid import Misread, counted, models
from conformance.diagnosis.models.tables import Axis

Padding = tuple[int, int, int, int]
_PADDING_IS = "`padding` is (top, bottom, left, right): unpack it in that order"
_STRIDE_IS = "`stride` is (height, width): rows step by `stride[0]`, columns by `stride[1]`"
_DILATION_IS = "`dilation` is (height, width): kernel rows step by `dilation[0]`, kernel columns by `dilation[1]`"
_EACH_SIDE = "each side's padding counts by itself: `OH = (H + top + bottom - reach) // stride + 1`"


class _Pads(NamedTuple):
    """Paddings as they are read; the last three as in `Misread`."""

    key: str
    says: str
    read: Callable[[int, int, int, int], Padding]
    mend: str = _PADDING_IS
    seen: str = ""
    fitted: bool = True
    flat: bool = True


_PADS = (
    _Pads("no padding", "ignores the padding", lambda t, b, l, r: (0, 0, 0, 0),
          "pad the image with zeros first: `OH = (H + top + bottom - reach) // stride + 1`"),
    _Pads("padding a total", "shares each padding between both sides instead of adding it on each",
          lambda t, b, l, r: ((t + 1) // 2, b // 2, (l + 1) // 2, r // 2), _EACH_SIDE, "im2col-pad-treated-as-total"),
    _Pads("padding a total, smaller first", "shares each padding between both sides, the smaller half first",
          lambda t, b, l, r: (t // 2, (b + 1) // 2, l // 2, (r + 1) // 2), _EACH_SIDE, "im2col-pad-treated-as-total"),
    _Pads("padding before a total", "shares the padding before the image between both sides, and none follows it",
          lambda t, b, l, r: ((t + 1) // 2, t // 2, (l + 1) // 2, l // 2), _EACH_SIDE, "im2col-pad-treated-as-total"),
    _Pads("padding before a total, smaller first", "shares the padding before the image between both sides, the "
          "smaller half first, and none follows it", lambda t, b, l, r: (t // 2, (t + 1) // 2, l // 2, (l + 1) // 2),
          _EACH_SIDE, "im2col-pad-treated-as-total"),
    _Pads("begin for both", "uses the padding before the image after it too", lambda t, b, l, r: (t, t, l, l),
          seen="im2col-pad-begin-doubled"),
    _Pads("end for both", "uses the padding after the image before it too", lambda t, b, l, r: (b, b, r, r)),
    _Pads("axes exchanged", "exchanges the paddings of height and width", lambda t, b, l, r: (l, r, t, b)),
    _Pads("height for both", "uses the paddings of the height for the width too", lambda t, b, l, r: (t, b, t, b)),
    _Pads("width for both", "uses the paddings of the width for the height too", lambda t, b, l, r: (l, r, l, r),
          flat=False),
    _Pads("top for all", "uses the top padding on all four sides", lambda t, b, l, r: (t, t, t, t)),
    _Pads("left for all", "uses the left padding on all four sides", lambda t, b, l, r: (l, l, l, l)),
    _Pads("largest for all", "uses the largest padding on all four sides", lambda t, b, l, r: (max(t, b, l, r),) * 4),
    _Pads("read as (top, left, bottom, right)", "reads the padding as (top, left, bottom, right)",
          lambda t, b, l, r: (t, l, b, r)),
    _Pads("read as (left, top, right, bottom)", "reads the padding as (left, top, right, bottom)",
          lambda t, b, l, r: (b, r, t, l)),
    _Pads("read as (height, width)", "reads the first two of the padding as (height, width)",
          lambda t, b, l, r: (t, t, b, b)),
    _Pads("twice", "pads the image twice", lambda t, b, l, r: (2 * t, 2 * b, 2 * l, 2 * r),
          "pad the image, or count the padding in the index, not both", fitted=False),
    _Pads("one more", "pads by one more on every side", lambda t, b, l, r: (t + 1, b + 1, l + 1, r + 1),
          "pad by what is given", fitted=False),
    _Pads("one less", "pads by one less on every side",
          lambda t, b, l, r: (max(t - 1, 0), max(b - 1, 0), max(l - 1, 0), max(r - 1, 0)), "pad by what is given"),
    _Pads("always 1", "pads by 1 on every side, whatever is given", lambda t, b, l, r: (1, 1, 1, 1),
          "pad by what is given"),
)  # fmt: skip


def _padded(read: Callable[[int, int, int, int], Padding], high: Axis, wide: Axis) -> tuple[Axis, Axis]:
    t, b, l, r = read(high.before, high.after, wide.before, wide.after)
    return counted(high, before=t, after=b), counted(wide, before=l, after=r)


class _Steps(NamedTuple):
    """Both axes as they are read; the last three as in `Misread`."""

    key: str
    says: str
    mend: str
    change: Callable[[Axis, Axis], tuple[Axis, Axis]]
    seen: str = ""
    fitted: bool = True
    flat: bool = True


def _each(change: Callable[[Axis], Axis]) -> Callable[[Axis, Axis], tuple[Axis, Axis]]:
    return lambda high, wide: (change(high), change(wide))


def _same(axis: Axis, lower: bool = False, stride: int = 0, reach: int = 0) -> Axis:
    """Padding `same`, with the stride and the reach that it is computed with."""
    s = stride or axis.stride
    extent = reach or (axis.kernel - 1) * axis.dilation + 1
    total = max((-(-axis.size // s) - 1) * s + extent - axis.size, 0)
    small, large = total // 2, total - total // 2
    return counted(axis, before=large if lower else small, after=small if lower else large)


def _full(axis: Axis) -> Axis:
    whole = (axis.kernel - 1) * axis.dilation
    return counted(axis, before=whole, after=whole)


def _half_the_reach(axis: Axis) -> Axis:
    half = ((axis.kernel - 1) * axis.dilation + 1) // 2
    return counted(axis, before=half, after=half)


_STEPS = (
    _Steps("stride axes exchanged", "exchanges the strides of height and width, in the size too", _STRIDE_IS,
           lambda h, w: (counted(h, stride=w.stride), counted(w, stride=h.stride)),
           "conv-stride-from-wrong-tuple-slot"),
    _Steps("stride of the height", "uses the stride of the height for the width too, size included", _STRIDE_IS,
           lambda h, w: (h, counted(w, stride=h.stride)), "conv-stride-from-wrong-tuple-slot"),
    _Steps("stride of the width", "uses the stride of the width for the height too, size included", _STRIDE_IS,
           lambda h, w: (counted(h, stride=w.stride), w), flat=False),
    _Steps("stride 1", "ignores the stride, in the size too",
           "divide by the stride in the size, multiply by it in the index", _each(lambda a: counted(a, stride=1)),
           "conv-stride-from-wrong-tuple-slot", fitted=False),
    _Steps("stride of the kernel", "steps windows by the kernel's size, in the size too",
           "step by the stride that is given, whatever the kernel", _each(lambda a: counted(a, stride=a.kernel)),
           "pool-stride-unused"),
    _Steps("stride one larger", "steps by stride + 1, in the size too", "step by the stride itself",
           _each(lambda a: counted(a, stride=a.stride + 1))),
    _Steps("stride one smaller", "steps by stride - 1, in the size too", "step by the stride itself",
           _each(lambda a: counted(a, stride=max(a.stride - 1, 1))), fitted=False),
    _Steps("dilation axes exchanged", "exchanges the dilations of height and width, in the size too", _DILATION_IS,
           lambda h, w: (counted(h, dilation=w.dilation), counted(w, dilation=h.dilation)),
           "im2col-dilation-axes-swapped"),
    _Steps("dilation of the height", "uses the dilation of the height for the width too, size included",
           _DILATION_IS,
           lambda h, w: (h, counted(w, dilation=h.dilation))),
    _Steps("dilation of the width", "uses the dilation of the width for the height too, size included",
           _DILATION_IS,
           lambda h, w: (counted(h, dilation=w.dilation), w), flat=False),
    _Steps("dilation 1", "ignores the dilation, in the size too",
           "multiply the tap by the dilation, and count with the reach (K - 1) * dilation + 1",
           _each(lambda a: counted(a, dilation=1)), "im2col-dilation-ignored", fitted=False),
    _Steps("dilation one larger", "takes the dilation for the gap between taps: it steps by dilation + 1",
           "dilation 1 is dense: taps step by the dilation", _each(lambda a: counted(a, dilation=a.dilation + 1))),
    _Steps("dilation one smaller", "steps taps by dilation - 1, in the size too",
           "dilation 1 is dense: taps step by the dilation",
           _each(lambda a: counted(a, dilation=max(a.dilation - 1, 1))), fitted=False),
    _Steps("stride and dilation exchanged", "exchanges stride and dilation, in the size too",
           "stride steps windows, dilation steps the taps inside one",
           _each(lambda a: counted(a, stride=a.dilation, dilation=a.stride)), "dx-stride-dilation-swapped"),
    _Steps("same", "pads as `same` would, whatever padding is given", "use the padding that is given", _each(_same)),
    _Steps("same, lower", "pads as `same_lower` would, whatever padding is given", "use the padding that is given",
           _each(partial(_same, lower=True))),
    _Steps("same, stride 1", "pads as `same` would for stride 1, whatever padding is given",
           "use the padding that is given", _each(partial(_same, stride=1)), "vtjeng/MIPVerify.jl PR #23"),
    _Steps("full", "pads as `full` would, whatever padding is given", "use the padding that is given", _each(_full)),
    _Steps("half the kernel", "pads by half the kernel on every side, whatever padding is given",
           "use the padding that is given",
           _each(lambda a: counted(a, before=a.kernel // 2, after=a.kernel // 2)), "jamesmullenbach/caml-mimic #3"),
    _Steps("half the reach", "pads by half the dilated kernel on every side, whatever padding is given",
           "use the padding that is given", _each(_half_the_reach), "jamesmullenbach/caml-mimic #3"),
    _Steps("same, dense", "pads as `same` would for a dense kernel, whatever padding is given",
           "use the padding that is given",
           _each(lambda a: _same(a, reach=a.kernel)), "onnx/onnx PR #2043"),
    _Steps("below the kernel", "cuts the padding to less than the kernel",
           "padding may be as large as the kernel and larger",
           _each(lambda a: counted(a, before=min(a.before, a.kernel - 1), after=min(a.after, a.kernel - 1))),
           "conv-large-pad-rejected"),
)  # fmt: skip


def _all() -> Iterator[Model]:
    for number, one in enumerate(_PADS):
        cost = 1.05 + number / 1000
        change, (seen, fitted, flat) = partial(_padded, one.read), one[4:]
        yield from models(Misread(f"misread/{one.key}", one.says, one.mend, change, cost, seen, True, fitted, flat))
    for number, step in enumerate(_STEPS):
        cost = 1.05 + number / 1000
        yield from models(Misread(f"misread/{step.key}", *step[1:4], cost, step.seen, True, *step[5:]))


MODELS: tuple[Model, ...] = tuple(_all())
