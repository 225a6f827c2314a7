"""The gate before the clock lets the right result pass and stops each wrong one; how many elements it looks at."""

from __future__ import annotations

import numpy as np
import pytest

from harness.geometry.spec import ALL_OPS, OPS, POOL_OPS, ConvSpec, Op
from harness.oracle import by_taps, data
from harness.oracle.gate import Gate, WrongResult, sample_points

_SPEC = ConvSpec.parse("n2c6h20w17_f4kh3kw2_sh2sw3_pt1pb2pl3pr0_dh2dw1_g2")
_POOLED = ConvSpec.parse("n2c6h20w17_f4kh3kw2_sh2sw3_pt1pb2pl1pr0_dh2dw1_g2")  # no window in padding alone


def spec_of(op: Op) -> ConvSpec:
    """A geometry of which the op is defined."""
    return _POOLED if op in POOL_OPS else _SPEC


@pytest.mark.parametrize("op", ALL_OPS)
def test_the_gate_lets_the_right_result_pass_and_stops_each_wrong_one(op: Op) -> None:
    arrays = data.exact(op, spec_of(op), "float32", "gate")
    gate = Gate(op, spec_of(op), arrays)
    right = by_taps.run(op, spec_of(op), *arrays).astype(np.float32)
    assert gate.points >= min(8, right.size)
    gate.check(right)
    nan = right.copy()
    nan[...] = np.nan
    for wrong, named in (
        (right + 1, "sampled elements differ, first at"),
        (nan, "sampled elements differ"),
        (right.astype(np.float64), "returned float64"),
        (right[..., :-1], "expected float32"),
        (None, "returned NoneType"),
    ):
        with pytest.raises(WrongResult, match=named):
            gate.check(wrong)


@pytest.mark.parametrize("op", ALL_OPS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_wrong_element_anywhere_is_stopped(op: Op, dtype: str) -> None:
    arrays = data.exact(op, spec_of(op), dtype, "gate")
    gate = Gate(op, spec_of(op), arrays)
    right = by_taps.run(op, spec_of(op), *arrays).astype(dtype)
    places = np.random.default_rng(0).permutation(right.size)[:300]
    for place in places:
        for wrong in (right.flat[place] + 1, np.nan):
            result = right.copy()
            result.flat[place] = wrong
            with pytest.raises(WrongResult):
                gate.check(result)


@pytest.mark.parametrize("op", ALL_OPS)
@pytest.mark.parametrize(
    "text", ["n3c6h9w8_f6kh2kw3_g6", "n1c1h3w3_f1kh3kw3", "n2c4h6w6_f10kh1kw1_sh2sw2_g2", "n0c2h5w5_f2kh3kw3"]
)
def test_the_weighed_sums_of_what_is_right_are_right(op: Op, text: str) -> None:
    spec = ConvSpec.parse(text)
    arrays = data.exact(op, spec, "float32", text)
    Gate(op, spec, arrays).check(by_taps.run(op, spec, *arrays).astype(np.float32))


def test_the_gate_says_what_is_wrong_and_of_how_many() -> None:
    spec = ConvSpec.parse("n1c1h40w50_f1kh1kw1")  # 2,000 results
    arrays = data.exact("conv2d", spec, "float32", "said")
    gate, right = Gate("conv2d", spec, arrays), by_taps.run("conv2d", spec, *arrays).astype(np.float32)
    assert gate.points == len(sample_points("conv2d", spec))
    wrong = right.copy()
    wrong[0, 0, 0, 0] += 0.5
    wrong[0, 0, 39, 49] += 2
    with pytest.raises(WrongResult) as caught:
        gate.check(wrong)
    assert str(caught.value) == (
        f"2 of {gate.points} sampled elements differ, first at [0, 0, 0, 0]: got {right[0, 0, 0, 0] + 0.5:g}, "
        f"expected {right[0, 0, 0, 0]:g}"
    )
    unseen = next(index for index in np.ndindex(*right.shape) if index not in sample_points("conv2d", spec))
    wrong = right.copy()
    wrong[unseen] += 1
    with pytest.raises(WrongResult) as caught:
        gate.check(wrong)
    assert str(caught.value) == f"all {gate.points} sampled elements are right, but 1 of 2000 sums are not"
    with pytest.raises(WrongResult) as caught:
        gate.check(right[:, :, :, 1:].astype(np.float64))
    assert str(caught.value) == "returned float64 (1, 1, 40, 49), expected float32 (1, 1, 40, 50)"
    single = ConvSpec.parse("n1c2h3w4_f1kh3kw4")
    assert Gate("conv2d", single, data.exact("conv2d", single, "float64", "one")).points == 1


def test_first_and_last_element_are_always_sampled() -> None:
    for op in OPS:
        shape = _SPEC.output_shape(op)
        points = sample_points(op, _SPEC)
        assert points[:2] == [(0,) * len(shape), tuple(n - 1 for n in shape)]
    assert sample_points("im2col", ConvSpec.parse("n0c1h3w3_f1kh2kw2")) == []


def test_which_elements_are_sampled_depends_on_op_and_spec_alone() -> None:
    here, wider = (ConvSpec.parse(f"n1c1h40w51_f1kh1kw1_sw2_pr{right}") for right in (0, 1))
    sampled = [tuple(sample_points(op, spec)[2:]) for op in ("conv2d", "conv2d_input_grad") for spec in (here, wider)]
    assert here.y_shape == wider.y_shape
    assert len({*sampled}) == 4
    assert tuple(sample_points("conv2d", here)[2:]) == sampled[0]


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("n1c64h9w9_f64kh3kw3_pt1pb1pl1pr1", 64),
        ("n50c64h10w10_f64kh1kw1", 40),  # sums of 5,000 terms: 200,000 in all
        ("n250c64h10w10_f64kh1kw1", 8),  # of 25,000
        ("n400c64h50w50_f64kh1kw1", 8),  # of a million: never fewer
    ],
)
def test_the_longer_the_sums_the_fewer_elements_are_looked_at(text: str, points: int) -> None:
    """Beside the first and the last, and less those that were drawn twice."""
    found = sample_points("conv2d_weight_grad", ConvSpec.parse(text))
    assert points - 2 <= len(found) - 2 <= points
    assert len(set(found)) == len(found)
