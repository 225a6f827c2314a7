"""Plug-ins that speak another convention: another order of the columns, or functions known from elsewhere by name.

`layout = "batch_innermost"` says in which order im2col gives the columns and col2im takes them; `convention = "cs231n"`
that the file has functions of other names and arguments. Both are one line in a file of NumPy functions that stay as
they are. What a convention cannot express is refused for it: such functions take one stride, one padding, no dilation.
What is translated is handed over C-contiguous and in memory of its own; numbers and dtype are the plug-in's.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import numpy as np

from harness.contract.columns_layouts import COLUMNS_LAYOUTS, convert
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.telling import did_you_mean

Function = Callable[..., Any]
_TRANSLATED: tuple[Op, Op] = ("im2col", "col2im")


class ConventionError(ValueError):
    """A layout or convention that is not known, or that the functions of a plug-in do not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Convention:
    """Functions known from elsewhere: what they are called, what they take, and what they cannot express."""

    who: str
    names: dict[Op, str]
    arguments: dict[Op, tuple[str, ...]]  # by position
    layout: str  # of the columns, unless the plug-in says another
    dtypes: tuple[str, ...]  # that they keep, unless the plug-in has an `unsupported` of its own
    refuses: Callable[[Op, ConvSpec], str | None]
    im2col: Callable[[Function, Array, ConvSpec], Any]
    col2im: Callable[[Function, Array, ConvSpec], Any]


class Translated:
    """A plug-in with im2col and col2im as the contract calls them; every other member is its own."""

    def __init__(self, candidate: Any, members: dict[str, Function], hidden: tuple[str, ...] = ()) -> None:
        self._candidate, self._hidden = candidate, hidden
        self.__dict__.update(members)

    def __getattr__(self, member: str) -> Any:
        if member in self._hidden:
            raise AttributeError(member)
        return getattr(self._candidate, member)


def ops_of(candidate: object) -> set[str]:
    """Which of im2col and col2im a candidate has by its convention; none if it says no convention that is known."""
    convention = CONVENTIONS.get(_said(candidate, "convention"))
    return set() if convention is None else {op for op, name in convention.names.items() if hasattr(candidate, name)}


def translated(candidate: Any, target: str) -> Any:
    """The candidate in the words of the contract: itself, if it says neither `layout` nor `convention`.

    Raises `ConventionError` for a word that is not known, and for functions that are missing or take something else.
    """
    layout, name = _said(candidate, "layout"), _said(candidate, "convention")
    if not layout and not name:
        return candidate
    if layout:
        _require_known(layout, COLUMNS_LAYOUTS, "layout", target)
    if hasattr(candidate, "from_numpy"):
        said = "layout" if layout else "convention"
        raise ConventionError(f"{target}: {said} is for functions on NumPy arrays; this has a from_numpy of its own")
    if not name:
        own = {op: getattr(candidate, op) for op in _TRANSLATED if callable(getattr(candidate, op, None))}
        return Translated(candidate, _in_layout(own, layout))
    convention = CONVENTIONS[_require_known(name, CONVENTIONS, "convention", target)]
    functions = {op: getattr(candidate, n) for op, n in convention.names.items() if hasattr(candidate, n)}
    if not functions:
        wanted = " or ".join(_call(convention, op) for op in convention.names)
        raise ConventionError(f"{target}: convention {name!r} needs {wanted}, and neither is there")
    for op, function in functions.items():
        _require_arguments(function, convention, op, target)
    members = _in_layout(_called(functions, convention), layout or convention.layout)
    # What else goes by these names is another function: the book's own `col2im` is a reshape that adds nothing up.
    return Translated(candidate, {**members, "unsupported": _refusals(candidate, convention)}, hidden=_TRANSLATED)


def _said(candidate: object, member: str) -> str:
    """A text that a plug-in says of itself; a function or a module of that name means something else."""
    value = getattr(candidate, member, "")
    return value if isinstance(value, str) else ""


def _require_known(word: str, known: dict[str, Any], what: str, target: str) -> str:
    if word not in known:
        hint = did_you_mean(word, known)
        raise ConventionError(f"{target}: {what} must be one of {', '.join(known)}, got {word!r}{hint}")
    return word


def _call(convention: Convention, op: Op) -> str:
    return f"{convention.names[op]}({', '.join(convention.arguments[op])})"


def _require_arguments(function: Any, convention: Convention, op: Op, target: str) -> None:
    wanted = _call(convention, op)
    if not callable(function):
        raise ConventionError(f"{target}: {convention.names[op]} must be a function {wanted}")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # compiled functions without a signature
        return
    try:
        signature.bind(*convention.arguments[op])
    except TypeError:
        raise ConventionError(f"{target}: {convention.names[op]}{signature} must take {wanted}") from None


def _in_layout(functions: dict[Op, Function], layout: str) -> dict[str, Function]:
    """im2col and col2im of the contract, from those that give and take columns in another layout."""
    members: dict[str, Function] = {}
    if "im2col" in functions:
        members["im2col"] = _giving(functions["im2col"], layout)
    if "col2im" in functions:
        members["col2im"] = _taking(functions["col2im"], layout)
    return members


def _giving(own: Function, layout: str) -> Function:
    @wraps(own)
    def im2col(x: Any, spec: ConvSpec) -> Any:
        """x (N, C, H, W) -> (N, C*KH*KW, L). Raises `LayoutError` where the result has not the layout's shape."""
        columns = own(x, spec)
        if type(columns) is not np.ndarray:  # judged as it is
            return columns
        return np.ascontiguousarray(convert(columns, spec, layout, "batched"))

    return im2col


