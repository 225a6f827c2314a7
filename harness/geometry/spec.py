"""The geometry of one convolution: normalised once, validated once, immutable.

Every size formula of the project lives here; no other module knows it. Surprising fact: the text form of a
spec is reversible, so it serves as test id, command-line filter, result key and repro line at once.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeGuard, cast, get_args

import numpy as np

Op = Literal["im2col", "col2im", "conv2d", "conv2d_input_grad", "conv2d_weight_grad", "conv2d_bias_grad"]
OPS: tuple[Op, ...] = get_args(Op)

Rounding = Literal["floor", "ceil", "exact"]
PaddingName = Literal["same", "same_lower", "valid", "full"]
Pair = int | Sequence[int]
Shape = tuple[int, ...]

_LIMIT = 2**63  # numbers and element counts must fit a signed 64-bit index
_LONGEST_TEXT = 1000  # far beyond any spec, far below the digits that Python refuses to convert


class SpecError(ValueError):
    """A geometry that is no convolution; the text names the rule and both numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvSpec:
    """One 2-D convolution (cross-correlation: the kernel is not flipped).

    `padding` is (top, bottom, left, right); `dilation` 1 is dense. `ConvSpec.of` takes the usual shorthands.

    >>> spec = ConvSpec.of(batch=1, in_channels=3, input_size=227, out_channels=96, kernel_size=11, stride=4)
    >>> spec.output_size, spec.columns_shape
    ((55, 55), (1, 363, 3025))
    >>> str(spec)
    'n1c3h227w227_f96kh11kw11_sh4sw4'
    >>> ConvSpec.parse(str(spec)) == spec
    True
    """

    batch: int
    in_channels: int
    input_size: tuple[int, int]
    out_channels: int
    kernel_size: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    def __post_init__(self) -> None:
        _normalise(self)
        _require_convolution(self)
        _require_countable(self)

    # -- sizes -------------------------------------------------------------------------------------------------

    @property
    def reach(self) -> tuple[int, int]:
        """Extent of the dilated kernel: (K - 1) * dilation + 1 in each axis."""
        (kh, kw), (dh, dw) = self.kernel_size, self.dilation
        return (kh - 1) * dh + 1, (kw - 1) * dw + 1

    @property
    def padded_size(self) -> tuple[int, int]:
        """Height and width of the input with its padding."""
        (h, w), (top, bottom, left, right) = self.input_size, self.padding
        return h + top + bottom, w + left + right

    @property
    def output_size(self) -> tuple[int, int]:
        """Window positions (OH, OW): (padded - reach) // stride + 1; what does not fill a stride is left over."""
        (ph, pw), (rh, rw), (sh, sw) = self.padded_size, self.reach, self.stride
        return (ph - rh) // sh + 1, (pw - rw) // sw + 1

    @property
    def taps(self) -> int:
        """KH * KW."""
        return self.kernel_size[0] * self.kernel_size[1]

    @property
    def positions(self) -> int:
        """L = OH * OW."""
        oh, ow = self.output_size
        return oh * ow

    @property
    def x_shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W)."""
        return (self.batch, self.in_channels, *self.input_size)

    @property
    def w_shape(self) -> tuple[int, int, int, int]:
        """(F, C/G, KH, KW)."""
        return (self.out_channels, self.in_channels // self.groups, *self.kernel_size)

    @property
    def b_shape(self) -> tuple[int]:
        """(F,)."""
        return (self.out_channels,)

    @property
    def columns_shape(self) -> tuple[int, int, int]:
        """(N, C*KH*KW, OH*OW), rows c-major then kh then kw, positions row-major."""
        return self.batch, self.in_channels * self.taps, self.positions

    @property
    def y_shape(self) -> tuple[int, int, int, int]:
        """(N, F, OH, OW)."""
        return (self.batch, self.out_channels, *self.output_size)

    def input_shapes(self, op: Op) -> tuple[Shape, ...]:
        """Shapes of the array arguments of `op`, in order (the bias of conv2d included)."""
        return {
            "im2col": (self.x_shape,),
            "col2im": (self.columns_shape,),
            "conv2d": (self.x_shape, self.w_shape, self.b_shape),
            "conv2d_input_grad": (self.y_shape, self.w_shape),
            "conv2d_weight_grad": (self.y_shape, self.x_shape),
            "conv2d_bias_grad": (self.y_shape,),
        }[op]

    def output_shape(self, op: Op) -> Shape:
        """Shape of the result of `op`."""
        return {
            "im2col": self.columns_shape,
            "col2im": self.x_shape,
            "conv2d": self.y_shape,
            "conv2d_input_grad": self.x_shape,
            "conv2d_weight_grad": self.w_shape,
            "conv2d_bias_grad": self.b_shape,
        }[op]

    # -- work and memory ---------------------------------------------------------------------------------------

    @property
    def macs(self) -> int:
        """Multiply-adds of conv2d, or of either of its gradients; taps that meet padding are counted."""
        return self.batch * self.out_channels * self.positions * (self.in_channels // self.groups) * self.taps

    def work(self, op: Op) -> int:
        """Elementary steps of `op`: multiply-adds, column elements (im2col, col2im) or elements summed (bias)."""
        if op in ("im2col", "col2im"):
            return math.prod(self.columns_shape)
        return math.prod(self.y_shape) if op == "conv2d_bias_grad" else self.macs

    def flops(self, op: Op) -> int:
        """Floating-point operations of `op`; im2col has none."""
        if op == "im2col":
            return 0
        return self.work(op) * (2 if op in ("conv2d", "conv2d_input_grad", "conv2d_weight_grad") else 1)

    def min_bytes(self, op: Op, dtype: str) -> int:
        """Least traffic of `op` in bytes: each input read once, each output written once."""
        elements = sum(map(math.prod, (*self.input_shapes(op), self.output_shape(op))))
        return elements * np.dtype(dtype).itemsize

    def columns_bytes(self, dtype: str) -> int:
        """Size in bytes of the explicit columns."""
        return math.prod(self.columns_shape) * np.dtype(dtype).itemsize

    # -- construction and text ---------------------------------------------------------------------------------

    @classmethod
    def of(
        cls,
        *,
        batch: int,
        in_channels: int,
        input_size: Pair,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair | PaddingName = 0,
        dilation: Pair = 1,
        groups: int = 1,
        rounding: Rounding = "floor",
    ) -> ConvSpec:
        """Build a spec from shorthands.

        An int stands for both axes; `padding` is an int, (height, width), (top, bottom, left, right) or a name:
        `same` (ONNX SAME_UPPER: out = ceil(in / stride) with the dilated kernel), `same_lower`, `valid`, `full`.
        `rounding="ceil"` adds end padding until the stride tiles, `"exact"` refuses a stride that does not.

        >>> ConvSpec.of(batch=1, in_channels=1, input_size=(5, 6), out_channels=1, kernel_size=(2, 3),
        ...             padding="same").padding
        (0, 1, 1, 1)

        Raises `SpecError` for anything else.
        """
        size, kernel = _pair("input_size", input_size), _pair("kernel_size", kernel_size)
        step, spread = _pair("stride", stride), _pair("dilation", dilation)
        reach = tuple((k - 1) * d + 1 for k, d in zip(kernel, spread, strict=True))
        if min(step) < 1:
            raise SpecError(f"stride must be at least 1, got {step}")
        if isinstance(padding, str):
            named = [_named_padding(padding, i, r, s) for i, r, s in zip(size, reach, step, strict=True)]
            pads = (*named[0], *named[1])
        else:
            pads = _four("padding", padding)
        if rounding not in get_args(Rounding):
            raise SpecError(f"rounding must be one of {get_args(Rounding)}, got {rounding!r}")
        if rounding != "floor":
            pads = _rounded(pads, size, reach, step, rounding)
        return cls(
            batch=batch, in_channels=in_channels, input_size=size, out_channels=out_channels, kernel_size=kernel,
            stride=step, padding=pads, dilation=spread, groups=groups,
        )  # fmt: skip

    def __str__(self) -> str:
        (h, w), (kh, kw), (t, b, l, r) = self.input_size, self.kernel_size, self.padding
        (sh, sw), (dh, dw) = self.stride, self.dilation
        text = f"n{self.batch}c{self.in_channels}h{h}w{w}_f{self.out_channels}kh{kh}kw{kw}"
        text += f"_sh{sh}sw{sw}" if (sh, sw) != (1, 1) else ""
        text += f"_pt{t}pb{b}pl{l}pr{r}" if (t, b, l, r) != (0, 0, 0, 0) else ""
        text += f"_dh{dh}dw{dw}" if (dh, dw) != (1, 1) else ""
        return text + (f"_g{self.groups}" if self.groups != 1 else "")

    @classmethod
    def parse(cls, text: str) -> ConvSpec:
        """Read the text form, whole or with parts of a group left at their defaults, or a benchdnn descriptor.

        >>> ConvSpec.parse("n1c1h5w6_f1kh2kw3_sw2_pt1").padding
        (1, 0, 0, 0)

        Raises `SpecError` when the text is neither, or describes no convolution.
        """
        if len(text) > _LONGEST_TEXT:
            raise SpecError(f"spec must have at most {_LONGEST_TEXT} characters, got {len(text)}")
        match = _TEXT.fullmatch(text.strip())
        if match is None:
            from harness.geometry import benchdnn

            if benchdnn.looks_like(text):
                return benchdnn.read(text)
            raise SpecError(
                f"spec {text!r} is not of the form n2c6h11w13_f4kh3kw2[_sh2sw3][_pt1pb2pl3pr0][_dh2dw1][_g2]"
            )
        values = {key: int(value) for key, value in re.findall(r"([a-z]+)(\d+)", text)}
        got = values.get
        return cls(
            batch=values["n"], in_channels=values["c"], input_size=(values["h"], values["w"]),
            out_channels=values["f"], kernel_size=(values["kh"], values["kw"]),
            stride=(got("sh", 1), got("sw", 1)), dilation=(got("dh", 1), got("dw", 1)),
            padding=(got("pt", 0), got("pb", 0), got("pl", 0), got("pr", 0)), groups=got("g", 1),
        )  # fmt: skip


_TEXT = re.compile(
    r"n\d+c\d+h\d+w\d+_f\d+kh\d+kw\d+"
    r"(?:_(?=s)(?:sh\d+)?(?:sw\d+)?)?"
    r"(?:_(?=p)(?:pt\d+)?(?:pb\d+)?(?:pl\d+)?(?:pr\d+)?)?"
    r"(?:_(?=d)(?:dh\d+)?(?:dw\d+)?)?"
    r"(?:_g\d+)?"
)


def _integer(name: str, value: object) -> int:
    try:
        number = operator.index(cast(int, value))
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise SpecError(f"{name} must be an integer, got {_shown(value)}")
    if abs(number) >= _LIMIT:
        raise SpecError(f"{name} must be below 2^63, got a number of {number.bit_length()} bits")
    return number


def _is_row(value: object) -> TypeGuard[Sequence[object]]:
    """Whether a value lists numbers. Text and bytes are sequences too; a 0-d array is a number."""
    if isinstance(value, np.ndarray):
        return value.ndim == 1
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview)


def _shown(value: object) -> str:
    """repr in one line: that of an array has several."""
    return " ".join(repr(value).split())


def _tuple(name: str, value: object, length: int) -> tuple[int, ...]:
    if not _is_row(value) or len(value) != length:
        raise SpecError(f"{name} must have {length} integers, got {_shown(value)}")
    return tuple(_integer(name, v) for v in value)


def _pair(name: str, value: Pair) -> tuple[int, int]:
    if _is_row(value):
        return cast(tuple[int, int], _tuple(name, value, 2))
    number = _integer(name, value)
    return number, number


def _four(name: str, value: Pair) -> tuple[int, int, int, int]:
    if _is_row(value) and len(value) == 4:
        return cast(tuple[int, int, int, int], _tuple(name, value, 4))
    if _is_row(value) and len(value) != 2:
        raise SpecError(f"{name} must be an int, (height, width) or (top, bottom, left, right), got {_shown(value)}")
    high, wide = _pair(name, value)
    return high, high, wide, wide


def _named_padding(name: str, size: int, reach: int, stride: int) -> tuple[int, int]:
    """(begin, end) of one axis; `same` puts the odd cell at the end, `same_lower` at the beginning."""
    if name == "valid":
        return 0, 0
    if name == "full":
        return reach - 1, reach - 1
    if name not in ("same", "same_lower"):
        raise SpecError(f"padding must be numbers or one of {get_args(PaddingName)}, got {name!r}")
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    small, large = total // 2, total - total // 2
    return (small, large) if name == "same" else (large, small)


def _rounded(
    pads: tuple[int, int, int, int],
    size: Sequence[int],
    reach: Sequence[int],
    stride: Sequence[int],
    rounding: Rounding,
) -> tuple[int, int, int, int]:
    ends = list(pads)
    for axis, name in enumerate(("height", "width")):
        left_over = (size[axis] + sum(pads[2 * axis : 2 * axis + 2]) - reach[axis]) % stride[axis]
        if left_over and rounding == "exact":
            raise SpecError(
                f"stride {stride[axis]} does not tile the {name}: {left_over} of the padded input is left over"
            )
        ends[2 * axis + 1] += (-left_over) % stride[axis]
    return cast(tuple[int, int, int, int], tuple(ends))


def _normalise(spec: ConvSpec) -> None:
    """Plain ints and tuples only, so that equal specs hash and print alike."""
    for name in ("batch", "in_channels", "out_channels", "groups"):
        object.__setattr__(spec, name, _integer(name, getattr(spec, name)))
    for name in ("input_size", "kernel_size", "stride", "dilation"):
        object.__setattr__(spec, name, _tuple(name, getattr(spec, name), 2))
    object.__setattr__(spec, "padding", _tuple("padding", spec.padding, 4))


def _require_convolution(spec: ConvSpec) -> None:
    if spec.batch < 0:
        raise SpecError(f"batch must be at least 0, got {spec.batch}")
    for name in ("in_channels", "input_size", "out_channels", "kernel_size", "stride", "dilation", "groups"):
        value = getattr(spec, name)
        if min(value if isinstance(value, tuple) else (value,)) < 1:
            raise SpecError(f"{name} must be at least 1, got {value}")
    if min(spec.padding) < 0:
        raise SpecError(f"padding must be at least 0, got {spec.padding}")
    for name in ("in_channels", "out_channels"):
        if getattr(spec, name) % spec.groups:
            raise SpecError(f"{name} must be divisible by groups: {getattr(spec, name)} % {spec.groups} is not 0")
    for axis, reach, padded in zip(("height", "width"), spec.reach, spec.padded_size, strict=True):
        if reach > padded:
            raise SpecError(f"the dilated kernel must fit the padded input: {axis} {reach} > {padded}")


def _require_countable(spec: ConvSpec) -> None:
    counts = {
        "x": math.prod(spec.x_shape), "w": math.prod(spec.w_shape), "columns": math.prod(spec.columns_shape),
        "y": math.prod(spec.y_shape), "multiply-adds": spec.macs,
        "padded x": spec.in_channels * math.prod(spec.padded_size),
    }  # fmt: skip
    for name, count in counts.items():
        if count >= _LIMIT:
            raise SpecError(f"the number of elements must be below 2^63: {name} has {count}")
