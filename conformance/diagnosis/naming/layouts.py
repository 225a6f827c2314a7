"""Results that are right but in another layout or shape: of columns that is no fault, and one line may plug them in."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import permutations

import numpy as np

from conformance.diagnosis.models import tables
from conformance.diagnosis.models.model import Given, Model
from harness.contract.columns_layouts import COLUMNS_LAYOUTS
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op, Shape

_PLAIN = 0.8  # plainer than an order of axes that gives the same

# Layouts without a name here: how the columns (N, C, KH, KW, OH, OW) become them, and the way back to (N, rows, L).
_UNNAMED: tuple[tuple[str, tuple[int, ...], str, str], ...] = (
    ("(L, C*KH*KW) of one image", (0, 4, 5, 1, 2, 3), "l,k", "`columns.T[None]`"),
    ("(C*KH*KW, L) of one image", (0, 1, 2, 3, 4, 5), "k,l", "`columns[None]`"),
    ("(N*L, C*KH*KW), one window a row", (0, 4, 5, 1, 2, 3), "nl,k",
     '`columns.reshape(N, L, C * KH * KW)`, with the line `layout = "rows"`'),
    ("(L*N, C*KH*KW), one window a row, images innermost", (4, 5, 0, 1, 2, 3), "nl,k",
     '`columns.T`, with the line `layout = "batch_innermost"`'),
    ("(N, OH*OW, KH*KW*C), channels last", (0, 4, 5, 2, 3, 1), "n,l,k",
     "`columns.reshape(N, L, KH, KW, C).transpose(0, 4, 2, 3, 1).reshape(N, -1, L)`"),
    ("(N*OH*OW, KH*KW*C), channels last", (0, 4, 5, 2, 3, 1), "nl,k",
     "`columns.reshape(N, L, KH, KW, C).transpose(0, 4, 2, 3, 1).reshape(N, -1, L)`"),
    ("(C*KH*KW, L, N)", (1, 2, 3, 4, 5, 0), "k,l,n", "`columns.transpose(2, 0, 1)`"),
    ("(C*KH*KW, N, L)", (1, 2, 3, 0, 4, 5), "k,n,l", "`columns.transpose(1, 0, 2)`"),
    ("(L, N, C*KH*KW)", (4, 5, 0, 1, 2, 3), "l,n,k", "`columns.transpose(1, 2, 0)`"),
    ("(N, C, KH, KW, OH, OW)", (0, 1, 2, 3, 4, 5), "", "`columns.reshape(N, C * KH * KW, OH * OW)`"),
    ("(N, OH, OW, C, KH, KW)", (0, 4, 5, 1, 2, 3), "",
     "`columns.transpose(0, 3, 4, 5, 1, 2).reshape(N, C * KH * KW, OH * OW)`"),
    ("(N, C*KH*KW, OH, OW)", (0, 1, 2, 3, 4, 5), "n,k,o,p", "`columns.reshape(N, C * KH * KW, OH * OW)`"),
    ("(N, OH, OW, C*KH*KW)", (0, 4, 5, 1, 2, 3), "n,o,p,k",
     "`columns.reshape(N, L, C * KH * KW)`, with the line `layout = \"rows\"`"),
    ("(N, C, KH*KW, L)", (0, 1, 2, 3, 4, 5), "n,c,t,l", "`columns.reshape(N, C * KH * KW, L)`"),
)  # fmt: skip


_MISSHAPEN = 0.95
_FORMS: tuple[tuple[str, str, Callable[[Shape], Shape]], ...] = (
    ("an axis more in front", "returns the result with an axis of length one more, in front",
     lambda shape: (1, *shape)),
    ("an axis more at the end", "returns the result with an axis of length one more, at the end",
     lambda shape: (*shape, 1)),
    ("one axis", "returns the result flat, all its axes joined to one", lambda shape: (math.prod(shape),)),
    ("without its first axis", "leaves out the first axis of the result where it has length one",
     lambda shape: shape[1:] if shape[0] == 1 else shape),
    ("without its last axis", "leaves out the last axis of the result where it has length one",
     lambda shape: shape[:-1] if shape[-1] == 1 else shape),
    ("without axes of one", "leaves out every axis of the result whose length is one, as `squeeze` does",
     lambda shape: tuple(size for size in shape if size != 1)),
)  # fmt: skip
_AXES: dict[Op, tuple[str, ...]] = {
    "col2im": ("N", "C", "H", "W"), "conv2d": ("N", "F", "OH", "OW"), "conv2d_input_grad": ("N", "C", "H", "W"),
    "conv2d_weight_grad": ("F", "C/G", "KH", "KW"),
}  # fmt: skip


_SHAPES: dict[Op, str] = {
    "im2col": "spec.columns_shape", "col2im": "spec.x_shape", "conv2d": "spec.y_shape",
    "conv2d_input_grad": "spec.x_shape", "conv2d_weight_grad": "spec.w_shape",
}  # fmt: skip


@cache
def models(op: Op) -> tuple[Model, ...]:
    """Of im2col every layout but the contract's own; of the others the axes of the result in every other order.

    Of all but the gradient of the bias, which has one axis, also axes of one that are missing or too many.
    """
    turned = (*_named(), *_unnamed()) if op == "im2col" else tuple(_turned(op))
    return (*turned, *_reshaped(op)) if op in _SHAPES else turned


def _reshaped(op: Op) -> Iterator[Model]:
    mend = f"return `result.reshape({_SHAPES[op]})`"
    for form, says, shape in _FORMS:
        yield Model(f"layout/{form}", says, mend, (op,), partial(_shaped, shape), _MISSHAPEN)


def _shaped(shape: Callable[[Shape], Shape], given: Given) -> Array:
    result = tables.run(given)
    return result.reshape(shape(result.shape))


def _turned(op: Op) -> Iterator[Model]:
    names = _AXES.get(op, ())
    for order in list(permutations(range(len(names))))[1:]:
        back = ", ".join(str(order.index(axis)) for axis in range(len(names)))
        form, right = (f"({', '.join(several)})" for several in ([names[axis] for axis in order], names))
        moved = sum(axis != place for place, axis in enumerate(order))
        yield Model(
            f"layout/{form}", f"returns the result as {form} instead of {right}",
            f"return `result.transpose({back})`", (op,), partial(_transposed, order), _PLAIN + moved / 100,
        )  # fmt: skip


def _transposed(order: tuple[int, ...], given: Given) -> Array:
    return np.ascontiguousarray(tables.run(given).transpose(order))


def _named() -> Iterator[Model]:
    for name, layout in COLUMNS_LAYOUTS.items():
        if name != "batched":
            yield Model(
                f"layout/{name}", f"returns the columns as {layout.form}, the layout of {layout.who}",
                f'That is a layout, not a fault. Declare it at the top of the file: `layout = "{name}"`, or return '
                "(N, C*KH*KW, L).",
                ("im2col",), _in_layout(layout.from_batched), _PLAIN,
            )  # fmt: skip


def _unnamed() -> Iterator[Model]:
    for number, (form, order, joined, back) in enumerate(_UNNAMED):
        yield Model(
            f"layout/{form}", f"returns the columns as {form}",
            f"That is a layout, not a fault. Return {back}.", ("im2col",), _in_order(order, joined),
            _PLAIN + 0.01 * (number + 1),
        )  # fmt: skip


def _in_layout(convert: Callable[[Array, ConvSpec], Array]) -> Callable[[Given], Array]:
    return lambda given: convert(tables.run(given), given.spec)


def _in_order(order: tuple[int, ...], joined: str) -> Callable[[Given], Array]:
    """The six axes in this order, then joined to those that the letters say."""

    def gives(given: Given) -> Array:
        spec = given.spec
        opened = tables.run(given).reshape(spec.batch, spec.in_channels, *spec.kernel_size, *spec.output_size)
        turned: Array = np.ascontiguousarray(opened.transpose(order))
        if not joined:
            return turned
        sizes = {"n": spec.batch, "c": spec.in_channels, "t": spec.taps, "k": spec.in_channels * spec.taps,
                 "o": spec.output_size[0], "p": spec.output_size[1], "l": spec.positions,
                 "nl": spec.batch * spec.positions}  # fmt: skip
        if set(joined.split(",")) == {"k", "l"} and spec.batch != 1:
            return tables.run(given)  # without an axis of images, there is one image
        return turned.reshape([sizes[word] for word in joined.split(",")])

    return gives
