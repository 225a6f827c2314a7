"""ConvSpec: its text and back, whole or in part, and texts that are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.cases.data import golden
from harness.geometry.spec import OPS, ConvSpec, SpecError
from harness.oracle.pointwise import window_starts


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
        ("n1c1h5w6_f1kh2kw3_sh2", "n1c1h5w6_f1kh2kw3_sh2sw1"),
        ("n1c1h5w6_f1kh2kw3_pb2pr1", "n1c1h5w6_f1kh2kw3_pt0pb2pl0pr1"),
        ("n1c1h5w6_f1kh2kw3_pt3", "n1c1h5w6_f1kh2kw3_pt3pb0pl0pr0"),
        ("n1c1h5w6_f1kh2kw3_pl3", "n1c1h5w6_f1kh2kw3_pt0pb0pl3pr0"),
        ("n1c1h5w6_f1kh2kw3_dw2", "n1c1h5w6_f1kh2kw3_dh1dw2"),
        ("n1c1h5w6_f1kh2kw3_dh2", "n1c1h5w6_f1kh2kw3_dh2dw1"),
        ("n1c1h5w6_f1kh2kw3_sh1sw1_dh1", "n1c1h5w6_f1kh2kw3"),
        ("n1c1h5w6_f1kh2kw3_pt0pb0pl0pr0_g1", "n1c1h5w6_f1kh2kw3"),
        ("n02c06h011w13_f04kh3kw2_g2", "n2c6h11w13_f4kh3kw2_g2"),
        (" n2c6h11w13_f4kh3kw2_sh2sw3_pt1pb2pl3pr0_dh2dw1_g2\n", "n2c6h11w13_f4kh3kw2_sh2sw3_pt1pb2pl3pr0_dh2dw1_g2"),
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
        ("n1c1h5w6_f1kh2kw3_", "not of the form"),
        ("n1c1h5w6_f1kh2kw3_s", "not of the form"),
        ("n1c1h5w6_f1kh2kw3_sw2sh2", "not of the form"),
        ("n1c1h5w6_f1kh2kw3 n1c1h5w6_f1kh2kw3", "not of the form"),
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


def test_the_numbers_of_a_text() -> None:
    spec = ConvSpec.parse("n2c6h11w13_f4kh3kw5_sh7sw8_pt9pb10pl12pr14_dh1dw2_g2")
    assert spec == ConvSpec(
        batch=2, in_channels=6, input_size=(11, 13), out_channels=4, kernel_size=(3, 5), stride=(7, 8),
        padding=(9, 10, 12, 14), dilation=(1, 2), groups=2,
    )  # fmt: skip
    assert str(spec) == "n2c6h11w13_f4kh3kw5_sh7sw8_pt9pb10pl12pr14_dh1dw2_g2"


@pytest.mark.parametrize("digit", ["\u0663", "\uff13", "\u00b3", "\u0969", "\u2083", "\u2462"])
def test_only_the_digits_0_to_9_are_digits(digit: str) -> None:
    """Arabic, fullwidth, superscript, Devanagari, subscript and circled 3: some would be read by `int`."""
    for text in (f"n1c1h5w6_f1kh{digit}kw3", f"n1c1h5w6_f1kh2kw3_g{digit}"):
        with pytest.raises(SpecError) as caught:
            ConvSpec.parse(text)
        assert str(caught.value) == (
            f"spec {text!r} holds {digit!r}: write numbers with the digits 0 to 9, keys with a to z"
        )


def test_a_text_may_have_1000_characters() -> None:
    spec = "n1c1h5w6_f1kh2kw3"
    assert str(ConvSpec.parse(spec.replace("n1", "n" + "1".zfill(1000 - len(spec) + 1)))) == spec
    with pytest.raises(SpecError, match=r"^spec must have at most 1000 characters, got 1001$"):
        ConvSpec.parse(spec.replace("n1", "n" + "1".zfill(1000 - len(spec) + 2)))
    with pytest.raises(SpecError, match=r"^batch must be below 2\^63, got a number of 3[0-9]{3} bits$"):
        ConvSpec.parse(spec.replace("n1", "n" + "9" * 960))
