"""What a geometry comes to in numbers: its output, what its stride leaves over, its matrix products, its memory."""

from __future__ import annotations

import math

from harness.contract.columns_layouts import COLUMNS_LAYOUTS
from harness.explain.document import Section, Table
from harness.geometry.spec import ConvSpec, SpecError
from harness.results.words import digits, plural, size

_AXES = ("height", "width")
_DTYPE = "float32"  # in which memory is told


def geometry(spec: ConvSpec) -> Section:
    """The numbers of the spec in words, how many positions follow, and whether the stride fits."""
    (h, w), (kh, kw), (sh, sw), (dh, dw) = spec.input_size, spec.kernel_size, spec.stride, spec.dilation
    top, bottom, left, right = spec.padding
    reach = "" if spec.dilation == (1, 1) else f", so that the kernel reaches over {_by(spec.reach)}"
    oh, ow = spec.output_size
    facts = [
        f"x: {plural(spec.batch, 'image')} of {plural(spec.in_channels, 'channel')}, {h} x {w} pixels, shape "
        f"{spec.x_shape}.",
        f"w: {plural(spec.out_channels, 'filter')} of {kh} x {kw} taps, shape {spec.w_shape}; "
        f"{plural(spec.groups, 'group')}.",
        f"stride {sh} down, {sw} across; padding {top} at the top, {bottom} at the bottom, {left} at the left, "
        f"{right} at the right; dilation {dh} down, {dw} across{reach}.",
    ]
    counted = [_positions(spec, axis) for axis in (0, 1)]
    return Section(
        f"The geometry {spec}",
        [*facts, *counted, f"The window has {oh} x {ow} = {spec.positions:,} positions.", *_fit(spec)],
    )


def _positions(spec: ConvSpec, axis: int) -> str:
    """One axis of the output size, as the sum that gives it."""
    size, reach, stride = spec.input_size[axis], spec.reach[axis], spec.stride[axis]
    before, after = spec.padding[2 * axis : 2 * axis + 2]
    letter = "HW"[axis]
    return (
        f"O{letter} = ({letter} + padding - kernel) // stride + 1 = ({size} + {before} + {after} - {reach}) // "
        f"{stride} + 1 = {spec.output_size[axis]}"
    )


def _fit(spec: ConvSpec) -> list[str]:
    """Whether the stride fits, what is left over where it does not, and what other conventions do then."""
    if not any(spec.left_over):
        return ["The stride fits: the last window ends at the last row and column of the padded image."]
    lines = []
    for axis, count in enumerate(spec.left_over):
        if count:
            what, last = ("rows", "bottom") if axis == 0 else ("columns", "right")
            whole, pixels = spec.padded_size[axis], max(0, count - spec.padding[2 * axis + 1])
            lines.append(
                f"Warning: the stride does not fit the {_AXES[axis]}. {count} of the {whole} {what} of the padded "
                f"image are left over at the {last}, and no window reaches them; {pixels} of them are pixels, whose "
                "gradient is 0."
            )
    ceil = _rounded(spec, "ceil")
    return [
        *lines,
        f"floor leaves them out: {_by(spec.output_size)} positions. So does convolution everywhere, and this spec.",
        f"ceil adds a window for them: {ceil} positions. Pooling in several libraries rounds so; here "
        'rounding="ceil" pads the end until the stride fits.',
        f"exact refuses such a stride, as the asserts of CS231n do: {_rounded(spec, 'exact')}.",
    ]


def _rounded(spec: ConvSpec, rounding: str) -> str:
    """The output size with another rounding, or what it refuses."""
    try:
        made = ConvSpec.of(
            batch=spec.batch, in_channels=spec.in_channels, input_size=spec.input_size,
            out_channels=spec.out_channels, kernel_size=spec.kernel_size, stride=spec.stride, padding=spec.padding,
            dilation=spec.dilation, rounding="ceil" if rounding == "ceil" else "exact",
        )  # fmt: skip
    except SpecError as error:
        return str(error)
    return _by(made.output_size)


def products(spec: ConvSpec) -> Section:
    """Convolution and its gradients as matrix products, with every size."""
    g, l = spec.groups, spec.positions
    f, k = spec.out_channels // g, spec.in_channels // g * spec.taps
    rows = [
        ["conv2d", f"W ({f} x {k}) @ columns ({k} x {l}) -> y ({f} x {l})", f"reshaped to {spec.y_shape}"],
        ["conv2d_input_grad", f"W' ({k} x {f}) @ dy ({f} x {l}) -> columns ({k} x {l})",
         f"col2im adds them up to {spec.x_shape}"],
        ["conv2d_weight_grad", f"dy ({f} x {l}) @ columns' ({l} x {k}) -> dW ({f} x {k})",
         f"summed over images, reshaped to {spec.w_shape}"],
    ]  # fmt: skip
    whole = (
        f"F = {plural(spec.out_channels, 'filter')}, K = C*KH*KW = {spec.in_channels} * {spec.kernel_size[0]} * "
        + (f"{spec.kernel_size[1]} = {spec.in_channels * spec.taps} rows, L = OH*OW = {l} positions")
    )
    each = "of every image" if g == 1 else f"of every image and of each of {g} groups, with F/G = {f} and K/G = {k}"
    return Section(
        "Convolution as a matrix product: W (F x K) @ columns (K x L) -> y (F x L)",
        [
            f"{whole}. The products {each}:",
            Table(("op", "product", "then"), rows),
            f"{spec.macs:,} multiply-adds for each of the three, taps that meet padding included. The apostrophe is a "
            "transpose. Where an im2col gives its windows as rows (L x K), the factors change places.",
        ],
    )


def memory(spec: ConvSpec) -> Section:
    """The columns against the image that they are made of."""
    image, columns = spec.min_bytes("im2col", _DTYPE) - spec.columns_bytes(_DTYPE), spec.columns_bytes(_DTYPE)
    times = f", {digits(columns / image)} times as much" if image else ""
    return Section(
        "Memory",
        [
            f"In {_DTYPE}, x takes {size(image)} and its columns {size(columns)}{times}: "
            f"{math.prod(spec.x_shape):,} elements become {math.prod(spec.columns_shape):,}.",
            "Methods without columns (direct, implicit GEMM) never write them.",
        ],
    )


def layouts(spec: ConvSpec) -> Section:
    """The orders in which the same columns are found."""
    rows = [[name, one.form, str(one.shape(spec)), one.who] for name, one in COLUMNS_LAYOUTS.items()]
    return Section(
        "Layouts of the columns",
        [
            "The same numbers in another order; `batched` is that of the contract. --layout NAME draws the columns so; "
            "a plug-in says its own with one line, layout = NAME.",
            Table(("layout", "shape", "here", "who"), rows),
        ],
    )


def _by(pair: tuple[int, int]) -> str:
    return f"{pair[0]} x {pair[1]}"
