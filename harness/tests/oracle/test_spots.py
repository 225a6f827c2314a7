"""Single elements, by slices: equal to both witnesses wherever a window may lie."""

from __future__ import annotations

import numpy as np
import pytest

from harness.geometry.spec import ALL_OPS, POOL_OPS, ConvSpec, Op
from harness.geometry.windows import why_not_pooled
from harness.oracle import by_taps, data, pointwise, spots

_TEXTS = (
    "n2c6h11w9_f4kh3kw2_sh2sw3_pt1pb2pl3pr0_dh2dw1_g2",
    "n1c2h1w2_f2kh3kw3_sh1sw2_pt2pb2pl4pr4",  # windows that lie in the padding
    "n3c6h5w4_f6kh2kw3_g6",
    "n1c1h3w3_f1kh3kw3",
    "n2c2h7w8_f3kh1kw1_sh3sw2",  # pixels that no window reads
    "n1c3h9w10_f2kh3kw4_pt3pb3pl2pr1_dh3dw2",
    "n2c2h6w7_f2kh3kw2_sh2sw2_pt1pb2pl1pr0",
)


_DEFINED = [(op, text) for op in ALL_OPS for text in _TEXTS
            if op not in POOL_OPS or not why_not_pooled(ConvSpec.parse(text))]  # fmt: skip


@pytest.mark.parametrize(("op", "text"), _DEFINED)
def test_every_element_is_that_of_both_witnesses(op: Op, text: str) -> None:
    spec = ConvSpec.parse(text)
    arrays = data.exact(op, spec, "float32", text)
    expected = by_taps.run(op, spec, *arrays)
    for index in np.ndindex(*expected.shape):
        assert spots.at(op, spec, arrays, index) == expected[index] == pointwise.at(op, spec, arrays, index)


def test_fractions_are_summed_in_float64() -> None:
    """Sums of 20,000 thirds in float32 are off in the sixth digit."""
    spec = ConvSpec.parse("n2c1h100w100_f1kh1kw1")
    dy = np.full(spec.y_shape, 1 / 3, "float32")
    assert spots.at("conv2d_bias_grad", spec, (dy,), (0,)) == pytest.approx(20_000 * float(dy.flat[0]), rel=1e-12)
    found = spots.at("conv2d_weight_grad", spec, (dy, np.ones_like(dy)), (0, 0, 0, 0))
    assert found == pytest.approx(20_000 * float(dy.flat[0]), rel=1e-12)
