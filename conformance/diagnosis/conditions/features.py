"""The quantities of geometries that a condition may speak of: their words, the Python for them, and their numbers.

Numbers are made for many geometries at once, an array for each quantity.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from conformance.cases.fields import NAMES
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec

Features = dict[str, Array]  # int64, one number for each geometry
_Made = Callable[[Features], Array]


class Quantity(NamedTuple):
    """What a student calls it, the expression on `spec`, and how far it is from what one thinks of first."""

    words: str
    code: str
    cost: float
    of: _Made | None = None  # None: one of the sixteen numbers of a geometry


_PLAIN, _NEAR, _FAR = 1.0, 1.3, 1.6


def _own(words: str, code: str) -> Quantity:
    return Quantity(words, code, _PLAIN)


def _two(words: str, code: str, first: str, second: str) -> dict[str, Quantity]:
    """The smaller and the larger of both axes."""
    near = _NEAR if words in ("stride", "dilation") else _FAR
    return {
        f"min {words}": Quantity(
            f"{words} in both axes", f"min({code})", near, lambda v: np.minimum(v[first], v[second])
        ),
        f"max {words}": Quantity(
            f"{words} in either axis", f"max({code})", near, lambda v: np.maximum(v[first], v[second])
        ),
    }


# A quantity is made of those before it.
QUANTITIES: dict[str, Quantity] = {
    "n": _own("N", "spec.batch"),
    "c": _own("C", "spec.in_channels"),
    "f": _own("F", "spec.out_channels"),
    "g": _own("groups", "spec.groups"),
    "h": _own("H", "spec.input_size[0]"),
    "w": _own("W", "spec.input_size[1]"),
    "kh": _own("KH", "spec.kernel_size[0]"),
    "kw": _own("KW", "spec.kernel_size[1]"),
    "sh": _own("stride in height", "spec.stride[0]"),
    "sw": _own("stride in width", "spec.stride[1]"),
    "pt": _own("top padding", "spec.padding[0]"),
    "pb": _own("bottom padding", "spec.padding[1]"),
    "pl": _own("left padding", "spec.padding[2]"),
    "pr": _own("right padding", "spec.padding[3]"),
    "dh": _own("dilation in height", "spec.dilation[0]"),
    "dw": _own("dilation in width", "spec.dilation[1]"),
    "cg": Quantity("channels a group", "spec.in_channels // spec.groups", _NEAR, lambda v: v["c"] // v["g"]),
    "fg": Quantity("filters a group", "spec.out_channels // spec.groups", _NEAR, lambda v: v["f"] // v["g"]),
    "taps": Quantity("taps KH*KW", "spec.taps", _NEAR, lambda v: v["kh"] * v["kw"]),
    "rh": Quantity("reach in height", "spec.reach[0]", _FAR, lambda v: (v["kh"] - 1) * v["dh"] + 1),
    "rw": Quantity("reach in width", "spec.reach[1]", _FAR, lambda v: (v["kw"] - 1) * v["dw"] + 1),
    "ph": Quantity("padded height", "spec.padded_size[0]", _FAR, lambda v: v["h"] + v["pt"] + v["pb"]),
    "pw": Quantity("padded width", "spec.padded_size[1]", _FAR, lambda v: v["w"] + v["pl"] + v["pr"]),
    "oh": Quantity("OH", "spec.output_size[0]", _NEAR, lambda v: (v["ph"] - v["rh"]) // v["sh"] + 1),
    "ow": Quantity("OW", "spec.output_size[1]", _NEAR, lambda v: (v["pw"] - v["rw"]) // v["sw"] + 1),
    "rest h": Quantity(
        "rows left over by the stride", "spec.left_over[0]", _NEAR, lambda v: (v["ph"] - v["rh"]) % v["sh"]
    ),
    "rest w": Quantity(
        "columns left over by the stride", "spec.left_over[1]", _NEAR, lambda v: (v["pw"] - v["rw"]) % v["sw"]
    ),
    "last h": Quantity(
        "row at which the last window begins", "(spec.output_size[0] - 1) * spec.stride[0] - spec.padding[0]", _FAR,
        lambda v: (v["oh"] - 1) * v["sh"] - v["pt"],
    ),
    "last w": Quantity(
        "column at which the last window begins", "(spec.output_size[1] - 1) * spec.stride[1] - spec.padding[2]",
        _FAR, lambda v: (v["ow"] - 1) * v["sw"] - v["pl"],
    ),
    "used h": Quantity(
        "rows covered by windows", "(spec.padded_size[0] - spec.left_over[0])", _FAR, lambda v: v["ph"] - v["rest h"]
    ),
    "used w": Quantity(
        "columns covered by windows", "(spec.padded_size[1] - spec.left_over[1])", _FAR,
        lambda v: v["pw"] - v["rest w"],
    ),
    "h + 2 pt": Quantity("H + 2 * top padding", "spec.input_size[0] + 2 * spec.padding[0]", _FAR,
                         lambda v: v["h"] + 2 * v["pt"]),
    "w + 2 pl": Quantity("W + 2 * left padding", "spec.input_size[1] + 2 * spec.padding[2]", _FAR,
                         lambda v: v["w"] + 2 * v["pl"]),
    "l": Quantity("positions OH*OW", "spec.positions", _NEAR, lambda v: v["oh"] * v["ow"]),
    "nl": Quantity("N*OH*OW", "spec.batch * spec.positions", _FAR, lambda v: v["n"] * v["l"]),
    "ncl": Quantity("N*C*OH*OW", "spec.batch * spec.in_channels * spec.positions", _FAR, lambda v: v["nl"] * v["c"]),
    "nfl": Quantity("N*F*OH*OW", "spec.batch * spec.out_channels * spec.positions", _FAR, lambda v: v["nl"] * v["f"]),
    "k": Quantity("terms of a sum C/G*KH*KW", "spec.in_channels // spec.groups * spec.taps", _FAR,
                  lambda v: v["cg"] * v["taps"]),
    "rows": Quantity("rows of the columns C*KH*KW", "spec.in_channels * spec.taps", _FAR, lambda v: v["c"] * v["taps"]),
    "hw": Quantity("H*W", "spec.input_size[0] * spec.input_size[1]", _FAR, lambda v: v["h"] * v["w"]),
    "phw": Quantity("padded pixels", "spec.padded_size[0] * spec.padded_size[1]", _FAR, lambda v: v["ph"] * v["pw"]),
    "cphw": Quantity("C * padded pixels", "spec.in_channels * spec.padded_size[0] * spec.padded_size[1]", _FAR,
                     lambda v: v["c"] * v["phw"]),
    "cl": Quantity("C*OH*OW", "spec.in_channels * spec.positions", _FAR, lambda v: v["c"] * v["l"]),
    "fl": Quantity("F*OH*OW", "spec.out_channels * spec.positions", _FAR, lambda v: v["f"] * v["l"]),
    "flat plane": Quantity(
        "the largest flat index into a padded plane",
        "((spec.padded_size[0] - spec.left_over[0] - 1) * spec.padded_size[1] + spec.padded_size[1]"
        " - spec.left_over[1] - 1)", _FAR, lambda v: (v["used h"] - 1) * v["pw"] + v["used w"] - 1,
    ),
    "flat": Quantity(
        "the largest flat index into a padded image",
        "((spec.in_channels - 1) * spec.padded_size[0] * spec.padded_size[1] + (spec.padded_size[0] - spec.left_over[0]"
        " - 1) * spec.padded_size[1] + spec.padded_size[1] - spec.left_over[1] - 1)", _FAR,
        lambda v: (v["c"] - 1) * v["phw"] + (v["used h"] - 1) * v["pw"] + v["used w"] - 1,
    ),
    "chw": Quantity("C*H*W", "spec.in_channels * spec.input_size[0] * spec.input_size[1]", _FAR,
                    lambda v: v["c"] * v["hw"]),
    "nchw": Quantity("N*C*H*W", "spec.batch * spec.in_channels * spec.input_size[0] * spec.input_size[1]", _FAR,
                     lambda v: v["n"] * v["chw"]),
    "columns": Quantity("elements of the columns", "spec.batch * spec.in_channels * spec.taps * spec.positions", _FAR,
                        lambda v: v["n"] * v["c"] * v["taps"] * v["l"]),
    "macs": Quantity("multiply-adds", "spec.macs", _FAR, lambda v: v["n"] * v["f"] * v["l"] * v["k"]),
    **_two("kernel", "spec.kernel_size", "kh", "kw"),
    **_two("stride", "spec.stride", "sh", "sw"),
    **_two("dilation", "spec.dilation", "dh", "dw"),
    **_two("image", "spec.input_size", "h", "w"),
    **_two("output", "spec.output_size", "oh", "ow"),
    "min padding": Quantity("padding on all sides", "min(spec.padding)", _NEAR, lambda v: _pads(v).min(0)),
    "max padding": Quantity("padding on any side", "max(spec.padding)", _NEAR, lambda v: _pads(v).max(0)),
}  # fmt: skip


def features(specs: Sequence[ConvSpec]) -> Features:
    """Every quantity of all of them."""
    own = np.array(
        [
            (
                spec.batch, spec.in_channels, spec.out_channels, spec.groups, *spec.input_size, *spec.kernel_size,
                *spec.stride, *spec.padding, *spec.dilation,
            )
            for spec in specs
        ],
        np.int64,
    ).reshape(len(specs), len(NAMES))  # fmt: skip
    found: Features = dict(zip(NAMES, np.ascontiguousarray(own.T), strict=True))
    for name, quantity in QUANTITIES.items():
        if quantity.of is not None:
            found[name] = quantity.of(found)
    return found


def _pads(v: Features) -> Array:
    return np.stack([v["pt"], v["pb"], v["pl"], v["pr"]])
