"""The numbers of a geometry that a condition may speak of, and how a geometry is made that has a given one."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from conformance.power.right.tables import Numbers
from harness.geometry.spec import ConvSpec, SpecError

QUANTITIES: dict[str, Callable[[ConvSpec], int]] = {
    "N": lambda s: s.batch, "C": lambda s: s.in_channels, "F": lambda s: s.out_channels, "G": lambda s: s.groups,
    "C/G": lambda s: s.in_channels // s.groups, "F/G": lambda s: s.out_channels // s.groups,
    "H": lambda s: s.input_size[0], "W": lambda s: s.input_size[1], "KH": lambda s: s.kernel_size[0],
    "KW": lambda s: s.kernel_size[1], "SH": lambda s: s.stride[0], "SW": lambda s: s.stride[1],
    "DH": lambda s: s.dilation[0], "DW": lambda s: s.dilation[1], "pt": lambda s: s.padding[0],
    "pb": lambda s: s.padding[1], "pl": lambda s: s.padding[2], "pr": lambda s: s.padding[3],
    "OH": lambda s: s.output_size[0], "OW": lambda s: s.output_size[1], "L": lambda s: s.positions,
    "N*L": lambda s: s.batch * s.positions, "K": lambda s: s.in_channels // s.groups * s.taps,
    "columns": lambda s: s.work("im2col"), "taps": lambda s: s.taps,
    "RH": lambda s: s.reach[0], "RW": lambda s: s.reach[1],
    "rows left over": lambda s: (s.padded_size[0] - s.reach[0]) % s.stride[0],
    "columns left over": lambda s: (s.padded_size[1] - s.reach[1]) % s.stride[1],
    "depthwise": lambda s: int(s.groups == s.in_channels > 1),
}  # fmt: skip


@lru_cache(maxsize=8192)
def quantity(name: str, spec: ConvSpec) -> int:
    """One of them."""
    return QUANTITIES[name](spec)


def spec_of(n: Numbers) -> ConvSpec | None:
    """The geometry with these numbers; None if there is none."""
    try:
        return ConvSpec(
            batch=n.batch, in_channels=n.in_channels, out_channels=n.out_channels, groups=n.groups,
            input_size=(n.height, n.width), kernel_size=(n.kernel_h, n.kernel_w), stride=(n.stride_h, n.stride_w),
            padding=(n.pad_top, n.pad_bottom, n.pad_left, n.pad_right), dilation=(n.dilation_h, n.dilation_w),
        )  # fmt: skip
    except SpecError:
        return None


def _set(*names: str) -> Callable[[Numbers, int], None]:
    def aim(n: Numbers, value: int) -> None:
        for name in names:
            setattr(n, name, value)

    return aim


def _channels(n: Numbers, value: int) -> None:
    n.in_channels = value * n.groups


def _filters(n: Numbers, value: int) -> None:
    n.out_channels = value * n.groups


def _groups(n: Numbers, value: int) -> None:
    inputs, outputs = n.in_channels // n.groups, n.out_channels // n.groups
    n.groups, n.in_channels, n.out_channels = value, inputs * value, outputs * value


def _rows(n: Numbers, value: int) -> None:
    n.height = max(1, (value - 1) * n.stride_h + (n.kernel_h - 1) * n.dilation_h + 1 - n.pad_top - n.pad_bottom)


def _columns(n: Numbers, value: int) -> None:
    n.width = max(1, (value - 1) * n.stride_w + (n.kernel_w - 1) * n.dilation_w + 1 - n.pad_left - n.pad_right)


def _positions(n: Numbers, value: int) -> None:
    across = next((k for k in range(int(value**0.5), 0, -1) if value % k == 0), 1)
    _rows(n, across)
    _columns(n, value // across)


def _terms(n: Numbers, value: int) -> None:
    _channels(n, max(1, -(-value // (n.kernel_h * n.kernel_w))))


def _taps(n: Numbers, value: int) -> None:
    n.kernel_w = next(k for k in range(min(n.kernel_w, value), 0, -1) if value % k == 0)
    n.kernel_h = value // n.kernel_w


def _reach(taps: str, step: str) -> Callable[[Numbers, int], None]:
    """By dilation where there are several taps, which leaves their number as it is."""

    def aim(n: Numbers, value: int) -> None:
        count = getattr(n, taps)
        if count > 1:
            setattr(n, step, max(1, -(-(value - 1) // (count - 1))))
        else:
            setattr(n, taps, value)

    return aim


def _depthwise(n: Numbers, value: int) -> None:
    if value:
        groups = n.in_channels if n.in_channels > 1 else max(2, n.groups)
        n.groups, n.in_channels, n.out_channels = groups, groups, groups * max(1, n.out_channels // n.groups)


# How a geometry is bent towards a value of a quantity; whether it got there is asked afterwards.
AIMS: dict[str, Callable[[Numbers, int], None]] = {
    "N": _set("batch"), "C": lambda n, v: _channels(n, -(-v // n.groups)),
    "F": lambda n, v: _filters(n, -(-v // n.groups)),
    "G": _groups, "C/G": _channels, "F/G": _filters, "H": _set("height"), "W": _set("width"), "KH": _set("kernel_h"),
    "KW": _set("kernel_w"), "SH": _set("stride_h"), "SW": _set("stride_w"), "DH": _set("dilation_h"),
    "DW": _set("dilation_w"), "pt": _set("pad_top"), "pb": _set("pad_bottom"), "pl": _set("pad_left"),
    "pr": _set("pad_right"), "OH": _rows, "OW": _columns, "L": _positions,
    "N*L": lambda n, v: _positions(n, -(-v // n.batch)), "K": _terms,
    "columns": lambda n, v: _positions(n, -(-v // max(1, n.batch * n.in_channels * n.kernel_h * n.kernel_w))),
    "taps": _taps, "RH": _reach("kernel_h", "dilation_h"), "RW": _reach("kernel_w", "dilation_w"),
    "rows left over": lambda n, v: _set("height")(n, n.height + v), "depthwise": _depthwise,
    "columns left over": lambda n, v: _set("width")(n, n.width + v),
}  # fmt: skip
