"""Reads oneDNN benchdnn convolution descriptors, e.g. `g4mb2ic16ih10oc32oh10kh3sh1ph1dh0n"name"`.

Two conventions differ from ours: dilation counts from 0 (`dh0` is dense), and only the leading padding is
written; the trailing one is what the output size needs, at least 0, or the leading one when no output size is given.
"""

from __future__ import annotations

import re

from harness.geometry import rules
from harness.geometry.numbers import SpecError
from harness.geometry.sizes import Sizes

_KEYS = ("g", "mb", "ic", "ih", "iw", "oc", "oh", "ow", "kh", "kw", "sh", "sw", "ph", "pw", "dh", "dw")
_TOKEN = re.compile("(" + "|".join(sorted(_KEYS, key=len, reverse=True)) + r")(\d+)_?")


def looks_like(text: str) -> bool:
    """Whether the text is made of benchdnn tokens and nothing else."""
    body = _strip_name(text)
    return bool(body) and _TOKEN.sub("", body) == ""


def read(text: str) -> Sizes:
    """Read one descriptor; unstated widths equal the heights, `mb` defaults to 2 and `g` to 1, as in benchdnn.

    >>> read('g4mb2ic16ih10oc32oh10kh3sh1ph1dh0n"name"').padding
    (1, 1, 1, 1)

    Raises `SpecError` naming the missing key, a repeated key or the impossible geometry.
    """
    values: dict[str, int] = {}
    for key, number in _TOKEN.findall(_strip_name(text)):
        if key in values:
            raise SpecError(f"benchdnn descriptor {text!r} states {key!r} twice")
        values[key] = int(number)
    for key in ("ic", "oc"):
        if key not in values:
            raise SpecError(f"benchdnn descriptor {text!r} lacks {key!r}")
    axes = [_axis(values, text, *names) for names in ((*"hw",), (*"wh",))]
    (h, kh, sh, pads_h, dh), (w, kw, sw, pads_w, dw) = axes
    spec = Sizes(
        batch=values.get("mb", 2), in_channels=values["ic"], input_size=(h, w), out_channels=values["oc"],
        kernel_size=(kh, kw), stride=(sh, sw), padding=(*pads_h, *pads_w), dilation=(dh, dw), groups=values.get("g", 1),
    )  # fmt: skip
    rules.require_convolution(spec)
    stated = tuple(
        values.get("o" + a, values.get("o" + b, out)) for a, b, out in zip("hw", "wh", spec.output_size, strict=True)
    )
    if stated != spec.output_size:
        raise SpecError(f"benchdnn descriptor {text!r} states output {stated}, its geometry gives {spec.output_size}")
    return spec


def _strip_name(text: str) -> str:
    return re.sub(r'_?n"[^"]*"$', "", text.strip())


def _axis(values: dict[str, int], text: str, own: str, other: str) -> tuple[int, int, int, tuple[int, int], int]:
    """(input, kernel, stride, (begin, end) padding, dilation) of one axis, taken from the other where unstated."""

    def get(prefix: str, default: int | None) -> int:
        for key in (prefix + own, prefix + other):
            if key in values:
                return values[key]
        if default is None:
            raise SpecError(f"benchdnn descriptor {text!r} lacks {prefix + own!r}")
        return default

    size, kernel, stride = get("i", None), get("k", None), get("s", 1)
    begin, dilation, out = get("p", 0), get("d", 0) + 1, get("o", 0)
    if stride < 1:
        raise SpecError(f"stride must be at least 1, got {stride}")
    needed = (out - 1) * stride + (kernel - 1) * dilation + 1 - size - begin
    return size, kernel, stride, (begin, max(needed, 0) if out else begin), dilation
