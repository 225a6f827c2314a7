"""Wrong geometries and wrong arrays, each with the exception that refuses it and the argument that its text names.

Every wrong call lies ready as a `partial`, so its arguments can be looked at before and after the
refusal. What other libraries refuse and we accept stands in `ACCEPTED`, with what we take it to mean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from harness.contract.protocol import ARGUMENTS, ArgumentError, Array, validate
from harness.geometry.spec import ConvSpec, Op, SpecError


@dataclass(frozen=True, slots=True)
class ErrorInput:
    """One wrong call: the exception types allowed, exactly, and the argument or field that the text must name."""

    id: str
    call: partial[Any]
    allowed: tuple[type[Exception], ...]
    names: str


@dataclass(frozen=True, slots=True)
class AcceptedInput:
    """One unusual call that is right, and the spec that it means."""

    id: str
    call: Callable[[], ConvSpec]
    expected: ConvSpec


_BASE: dict[str, Any] = dict(batch=2, in_channels=4, input_size=(7, 6), out_channels=6, kernel_size=(3, 2))


def _of(id: str, names: str, **change: Any) -> ErrorInput:
    return ErrorInput(f"of.{id}", partial(ConvSpec.of, **{**_BASE, **change}), (SpecError,), names)


def _direct(id: str, names: str, **change: Any) -> ErrorInput:
    return ErrorInput(f"direct.{id}", partial(ConvSpec, **{**_BASE, **change}), (SpecError,), names)


def _parse(id: str, names: str, text: str) -> ErrorInput:
    return ErrorInput(f"parse.{id}", partial(ConvSpec.parse, text), (SpecError,), names)


_PAIRS = ("input_size", "kernel_size", "stride", "dilation", "padding")
_NUMBERS = ("batch", "in_channels", "out_channels", "groups")
_POSITIVE = [name for name in (*_PAIRS, *_NUMBERS) if name not in ("padding", "batch")]
# Values that look like a number and are none. A bool is an int to Python: here it is a slip.
_NO_NUMBER: dict[str, Any] = {
    "bool": True,
    "numpy_bool": np.bool_(True),
    "float": 2.0,
    "numpy_float": np.float64(2.0),
    "complex": 2 + 0j,
    "none": None,
    "text": "2",
    "bytes": b"22",
    "timedelta": np.timedelta64(2),
    "masked": np.ma.masked,
    "float_0d": np.array(2.0),
    "array_2d": np.ones((2, 2), np.int64),
    "set": {1, 2},
}

GEOMETRY: tuple[ErrorInput, ...] = (
    # below the least value
    *[_of(f"{name}_zero", name, **{name: 0}) for name in _POSITIVE],
    *[_of(f"{name}_negative", name, **{name: -1}) for name in _POSITIVE],
    *[_of(f"{name}_zero_in_one_axis", name, **{name: (1, 0)}) for name in _PAIRS if name != "padding"],
    _of("padding_negative", "padding", padding=-1),
    _of("padding_one_side_negative", "padding", padding=(3, 3, -1, 3)),
    _of("batch_negative", "batch", batch=-1),
    _of("image_negative_padded", "input_size", input_size=(-1, 6), padding=9),
    _of("stride_0_same", "stride", stride=0, padding="same"),
    _of("stride_0_ceil", "stride", stride=(1, 0), rounding="ceil"),
    _of("kernel_0_full", "kernel_size", kernel_size=0, padding="full"),
    _of("dilation_0_full", "dilation", dilation=0, padding="full"),
    # groups
    _of("in_channels_not_divisible", "in_channels", in_channels=4, groups=3),
    _of("out_channels_not_divisible", "out_channels", in_channels=4, out_channels=6, groups=4),
    _of("fewer_filters_than_groups", "out_channels", in_channels=4, out_channels=2, groups=4),
    _of("fewer_channels_than_groups", "in_channels", in_channels=2, out_channels=4, groups=4),
    # the kernel does not fit
    _of("kernel_taller_than_image", "dilated kernel", kernel_size=(8, 2)),
    _of("kernel_wider_than_image", "dilated kernel", kernel_size=(3, 7)),
    _of("kernel_beyond_padded", "dilated kernel", kernel_size=(10, 2), padding=(1, 1, 0, 0)),
    _of("dilated_kernel_beyond", "dilated kernel", dilation=(4, 1)),
    _of("padded_in_the_other_axis", "dilated kernel", kernel_size=(8, 2), padding=(0, 0, 9, 9)),
    # kinds of number
    *[_of(f"{name}_{kind}", name, **{name: a}) for name in (*_PAIRS, *_NUMBERS) for kind, a in _NO_NUMBER.items()],
    *[_of(f"{name}_bool_inside", name, **{name: (1, True)}) for name in _PAIRS],
    *[_of(f"{name}_float_inside", name, **{name: [1, 1.0]}) for name in _PAIRS],
    *[_of(f"{name}_is_a_pair", name, **{name: (1, 1)}) for name in _NUMBERS],
    _of("float_array", "stride", stride=np.array([1.0, 2.0])),
    _of("masked_array", "stride", stride=np.ma.array([1, 2], mask=[False, True])),
    _of("stride_beyond_int64", "stride", stride=10**5000),
    # counts of numbers
    *[_of(f"{name}_empty", name, **{name: ()}) for name in _PAIRS],
    *[_of(f"{name}_1_tuple", name, **{name: (1,)}) for name in _PAIRS],
    *[_of(f"{name}_3_tuple", name, **{name: (1, 1, 1)}) for name in _PAIRS],
    *[_of(f"{name}_4_tuple", name, **{name: (1, 1, 1, 1)}) for name in _PAIRS if name != "padding"],
    _of("padding_5_tuple", "padding", padding=(1, 1, 1, 1, 1)),
    _of("padding_nested", "padding", padding=((1, 1), (1, 1))),
    _of("stride_long_array", "stride", stride=np.ones(200, np.int64)),
    _of("padding_long_array", "padding", padding=np.ones(200, np.int64)),
    *[_direct(f"{name}_is_one_number", name, **{name: 1}) for name in _PAIRS],
    *[_direct(f"{name}_3_tuple", name, **{name: (1, 1, 1)}) for name in _PAIRS],
    _direct("padding_2_tuple", "padding", padding=(1, 1)),
    _direct("padding_text", "padding", padding="same"),
    # words
    *[_of(f"padding_word_{word!r}", "padding", padding=word) for word in ("sam", "SAME", "SAME_UPPER", "", "reflect")],
    _of("padding_word_in_bytes", "padding", padding=b"same"),
    _of("rounding_unknown", "rounding", rounding="up"),
    _of("rounding_none", "rounding", rounding=None),
    _of("exact_does_not_tile", "stride", stride=(3, 1), rounding="exact"),
    # more than 2^63 elements
    _of("x_overflows", "x has", batch=2**31, in_channels=2**31),
    _of("w_overflows", "w has", in_channels=2**31, out_channels=2**31),
    _of("columns_overflow", "columns has", in_channels=2**20, input_size=2**20, kernel_size=2**10),
    _of("y_overflows", "y has", out_channels=2**40, input_size=2**12),
    _of("macs_overflow", "multiply-adds has", in_channels=2**20, out_channels=2**20, input_size=2**12, kernel_size=1),
    _of("padded_overflows", "padded x has", batch=0, in_channels=1, padding=2**31, stride=2**40),
    _of("empty_batch_overflows", "w has", batch=0, in_channels=2**31, out_channels=2**31),
    _of("batch_beyond_int64", "batch", batch=10**5000),
    # text
    _parse("nothing", "spec", ""),
    _parse("half", "spec", "n1c1h5w6"),
    _parse("unknown_group", "spec", "n1c1h5w6_f1kh2kw3_q7"),
    _parse("minus", "spec", "n1c1h5w6_f1kh2kw3_pt-1"),
    _parse("float", "spec", "n1c1h5w6_f1kh2kw3_sh1.5"),
    _parse("two_lines", "spec", "n1c1h5w6\n_f1kh2kw3"),
    _parse("too_long", "spec", f"n{'1' * 5000}c1h5w6_f1kh2kw3"),
    _parse("beyond_int64", "batch", f"n{'1' * 40}c1h5w6_f1kh2kw3"),
    _parse("stride_0", "stride", "n1c1h5w6_f1kh2kw3_sh0"),
    _parse("groups_0", "groups", "n1c1h5w6_f1kh2kw3_g0"),
    _parse("image_empty", "input_size", "n1c1h0w6_f1kh2kw3"),
    _parse("kernel_beyond_image", "dilated kernel", "n1c1h5w6_f1kh6kw3"),
    _parse("out_channels_not_divisible", "out_channels", "n1c2h5w6_f3kh2kw3_g2"),
)  # fmt: skip


_SPEC = ConvSpec.parse("n2c4h5w4_f6kh3kw2_g2")
_GOOD: dict[Op, dict[str, Array]] = {
    op: {name: np.ones(shape, np.float32) for name, shape in zip(names, _SPEC.input_shapes(op), strict=True)}
    for op, names in ARGUMENTS.items()
}


class _Tagged(np.ndarray[Any, Any]):
    """Somebody's own kind of array."""


