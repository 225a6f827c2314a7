"""Faults that public implementations had, retold: kinds of mistakes, and the conditions under which they were made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from conformance.power.kinds.rearranged import (
    CONVOLUTIONS,
    EDGES,
    arranged,
    filters_by,
    own_way,
    pads,
    read_as,
    rows_and_columns,
    taps_by,
    written_as,
)  # fmt: skip
from conformance.power.right.ops import Call, Change, run
from conformance.power.right.tables import Numbers, Tables
from conformance.power.where.conditions import ALWAYS, Condition, On, When, in_dtype
from harness.contract.protocol import Array
from harness.geometry.spec import OPS, Op


class Retold(NamedTuple):
    """In which ops, what, and where."""

    ops: tuple[Op, ...]
    change: Change
    condition: Condition = ALWAYS


_WINDOWS: tuple[Op, ...] = ("im2col", "col2im", *CONVOLUTIONS)
_SCATTER: tuple[Op, ...] = ("col2im", "conv2d_input_grad")
_ONE_TAP = (On("KH", "=", 1), On("KW", "=", 1))


def retold() -> Iterator[Retold]:
    """All."""
    yield from _borders()
    yield from _orders()
    yield from _overlaps()
    yield from _paths()
    yield from _refusals()


def _borders() -> Iterator[Retold]:
    """The edge of the image and the padding around it."""
    for what, change in EDGES.items():
        yield Retold(_WINDOWS, Change(what, tables=change))
    yield Retold(_WINDOWS, Change("padding is a total, halved for each side", numbers=pads(
        lambda t, b, l, r: ((t + 1) // 2, b // 2, (l + 1) // 2, r // 2))))  # fmt: skip
    yield Retold(
        _WINDOWS, Change("the padding before is used after too", numbers=pads(lambda t, b, l, r: (t, t, l, l)))
    )
    yield Retold(
        _WINDOWS, Change("paddings before and after are swapped", numbers=pads(lambda t, b, l, r: (b, t, r, l)))
    )
    yield Retold(_WINDOWS, Change("paddings are read as (top, left, bottom, right)", numbers=pads(
        lambda t, b, l, r: (t, l, b, r))))  # fmt: skip
    yield Retold(_WINDOWS, Change("padding as if the stride were 1", numbers=_same_padding),
                 Condition((On("SH", ">", 1), On("pt", ">", 0))))  # fmt: skip
    yield Retold(_WINDOWS, Change("padding is cut to less than the kernel", numbers=_less_than_the_kernel))
    yield Retold(_WINDOWS, Change("the size of the result leaves dilation out", numbers=_dense, scope="sizes"))
    yield Retold(_WINDOWS, Change("the number of positions is rounded up", numbers=_rounded_up, scope="sizes"))


def _orders() -> Iterator[Retold]:
    """The same elements in another order."""
    for what, order in {
        "the taps of a column are in the order (kw, kh)": (0, 1, 3, 2, 4, 5),
        "the rows of columns are in the order (kh, kw, c)": (0, 2, 3, 1, 4, 5),
        "positions are in the order (ow, oh)": (0, 1, 2, 3, 5, 4),
        "columns are laid out as (rows, positions, N)": (1, 2, 3, 4, 5, 0),
        "columns are laid out as (rows, N, positions)": (1, 2, 3, 0, 4, 5),
        "columns are laid out as (N, positions, rows)": (0, 4, 5, 1, 2, 3),
    }.items():
        yield Retold(("im2col",), written_as(what, order))
        yield Retold(("col2im",), read_as(what, order))
    yield Retold(("conv2d",), arranged("the result is (F, N, L), reshaped without a transpose", (1, 0, 2, 3)))
    yield Retold(("conv2d",), arranged("the result is in the order of channels last", (0, 2, 3, 1)))
    yield Retold(("conv2d_input_grad",), arranged("the result is in the order of channels last", (0, 2, 3, 1)))
    yield Retold(("conv2d_weight_grad",), arranged("the taps of the result are swapped", (0, 1, 3, 2)))
    yield Retold(("conv2d", "conv2d_input_grad", "conv2d_weight_grad"), taps_by("the kernel is flipped", True, True))
    yield Retold(("conv2d", "conv2d_input_grad", "conv2d_weight_grad"), taps_by("kernel rows are flipped", True, False))
    yield Retold(("conv2d_input_grad",), own_way("weights are read as (K, F)", 1, lambda w: (
        w.reshape(w.size // len(w), len(w)).T.reshape(w.shape))))  # fmt: skip
    yield Retold(("conv2d",), filters_by("every group has the biases of the first", "bias", lambda t: t * 0 + t[:1]))
    yield Retold(
        CONVOLUTIONS, filters_by("every group sees the channels of the first", "channel", lambda t: t * 0 + t[:1])
    )
    yield Retold(CONVOLUTIONS, filters_by("filters are dealt to the groups in turn", "filter_out", lambda t: (
        t.reshape(t.shape[::-1]).T)))  # fmt: skip
    yield Retold(("conv2d",), own_way("the bias is reversed", 2, lambda b: b[::-1].copy()))
    yield Retold(("conv2d",), Change("the bias runs along the width", result=_bias_along_the_width),
                 Condition((On("F", "=", "OW"),)))  # fmt: skip


def _overlaps() -> Iterator[Retold]:
    """Windows that share pixels, and sums over what they should not be over."""
    yield Retold(_SCATTER, Change("overlapping windows overwrite each other", add=_overwrites))
    yield Retold(_SCATTER, Change("of overlapping windows the larger counts", add=_largest))
    yield Retold(_SCATTER, Change("overlapping windows are averaged", result=_averaged))
    yield Retold(
        ("conv2d_input_grad", "conv2d_weight_grad"),
        Change("stride and dilation are swapped", numbers=_stride_for_dilation),
    )
    yield Retold(
        ("conv2d_bias_grad",), Change("every filter has the total of all", result=lambda call, out: out * 0 + out.sum())
    )
    yield Retold(("conv2d_bias_grad",), Change("the mean instead of the sum", result=lambda call, out: (
        out / max(1, call.spec.positions)).astype(out.dtype)))  # fmt: skip
    sums: tuple[Op, ...] = ("conv2d_weight_grad", "conv2d_bias_grad")
    yield Retold(sums, Change("the mean over the batch", result=lambda call, out: (
        out / max(1, call.spec.batch)).astype(out.dtype)))  # fmt: skip
    yield Retold(("conv2d_weight_grad", "conv2d_bias_grad"), Change("garbage for no images", result=lambda call, out: (
        out if call.spec.batch else np.ones_like(out))))  # fmt: skip


def _paths() -> Iterator[Retold]:
    """Paths of their own for some geometries, which forget something."""
    one = Condition(_ONE_TAP)
    yield Retold(_WINDOWS, Change("the way for one tap ignores strides", numbers=_unit_strides, scope="indices"), one)
    yield Retold(
        _WINDOWS, Change("the way for one tap ignores padding", numbers=pads(lambda *_: (0,) * 4), scope="indices"), one
    )
    yield Retold(_WINDOWS, Change("the way for one tap asks for the height alone", tables=_first_column),
                 Condition((On("KH", "=", 1),)))  # fmt: skip
    last = Change("the last pixel of the last channel is wrong", result=_last_is_wrong)
    for geometry in (
        (On("W", "=", 1), On("KW", "=", 1)), (On("C/G", "=", 24),), (On("KH", ">", 16),), (On("N", ">", 32),),
        (On("KH", ">", "KW"), On("SH", "=", 2), On("pt", "=", 1), On("C", ">", 1)), (On("G", ">", 1), On("SH", ">", 1)),
        (On("SW", ">", 1), On("C/G", ">", 16), On("W", "<", 17)),
        (On("depthwise", "=", 1), On("C", "=", 24), On("SH", "=", 2)),
        (On("pl", ">", "W"),), (On("G", ">", 1), On("DH", ">", 1)), (On("depthwise", "=", 1), On("F/G", ">", 1)),
        (On("C/G", "%", 8, 7),),
        (On("DH", ">", 1), On("SH", ">", 1)), (On("N", ">", 1), On("G", ">", 1), On("pt", ">", 0)),
        (On("columns", ">", 32767),), (On("columns", ">", 65535),), (On("N", ">", 65535),), (On("L", ">", 65535),),
        (On("N", ">", 1250),), (On("KW", ">", 31),), (On("C", ">", 1023),), (On("L", ">", 1023), On("KH", "=", 3)),
    ):  # fmt: skip
        yield Retold(OPS, last, Condition(geometry))
    square = (
        On("KH", "=", 3),
        On("KW", "=", 3),
        On("SH", "=", 1),
        On("SW", "=", 1),
        On("DH", "=", 1),
        On("DW", "=", 1),
    )
    cheap = Change("the way for 3x3 rounds to float16", inputs=_halves)
    yield Retold(CONVOLUTIONS, cheap, Condition(square))
    yield Retold(
        CONVOLUTIONS, Change("sums in float16", sums="float16"), Condition((On("K", ">", 31),), (in_dtype("float16"),))
    )


def _refusals() -> Iterator[Retold]:
    """What is well defined and raises all the same."""
    for what, geometry in {
        "padding as wide as the kernel": (On("pt", ">", "RH"),),
        "a kernel larger than the image": (On("KH", ">", "H"),),
        "windows that do not tile": (On("rows left over", ">", 0),), "no images": (On("N", "=", 0),),
        "one channel": (On("C", "=", 1),), "a stride beyond the kernel": (On("SW", ">", "KW"),),
    }.items():  # fmt: skip
        yield Retold(OPS, Change(f"{what} raises", inputs=_raises), Condition(geometry))
    without = When("there is no bias", lambda call: call.arrays[2] is None)
    yield Retold(
        ("conv2d",), Change("groups without a bias raise", inputs=_raises), Condition((On("G", ">", 1),), (without,))
    )


# -- what they do -----------------------------------------------------------------------------------------------------


def _same_padding(call: Call, n: Numbers) -> None:
    for before, after, taps, step in (
        ("pad_top", "pad_bottom", n.kernel_h, n.dilation_h), ("pad_left", "pad_right", n.kernel_w, n.dilation_w),
    ):  # fmt: skip
        total = (taps - 1) * step
        setattr(n, before, total // 2)
        setattr(n, after, total - total // 2)


def _less_than_the_kernel(call: Call, n: Numbers) -> None:
    n.pad_top, n.pad_bottom = (min(p, n.kernel_h - 1) for p in (n.pad_top, n.pad_bottom))
    n.pad_left, n.pad_right = (min(p, n.kernel_w - 1) for p in (n.pad_left, n.pad_right))


def _dense(call: Call, n: Numbers) -> None:
    n.dilation_h = n.dilation_w = 1


def _rounded_up(call: Call, n: Numbers) -> None:
    n.pad_bottom += n.stride_h - 1
    n.pad_right += n.stride_w - 1


def _unit_strides(call: Call, n: Numbers) -> None:
    n.stride_h = n.stride_w = 1


def _stride_for_dilation(call: Call, n: Numbers) -> None:
    n.stride_h, n.stride_w, n.dilation_h, n.dilation_w = n.dilation_h, n.dilation_w, n.stride_h, n.stride_w


def _first_column(call: Call, t: Tables) -> None:
    rows_and_columns(t, column=lambda table: np.where(np.arange(len(table))[:, None] > 0, -1, table))


def _overwrites(image: Array, at: tuple[Array, ...], columns: Array) -> None:
    image[at] = columns


def _largest(image: Array, at: tuple[Array, ...], columns: Array) -> None:
    image[at] = np.maximum(image[at], columns)


def _averaged(call: Call, out: Array) -> Array:
    ones = np.ones(call.spec.columns_shape, out.dtype)
    shares = out / np.maximum(run(Call("col2im", call.spec, (ones,))), 1)
    return shares.astype(out.dtype)  # type: ignore[no-any-return]


def _bias_along_the_width(call: Call, out: Array) -> Array:
    b = call.arrays[2]
    if b is None or out.shape[-1] != out.shape[1]:
        return out
    return out - b[:, None, None] + b


def _last_is_wrong(call: Call, out: Array) -> Array:
    if out.size:
        out[(-1,) * out.ndim] += 1
    return out


def _halves(call: Call) -> tuple[Array | None, ...]:
    return tuple(a if a is None or a.dtype.kind != "f" else a.astype(np.float16).astype(a.dtype) for a in call.arrays)


def _raises(call: Call) -> tuple[Array | None, ...]:
    raise ValueError("this is not supported")
