"""One comparison that a condition is made of: what it says, the Python for it, where it holds, and how plain it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from conformance.diagnosis.conditions.features import QUANTITIES, Features
from harness.contract.protocol import Array

_SIGNS: dict[str, Callable[[Array, Array | int], Array]] = {
    ">": np.greater, "<=": np.less_equal, "<": np.less, ">=": np.greater_equal, "==": np.equal, "!=": np.not_equal,
}  # fmt: skip
COMPARISONS = tuple(_SIGNS)


class Atom(NamedTuple):
    """`left` is a quantity, or with the sign "is" a name of `NAMED`, or with "both" one of `BOTH`."""

    left: str
    sign: str  # of `COMPARISONS`, or "%": the remainder of division by `right` is `rest`, "not %": it is another
    right: int | str = 0  # a number or another quantity
    rest: int = 0


class Named(NamedTuple):
    """A property that has a name."""

    words: str
    code: str
    cost: float
    holds: Callable[[Features], Array]


BOTH = {  # what a geometry has for either axis
    "kernel": ("kh", "kw", "spec.kernel_size"),
    "stride": ("sh", "sw", "spec.stride"),
    "dilation": ("dh", "dw", "spec.dilation"),
    "image": ("h", "w", "spec.input_size"),
    "output": ("oh", "ow", "spec.output_size"),
}


def _rests(v: Features) -> tuple[Array, Array]:
    return v["rest h"] > 0, v["rest w"] > 0


def _only(side: str, key: str, place: int) -> Named:
    return Named(
        f"padding at the {side} only",
        f"sum(spec.padding) == spec.padding[{place}] > 0",
        2.2,
        lambda v: (v[key] > 0) & (v["pt"] + v["pb"] + v["pl"] + v["pr"] == v[key]),
    )


NAMED: dict[str, Named] = {
    "depthwise": Named(
        "depthwise (groups == C > 1)", "spec.groups == spec.in_channels > 1", 1.8,
        lambda v: (v["g"] == v["c"]) & (v["g"] > 1),
    ),
    "dense": Named(
        "groups, but not depthwise", "1 < spec.groups < spec.in_channels", 2.2,
        lambda v: (v["g"] != v["c"]) & (v["g"] > 1),
    ),
    "apart": Named(
        "stride > kernel in both axes",
        "spec.stride[0] > spec.kernel_size[0] and spec.stride[1] > spec.kernel_size[1]", 2.2,
        lambda v: (v["sh"] > v["kh"]) & (v["sw"] > v["kw"]),
    ),
    "patches": Named(
        "stride == kernel", "spec.stride == spec.kernel_size", 2.0,
        lambda v: (v["sh"] == v["kh"]) & (v["sw"] == v["kw"]),
    ),
    "overlap": Named(
        "windows overlap", "spec.stride[0] < spec.reach[0] or spec.stride[1] < spec.reach[1]", 2.2,
        lambda v: (v["sh"] < v["rh"]) | (v["sw"] < v["rw"]),
    ),
    "no overlap": Named(
        "no windows overlap", "spec.stride[0] >= spec.reach[0] and spec.stride[1] >= spec.reach[1]", 2.3,
        lambda v: (v["sh"] >= v["rh"]) & (v["sw"] >= v["rw"]),
    ),
    "stride is dilation": Named(
        "dilation == stride", "spec.dilation == spec.stride", 2.2,
        lambda v: (v["dh"] == v["sh"]) & (v["dw"] == v["sw"]),
    ),
    "strided and dilated": Named(
        "stride and dilation > 1", "max(spec.stride) > 1 and max(spec.dilation) > 1", 2.2,
        lambda v: (v["max stride"] > 1) & (v["max dilation"] > 1),
    ),
    "dilated in height": Named(
        "DH > 1 and KH > 1", "spec.dilation[0] > 1 and spec.kernel_size[0] > 1", 2.0,
        lambda v: (v["dh"] > 1) & (v["kh"] > 1),
    ),
    "dilated in width": Named(
        "DW > 1 and KW > 1", "spec.dilation[1] > 1 and spec.kernel_size[1] > 1", 2.0,
        lambda v: (v["dw"] > 1) & (v["kw"] > 1),
    ),
    "tiles": Named(
        "the stride leaves no rows or columns over", "spec.left_over == (0, 0)", 1.9,
        lambda v: ~(_rests(v)[0] | _rests(v)[1]),
    ),
    "rest in both": Named(
        "the stride leaves rows and columns over", "min(spec.left_over) > 0", 2.0, lambda v: _rests(v)[0] & _rests(v)[1]
    ),
    "rest": Named(
        "the stride leaves rows or columns over", "max(spec.left_over) > 0", 1.9, lambda v: _rests(v)[0] | _rests(v)[1]
    ),
    "symmetric": Named(
        "padding is the same at both ends",
        "spec.padding[0] == spec.padding[1] and spec.padding[2] == spec.padding[3]", 2.0,
        lambda v: (v["pt"] == v["pb"]) & (v["pl"] == v["pr"]),
    ),
    "lopsided": Named(
        "padding differs at the two ends",
        "spec.padding[0] != spec.padding[1] or spec.padding[2] != spec.padding[3]", 2.0,
        lambda v: (v["pt"] != v["pb"]) | (v["pl"] != v["pr"]),
    ),
    "top and left": Named(
        "top and left padding > 0", "spec.padding[0] > 0 and spec.padding[2] > 0", 2.0,
        lambda v: (v["pt"] > 0) & (v["pl"] > 0),
    ),
    "all sides": Named(
        "padding is the same on all sides", "len(set(spec.padding)) == 1", 2.0,
        lambda v: v["min padding"] == v["max padding"],
    ),
    "padded on all sides": Named(
        "padding is the same on all sides and > 0", "len(set(spec.padding)) == 1 and spec.padding[0] > 0", 2.0,
        lambda v: (v["min padding"] == v["max padding"]) & (v["max padding"] > 0),
    ),
    "sides differ": Named(
        "padding is not the same on all sides", "len(set(spec.padding)) > 1", 2.0,
        lambda v: v["min padding"] != v["max padding"],
    ),
    "small image": Named(
        "image smaller than the kernel",
        "spec.input_size[0] < spec.kernel_size[0] and spec.input_size[1] < spec.kernel_size[1]", 2.0,
        lambda v: (v["h"] < v["kh"]) & (v["w"] < v["kw"]),
    ),
    "one window": Named(
        "the kernel covers the padded image", "spec.reach == spec.padded_size", 1.9,
        lambda v: (v["ph"] == v["rh"]) & (v["pw"] == v["rw"]),
    ),
    "odd output": Named(
        "OH or OW is odd", "spec.output_size[0] % 2 or spec.output_size[1] % 2", 2.2,
        lambda v: (v["oh"] % 2 == 1) | (v["ow"] % 2 == 1),
    ),
    "not square": Named(
        "some axis differs from the other in kernel, stride or dilation",
        "spec.kernel_size[0] != spec.kernel_size[1] or spec.stride[0] != spec.stride[1]"
        " or spec.dilation[0] != spec.dilation[1]", 2.6,
        lambda v: (v["kh"] != v["kw"]) | (v["sh"] != v["sw"]) | (v["dh"] != v["dw"]),
    ),
    "top only": _only("top", "pt", 0),
    "bottom only": _only("bottom", "pb", 1),
    "left only": _only("left", "pl", 2),
    "right only": _only("right", "pr", 3),
}  # fmt: skip


def holds(atom: Atom, v: Features) -> Array:
    """Where, of the geometries of these features: a bool for each."""
    if atom.sign == "is":
        return NAMED[atom.left].holds(v)
    if atom.sign == "both":
        first, second, _ = BOTH[atom.left]
        both: Array = (v[first] == atom.right) & (v[second] == atom.right)
        return both
    right = v[atom.right] if isinstance(atom.right, str) else atom.right
    if atom.sign in _SIGNS:
        return _SIGNS[atom.sign](v[atom.left], right)
    is_rest: Array = v[atom.left] % right == atom.rest
    return is_rest if atom.sign == "%" else ~is_rest


def _quantity(atom: Atom) -> str:
    """In words. Of the smaller or the larger of several it depends on the sign whether all of them or one is meant."""
    which, _, name = atom.left.partition(" ")
    if which not in ("min", "max"):
        return QUANTITIES[atom.left].words
    least = 0 if name == "padding" else 1
    if atom.sign in (">", ">=") or (atom.sign == "!=" and atom.right == least):
        return QUANTITIES[atom.left].words
    if atom.sign in ("<", "<=") or (atom.sign == "==" and atom.right == least):
        return QUANTITIES[f"{'max' if which == 'min' else 'min'} {name}"].words
    end = "est" if name == "padding" else "er"
    return f"the {'small' if which == 'min' else 'larg'}{end} {name}"


_NO_PADDING = (Atom("max padding", "==", 0), Atom("max padding", "<=", 0))


def words(atom: Atom) -> str:
    """As a student says it."""
    if atom.sign == "is":
        return NAMED[atom.left].words
    if atom.sign == "both":
        return f"{atom.left} is {atom.right} x {atom.right}"
    if atom in _NO_PADDING:
        return "there is no padding"
    left = _quantity(atom)
    if atom.sign in _SIGNS:
        right = QUANTITIES[atom.right].words if isinstance(atom.right, str) else atom.right
        return f"{left} {atom.sign} {right}"
    if atom.rest:
        return f"{left} % {atom.right} {'==' if atom.sign == '%' else '!='} {atom.rest}"
    if atom.right == 2:
        return f"{left} is {'even' if atom.sign == '%' else 'odd'}"
    return f"{left} is {'a' if atom.sign == '%' else 'no'} multiple of {atom.right}"


def code(atom: Atom) -> str:
    """A Python expression on `spec`; it may stand beside `and` or `or`."""
    if atom.sign == "is":
        named = NAMED[atom.left].code
        return f"({named})" if " and " in named or " or " in named else named
    if atom.sign == "both":
        return f"{BOTH[atom.left][2]} == ({atom.right}, {atom.right})"
    left = QUANTITIES[atom.left].code
    if atom.sign in _SIGNS:
        right = QUANTITIES[atom.right].code if isinstance(atom.right, str) else atom.right
        return f"{left} {atom.sign} {right}"
    inner = f"({left})" if " " in left else left
    return f"{inner} % {atom.right} {'==' if atom.sign == '%' else '!='} {atom.rest}"