def _taking(own: Function, layout: str) -> Function:
    @wraps(own)
    def col2im(columns: Any, spec: ConvSpec) -> Any:
        """(N, C*KH*KW, L) -> (N, C, H, W)."""
        return own(convert(columns, spec, "batched", layout), spec)

    return col2im


def _called(functions: dict[Op, Function], convention: Convention) -> dict[Op, Function]:
    """The functions of a convention, called with (array, spec)."""

    def im2col(x: Any, spec: ConvSpec) -> Any:
        return convention.im2col(functions["im2col"], x, spec)

    def col2im(columns: Any, spec: ConvSpec) -> Any:
        x = convention.col2im(functions["col2im"], columns, spec)
        return np.ascontiguousarray(x) if type(x) is np.ndarray else x  # what is cropped is a view

    called: dict[Op, Function] = {"im2col": im2col, "col2im": col2im}
    return {op: called[op] for op in functions}


def _refusals(candidate: Any, convention: Convention) -> Function:
    """What the convention cannot express, then the plug-in's own answer."""
    own = getattr(candidate, "unsupported", None)

    def unsupported(op: Op, spec: ConvSpec, dtype: str) -> str | None:
        reason = convention.refuses(op, spec)
        if reason is not None:
            return reason
        if own is not None:
            answer: str | None = own(op, spec, dtype)
            return answer
        return None if dtype in convention.dtypes else f"dtype {dtype} is not claimed"

    return unsupported if own is None else wraps(own)(unsupported)


# -- CS231n: assignment 2, im2col.py ---------------------------------------------------------------------------------


def _cs231n_refuses(op: Op, spec: ConvSpec) -> str | None:
    (top, bottom, left, right), (s, _), (kh, _) = spec.padding, spec.stride, spec.kernel_size
    if len({top, bottom, left, right}) > 1:
        return "paddings that differ"
    reason = _one_stride(spec)
    if reason is None and any(spec.left_over):
        reason = "a stride that does not fit"
    if reason is None and (spec.padded_size[1] - kh) % s:
        # Its second assert takes field_height for the width, and refuses what it could do.
        reason = f"width {spec.padded_size[1]} - kernel height {kh} is no multiple of stride {s}, as its assert wants"
    if reason is None and op == "col2im" and spec.batch == 0:
        reason = "no images: their columns cannot be told apart by a reshape to -1"
    return reason


def _cs231n_im2col(own: Function, x: Array, spec: ConvSpec) -> Any:
    return own(x, *spec.kernel_size, spec.padding[0], spec.stride[0])


def _cs231n_col2im(own: Function, columns: Array, spec: ConvSpec) -> Any:
    return own(columns, spec.x_shape, *spec.kernel_size, spec.padding[0], spec.stride[0])


# -- one image at a time, padded by the caller: the Python of L. Araujo dos Santos' book ------------------------------


def _per_image_refuses(op: Op, spec: ConvSpec) -> str | None:
    reason = _one_stride(spec)
    if reason is None and op == "col2im" and any(spec.left_over):
        reason = "a stride that does not fit: the size of the image is taken from that of the output"
    return reason


def _per_image_im2col(own: Function, x: Array, spec: ConvSpec) -> Any:
    """Pads, as the caller of such a function does, and takes one image after the other."""
    top, bottom, left, right = spec.padding
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    images = [own(image, *spec.kernel_size, spec.stride[0]) for image in padded]
    return np.stack(images) if images else np.zeros((0, spec.positions, spec.columns_shape[1]), x.dtype)


def _per_image_col2im(own: Function, columns: Array, spec: ConvSpec) -> Any:
    """Cuts the padding off, as the caller of such a function does."""
    (top, _, left, _), (h, w) = spec.padding, spec.input_size
    images = [own(one, *spec.output_size, spec.stride[0], *spec.kernel_size, spec.in_channels) for one in columns]
    padded = np.stack(images) if images else np.zeros((0, spec.in_channels, *spec.padded_size), columns.dtype)
    return padded[:, :, top : top + h, left : left + w]


# -- both ------------------------------------------------------------------------------------------------------------


def _one_stride(spec: ConvSpec) -> str | None:
    if spec.stride[0] != spec.stride[1]:
        return "strides that differ"
    return None if spec.dilation == (1, 1) else "dilation"


CONVENTIONS: dict[str, Convention] = {
    "cs231n": Convention(
        who="assignment 2 of CS231n, im2col.py",
        names={"im2col": "im2col_indices", "col2im": "col2im_indices"},
        arguments={
            "im2col": ("x", "field_height", "field_width", "padding", "stride"),
            "col2im": ("cols", "x_shape", "field_height", "field_width", "padding", "stride"),
        },
        layout="batch_innermost", dtypes=("float32", "float64"),
        refuses=_cs231n_refuses, im2col=_cs231n_im2col, col2im=_cs231n_col2im,
    ),
    "per_image": Convention(
        who="L. Araujo dos Santos' book on artificial intelligence, in Python",
        names={"im2col": "im2col", "col2im": "col2im_back"},
        arguments={
            "im2col": ("x", "hh", "ww", "stride"),
            "col2im": ("dim_col", "h_prime", "w_prime", "stride", "hh", "ww", "c"),
        },
        layout="rows", dtypes=("float64",),  # its arrays are made by np.zeros(shape)
        refuses=_per_image_refuses, im2col=_per_image_im2col, col2im=_per_image_col2im,
    ),
}  # fmt: skip
