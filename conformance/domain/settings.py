"""What is told of a geometry by yes and no: values, thresholds and relations, on which bugs depend.

All by general rules: `C/G > 16`, `3x3`, `windows leave rows over`. Which of them a domain can express, and which of
their pairs, is what a choice from it has to cover.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec

_THRESHOLDS: dict[str, tuple[int, ...]] = {
    "N": (1, 2, 4, 8, 16, 32), "C/G": (1, 2, 4, 8, 16, 32, 64), "F/G": (1, 2, 4, 8, 16, 32, 64),
    "G": (1, 2, 4, 8, 16), "H": (1, 4, 8, 16, 32, 64), "W": (1, 4, 8, 16, 32, 64, 128),
    "OH": (1, 2, 4, 8, 16, 32), "OW": (1, 2, 4, 8, 16, 32, 64), "L": (1, 8, 16, 32, 64, 128, 256, 512),
    "N*L": (64, 256, 1024), "K": (8, 16, 32, 64, 128, 256), "KH": (1, 2, 3, 4, 8), "KW": (1, 2, 3, 4, 8),
    "SH": (1, 2, 4), "SW": (1, 2, 4), "DH": (1, 2), "DW": (1, 2),
    "pt": (0, 1, 2, 4), "pb": (0, 1, 2, 4), "pl": (0, 1, 2, 4), "pr": (0, 1, 2, 4),
}  # fmt: skip
_NAMES = (
    "N", "C/G", "F/G", "G", "H", "W", "OH", "OW", "KH", "KW", "SH", "SW", "DH", "DW",
    "pt", "pb", "pl", "pr", "RH", "RW",
)  # fmt: skip
_MULTIPLES = {"C/G": (4, 8), "F/G": (4, 8), "OW": (2, 4, 8), "OH": (2,), "L": (4, 16), "K": (8,), "N": (2,)}


def table(specs: Iterable[ConvSpec]) -> tuple[Array, list[str]]:
    """(geometry x setting) of bools, and the names of the settings."""
    q = _quantities(list(specs))
    found = {f"{name} > {limit}": q[name] > limit for name, limits in _THRESHOLDS.items() for limit in limits}
    found |= {
        f"{name} > {step}, not its multiple": (q[name] > step) & (q[name] % step > 0)
        for name, steps in _MULTIPLES.items() for step in steps
    }  # fmt: skip
    found |= _relations(q)
    return np.array(list(found.values())).T, list(found)


def _quantities(specs: list[ConvSpec]) -> Mapping[str, Array]:
    rows = np.array(
        [
            (s.batch, s.in_channels // s.groups, s.out_channels // s.groups, s.groups, *s.input_size, *s.output_size,
             *s.kernel_size, *s.stride, *s.dilation, *s.padding, *s.reach)
            for s in specs
        ]
    )  # fmt: skip
    q = dict(zip(_NAMES, rows.T, strict=True))
    q["L"] = q["OH"] * q["OW"]
    q["N*L"], q["K"] = q["N"] * q["L"], q["C/G"] * q["KH"] * q["KW"]
    return q


def _relations(q: Mapping[str, Array]) -> dict[str, Array]:
    (kh, kw), (sh, sw), (dh, dw) = (q["KH"], q["KW"]), (q["SH"], q["SW"]), (q["DH"], q["DW"])
    pt, pb, pl, pr = (q[name] for name in ("pt", "pb", "pl", "pr"))
    left = {"H": (q["H"] + pt + pb - q["RH"]) % sh, "W": (q["W"] + pl + pr - q["RW"]) % sw}
    dense, grouped = (dh == 1) & (dw == 1), q["G"] > 1
    found = {
        f"{a} {sign} {b}": (q[a] < q[b]) if sign == "<" else (q[a] > q[b])
        for a, b in (("H", "W"), ("KH", "KW"), ("SH", "SW"), ("DH", "DW"), ("OH", "OW"), ("C/G", "F/G"),
                     ("pt", "pb"), ("pl", "pr"), ("pt", "pl"))
        for sign in "<>"
    }  # fmt: skip
    found |= {
        "rows are left over": left["H"] > 0, "columns are left over": left["W"] > 0,
        "strided rows tile": (left["H"] == 0) & (sh > 1), "strided columns tile": (left["W"] == 0) & (sw > 1),
        "pads equal": (pt == pb) & (pl == pr) & (pt == pl) & (pt > 0), "no padding": pt + pb + pl + pr == 0,
        "pads symmetric": (pt == pb) & (pl == pr) & (pt != pl),
        "top only": (pt > 0) & (pb + pl + pr == 0), "bottom only": (pb > 0) & (pt + pl + pr == 0),
        "left only": (pl > 0) & (pt + pb + pr == 0), "right only": (pr > 0) & (pt + pb + pl == 0),
        "a window in the padding": (pt >= q["RH"]) | (pl >= q["RW"]),
        "bottom padding is read": (q["OH"] - 1) * sh + q["RH"] > q["H"] + pt,
        "right padding is read": (q["OW"] - 1) * sw + q["RW"] > q["W"] + pl,
        "SH > KH": sh > kh, "SW > KW": sw > kw,
        "SH = KH > 1": (sh == kh) & (sh > 1), "SW = KW > 1": (sw == kw) & (sw > 1),
        "DH, SH share a factor": np.gcd(dh, sh) > 1, "DW, SW share a factor": np.gcd(dw, sw) > 1,
        "depthwise": grouped & (q["C/G"] == 1), "depthwise multiplied": grouped & (q["C/G"] == 1) & (q["F/G"] > 1),
        "groups of channels": grouped & (q["C/G"] > 1),
        "one filter a group": grouped & (q["F/G"] == 1) & (q["C/G"] > 1),
        "kernel row": (kh == 1) & (kw > 1), "kernel column": (kw == 1) & (kh > 1),
        "even kernel": (kh % 2 == 0) & (kw % 2 == 0),
        "the kernel is the image": (q["RH"] == q["H"] + pt + pb) & (q["RW"] == q["W"] + pl + pr),
        "the image is within the kernel": (q["H"] < kh) & (q["W"] < kw),
        "a batch of an odd number": (q["N"] > 2) & (q["N"] % 2 == 1),
    }  # fmt: skip
    for k in (1, 2, 3, 5):
        square = (kh == k) & (kw == k)
        found |= {
            f"{k}x{k}": square, f"{k}x{k} stride 1": square & (sh == 1) & (sw == 1) & dense,
            f"{k}x{k} stride 2": square & (sh == 2) & (sw == 2) & dense, f"{k}x{k} dilated": square & ~dense,
            f"{k}x{k} of many channels": square & (q["C/G"] >= 8), f"{k}x{k} depthwise": square & found["depthwise"],
        }  # fmt: skip
    return found
