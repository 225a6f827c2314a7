"""What is told of a geometry by yes and no: values, thresholds and relations, on which bugs depend.

All by general rules: `C/G > 16`, `3x3`, `rows are left over`. Which of them a domain can express, and which pairs of
the principal ones, is what a choice from it has to cover.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

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
# Further ones, of which no pairs are formed: where a block, a vector, a cache or a loop written out may end.
_FINE = (
    tuple(range(1, 9)),
    (12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, *(2**n for n in range(11, 18))),
)
_SMALL_QUANTITIES = ("N", "G", "KH", "KW", "SH", "SW", "DH", "DW", "pt", "pb", "pl", "pr")
_REMAINDERS = (2, 3, 4, 5, 8, 16, 32, 64, 128)
_REMAINDERS_OF = ("C/G", "F/G", "OW", "OH", "W", "H", "L", "K", "N", "N*L", "G", "KH*KW")
_NAMES = (
    "N", "C/G", "F/G", "G", "H", "W", "OH", "OW", "KH", "KW", "SH", "SW", "DH", "DW",
    "pt", "pb", "pl", "pr", "RH", "RW",
)  # fmt: skip
_MULTIPLES = {"C/G": (4, 8), "F/G": (4, 8), "OW": (2, 4, 8), "OH": (2,), "L": (4, 16), "K": (8,), "N": (2,)}


class Table(NamedTuple):
    """(geometry x setting) of bools, the names of the settings, and how many of these, the first, are principal."""

    has: Array
    names: list[str]
    principal: int


def table(specs: Iterable[ConvSpec]) -> Table:
    """What holds of each geometry."""
    q = _quantities(list(specs))
    principal = _principal(q)
    found = {**_further(q), **principal}  # where a name is in both, the same is said
    names = [*principal, *(name for name in found if name not in principal)]
    return Table(np.array([found[name] for name in names]).T, names, len(principal))


def _further(q: Mapping[str, Array]) -> dict[str, Array]:
    found = {}
    for name, value in q.items():
        for limit in (*(_FINE[0] if name in _SMALL_QUANTITIES else ()), *_FINE[1]):
            found[f"{name} > {limit}"] = value > limit
        if name in _SMALL_QUANTITIES:
            found |= {f"{name} = {number}": value == number for number in _FINE[0]}
    for name in _REMAINDERS_OF:
        for step in _REMAINDERS:
            rest = q[name] % step
            found[f"{name} > {step}, not its multiple"] = (q[name] > step) & (rest > 0)
            found[f"{name} a multiple of {step}"] = rest == 0
            found[f"{name} > 3 * {step}, not its multiple"] = (q[name] > 3 * step) & (rest > 0)
            if step >= 8:
                found[f"{name} > {step}, one left over"] = (q[name] > step) & (rest == 1)
                found[f"{name} > {step}, one short"] = (q[name] > step - 2) & (rest == step - 1)
    return found


def _principal(q: Mapping[str, Array]) -> dict[str, Array]:
    found = {f"{name} > {limit}": q[name] > limit for name, limits in _THRESHOLDS.items() for limit in limits}
    found |= {
        f"{name} > {step}, not its multiple": (q[name] > step) & (q[name] % step > 0)
        for name, steps in _MULTIPLES.items() for step in steps
    }  # fmt: skip
    return found | _relations(q) | _named_kernels(q)


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
    q["N*L"], q["KH*KW"] = q["N"] * q["L"], q["KH"] * q["KW"]
    q["K"], q["F/G*KH*KW"] = q["C/G"] * q["KH*KW"], q["F/G"] * q["KH*KW"]
    q["H*W"] = q["H"] * q["W"]
    q["columns"], q["y"] = q["N*L"] * q["G"] * q["K"], q["N*L"] * q["G"] * q["F/G"]
    return q


def _relations(q: Mapping[str, Array]) -> dict[str, Array]:
    (kh, kw), (sh, sw), (dh, dw) = (q["KH"], q["KW"]), (q["SH"], q["SW"]), (q["DH"], q["DW"])
    pt, pb, pl, pr = (q[name] for name in ("pt", "pb", "pl", "pr"))
    left = {"H": (q["H"] + pt + pb - q["RH"]) % sh, "W": (q["W"] + pl + pr - q["RW"]) % sw}
    grouped = q["G"] > 1
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
        "a large batch of an odd number": (q["N"] > 15) & (q["N"] % 2 == 1),
        "a large batch of an even number": (q["N"] > 15) & (q["N"] % 2 == 0),
        "one channel, one filter": (q["C/G"] == 1) & (q["F/G"] == 1) & ~grouped,
        "a square image": q["H"] == q["W"], "a square output": (q["OH"] == q["OW"]) & (q["L"] > 1),
    }  # fmt: skip
    return found


def _named_kernels(q: Mapping[str, Array]) -> dict[str, Array]:
    """What has a fast path of its own: it ends differently at each remainder, so by parity of the output too."""
    found: dict[str, Array] = {}
    stride_1, stride_2 = ((q["SH"] == s) & (q["SW"] == s) & (q["DH"] == 1) & (q["DW"] == 1) for s in (1, 2))
    depthwise = (q["G"] > 1) & (q["C/G"] == 1)
    for k in (1, 2, 3, 4, 5, 7):
        square = (q["KH"] == k) & (q["KW"] == k)
        found |= {
            f"{k}x{k}": square, f"{k}x{k} stride 1": square & stride_1, f"{k}x{k} stride 2": square & stride_2,
            f"{k}x{k} dilated": square & (q["DH"] > 1) & (q["DW"] > 1),
            f"{k}x{k} of many channels": square & (q["C/G"] >= 8), f"{k}x{k} depthwise": square & depthwise,
        }  # fmt: skip
    for k in (3, 5):
        for m in (2, 4):
            for rows in (True, False):
                for columns in (True, False):
                    name = f"{k}x{k} stride 1, OH {'' if rows else 'not '}and OW {'' if columns else 'not '}by {m}"
                    ends = ((q["OH"] % m == 0) == rows) & ((q["OW"] % m == 0) == columns)
                    found[name] = found[f"{k}x{k} stride 1"] & ends
    return found
