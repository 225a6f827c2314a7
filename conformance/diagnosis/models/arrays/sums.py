"""Sums over too little, and sums that are not set back to 0: over images, along axes of the result, at its edges."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from conformance.diagnosis.models.arrays import maps
from conformance.diagnosis.models.arrays.maps import Map
from conformance.diagnosis.models.arrays.opened import (
    VIEWS,
    Change,
    Kind,
    View,
    along,
    argument,
    argument_along,
    rerun,
    right,
    whole,
    with_argument,
    with_result,
)
from conformance.diagnosis.models.model import Given, Model
from harness.contract.protocol import Array
from harness.geometry.spec import Op

_SUMMED: tuple[Kind, ...] = ("image", "output", "kernel", "bias")  # the results that are sums
_OVER_IMAGES: tuple[Op, ...] = ("conv2d_weight_grad", "conv2d_bias_grad")
_IMAGES: dict[str, tuple[str, Map]] = {
    "first for all": ("takes the first image in place of each", partial(maps.constant, 0)),
    "last for all": ("takes the last image in place of each", partial(maps.constant, -1)),
    "one before the last": (
        "takes the image before the last in place of the last, and none if there is one alone",
        maps.one_before_the_last,
    ),
    "halved": ("takes image i // 2 in place of image i", maps.halved),
    **{
        f"again after {size}": (f"takes image i % {size} in place of image i", partial(maps.wrapped, size))
        for size in (2, 4, 8, 16, 32, 64)
    },
}


def models() -> Iterator[Model]:
    """All of them."""
    yield from _over_images()
    yield from _running()
    yield from _corners()


def _over_images() -> Iterator[Model]:
    images = VIEWS["output"][0]
    for name, at in (("first", 0), ("last", -1)):
        yield Model(
            id=f"sums/{name} image only",
            says=f"sums over the {name} image only",
            mend="sum over all images: `+=` inside the loop over images, not `=`",
            ops=_OVER_IMAGES,
            gives=argument_along("output", images, partial(_only, at)),
            cost=1.1,
        )

    for name, (says, by) in _IMAGES.items():
        yield Model(
            id=f"sums/images, {name}",
            says=says,
            mend="the sum over images takes each of them once: index with the image of the loop",
            ops=_OVER_IMAGES,
            gives=partial(_both_by, by),
            cost=1.4,
        )


def _running() -> Iterator[Model]:
    """Accumulators that are not reset, and sums that all elements of an axis share."""
    for kind in _SUMMED:
        ops = with_result(kind)
        for view in (*VIEWS[kind], whole(kind)):
            yield Model(
                id=f"sums/running/{kind} {view.name}",
                says=f"does not set its sum back to 0: each {view.one} of {view.of}the result includes those before it",
                mend=f"start the sum at 0 for each {view.one}",
                ops=ops,
                gives=partial(_without_bias, kind, view, partial(np.cumsum, axis=1)),
                cost=1.4,
            )
            yield Model(
                id=f"sums/total/{kind} {view.name}",
                says=f"gives all {view.many} of {view.of}the result the sum over all {view.many}",
                mend=f"do not sum over {view.many}",
                ops=ops,
                gives=partial(_without_bias, kind, view, _total),
                cost=1.4,
            )


def _corners() -> Iterator[Model]:
    """The first or last output row that the first or last kernel row does not see."""
    axes = (("row", VIEWS["output"][4], VIEWS["kernel"][4]), ("column", VIEWS["output"][5], VIEWS["kernel"][5]))
    for word, of_output, of_kernel in axes:
        for name, at in (("first", 0), ("last", -1)):
            yield Model(
                id=f"sums/{name} output {word} left out of the {name} kernel {word}",
                says=f"leaves the {name} output {word} out of the sum for the {name} kernel {word}",
                mend=f"let the sum for every kernel {word} run over all output {word}s whose pixel is in the image",
                ops=("conv2d_weight_grad",),
                gives=partial(_without_the_edge, at, of_output, of_kernel),
                cost=1.6,
                seen="dw-depthwise-last-row-missing" if (name, word) == ("last", "row") else "",
            )


def _only(at: int, v: Array) -> Array:
    kept = np.zeros_like(v)
    kept[:, at] = v[:, at]
    return kept


def _both_by(by: Map, given: Given) -> Array:
    """dy and the image read at by[i] in place of image i."""
    if argument(given, "output") is None:
        return right(given)
    arrays = (None if a is None else maps.read(by, a.reshape(1, len(a), -1)).reshape(a.shape) for a in given.arrays)
    return rerun(given, *arrays)


def _total(v: Array) -> Array:
    return np.broadcast_to(v.sum(1, keepdims=True), v.shape)


def _without_bias(kind: Kind, view: View, change: Change, given: Given) -> Array:
    """The sum is changed before a bias is added."""
    bias = given.arrays[2] if given.op == "conv2d" else None
    result = right(given) if bias is None else rerun(given, *given.arrays[:2], None)
    if not result.size:
        return result
    changed = np.asarray(change(along(view, kind, given.spec, result))).reshape(result.shape)
    return changed if bias is None else np.asarray(changed + bias[:, None, None])


def _without_the_edge(at: int, of_output: View, of_kernel: View, given: Given) -> Array:
    dy = argument(given, "output")
    if dy is None:
        return right(given)
    spec = given.spec
    edge = with_argument(given, "output", _only(at, along(of_output, "output", spec, dy)).reshape(dy.shape))
    missed = _only(at, along(of_kernel, "kernel", spec, edge)).reshape(edge.shape)
    return np.asarray(right(given) - missed)
