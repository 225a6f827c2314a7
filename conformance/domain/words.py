"""A domain in words: what all that is claimed has in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.geometry.spec import ConvSpec

_TILING = "windows that tile the image"
Rule = tuple[str, Callable[[ConvSpec], bool]]

# In each row the first that holds is said: those after it follow from it.
_ROWS: tuple[tuple[Rule, ...], ...] = (
    (("one image", lambda s: s.batch == 1), ("several images", lambda s: s.batch > 1)),
    (
        ("one group", lambda s: s.groups == 1), ("depthwise", lambda s: s.groups == s.in_channels),
        ("several groups", lambda s: s.groups > 1),
    ),
    (("one channel", lambda s: s.in_channels == 1),),
    (("square images", lambda s: s.input_size[0] == s.input_size[1]),),
    (
        *((f"{k}x{k} kernels", lambda s, k=k: s.kernel_size == (k, k)) for k in range(1, 12)),
        ("square kernels", lambda s: s.kernel_size[0] == s.kernel_size[1]),
        ("odd kernels", lambda s: all(k % 2 for k in s.kernel_size)),
    ),
    (
        *((f"stride {v}", lambda s, v=v: s.stride == (v, v)) for v in range(1, 5)),
        ("equal strides", lambda s: s.stride[0] == s.stride[1]),
    ),
    ((_TILING, lambda s: not any(_left_over(s))),),
    (
        ("no padding", lambda s: not any(s.padding)),
        *((f"padding {v}", lambda s, v=v: s.padding == (v,) * 4) for v in range(1, 4)),
        ("equal padding", lambda s: len(set(s.padding)) == 1),
        ("symmetric padding", lambda s: s.padding[::2] == s.padding[1::2]),
        ("padding on every side", lambda s: all(s.padding)),
    ),
    (
        ("no dilation", lambda s: s.dilation == (1, 1)),
        ("equal dilation", lambda s: s.dilation[0] == s.dilation[1]),
    ),
)  # fmt: skip


def describe(claimed: Sequence[ConvSpec]) -> str:
    """What the claimed ones have in common, as far as there is a word for it.

    >>> describe([ConvSpec.parse("n1c1h5w5_f1kh3kw3"), ConvSpec.parse("n2c2h6w6_f3kh3kw3_sh2sw2")])
    'one group, square images, 3x3 kernels, equal strides, no padding, no dilation'
    """
    sizes = {spec.input_size for spec in claimed}
    fixed = [f"images of {h} x {w}" for h, w in sizes] if len(sizes) == 1 else []
    said = [next((word for word, holds in row if all(map(holds, claimed))), "") for row in _ROWS]
    follows = {"square images"} if fixed else set()
    follows |= {_TILING} if all(spec.stride == (1, 1) for spec in claimed) else set()
    return ", ".join([*fixed, *(word for word in said if word and word not in follows)])


def _left_over(spec: ConvSpec) -> tuple[int, int]:
    """Rows and columns that no window reaches."""
    (ph, pw), (rh, rw), (sh, sw) = spec.padded_size, spec.reach, spec.stride
    return (ph - rh) % sh, (pw - rw) % sw