def _wrong(op: Op, id: str, **change: object) -> ErrorInput:
    """`op` with one argument replaced, which the text must name."""
    (name,) = change
    arrays: Any = {**_GOOD[op], **change}.values()
    return ErrorInput(f"{op}.{name}_{id}", partial(validate, op, _SPEC, *arrays), (ArgumentError,), name)


def _call(id: str, names: str, op: Any, *arrays: Any) -> ErrorInput:
    return ErrorInput(f"{op}.{id}", partial(validate, op, _SPEC, *arrays), (ArgumentError,), names)


def _each(id: str, change: Callable[[Array], object], *, but: str = "") -> list[ErrorInput]:
    """The same fault in every argument of every op."""
    return [
        _wrong(op, id, **{name: change(a)}) for op, given in _GOOD.items() for name, a in given.items() if name != but
    ]


def _longer(a: Array, axis: int) -> Array:
    return np.repeat(a, 2, axis)


_X, _W, _B = _GOOD["conv2d"].values()
_FOREIGN = ("complex64", "bool", "int8", "uint32", "complex128", "O", "U3", "S3", "datetime64[s]", "timedelta64[s]")

ARRAYS: tuple[ErrorInput, ...] = (
    # no plain arrays
    *_each("none", lambda a: None, but="b"),
    *_each("list", lambda a: a.tolist()),
    *_each("tuple", tuple),
    *_each("scalar", lambda a: 1.0),
    *_each("numpy_scalar", lambda a: np.float32(1)),
    *_each("memoryview", lambda a: a.data),
    *_each("masked", lambda a: np.ma.masked_array(a, mask=False)),
    *_each("subclass", lambda a: a.view(_Tagged)),
    _wrong("conv2d", "matrix", b=np.ones((1, 6), np.float32).view(np.matrix)),
    _wrong("im2col", "matrix", x=np.ones((8, 20), np.float32).view(np.matrix)),
    # dtypes
    *_each("swapped", lambda a: a.astype(a.dtype.newbyteorder())),
    *[row for dtype in _FOREIGN for row in _each(dtype, lambda a, d=dtype: np.zeros(a.shape, d))],  # type: ignore[misc]
    _wrong("im2col", "record", x=np.zeros(_X.shape, [("re", "f4"), ("im", "f4")])),
    *[_wrong("conv2d", f"mixed_{d}", b=_B.astype(d)) for d in ("float16", "float64", "int32", "int64")],
    *[_wrong("conv2d", f"mixed_{d}", w=_W.astype(d)) for d in ("float64", "int32")],
    _wrong("conv2d", "mixed", x=_X.astype("float64")),
    _wrong("conv2d_input_grad", "mixed", w=_W.astype("float64")),
    _wrong("conv2d_weight_grad", "mixed", x=_X.astype("float64")),
    _call("mixed_without_bias", "w", "conv2d", _X, _W.astype("float64"), None),
    # axes
    *_each("0d", lambda a: np.array(1, np.float32)),
    *_each("5d", lambda a: a.reshape((1,) * (5 - a.ndim) + a.shape)),
    *_each("without_batch", lambda a: a[0]),
    *_each("flat", lambda a: a.reshape(-1, 1)),
    *_each("empty", lambda a: np.ones((0, *a.shape[1:]), np.float32)),
    *_each("channels_last", lambda a: np.moveaxis(a, 1, -1), but="b"),
    # sizes: batch or filters, channels, height (or positions), width
    *_each("longer_axis_0", lambda a: _longer(a, 0)),
    *_each("longer_axis_1", lambda a: _longer(a, 1), but="b"),
    *_each("longer_axis_2", lambda a: _longer(a, 2), but="b"),
    *_each("longer_last_axis", lambda a: _longer(a, -1)),
    *_each("one_short", lambda a: a[..., :-1]),
    _wrong("conv2d", "all_channels", w=np.ones((6, 4, 3, 2), np.float32)),
    _wrong("conv2d", "kernel_transposed", w=_W.swapaxes(2, 3)),
    _wrong("conv2d", "channels_first", w=_W.swapaxes(0, 1)),
    _wrong("conv2d", "would_broadcast", b=np.ones(1, np.float32)),
    _wrong("conv2d", "of_channels", b=np.ones(4, np.float32)),
    _wrong("conv2d", "column", b=np.ones((6, 1, 1), np.float32)),
    _wrong("col2im", "rows_and_positions_swapped", columns=_GOOD["col2im"]["columns"].swapaxes(1, 2)),
    _wrong("col2im", "positions_of_the_image", columns=np.ones((2, 24, 20), np.float32)),
    # counts, and the op itself
    _call("no_array", "arrays", "im2col"),
    _call("second_array", "arrays", "im2col", _X, _X),
    _call("bias_left_out", "arrays", "conv2d", _X, _W),
    _call("fourth_array", "arrays", "conv2d", _X, _W, _B, _B),
    _call("bias_too_many", "arrays", "conv2d_input_grad", _GOOD["conv2d_input_grad"]["dy"], _W, _B),
    _call("unknown", "op", "conv3d", _X, _W, _B),
    _call("no_text", "op", None, _X),
)  # fmt: skip


