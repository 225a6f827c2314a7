"""What of a large geometry is drawn: one of the same kernel, stride, padding and dilation, on a smaller image."""

from __future__ import annotations

import math

from harness.geometry.spec import ConvSpec

_IMAGES, _CHANNELS = 2, 4
_MOST_ELEMENTS = 2**18  # of the columns that are drawn, and of the padded image


def drawn(spec: ConvSpec, most: int) -> ConvSpec | None:
    """The geometry itself if it is small, else a smaller one; None if its kernel or padding alone is too large.

    The padded image gets at most `most` rows and columns, or as few as two window positions need. What the stride
    leaves over stays.

    >>> str(drawn(ConvSpec.parse("n1c3h227w227_f96kh11kw11_sh4sw4"), 16))
    'n1c3h15w15_f96kh11kw11_sh4sw4'
    """
    channels = min(spec.in_channels, _CHANNELS)
    groups = spec.groups if channels == spec.in_channels else 1
    made = ConvSpec(
        batch=min(max(spec.batch, 1), _IMAGES), in_channels=channels, groups=groups,
        input_size=(_extent(spec, 0, most), _extent(spec, 1, most)), out_channels=spec.out_channels,
        kernel_size=spec.kernel_size, stride=spec.stride, padding=spec.padding, dilation=spec.dilation,
    )  # fmt: skip
    too_large = max(math.prod(made.columns_shape), channels * math.prod(made.padded_size)) > _MOST_ELEMENTS
    return None if too_large else made


def _extent(spec: ConvSpec, axis: int, most: int) -> int:
    """Rows (axis 0) or columns of the smaller image: whole strides are taken away, as many positions fewer."""
    size, positions, stride = spec.input_size[axis], spec.output_size[axis], spec.stride[axis]
    too_many = max(0, -(-(spec.padded_size[axis] - most) // stride))  # strides beyond `most`
    fewer = max(0, positions - most // 2, too_many)
    least = max(0, positions - 2)  # two positions are left, if there were two
    return size - min(fewer, least, (size - 1) // stride) * stride


def note(spec: ConvSpec, shown: ConvSpec | None) -> str:
    """What of the geometry the pictures show; empty if all of it."""
    if shown is None:
        return (
            f"Nothing is drawn: with this kernel and padding even a small image has more than {_MOST_ELEMENTS:,} "
            "elements in its columns or around it."
        )
    if shown == spec:
        return ""
    return (
        f"{spec} is too large to be drawn. All pictures below show {shown}: the same kernel, stride, padding and "
        "dilation on fewer images, channels or pixels. All sizes above are those of the whole."
    )
