"""What a person may write instead of full numbers: one int for both axes, named padding, another rounding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast, get_args

from harness.geometry.numbers import Pair, SpecError, four, pair
from harness.geometry.sizes import Sizes

Rounding = Literal["floor", "ceil", "exact"]
PaddingName = Literal["same", "same_lower", "valid", "full"]


def full(
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
) -> Sizes:
    """The numbers in full; see `ConvSpec.of`. Raises `SpecError`."""
    size, kernel = pair("input_size", input_size), pair("kernel_size", kernel_size)
    step, spread = pair("stride", stride), pair("dilation", dilation)
    reach = tuple((k - 1) * d + 1 for k, d in zip(kernel, spread, strict=True))
    if min(step) < 1:
        raise SpecError(f"stride must be at least 1, got {step}")
    if isinstance(padding, str):
        named = [_named_padding(padding, i, r, s) for i, r, s in zip(size, reach, step, strict=True)]
        pads = (*named[0], *named[1])
    else:
        pads = four("padding", padding)
    if rounding not in get_args(Rounding):
        raise SpecError(f"rounding must be one of {get_args(Rounding)}, got {rounding!r}")
    if rounding != "floor":
        pads = _rounded(pads, size, reach, step, rounding)
    return Sizes(
        batch=batch, in_channels=in_channels, input_size=size, out_channels=out_channels, kernel_size=kernel,
        stride=step, padding=pads, dilation=spread, groups=groups,
    )  # fmt: skip


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
