"""Laws between geometries compare two calls of an op: an element that is wrong in either is seen, for each op."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from conformance.cases.case import Case
from conformance.checks import law_between_geometries
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.faults.clauses import Clause, on_call, on_spec, put, require, told
from harness.tests.helpers.faults.faulty import Right, inputs

_DILATED = ("n2c2h9w10_f2kh3kw2_dh2dw3", "n2c2h9w10_f2kh5kw4")
_GROUPED = ("n2c6h5w4_f9kh2kw3_g3", "n2c2h5w4_f3kh2kw3")
_PADDED = ("n1c2h3w2_f2kh2kw3_pt3pb4pl5pr2", "n1c2h10w9_f2kh2kw3")
_STRIDED = ("n2c2h8w9_f3kh3kw2_sh3sw4", "n2c2h8w9_f3kh3kw2")
_POINTWISE = "n2c6h5w4_f4kh1kw1_sh2sw1_pt0pb1pl1pr0_g2"
_SHIFTED = ("n2c3h6w7_f4kh3kw2", "n2c3h11w10_f4kh3kw2")

# law -> (the geometry and the related one, the claim)
LAWS = {
    "dilation": (_DILATED, "{op} is not that of the kernel with zeros between its taps, {related}"),
    "groups": (_GROUPED, "{op} is not that of its 3 groups one by one, {related}"),
    "padding": (_PADDED, "{op} is not that of the image with zeros around it, {related}"),
    "stride": (_STRIDED, "{op} is not the subsampled result of {related}"),
}
_PRODUCTS: tuple[Op, ...] = ("conv2d", "conv2d_input_grad", "conv2d_weight_grad")
_OPS: dict[str, tuple[Op, ...]] = {
    "dilation": _PRODUCTS, "groups": _PRODUCTS, "padding": ("im2col", "col2im", *_PRODUCTS),
    "stride": ("im2col", "conv2d"), "shift": ("im2col", "conv2d"),
}  # fmt: skip
_BOTH = [(law, op) for law in LAWS for op in _OPS[law]]


def claim(law: str, op: Op) -> str:
    """What the law says of an op, as it is told."""
    (_, related), text = LAWS[law]
    return text.format(op=op, related=related)


def last(out: Any) -> Any:
    """A result with its last element wrong."""
    return put(999, *(-1,) * out.ndim)(out)


def first(out: Any) -> Any:
    """A result with its first element wrong."""
    return put(999, *(0,) * out.ndim)(out)


@pytest.mark.parametrize(("law", "op"), _BOTH)
@pytest.mark.parametrize("spoil", [first, last])
def test_one_element_of_the_result_is_seen(law: str, op: Op, spoil: Callable[[Any], Any]) -> None:
    (own, _), _ = LAWS[law]
    shape = ConvSpec.parse(own).output_shape(op)
    if op == "im2col":  # compared as an image of positions
        (n, rows, _), (oh, ow) = shape, ConvSpec.parse(own).output_size
        shape = (n, rows, oh, ow) if law == "stride" else shape
    place = [0] * len(shape) if spoil is first else [n - 1 for n in shape]
    require(
        Clause(
            on_spec(own, spoil, op), f"law.{law}/{op}/float32/{own}",
            f"{claim(law, op)}: 1 of {int(np.prod(shape))} elements differ, "
            f"first at {place}, worst at {place}: got 999, expected #",
        )
    )  # fmt: skip


@pytest.mark.parametrize(("law", "op"), _BOTH)
def test_a_wrong_related_result_is_seen(law: str, op: Op) -> None:
    (own, related), _ = LAWS[law]
    # What lies in the padding is cut off, and of stride 1 only the kept positions count: all elements are spoilt.
    status, text = told(on_spec(related, lambda out: out + 1, op), f"law.{law}/{op}/float64/{own}")
    assert status == "fail"
    size = int(np.prod(ConvSpec.parse(own).output_shape(op)))
    assert text.startswith(f"{claim(law, op)}: {size} of {size} elements differ, first at [0, 0, 0")


@pytest.mark.parametrize(("law", "op"), [*_BOTH, *(("shift", op) for op in _OPS["shift"])])
def test_a_related_geometry_may_be_refused(law: str, op: Op) -> None:
    own, related = LAWS[law][0] if law in LAWS else _SHIFTED

    class Refuses(Right):
        def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
            return f"not {dtype} {op}" if str(spec) == related else None

    class CannotTell(Right):
        def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
            if str(spec) == related:
                raise SystemExit("no idea")
            return None

    assert told(Refuses, f"law.{law}/{op}/float64/{own}") == ("unsupported", f"{related}: not float64 {op}")
    assert told(CannotTell, f"law.{law}/{op}/float64/{own}") == (
        "fail", f"unsupported({op!r}, ..) raised SystemExit: no idea",
    )  # fmt: skip


@pytest.mark.parametrize("op", ["im2col", "conv2d"])
@pytest.mark.parametrize(("number", "direction"), [(1, "down"), (2, "down"), (3, "right")])
def test_each_direction_of_the_shift_is_judged(op: Op, number: int, direction: str) -> None:
    """The first of three calls is compared with both of the others."""
    own, large = _SHIFTED
    size, rows = {"im2col": (2 * 18 * 9 * 9, 17), "conv2d": (2 * 4 * 9 * 9, 3)}[op]
    at = [1, rows, 0, 8] if number == 1 else [1, rows, 8, 8]  # moved down from the last row it comes in at the first
    require(
        Clause(
            on_call(number, last, op), f"law.shift/{op}/float32/{own}",
            f"{op} does not move with its input, one pixel {direction} in {large}: 1 of {size} elements differ, "
            f"first at {at}, worst at {at}: got #, expected #",
        )
    )  # fmt: skip


def test_an_image_that_is_moved_stays_inside() -> None:
    """All of it, by one pixel, with as many zeros around it that each window has been over it."""
    seen: list[Array] = []

    def keep(op: Op, spec: ConvSpec, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        seen.append(arrays[0].copy())
        return arrays

    assert told(inputs(keep), f"law.shift/im2col/float32/{_SHIFTED[0]}") == ("pass", "")
    start, down, right = seen
    assert start.shape == (2, 3, 11, 10)
    filled = np.argwhere(start[0, 0])
    assert (filled.min(axis=0).tolist(), filled.max(axis=0).tolist()) == ([2, 1], [7, 7])
    assert np.array_equal(down[:, :, 1:], start[:, :, :-1])
    assert np.array_equal(right[:, :, :, 1:], start[:, :, :, :-1])
    assert not np.array_equal(down, right)


POINTWISE = {
    "im2col": Clause(
        on_spec(_POINTWISE, last, "im2col"), f"law.pointwise/im2col/float32/{_POINTWISE}",
        "im2col is not channel mixing: 1 of 180 elements differ, first at [1, 5, 14], worst at [1, 5, 14]: "
        "got 999, expected #",
    ),
    "conv2d": Clause(
        on_spec(_POINTWISE, first, "conv2d"), f"law.pointwise/conv2d/float32/{_POINTWISE}",
        "conv2d is not channel mixing: 1 of 120 elements differ, first at [0, 0, 0, 0], worst at [0, 0, 0, 0]: "
        "got 999, expected #",
    ),
    "bias": Clause(
        inputs(lambda op, s, a: (*a[:2], None)), "law.pointwise/conv2d/float32/n1c2h3w3_f1kh1kw1",
        "conv2d is not channel mixing: 9 of 9 elements differ, first at [0, 0, 0, 0], worst at [0, 0, 0, 0]: "
        "got #, expected #",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", POINTWISE)
def test_mixing_of_channels(name: str) -> None:
    require(POINTWISE[name])


@pytest.mark.parametrize("law", [*LAWS, "shift", "pointwise"])
def test_the_bias_is_part_of_a_law(law: str) -> None:
    """A convolution that forgets the bias on one of two geometries is seen, whatever the id says of bias."""
    own = (LAWS[law][0] if law in LAWS else _SHIFTED if law == "shift" else (_POINTWISE, ""))[0]
    seen: list[bool] = []

    def keep(op: Op, spec: ConvSpec, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        seen.append(arrays[2] is not None)
        return arrays

    assert told(inputs(keep), f"law.{law}/conv2d/float32/{own}") == ("pass", "")
    assert all(seen)


@pytest.mark.parametrize("law", ["pointwise", "stride", "padding"])
def test_laws_of_zeros_say_that_they_show_nothing(law: str) -> None:
    assert told(Right, f"law.{law}/im2col/float32/n1c1h1w1_f1kh1kw1_sh9sw9_pt4pb4pl4pr4") == (
        "mistrusted", "the expected result is zero everywhere, any result of zeros would pass",
    )  # fmt: skip


def test_a_wrong_partner_is_wrong_before_it_is_compared() -> None:
    (own, related), _ = LAWS["stride"]
    wide = on_spec(related, lambda out: out.astype(np.float64))
    text = f"on {related}: im2col returned dtype float64 for float32 input"
    assert told(wide, f"law.stride/im2col/float32/{own}") == ("fail", text)


def test_inputs_have_their_bias_whatever_the_case_says() -> None:
    case = Case.parse(f"law.stride/conv2d/float32/{_STRIDED[0]}/bias=0")
    x, w, b = law_between_geometries._inputs(case)
    assert (x.shape, w.shape, b.shape) == ((2, 2, 8, 9), (3, 2, 3, 2), (3,))


def test_the_related_geometry_is_called_with_the_cases_dtype() -> None:
    seen: list[str] = []

    def keep(op: Op, spec: ConvSpec, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        seen.extend(a.dtype.name for a in arrays)
        return arrays

    for dtype in ("float64", "float32"):
        assert told(inputs(keep), f"law.dilation/conv2d/{dtype}/{_DILATED[0]}") == ("pass", "")
    assert seen == ["float64"] * 6 + ["float32"] * 6
