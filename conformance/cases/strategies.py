"""Hypothesis strategies for geometries and for the memory of an array; both shrink toward the plainest.

Hypothesis itself generates no array that is not contiguous. Here a layout is drawn apart from the values, so a failure
shrinks to C order if that fails too, and to the odd layout alone if it does not.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from conformance.cases.case import RANDOM, Case
from harness.calls.memory_layouts import MEMORY_LAYOUTS
from harness.geometry.spec import OPS, ConvSpec, Op

MOST_WORK = 20_000  # multiply-adds of a case, so that plain Python loops can follow


def layouts(names: Sequence[str] = MEMORY_LAYOUTS) -> st.SearchStrategy[str]:
    """Names of memory layouts, from C order (to which it shrinks) to arrays mapped from a file."""
    return st.sampled_from(list(names))


@st.composite
def geometries(draw: st.DrawFn, most_work: int = MOST_WORK) -> ConvSpec:
    """Any valid geometry of at most `most_work` multiply-adds; shrinks to one pixel, one tap, one channel."""
    axes = [draw(_axes()) for _ in range(2)]
    groups = draw(st.integers(1, 4))
    inputs, outputs = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    batch = draw(st.sampled_from((1, 2, 3)))
    spec = _spec(axes, batch, groups, inputs, outputs)
    while spec.macs > most_work:  # smaller channels first, then images: the geometry is what is searched
        inputs, outputs, groups, batch = max(inputs - 1, 1), max(outputs - 1, 1), max(groups - 1, 1), min(batch, 1)
        spec, before = _spec(axes, batch, groups, inputs, outputs), spec
        if spec == before:
            break
    return spec


@st.composite
def _axes(draw: st.DrawFn) -> tuple[int, int, int, int, int, int]:
    """Input size, kernel, stride, pads and dilation of one axis, such that the dilated kernel fits."""
    kernel = draw(st.integers(1, 5))
    stride = draw(st.one_of(st.integers(1, 4), st.integers(5, 12)))
    dilation = draw(st.integers(1, 4)) if kernel > 1 else 1
    before, after = draw(_pads()), draw(_pads())
    least = max(1, (kernel - 1) * dilation + 1 - before - after)
    size = least + draw(st.one_of(st.integers(0, 9), st.integers(10, 34)))
    return size, kernel, stride, before, after, dilation


def _pads() -> st.SearchStrategy[int]:
    return st.one_of(st.just(0), st.integers(0, 4), st.integers(5, 9))


def _spec(axes: Sequence[tuple[int, ...]], batch: int, groups: int, inputs: int, outputs: int) -> ConvSpec:
    (h, kh, sh, pt, pb, dh), (w, kw, sw, pl, pr, dw) = axes
    return ConvSpec(
        batch=batch, in_channels=inputs * groups, out_channels=outputs * groups, groups=groups, input_size=(h, w),
        kernel_size=(kh, kw), stride=(sh, sw), padding=(pt, pb, pl, pr), dilation=(dh, dw),
    )  # fmt: skip


@st.composite
def cases(
    draw: st.DrawFn, ops: Sequence[Op] = OPS, dtypes: Sequence[str] = ("float32",),
    names: Sequence[str] = MEMORY_LAYOUTS,
) -> Case:  # fmt: skip
    """Cases of tier 3: op, dtype, geometry, one of the named layouts, with or without bias, data."""
    op, dtype = draw(st.sampled_from(list(ops))), draw(st.sampled_from(list(dtypes)))
    bias = op != "conv2d" or not draw(st.booleans())
    return Case(RANDOM, op, dtype, draw(geometries()), bias, draw(layouts(names)), draw(st.integers(0, 999)))