def _accepted(id: str, means: str, call: Callable[..., ConvSpec] = ConvSpec.of, **change: Any) -> AcceptedInput:
    """`means` is what follows the sizes in the text form."""
    base = {**_BASE, **change}
    (h, w), (kh, kw) = base["input_size"], base["kernel_size"]
    return AcceptedInput(id, partial(call, **base), ConvSpec.parse(f"n{base['batch']}c4h{h}w{w}_f6kh{kh}kw{kw}{means}"))


ACCEPTED: tuple[AcceptedInput, ...] = (
    *[
        _accepted(f"numpy_{kind.__name__}", "_sh2sw2_pt2pb2pl2pr2_g2", stride=kind(2), padding=kind(2), groups=kind(2))
        for kind in (np.int8, np.uint8, np.int32, np.int64, np.uint64)
    ],
    _accepted("array_0d", "_sh2sw2_pt1pb1pl1pr1", stride=np.array(2), padding=np.array(1)),
    _accepted("array_1d", "_sh1sw2_pt1pb1pl2pr2", stride=np.array([1, 2]), padding=np.array([1, 2])),
    _accepted("lists", "_sh1sw2_pt0pb1pl2pr3", stride=[1, 2], padding=[0, 1, 2, 3]),
    _accepted("lists_direct", "_sh1sw2_pt0pb1pl2pr3", ConvSpec, stride=[1, 2], padding=[0, 1, 2, 3]),
    _accepted("range", "_sh1sw2", stride=range(1, 3)),
    # ONNX SAME_UPPER and SAME_LOWER, out = ceil(in / stride); PyTorch refuses `same` with a stride.
    _accepted("same_strided", "_sh2sw2_pt1pb2pl0pr1", kernel_size=(4, 3), stride=2, padding="same"),
    _accepted("same_lower_strided", "_sh2sw2_pt2pb1pl1pr0", kernel_size=(4, 3), stride=2, padding="same_lower"),
    _accepted("ceil_fills_a_stride", "_sh3sw3_pt0pb2pl0pr2", stride=3, rounding="ceil"),
    _accepted("empty_batch", "", batch=0),
    _accepted("stride_beyond_image", "_sh9sw9", stride=9),
    _accepted("padding_beyond_kernel", "_pt9pb9pl9pr9", padding=9),
    _accepted("kernel_fits_padded_only", "_pt0pb2pl0pr0", kernel_size=(9, 6), padding=(0, 2, 0, 0)),
)
