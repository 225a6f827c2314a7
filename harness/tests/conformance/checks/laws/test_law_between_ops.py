"""Every clause of the laws between ops has a backend that it alone sees; their data are exact and large."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conformance.cases.case import Case
from conformance.checks import law_between_ops
from conformance.checks.outcomes import Failed, Mistrusted
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import by_taps, data
from harness.tests.helpers.faults.clauses import Clause, on_call, put, require, told
from harness.tests.helpers.faults.faulty import Right, inputs, result

_PLAIN = "n2c3h6w7_f4kh3kw2"
_GROUPED = "n2c6h5w4_f9kh2kw3_g3"
_DIFFER = "# of # elements differ, first at [..], worst at [..]: got #, expected #"
_BLIND = "n1c1h1w1_f1kh1kw1_sh9sw9_pt4pb4pl4pr4"


def _alone(op: Op) -> type[Right]:
    """Of an argument with one element that is not zero, the result is zero."""

    def spoil(o: Op, spec: ConvSpec, out: Any, arrays: tuple[Array | None, ...]) -> Any:
        sparse = any(a is not None and np.count_nonzero(a) == 1 for a in arrays)
        return out * 0 if o == op and sparse else out

    return result(spoil)


def _dense(op: Op) -> type[Right]:
    """Of arguments without a zero, the first element is wrong: too few to be met by the directions of a case."""

    def spoil(o: Op, spec: ConvSpec, out: Any, arrays: tuple[Array | None, ...]) -> Any:
        dense = all(a is None or a.all() for a in arrays)
        return put(999, *(0,) * out.ndim)(out) if o == op and dense else out

    return result(spoil)


def _one_weight() -> type[Right]:
    """conv2d with one weight that is not zero is zero."""

    def spoil(op: Op, spec: ConvSpec, out: Any, arrays: tuple[Array | None, ...]) -> Any:
        return out * 0 if op == "conv2d" and arrays[1] is not None and np.count_nonzero(arrays[1]) == 1 else out

    return result(spoil)


def _clipped(op: Op, number: int, most: int) -> type[Right]:
    """Saturates one argument."""

    def spoil(o: Op, spec: ConvSpec, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        if o != op or arrays[number] is None:
            return arrays
        return (*arrays[:number], np.clip(arrays[number], -most, most), *arrays[number + 1 :])

    return inputs(spoil)


def _of(op: Op, spoil: Any) -> type[Right]:
    return result(lambda o, spec, out, arrays: spoil(out) if o == op else out)


ADJOINT = {
    "dense_image": Clause(
        _dense("im2col"), f"law.adjoint/im2col/float32/{_PLAIN}", "<im2col(x), y> = # but <x, col2im(y)> = #"
    ),
    "dense_columns": Clause(
        _dense("col2im"), f"law.adjoint/col2im/float32/{_PLAIN}", "<im2col(x), y> = # but <x, col2im(y)> = #"
    ),
    "one_pixel": Clause(
        _alone("im2col"), f"law.adjoint/im2col/float32/{_PLAIN}", "<im2col(e), y> = 0 but col2im(y) = # at e = [..]"
    ),
    "one_of_the_columns": Clause(
        _alone("col2im"), f"law.adjoint/col2im/float32/{_PLAIN}", "<x, col2im(e)> = 0 but im2col(x) = # at e = [..]"
    ),
    "dense_dx": Clause(
        _dense("conv2d_input_grad"), f"law.adjoint/conv2d_input_grad/float32/{_PLAIN}",
        "<conv2d(x), y> = # but <x, dx(y)> = #",
    ),
    "one_pixel_under_dx": Clause(
        _alone("conv2d"), f"law.adjoint/conv2d/float32/{_PLAIN}", "<conv2d(e), y> = 0 but dx(y) = # at e = [..]"
    ),
    "one_slope_of_dx": Clause(
        _alone("conv2d_input_grad"), f"law.adjoint/conv2d_input_grad/float32/{_PLAIN}",
        "<x, dx(e)> = 0 but conv2d(x) = # at e = [..]",
    ),
    "dense_dw": Clause(
        _dense("conv2d_weight_grad"), f"law.adjoint/conv2d_weight_grad/float64/{_PLAIN}",
        "<conv2d(x), y> = # but <x, dw(y)> = #",
    ),
    "one_weight": Clause(
        _one_weight(), f"law.adjoint/conv2d/float32/{_PLAIN}", "<conv2d(e), y> = 0 but dw(y) = # at e = [..]"
    ),
    "one_slope_of_dw": Clause(
        _alone("conv2d_weight_grad"), f"law.adjoint/conv2d_weight_grad/float32/{_PLAIN}",
        "<x, dw(e)> = 0 but conv2d(x) = # at e = [..]",
    ),
}  # fmt: skip
_GRADIENTS: list[Op] = ["conv2d_input_grad", "conv2d_weight_grad", "conv2d_bias_grad"]
_CONSTANT = "but the difference of conv2d is"
OTHERS = {
    **{
        f"{op}_too_large": Clause(
            _of(op, lambda out: out + 1), f"law.difference/{op}/float32/{_GROUPED}",
            f"{op}[..] = # {_CONSTANT} #; {op} is at fault: {_DIFFER}",
        )
        for op in _GRADIENTS
    },
    "divided_by_the_windows": Clause(
        on_call(2, np.sign), "law.divisor/col2im/float32/n1c1h4w3_f1kh3kw2_pt1pr1",
        "col2im(im2col(x)) is not divisor * x: 11 of 12 elements differ, first at [0, 0, 0, 0], worst at [0, 0, 1, 1]: "
        "got #, expected #; col2im is at fault",
    ),
    "lowered_by_others": Clause(
        _of("conv2d", put(999, 1, 2, 3, 4)), f"law.lowering/conv2d/float32/{_PLAIN}",
        "conv2d is not W @ im2col: 1 of 192 elements differ, first at [1, 2, 3, 4], worst at [1, 2, 3, 4]: "
        "got 999, expected #; conv2d is at fault",
    ),
    "columns_of_others": Clause(
        _of("im2col", put(999, 1, 17, 23)), f"law.lowering/im2col/float32/{_PLAIN}",
        "conv2d is not W @ im2col: 4 of 192 elements differ, first at [1, 0, 3, 5], worst at [1, #, 3, 5]: "
        f"got #, expected #; im2col is at fault: {_DIFFER}",
    ),
    "bias_saturates": Clause(
        _clipped("conv2d", 2, 20), f"law.linear/conv2d/float32/{_GROUPED}",
        "conv2d(x, w, b) is not conv2d(x, w) + b: 128 of 144 elements differ, first at [0, 0, 0, 0], "
        "worst at [0, #, 0, 0]: got #, expected #",
    ),
}  # fmt: skip
_SATURATE: list[tuple[Op, int, int, str]] = [
    ("im2col", 0, 4000, "x"), ("col2im", 0, 4000, "columns"), ("conv2d", 0, 250, "x"), ("conv2d", 1, 250, "w"),
    ("conv2d_input_grad", 0, 250, "dy"), ("conv2d_input_grad", 1, 250, "w"), ("conv2d_weight_grad", 0, 250, "dy"),
    ("conv2d_weight_grad", 1, 250, "x"), ("conv2d_bias_grad", 0, 4000, "dy"),
]  # fmt: skip


@pytest.mark.parametrize("name", ADJOINT)
def test_each_direction_of_the_adjoint_sees_its_fault(name: str) -> None:
    clause = ADJOINT[name]
    op = Case.parse(clause.case).op
    require(clause._replace(text=f"{clause.text}; {op} is at fault: {_DIFFER}"))


@pytest.mark.parametrize("name", OTHERS)
def test_a_clause_sees_its_fault(name: str) -> None:
    require(OTHERS[name])


@pytest.mark.parametrize(("op", "number", "most", "name"), _SATURATE)
def test_each_argument_is_tried_at_five_times_its_size(op: Op, number: int, most: int, name: str) -> None:
    """Up to 60 alone, 300 in the sum (1,000 and 5,000 where there is one argument): wider than what saturates."""
    status, text = told(_clipped(op, number, most), f"law.linear/{op}/float32/{_PLAIN}")
    assert status == "fail"
    assert text.startswith(f"f(2a + 3b) is not 2 f(a) + 3 f(b) in {name} of {op}: ")


def test_every_direction_of_the_difference_is_judged() -> None:
    case = f"law.difference/conv2d_weight_grad/float32/{_PLAIN}"
    spec = ConvSpec.parse(_PLAIN)
    directions = law_between_ops._directions(Case.parse(case), np.ones(spec.w_shape))
    assert len(set(directions)) == 3
    for index in directions:
        kind = _of("conv2d_weight_grad", put(999, *index))
        status, text = told(kind, case)
        assert status == "fail"
        assert text.startswith(f"conv2d_weight_grad{list(index)} = 999 {_CONSTANT} ")


def test_directions_are_a_few_of_the_elements_that_count() -> None:
    case = Case.parse(f"law.difference/conv2d_weight_grad/float32/{_PLAIN}")
    count = np.zeros((3, 4))
    count[1, 2] = count[0, 3] = 7
    assert sorted(law_between_ops._directions(case, count)) == [(0, 3), (1, 2)]
    count[2] = 1
    chosen = law_between_ops._directions(case, count)
    assert len(set(chosen)) == len(chosen) == 3
    assert all(count[index] for index in chosen)
    other = Case.parse(f"law.difference/conv2d_weight_grad/float32/{_PLAIN}/seed=1")
    many = np.ones((50, 50))
    assert law_between_ops._directions(other, many) != law_between_ops._directions(case, many)


def test_a_convolution_that_never_changes_is_mistrusted() -> None:
    zeros = result(lambda op, s, out, a: out * 0)
    for op in ("conv2d_input_grad", "conv2d_weight_grad", "conv2d_bias_grad"):
        assert told(zeros, f"law.difference/{op}/float32/{_PLAIN}") == (
            "mistrusted", "conv2d does not change in any of the directions tried",
        )  # fmt: skip


def test_one_direction_that_changes_is_enough() -> None:
    """Of three pixels one has slopes that cancel out."""
    case = "law.difference/conv2d_input_grad/float32/n1c3h1w1_f2kh1kw1/seed=38"
    x, w, _, dy = law_between_ops._shared_inputs(Case.parse(case))
    slopes = by_taps.run("conv2d_input_grad", ConvSpec.parse("n1c3h1w1_f2kh1kw1"), dy, w)
    assert x.shape == slopes.shape
    assert np.count_nonzero(slopes) == 2
    assert told(Right, case) == ("pass", "")


@pytest.mark.parametrize(
    ("case", "text"),
    [
        ("adjoint/im2col", "<im2col(x), y> and <x, col2im(y)> are both zero"),
        ("adjoint/conv2d_input_grad", "<conv2d(x), y> and <x, dx(y)> are both zero"),
        ("divisor/col2im", "the expected result is zero everywhere, any result of zeros would pass"),
        ("lowering/conv2d", "the expected result is zero everywhere, any result of zeros would pass"),
        ("linear/im2col", "the expected result is zero everywhere, any result of zeros would pass"),
    ],
)
def test_laws_of_zeros_say_that_they_show_nothing(case: str, text: str) -> None:
    assert told(Right, f"law.{case}/float32/{_BLIND}") == ("mistrusted", text)


def test_windows_are_counted() -> None:
    """Rows: three windows, the first begins in the padding; columns: the last one ends in it."""
    spec = ConvSpec.parse("n1c1h4w3_f1kh3kw2_pt1pb0pl0pr1")
    assert law_between_ops._windows_covering(spec).tolist() == [[2, 4, 4], [3, 6, 6], [2, 4, 4], [1, 2, 2]]
    spread = ConvSpec.parse("n1c1h5w4_f1kh2kw2_sh1sw3_pt0pb0pl1pr0_dh2dw1")
    assert law_between_ops._windows_covering(spread).tolist() == [
        [1, 0, 1, 1], [1, 0, 1, 1], [2, 0, 2, 2], [1, 0, 1, 1], [1, 0, 1, 1],
    ]  # fmt: skip


def test_the_same_is_equal_and_zeros_are_nothing_to_compare_with() -> None:
    right = np.arange(6.0).reshape(2, 3)
    law_between_ops.require_same(right.astype(np.float32), right, "never told")
    text = r"^two are not one: 1 of 6 elements differ, first at \[1, 0\], worst at \[1, 0\]: got 4, expected 3$"
    with pytest.raises(Failed, match=text):
        law_between_ops.require_same(right + (right == 3), right, "two are not one")
    with pytest.raises(Mistrusted):
        law_between_ops.require_same(right + 1, right * 0, "never told")


# Largest magnitude by hand: the root of room, room = 2^bits // (5 * terms + 1), and at most 60; or of one argument room
# itself, and at most 1,000. Terms on the plain geometry: im2col 1, col2im 6, conv2d 18, dx 24, dw and db 48.
LARGEST = {
    ("im2col", "float16"): 341, ("col2im", "float16"): 66, ("conv2d", "float16"): 4,
    ("conv2d_input_grad", "float16"): 4, ("conv2d_weight_grad", "float16"): 2, ("conv2d_bias_grad", "float16"): 8,
    ("im2col", "float32"): 1000, ("col2im", "int32"): 1000, ("conv2d", "float32"): 60,
    ("conv2d_weight_grad", "float64"): 60,
}  # fmt: skip


@pytest.mark.parametrize(("op", "dtype"), LARGEST)
def test_linear_data_are_as_large_as_stays_exact(op: Op, dtype: str) -> None:
    case = Case("law.linear", op, dtype, ConvSpec.parse(_PLAIN))
    a, b = law_between_ops._linear_inputs(case, "a"), law_between_ops._linear_inputs(case, "b")
    assert [x.shape for x in a] == [x.shape for x in b] == list(case.spec.input_shapes(op))
    assert all(x.dtype == dtype and x.all() for x in (*a, *b))
    assert not np.array_equal(a[0], b[0])
    assert 0.98 * LARGEST[op, dtype] < max(np.abs(x).max() for x in (*a, *b)) <= LARGEST[op, dtype]
    combined = [2 * p.astype(float) + 3 * q.astype(float) for p, q in zip(a, b, strict=True)]
    given = [combined[0], *a[1:]]
    assert float(by_taps.absolute(op, case.spec, *given).max()) <= 2 ** data.SIGNIFICAND_BITS[dtype]


@pytest.mark.parametrize(("dtype", "largest"), [("float16", 4), ("float32", 8), ("int64", 8)])
def test_shared_data_are_exact_for_all_gradients_with_one_moved(dtype: str, largest: int) -> None:
    """The longest sum is that of dw, of 48 products: the root of 2^11 // 98 is 4."""
    case = Case("law.difference", "conv2d_bias_grad", dtype, ConvSpec.parse(_PLAIN))
    x, w, b, dy = law_between_ops._shared_inputs(case)
    assert [a.shape for a in (x, w, b, dy)] == [case.spec.x_shape, case.spec.w_shape, (4,), case.spec.y_shape]
    assert max(np.abs(a).max() for a in (x, w, dy)) == largest
    assert all(a.dtype == dtype and a.all() for a in (x, w, b, dy))


@pytest.mark.parametrize("law", ["linear/conv2d", "adjoint/conv2d_input_grad"])
def test_sums_too_long_to_be_exact_are_mistrusted(law: str) -> None:
    class Half(Right):
        def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
            """Every dtype is claimed."""
            return None

    case = f"law.{law}/float16/n1c64h5w40_f12kh9kw9_pt4pb4pl4pr4"
    assert told(Half, case) == ("mistrusted", "the sums are too long to be exact in float16")
