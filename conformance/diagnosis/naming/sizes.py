"""Formulas of sizes that people get wrong: of the output along one axis, and of the image that is scattered into."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from conformance.diagnosis.models.tables import Axis

Size = Callable[[Axis, Axis], int]  # of an axis, and the other one

_RIGHT = "`(H + top + bottom - reach) // stride + 1`"
_CROP = (
    "`return np.ascontiguousarray(big[:, :, top:top + H, left:left + W])`, where big is the padded image, "
    "`top, _, left, _ = spec.padding` and `H, W = spec.input_size`"
)
_WHOLE = "Take H and W from `spec.input_size`: what the stride leaves over is 0."


class Formula(NamedTuple):
    """A wrong size; `says` follows "Your im2col", and holds {axis}, {other}, {before} and {after} of the axis.

    `both` is what it says of both axes, where that has plainer words.
    """

    id: str
    says: str
    mend: str
    size: Size
    both: str = ""


def _reach(a: Axis) -> int:
    return (a.kernel - 1) * a.dilation + 1


def _padded(a: Axis) -> int:
    return a.size + a.before + a.after


def _windows(padded: int, reach: int, stride: int) -> int:
    return max((padded - reach) // stride + 1, 0)


def _right(a: Axis, **changed: int) -> int:
    b = replace(a, **changed)
    return _windows(_padded(b), _reach(b), b.stride)


def _up(a: Axis) -> int:
    """Strides, the last of which may be cut."""
    return -(-(_padded(a) - _reach(a)) // a.stride)


def outputs() -> Iterator[Formula]:
    """Of OH and OW, the plainest first."""
    yield Formula("padding left out", "leaves the padding out of the output size in the {axis}",
                  f"Add both sides: {_RIGHT}.", lambda a, b: _right(a, before=0, after=0))  # fmt: skip
    yield Formula("stride left out", "leaves the stride out of the output size in the {axis}",
                  f"Divide by the stride: {_RIGHT}.", lambda a, b: _right(a, stride=1))  # fmt: skip
    yield Formula("dilation left out", "leaves the dilation out of the output size in the {axis}",
                  "Use the reach of the kernel, `(K - 1) * dilation + 1`, in place of K.",
                  lambda a, b: _right(a, dilation=1))  # fmt: skip
    yield Formula("one missing", "gives one position too few in the {axis}: the first window is not counted",
                  f"{_RIGHT}: the `+ 1` counts the first window.", lambda a, b: a.output - 1)  # fmt: skip
    yield Formula("one too many", "gives one position too many in the {axis}", f"{_RIGHT}.",
                  lambda a, b: a.output + 1)  # fmt: skip
    yield Formula("rounded up", "rounds the output size up in the {axis}: one position too many where the stride "
                  "leaves some over", "Use `//`: what does not fill a stride is left over.",
                  lambda a, b: _up(a) + 1)  # fmt: skip
    yield Formula("short where it tiles", "gives one position too few in the {axis} where the stride leaves none over",
                  f"{_RIGHT}: the `+ 1` counts the first window.", lambda a, b: _up(a))  # fmt: skip
    yield Formula("one inside the division", "adds the 1 of the output size in the {axis} before it divides",
                  f"{_RIGHT}: the `+ 1` comes after the division.",
                  lambda a, b: (_padded(a) - _reach(a) + 1) // a.stride)  # fmt: skip
    yield Formula("rounded to the nearest", "rounds the output size in the {axis} to the nearest number",
                  "Use `//`, not `/` and round().",
                  lambda a, b: round((_padded(a) - _reach(a)) / a.stride) + 1)  # fmt: skip
    yield Formula("padding counted twice", "counts the padding twice in the output size in the {axis}",
                  "The padded image already holds the padding.",
                  lambda a, b: _right(a, before=2 * a.before, after=2 * a.after))  # fmt: skip
    yield Formula("only the padding before", "counts the {before} padding alone in the output size",
                  f"Add both sides: {_RIGHT}.", lambda a, b: _right(a, after=0))  # fmt: skip
    yield Formula("only the padding after", "counts the {after} padding alone in the output size",
                  f"Add both sides: {_RIGHT}.", lambda a, b: _right(a, before=0))  # fmt: skip
    yield Formula("padding before doubled", "takes twice the {before} padding for that of both sides",
                  "Padding is (top, bottom, left, right): add both.",
                  lambda a, b: _right(a, after=a.before))  # fmt: skip
    yield Formula("padding after doubled", "takes twice the {after} padding for that of both sides",
                  "Padding is (top, bottom, left, right): add both.",
                  lambda a, b: _right(a, before=a.after))  # fmt: skip
    yield Formula("padding of the other axis", "takes the padding of the {other} for the output size in the {axis}",
                  "Padding is (top, bottom, left, right).",
                  lambda a, b: _right(a, before=b.before, after=b.after))  # fmt: skip
    yield Formula("stride of the other axis", "takes the stride of the {other} for the output size in the {axis}",
                  "`stride` is (height, width).", lambda a, b: _right(a, stride=b.stride))  # fmt: skip
    yield Formula("dilation of the other axis", "takes the dilation of the {other} for the output size in the {axis}",
                  "`dilation` is (height, width).", lambda a, b: _right(a, dilation=b.dilation))  # fmt: skip
    yield Formula("kernel of the other axis", "takes the kernel of the {other} for the output size in the {axis}",
                  "`kernel_size` is (KH, KW).", lambda a, b: _right(a, kernel=b.kernel))  # fmt: skip
    yield Formula("size of the other axis", "takes the size of the image in the {other} for that in the {axis}",
                  "`input_size` is (H, W).", lambda a, b: _right(a, size=b.size))  # fmt: skip
    yield Formula("output of the other axis", "gives the {axis} as many positions as the {other}",
                  "The shape ends in (OH, OW): OH is made of H, KH and the padding of the height.",
                  lambda a, b: b.output, "exchanges OH and OW")  # fmt: skip
    yield Formula("stride and dilation exchanged", "exchanges stride and dilation in the output size in the {axis}",
                  "The stride steps windows, the dilation steps the taps inside one.",
                  lambda a, b: _right(a, stride=a.dilation, dilation=a.stride))  # fmt: skip
    yield Formula("reach too long", "takes K * dilation for the reach of the kernel in the {axis}",
                  "The reach is `(K - 1) * dilation + 1`.",
                  lambda a, b: _windows(_padded(a), a.kernel * a.dilation, a.stride))  # fmt: skip
    yield Formula("as padding same", "gives ceil(size / stride) positions in the {axis}, as if the padding were SAME",
                  f"Use the padding that is given: {_RIGHT}.", lambda a, b: -(-a.size // a.stride))  # fmt: skip
    yield Formula("size over stride", "gives size // stride positions in the {axis}", f"{_RIGHT}.",
                  lambda a, b: a.size // a.stride)  # fmt: skip
    yield Formula("size of the image", "gives as many positions as the image has pixels in the {axis}", f"{_RIGHT}.",
                  lambda a, b: a.size)  # fmt: skip
    yield Formula("kernel left out", "leaves the kernel out of the output size in the {axis}", f"{_RIGHT}.",
                  lambda a, b: _right(a, kernel=1))  # fmt: skip


_EMPTY_AT_AN_END = "crops `[top:-bottom, left:-right]`, which is empty where the bottom or the right padding is 0"


def images() -> Iterator[Formula]:
    """Of H and W of a result that is an image, the plainest first."""
    yield Formula("not cropped", "does not crop the padding in the {axis}: the result has the padded size",
                  f"{_CROP}.", lambda a, b: _padded(a))  # fmt: skip
    yield Formula("empty crop", "crops `[p:-p]` in the {axis}, which is empty where p is 0",
                  "Slice `[p:p + H]`: with p = 0, `[p:-p]` is `[0:0]`, and nothing is left.",
                  lambda a, b: max(_padded(a) - 2 * a.before, 0) if a.before else 0)  # fmt: skip
    yield Formula("empty crop at the end", "crops `[{before}:-{after}]`, which is empty where the {after} padding is 0",
                  "Slice `[top:top + H, left:left + W]`: `-0` is the beginning, not the end.",
                  lambda a, b: a.size if a.after else 0, _EMPTY_AT_AN_END)  # fmt: skip
    yield Formula("crop of one side", "crops the {before} padding at both ends",
                  f"Padding is (top, bottom, left, right): {_CROP}.",
                  lambda a, b: max(_padded(a) - 2 * a.before, 0))  # fmt: skip
    yield Formula("only the front cropped", "crops the {before} padding alone", f"{_CROP}.",
                  lambda a, b: a.size + a.after)  # fmt: skip
    yield Formula("only the end cropped", "crops the {after} padding alone", f"{_CROP}.",
                  lambda a, b: a.size + a.before)  # fmt: skip
    yield Formula("cropped twice", "crops the padding twice in the {axis}", "Crop once.",
                  lambda a, b: max(a.size - a.before - a.after, 0))  # fmt: skip
    yield Formula("one cropped", "always crops one pixel at both ends in the {axis}",
                  f"Crop the padding that is given: {_CROP}.", lambda a, b: max(_padded(a) - 2, 0))  # fmt: skip
    yield Formula("rebuilt", "rebuilds the size in the {axis} from the output, as (O - 1) * stride + reach - padding",
                  _WHOLE, lambda a, b: max(_built(a, _reach(a)) - a.before - a.after, 0))  # fmt: skip
    yield Formula("rebuilt, not cropped", "rebuilds the size in the {axis} as (O - 1) * stride + reach, and does not "
                  "crop it", _WHOLE, lambda a, b: _built(a, _reach(a)))  # fmt: skip
    yield Formula("rebuilt without dilation", "rebuilds the size in the {axis} as (O - 1) * stride + K - padding",
                  _WHOLE, lambda a, b: max(_built(a, a.kernel) - a.before - a.after, 0))  # fmt: skip
    yield Formula("rebuilt without dilation, not cropped", "rebuilds the size in the {axis} as (O - 1) * stride + K",
                  _WHOLE, lambda a, b: _built(a, a.kernel))  # fmt: skip
    yield Formula("output times stride", "takes OH * stride for the size in the {axis}", _WHOLE,
                  lambda a, b: a.output * a.stride)  # fmt: skip
    yield Formula("stride 1 taken", "takes O + K - 1 for the size in the {axis}, as if the stride were 1", _WHOLE,
                  lambda a, b: a.output + a.kernel - 1)  # fmt: skip
    yield Formula("one row more", "gives one pixel too many in the {axis}", "The size is `spec.input_size`.",
                  lambda a, b: a.size + 1)  # fmt: skip
    yield Formula("one row less", "gives one pixel too few in the {axis}", "The size is `spec.input_size`.",
                  lambda a, b: a.size - 1)  # fmt: skip
    yield Formula("size of the other axis", "takes the size of the {other} for the {axis}", "`input_size` is (H, W).",
                  lambda a, b: b.size)  # fmt: skip
    yield Formula("size of the output", "gives the size of the output in the {axis}", "The size is `spec.input_size`.",
                  lambda a, b: a.output)  # fmt: skip


def kernels() -> Iterator[Formula]:
    """Of KH and KW of a result that is a kernel."""
    yield Formula("left over kept", "keeps the rows that the stride leaves over in the {axis}: the kernel is too large",
                  "Crop the result to (KH, KW).", lambda a, b: _padded(a) - (a.output - 1) * a.stride)  # fmt: skip
    yield Formula("reach for the kernel", "gives the reach of the kernel in place of its size in the {axis}",
                  "Take every dilation-th row: the kernel has K.", lambda a, b: _reach(a))  # fmt: skip
    yield Formula("kernel of the other axis", "takes the size of the kernel in the {other} for the {axis}",
                  "`kernel_size` is (KH, KW).", lambda a, b: b.kernel)  # fmt: skip


def _built(a: Axis, reach: int) -> int:
    return (a.output - 1) * a.stride + reach
