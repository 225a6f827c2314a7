"""ConvSpec: sizes, text form, shorthands, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.cases import golden
from harness.geometry.spec import OPS, ConvSpec, SpecError
from harness.oracle.pointwise import window_starts

_BASE: dict[str, Any] = dict(batch=2, in_channels=4, input_size=(7, 6), out_channels=6, kernel_size=(3, 2))


@st.composite
def specs(draw: st.DrawFn) -> ConvSpec:
    """Any valid spec of moderate size."""
    groups = draw(st.integers(1, 4))
    kernel, dilation = (draw(st.tuples(st.integers(1, 5), st.integers(1, 5))) for _ in range(2))
    padding = draw(st.tuples(*[st.integers(0, 9)] * 4))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    least = [max(r - padding[2 * a] - padding[2 * a + 1], 1) for a, r in enumerate(reach)]
    return ConvSpec(
        batch=draw(st.integers(0, 5)), in_channels=groups * draw(st.integers(1, 4)),
        input_size=(least[0] + draw(st.integers(0, 9)), least[1] + draw(st.integers(0, 9))),
        out_channels=groups * draw(st.integers(1, 4)), kernel_size=kernel,
        stride=draw(st.tuples(*[st.integers(1, 5)] * 2)),
        padding=padding, dilation=dilation, groups=groups,
    )  # fmt: skip


@given(specs())
@settings(max_examples=300, deadline=None)
def test_text_form_round_trips(spec: ConvSpec) -> None:
    assert ConvSpec.parse(str(spec)) == spec
    assert hash(ConvSpec.parse(str(spec))) == hash(spec)


@given(specs())
@settings(max_examples=300, deadline=None)
def test_output_size_counts_the_windows(spec: ConvSpec) -> None:
    (top, bottom, left, right), (h, w) = spec.padding, spec.input_size
    rows = window_starts(h, top, bottom, spec.reach[0], spec.stride[0])
    cols = window_starts(w, left, right, spec.reach[1], spec.stride[1])
    assert spec.output_size == (len(rows), len(cols))


@given(specs())
@settings(max_examples=100, deadline=None)
def test_counts_agree_with_shapes(spec: ConvSpec) -> None:
    assert spec.macs == int(np.prod(spec.y_shape)) * int(np.prod(spec.w_shape[1:]))
    assert spec.columns_bytes("float64") == 8 * int(np.prod(spec.columns_shape))
    for op in OPS:
        arrays = [*spec.input_shapes(op), spec.output_shape(op)]
        assert spec.min_bytes(op, "float32") == 4 * sum(int(np.prod(s)) for s in arrays)


@pytest.mark.parametrize(("fields", "rows", "positions", "filters", "origin"), golden.SHAPES)
def test_published_shapes(fields: dict[str, Any], rows: int, positions: int, filters: int, origin: str) -> None:
    spec = ConvSpec.of(**fields)
    assert (spec.columns_shape[1], spec.batch * spec.columns_shape[2]) == (rows, positions), origin
    assert (spec.y_shape[1], spec.positions * spec.batch) == (filters, positions), origin


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("n1c1h5w6_f1kh2kw3_sw2", "n1c1h5w6_f1kh2kw3_sh1sw2"),
        ("n1c1h5w6_f1kh2kw3_pb2pr1", "n1c1h5w6_f1kh2kw3_pt0pb2pl0pr1"),
        ("n1c1h5w6_f1kh2kw3_sh1sw1_dh1", "n1c1h5w6_f1kh2kw3"),
        ('g4mb2ic16ih10oc32oh10kh3sh1ph1dh0n"name"', "n2c16h10w10_f32kh3kw3_pt1pb1pl1pr1_g4"),
    ],
)  # fmt: skip
def test_texts_that_are_read(text: str, canonical: str) -> None:
    assert str(ConvSpec.parse(text)) == canonical


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "not of the form"),
        ("n1c1h5", "not of the form"),
        ("n1c1h5w6_f1kh2kw3_q7", "not of the form"),
        ("n1c1h5w6_f1kh2kw3_g2_g4", "not of the form"),
        ("n1c1h5w6_f1kh2kw3_pt1_sh2", "not of the form"),
        ("n1c1h-5w6_f1kh2kw3", "not of the form"),
        ("n1c3h4w4_f2kh2kw2_g2", "in_channels must be divisible by groups: 3 % 2"),
        ("n1c2h4w4_f3kh2kw2_g2", "out_channels must be divisible by groups: 3 % 2"),
        ("n1c1h3w9_f1kh4kw2", "height 4 > 3"),
        ("n1c1h9w3_f1kh2kw2_dw3", "width 4 > 3"),
        ("n1c0h3w3_f1kh1kw1", "in_channels must be at least 1"),
        ("n1c1h3w3_f1kh1kw1_sh0", "stride must be at least 1"),
        ("n1c1h3w3_f1kh1kw1_g0", "groups must be at least 1"),
        (f"n{2**31}c{2**31}h3w3_f1kh1kw1", "below 2^63"),
    ],
)
def test_texts_that_are_refused(text: str, named: str) -> None:
    with pytest.raises(SpecError, match=named.replace("^", r"\^")):
        ConvSpec.parse(text)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"stride": -1}, "stride must be at least 1"),
        ({"stride": 0}, "stride must be at least 1"),
        ({"padding": -1}, "padding must be at least 0"),
        ({"dilation": 0}, "dilation must be at least 1"),
        ({"kernel_size": 0}, "kernel_size must be at least 1"),
        ({"kernel_size": (9, 1)}, "height 9 > 7"),
        ({"batch": -1}, "batch must be at least 0"),
        ({"groups": 3}, "in_channels must be divisible by groups: 4 % 3"),
        ({"groups": -2}, "groups must be at least 1"),
        ({"stride": (1,)}, "stride must have 2 integers"),
        ({"stride": (1, 2, 3)}, "stride must have 2 integers"),
        ({"padding": (1, 2, 3)}, "padding must be an int"),
        ({"padding": "sam"}, "padding must be numbers or one of"),
        ({"stride": 1.5}, "stride must be an integer, got 1.5"),
        ({"batch": True}, "batch must be an integer, got True"),
        ({"in_channels": "4"}, "in_channels must be an integer"),
        ({"rounding": "up"}, "rounding must be one of"),
        ({"stride": 2, "rounding": "exact"}, "stride 2 does not tile the width"),
    ],
)
def test_shorthands_that_are_refused(change: dict[str, Any], named: str) -> None:
    fields = {**_BASE, "input_size": (7, 7), **change} if "rounding" in change else {**_BASE, **change}
    with pytest.raises(SpecError, match=named):
        ConvSpec.of(**fields)


def test_numpy_integers_and_lists_are_plain_inside() -> None:
    spec = ConvSpec.of(**{**_BASE, "batch": np.int64(2), "stride": [2, np.int32(1)], "padding": np.array([1, 2])})
    assert spec.padding == (1, 1, 2, 2)
    assert type(spec.batch) is int
    assert type(spec.stride[1]) is int


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("size", [3, 5, 6, 7])
def test_same_padding_is_that_of_onnx(size: int, kernel: int, stride: int, dilation: int) -> None:
    fields = {**_BASE, "input_size": size, "kernel_size": kernel, "stride": stride, "dilation": dilation}
    upper, lower = (ConvSpec.of(**fields, padding=name) for name in ("same", "same_lower"))
    assert upper.output_size == lower.output_size == (-(-size // stride),) * 2
    assert upper.padding[1] - upper.padding[0] in (0, 1)
    assert lower.padding == (upper.padding[1], upper.padding[0], upper.padding[3], upper.padding[2])


def test_full_and_valid_padding() -> None:
    assert ConvSpec.of(**_BASE, padding="full", dilation=2).padding == (4, 4, 2, 2)
    assert ConvSpec.of(**_BASE, padding="valid").padding == (0, 0, 0, 0)


def test_ceil_only_adds_end_padding() -> None:
    spec = ConvSpec.of(**{**_BASE, "input_size": (8, 7)}, stride=(3, 2), padding=(1, 0, 0, 2), rounding="ceil")
    assert spec.padding == (1, 0, 0, 3)
    assert spec.output_size == (3, 5)
