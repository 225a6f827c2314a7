"""`values.strided`, `contract.strided_inputs` and `contract.nonfinite`: unusual memory, what is not finite."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conformance.cases.specs import DISTINCT
from harness.calls.memory_layouts import MEMORY_LAYOUTS, arrange
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.faults.clauses import Clause, require, told
from harness.tests.helpers.faults.faulty import Right, inputs, result

_PLAIN = "n2c3h6w7_f4kh3kw2"


def _signature(a: Any) -> object:
    """What tells the memory of an array from that of another."""
    base = a.base
    kinds = (type(base).__name__, getattr(base, "dtype", None), getattr(base, "size", None))
    return a.strides, a.flags.writeable, a.flags.aligned, kinds if isinstance(base, np.ndarray) else kinds[0]


def _is(layout: str, a: Any) -> bool:
    return _signature(a) == _signature(arrange(np.array(a), layout))


_NAMES = MEMORY_LAYOUTS[1:]


def _misreads(layout: str, number: int) -> type[Right]:
    """Takes one of the arguments for zeros in its first place, if it is laid out so."""

    def spoil(op: Op, spec: ConvSpec, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        if not _is(layout, arrays[number]):
            return arrays
        wrong = np.array(arrays[number])
        wrong[0] = 0
        return (*arrays[:number], wrong, *arrays[number + 1 :])

    return inputs(spoil)


@pytest.mark.parametrize(("op", "number"), [("conv2d", 0), ("conv2d", 1), ("conv2d_weight_grad", 1)])
@pytest.mark.parametrize("layout", _NAMES)
def test_every_layout_is_what_it_says_and_has_a_case(layout: str, op: Op, number: int) -> None:
    seen = {
        name: told(_misreads(layout, number), f"values.strided/{op}/float32/n3c2h5w6_f4kh3kw2/layout={name}")
        for name in _NAMES
    }
    assert [name for name, (status, _) in seen.items() if status != "pass"] == [layout]
    assert seen[layout][1].startswith(f"{op} on {layout} inputs: ")
    assert "elements differ, first at [0, 0, 0" in seen[layout][1]


@pytest.mark.parametrize("layout", _NAMES)
def test_a_layout_that_is_refused_by_an_exception_is_a_matter_of_form(layout: str) -> None:
    def refuse(op: Op, spec: ConvSpec, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        if _is(layout, arrays[0]):
            raise ValueError("order C alone")
        return arrays

    case = "im2col/float32/n3c2h5w6_f4kh3kw2/layout="
    for name in _NAMES:
        status, text = told(inputs(refuse), f"contract.strided_inputs/{case}{name}")
        assert (status, "ValueError: order C alone" in text) == (("fail", True) if name == layout else ("pass", False))
        status, text = told(inputs(refuse), f"values.strided/{case}{name}")
        assert (status, text.startswith(f"{layout} inputs: raised ValueError: order C alone")) == (
            ("unsupported", True) if name == layout else ("pass", False)
        )


def test_a_layout_that_one_argument_refuses_hides_nothing_of_another() -> None:
    """Weights in Fortran order are refused, and x in it is misread."""

    def spoil(op: Op, spec: ConvSpec, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        if _is("F", arrays[1]):
            raise ValueError("order C alone")
        return (np.zeros_like(arrays[0]) if _is("F", arrays[0]) else arrays[0], *arrays[1:])

    case = "conv2d/float32/n3c2h5w6_f4kh3kw2/layout=F"
    status, text = told(inputs(spoil), f"values.strided/{case}")
    assert (status, text.partition(": ")[0]) == ("fail", "conv2d on F x")
    status, text = told(inputs(spoil), f"contract.strided_inputs/{case}")
    assert (status, "order C alone" in text) == ("fail", True)


# -- what is not finite --------------------------------------------------------------------------------------------


def _meets(poison: float, number: int, spoil: Any) -> type[Right]:
    """Spoils arguments and result where one argument holds this one value that is not finite."""

    class Wrong(Right):
        def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
            a = arrays[number]
            assert a is not None
            met = np.isnan(a) if np.isnan(poison) else a == poison
            if not met.any():
                return super().run(op, spec, *arrays)
            given = list(arrays)
            if spoil == "swallow":
                given[number] = np.where(met, 0, a).astype(a.dtype)
            out = super().run(op, spec, *given)
            if spoil == "spread":
                out[(0,) * out.ndim] = np.nan
            if spoil == "another":
                out[(0,) * out.ndim] = 1e6
            return out

    return Wrong


_NAN, _INF = float("nan"), float("inf")
NONFINITE = {
    "nan_swallowed": Clause(
        _meets(_NAN, 0, "swallow"), f"contract.nonfinite/im2col/float32/{_PLAIN}",
        "nan at [1, 1, 3, 3] of argument 0 does not reach im2col[1, 6, 21], 6 such",
    ),
    "inf_swallowed": Clause(
        _meets(_INF, 0, "swallow"), f"contract.nonfinite/col2im/float32/{_PLAIN}",
        "inf at [1, 9, 12] of argument 0 does not reach col2im[1, 1, 3, 1], 1 such",
    ),
    "nan_of_x_swallowed": Clause(
        _meets(_NAN, 0, "swallow"), f"contract.nonfinite/conv2d/float64/{_PLAIN}",
        "nan at [1, 1, 3, 3] of argument 0 does not reach conv2d[1, 0, 1, 2], 24 such",
    ),
    "inf_of_x_swallowed": Clause(
        _meets(_INF, 0, "swallow"), f"contract.nonfinite/conv2d/float64/{_PLAIN}",
        "inf at [1, 1, 3, 3] of argument 0 does not reach conv2d[1, 0, 1, 2], 24 such",
    ),
    "nan_of_dy_swallowed": Clause(
        _meets(_NAN, 0, "swallow"), f"contract.nonfinite/conv2d_input_grad/float32/{_PLAIN}",
        "nan at [1, 2, 2, 3] of argument 0 does not reach conv2d_input_grad[1, 0, 2, 3], 18 such",
    ),
    "inf_of_w_swallowed": Clause(
        _meets(_INF, 1, "swallow"), f"contract.nonfinite/conv2d_input_grad/float32/{_PLAIN}",
        "inf at [2, 1, 1, 1] of argument 1 does not reach conv2d_input_grad[0, 1, 1, 1], 48 such",
    ),
    "inf_of_x_swallowed_by_the_gradient": Clause(
        _meets(_INF, 1, "swallow"), f"contract.nonfinite/conv2d_weight_grad/float32/{_PLAIN}",
        "inf at [1, 1, 3, 3] of argument 1 does not reach conv2d_weight_grad[0, 1, 0, 0], 24 such",
    ),
    "nan_of_dy_swallowed_by_the_gradient": Clause(
        _meets(_NAN, 0, "swallow"), f"contract.nonfinite/conv2d_weight_grad/float32/{_PLAIN}",
        "nan at [1, 2, 2, 3] of argument 0 does not reach conv2d_weight_grad[2, 0, 0, 0], 18 such",
    ),
    "inf_of_dy_swallowed_by_the_sum": Clause(
        _meets(_INF, 0, "swallow"), f"contract.nonfinite/conv2d_bias_grad/float32/{_PLAIN}",
        "inf at [1, 2, 2, 3] of argument 0 does not reach conv2d_bias_grad[2], 1 such",
    ),
    "nan_reaches_more": Clause(
        _meets(_NAN, 0, "spread"), f"contract.nonfinite/im2col/float32/{_PLAIN}",
        "nan at [1, 1, 3, 3] of argument 0 reaches im2col[0, 0, 0], 1 such",
    ),
    "inf_reaches_more": Clause(
        _meets(_INF, 1, "spread"), f"contract.nonfinite/conv2d_weight_grad/float64/{_PLAIN}",
        "inf at [1, 1, 3, 3] of argument 1 reaches conv2d_weight_grad[0, 0, 0, 0], 1 such",
    ),
    "minus_inf_taken_for_inf": Clause(
        result(lambda op, spec, out, arrays: np.where(np.isinf(out), np.inf, out).astype(out.dtype)),
        f"contract.nonfinite/im2col/float32/{_PLAIN}",
        "-inf at [1, 1, 3, 3] of argument 0 reaches im2col with the opposite sign, 6 such",
    ),
    "nan_changes_what_it_does_not_reach": Clause(
        _meets(_NAN, 0, "another"), f"contract.nonfinite/im2col/float32/{_PLAIN}",
        "nan at [1, 1, 3, 3] of argument 0 changes results that do not read it: "
        "1 of 864 elements differ, first at [0, 0, 0], worst at [0, 0, 0]: got 1000000, expected #",
    ),
    "inf_changes_what_it_does_not_reach": Clause(
        _meets(_INF, 0, "another"), f"contract.nonfinite/conv2d/float32/{_PLAIN}",
        "inf at [1, 1, 3, 3] of argument 0 changes results that do not read it: "
        "1 of 192 elements differ, first at [0, 0, 0, 0], worst at [0, 0, 0, 0]: got 1000000, expected #",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NONFINITE)
def test_what_is_not_finite_reaches_those_that_read_it(name: str) -> None:
    require(NONFINITE[name])


def _leaves_out(number: int) -> type[Right]:
    """A product with zeros of one argument is left out of the sum, whatever the other factor is."""

    class Wrong(Right):
        def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
            given, other = list(arrays), arrays[1 - number]
            if not np.any(arrays[number]) and other is not None:
                given[1 - number] = np.zeros_like(other)
            return super().run(op, spec, *given)

    return Wrong


# The op, the argument whose zeros are left out, and what does not reach the result then.
ZEROS: list[tuple[Op, int, str]] = [
    ("conv2d", 1, "nan at [1, 1, 3, 3] of argument 0, times zeros, does not reach conv2d[1, 0, 1, 2], 24 such"),
    ("conv2d", 0, "inf at [2, 1, 1, 1] of argument 1, times zeros, does not reach conv2d[0, 2, 0, 0], 48 such"),
    ("conv2d_input_grad", 1,
     "nan at [1, 2, 2, 3] of argument 0, times zeros, does not reach conv2d_input_grad[1, 0, 2, 3], 18 such"),
    ("conv2d_input_grad", 0,
     "inf at [2, 1, 1, 1] of argument 1, times zeros, does not reach conv2d_input_grad[0, 1, 1, 1], 48 such"),
    ("conv2d_weight_grad", 1,
     "nan at [1, 2, 2, 3] of argument 0, times zeros, does not reach conv2d_weight_grad[2, 0, 0, 0], 18 such"),
    ("conv2d_weight_grad", 0,
     "inf at [1, 1, 3, 3] of argument 1, times zeros, does not reach conv2d_weight_grad[0, 1, 0, 0], 24 such"),
]  # fmt: skip


@pytest.mark.parametrize(("op", "number", "text"), ZEROS)
def test_what_is_not_finite_is_multiplied_with_zeros_too(op: Op, number: int, text: str) -> None:
    require(Clause(_leaves_out(number), f"contract.nonfinite/{op}/float32/{_PLAIN}", text))


@pytest.mark.parametrize("poison", [_NAN, _INF])
def test_beside_padding_only_the_pixel_meets_zeros_once_as_nan_and_once_as_inf(poison: float) -> None:
    class Wrong(_leaves_out(1)):  # type: ignore[misc]
        def run(self, op: Op, spec: ConvSpec, *arrays: Any) -> Any:
            met = np.isnan(arrays[0]) if np.isnan(poison) else arrays[0] == poison
            return super().run(op, spec, *arrays) if met.any() else Right.run(self, op, spec, *arrays)

    case = f"contract.nonfinite/conv2d/float32/{DISTINCT[0]}"
    assert any(DISTINCT[0].padding)
    status, text = told(Wrong, case)
    assert (status, text.startswith(f"{poison} at "), ", times zeros, does not reach conv2d[" in text) == (
        "fail", True, True,
    )  # fmt: skip
    assert told(_leaves_out(0), case) == ("pass", "")  # 0 * Inf of padding may be left out, or not


def test_what_zeros_leave_as_it_was_is_compared_with_what_they_give() -> None:
    """Not with the results of the other data: of conv2d the bias is left."""

    class Wrong(Right):
        def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
            out = super().run(op, spec, *arrays)
            return out if np.any(arrays[1]) else np.where(np.isfinite(out), 1e6, out).astype(out.dtype)

    status, text = told(Wrong, f"contract.nonfinite/conv2d/float32/{_PLAIN}")
    assert (status, "times zeros, changes results that do not read it: " in text) == ("fail", True)


def test_a_bias_of_zeros_hides_nothing() -> None:
    """Which results read the poisoned pixel is found with a bias of zeros: with ones all would seem to."""
    assert told(Right, f"contract.nonfinite/conv2d/float32/{_PLAIN}") == ("pass", "")
