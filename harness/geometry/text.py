"""A geometry as one line of text and back: test id, command-line filter, result key and repro line at once.

`n2c6h11w13_f4kh3kw2_sh2sw3_pt1pb2pl3pr0_dh2dw1_g2`: stride, padding and dilation are written whole where any of their
values is not the default, and may be read in part.
"""

from __future__ import annotations

import re

from harness.geometry import benchdnn
from harness.geometry.numbers import SpecError
from harness.geometry.sizes import Sizes

_LONGEST = 1000  # characters: far beyond any spec, far below the digits that Python refuses to convert
_FORM = re.compile(
    r"n\d+c\d+h\d+w\d+_f\d+kh\d+kw\d+"
    r"(?:_(?=s)(?:sh\d+)?(?:sw\d+)?)?"
    r"(?:_(?=p)(?:pt\d+)?(?:pb\d+)?(?:pl\d+)?(?:pr\d+)?)?"
    r"(?:_(?=d)(?:dh\d+)?(?:dw\d+)?)?"
    r"(?:_g\d+)?"
)
_QUOTED = re.compile(r'"[^"]*"')


def write(spec: Sizes) -> str:
    """The text of a geometry."""
    (h, w), (kh, kw), (t, b, l, r) = spec.input_size, spec.kernel_size, spec.padding
    (sh, sw), (dh, dw) = spec.stride, spec.dilation
    text = f"n{spec.batch}c{spec.in_channels}h{h}w{w}_f{spec.out_channels}kh{kh}kw{kw}"
    text += f"_sh{sh}sw{sw}" if (sh, sw) != (1, 1) else ""
    text += f"_pt{t}pb{b}pl{l}pr{r}" if (t, b, l, r) != (0, 0, 0, 0) else ""
    text += f"_dh{dh}dw{dw}" if (dh, dw) != (1, 1) else ""
    return text + (f"_g{spec.groups}" if spec.groups != 1 else "")


def read(text: str) -> Sizes:
    """The numbers of a text, or of a benchdnn descriptor. Raises `SpecError` when it is neither."""
    if len(text) > _LONGEST:
        raise SpecError(f"spec must have at most {_LONGEST} characters, got {len(text)}")
    foreign = next((c for c in _QUOTED.sub("", text) if not c.isascii()), None)
    if foreign is not None:
        raise SpecError(f"spec {text!r} holds {foreign!r}: write numbers with the digits 0 to 9, keys with a to z")
    match = _FORM.fullmatch(text.strip())
    if match is None:
        if benchdnn.looks_like(text):
            return benchdnn.read(text)
        raise SpecError(f"spec {text!r} is not of the form n2c6h11w13_f4kh3kw2[_sh2sw3][_pt1pb2pl3pr0][_dh2dw1][_g2]")
    values = {key: int(value) for key, value in re.findall(r"([a-z]+)([0-9]+)", match[0])}
    got = values.get
    return Sizes(
        batch=values["n"], in_channels=values["c"], input_size=(values["h"], values["w"]),
        out_channels=values["f"], kernel_size=(values["kh"], values["kw"]),
        stride=(got("sh", 1), got("sw", 1)), dilation=(got("dh", 1), got("dw", 1)),
        padding=(got("pt", 0), got("pb", 0), got("pl", 0), got("pr", 0)), groups=got("g", 1),
    )  # fmt: skip
