"""The geometry of one convolution: normalised once, validated once, immutable."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

from harness.geometry import rules, shorthand, text
from harness.geometry.numbers import Pair, SpecError
from harness.geometry.shorthand import PaddingName, Rounding
from harness.geometry.sizes import ALL_OPS, OPS, POOL_OPS, Op, Shape, Sizes

__all__ = ["ALL_OPS", "OPS", "POOL_OPS", "ConvSpec", "Op", "PaddingName", "Rounding", "Shape", "SpecError"]


@dataclass(frozen=True, kw_only=True)
class ConvSpec(Sizes):
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

    def __post_init__(self) -> None:
        rules.normalise(self)
        rules.require_convolution(self)
        rules.require_countable(self)

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
        return cls._of(
            shorthand.full(
                batch=batch, in_channels=in_channels, input_size=input_size, out_channels=out_channels,
                kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, groups=groups,
                rounding=rounding,
            )
        )  # fmt: skip

    @classmethod
    def parse(cls, line: str) -> ConvSpec:
        """Read the text form, whole or with parts of a group left at their defaults, or a benchdnn descriptor.

        >>> ConvSpec.parse("n1c1h5w6_f1kh2kw3_sw2_pt1").padding
        (1, 0, 0, 0)

        Raises `SpecError` when the text is neither, or describes no convolution.
        """
        return cls._of(text.read(line))

    def __str__(self) -> str:
        return text.write(self)

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        """Taken once: plans are kept by spec, and a small call takes little longer than a hash of all its numbers."""
        return hash(tuple(getattr(self, field.name) for field in fields(Sizes)))

    @classmethod
    def _of(cls, sizes: Sizes) -> ConvSpec:
        """The same numbers with the rules applied."""
        return cls(**{field.name: getattr(sizes, field.name) for field in fields(Sizes)})
