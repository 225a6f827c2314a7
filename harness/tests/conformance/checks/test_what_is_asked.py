"""Which geometries, variants and dtypes each check asks for: a case that is dropped is a fault that goes unseen."""

from __future__ import annotations

import pytest

import conformance.run.plan  # noqa: F401  (registers every check)
from conformance.cases.specs import ALL
from conformance.checks.registration import CHECKS, Check, grade_of
from harness.contract.status import Grade
from harness.geometry.spec import ALL_OPS, OPS, POOL_OPS, ConvSpec, Op

_DISTINCT = "distinct_g3 distinct_tall_kernel distinct_wide"
_FIRST_TWO = "distinct_g3 distinct_tall_kernel"
_LAWS = (
    f"{_DISTINCT} pad_beyond_kernel stride_beyond_kernel dilated_strided_padded depthwise_multiplier kernel_is_image"
)
# id -> names of the geometries, or geometries without a name; the same for every op
ASKED = {
    "contract.type": "distinct_g3 pointwise",
    "contract.shape": f"{_DISTINCT} stride_not_tiling output_1x1 depthwise pad_wider_than_image",
    "contract.dtype": "distinct_g3 pointwise",
    "contract.empty_batch": "empty_batch empty_batch_grouped",
    "values.exact": " ".join(name for name, spec in ALL.items() if spec.batch),
    "values.real": f"{_DISTINCT} many_channels width_33 batch_of_7",
    "law.adjoint": _LAWS,
    "law.conserved": f"{_DISTINCT} pad_symmetric same_stride2 stride_beyond_kernel dilated_strided_padded",
    "law.difference": f"{_LAWS} n8c2h3w4_f3kh2kw2",
    "law.divisor": _LAWS,
    "law.lowering": _LAWS,
    "law.linear": f"{_FIRST_TWO} pad_beyond_kernel depthwise_multiplier kernel_is_image",
    "law.pointwise": "pointwise pointwise_strided pointwise_padded n2c6h5w4_f4kh1kw1_sh2sw1_pt0pb1pl1pr0_g2",
    "law.dilation": f"{_FIRST_TWO} dilated dilated_exactly_fits dilated_strided_padded",
    "law.groups": f"{_DISTINCT} depthwise_multiplier grouped_strided n2c12h4w5_f12kh2kw3_g6",
    "law.padding": f"{_FIRST_TWO} pad_beyond_kernel pad_wider_than_image same_lower_even "
    "n2c2h3w4_f3kh2kw3_sh3sw4_pt9pb17pl18pr10",
    "law.stride": f"{_FIRST_TWO} stride_beyond_kernel stride_beyond_input n2c2h9w8_f3kh3kw2_sh3sw2 "
    "n2c2h7w8_f3kh2kw3_sh2sw3",
    "law.shift": "plain dilated grouped kernel_is_image",
    "contract.contiguous": f"{_FIRST_TWO} pointwise pad_bottom_right",
    "contract.writeable": f"{_FIRST_TWO} pointwise pad_bottom_right",
    "contract.inputs_untouched": f"{_FIRST_TWO} pad_symmetric pointwise",
    "contract.no_alias_input": "one_pixel pointwise kernel_is_image distinct_g3",
    "contract.no_alias_previous": "one_pixel pointwise kernel_is_image distinct_g3",
    "contract.uninitialised": f"{_DISTINCT} stride_beyond_kernel pad_wider_than_image same_stride2",
    "contract.strided_inputs": "distinct_g3",
    "values.strided": "distinct_g3 pointwise",
    "contract.bounds": f"{_FIRST_TWO} plain stride_not_tiling width_33 pointwise",
    "values.special": "distinct_tall_kernel plain",
    "contract.repeatable": "distinct_g3 many_channels width_33",
    "contract.state": "distinct_tall_kernel neighbours_grouped neighbours_dilated neighbours_square",
    "contract.in_place": "distinct_g3 plain",
    "contract.many_calls": "tiny",
    "contract.batch_split": _DISTINCT,
    "contract.threads": f"{_DISTINCT} many_channels",
    "contract.concurrent": f"{_FIRST_TWO} pad_symmetric",
    "contract.after_error": _FIRST_TWO,
    **{
        f"errors.{name}": "distinct_wide plain" for name in ("ndim", "channels", "weight", "bias", "positions", "dtype")
    },
}
_GRADES = {
    **{f"contract.{name}": Grade.FORM
       for name in ("type", "contiguous", "writeable", "empty_batch", "strided_inputs", "nonfinite")},
    **{f"contract.{name}": Grade.SAFETY
       for name in ("inputs_untouched", "no_alias_input", "no_alias_previous", "uninitialised", "bounds")},
}  # fmt: skip
_INTERIOR = "plain grouped"
_WHOLE_SUITE = {"values.golden", "contract.nonfinite", "external.onnx"}  # others for each op: asked below, or elsewhere
_HIGHER = {"values.domain", "values.grid", "values.random", "values.layer", "contract.large_index"}
_FLOATS = {"values.real", "contract.repeatable", "contract.nonfinite", "external.onnx"}
_PRODUCTS: tuple[Op, ...] = ("conv2d", "conv2d_input_grad", "conv2d_weight_grad")
_POOL_GRADS: tuple[Op, ...] = ("max_pool2d_grad", "avg_pool2d_grad", "avg_pool2d_exclude_padding_grad")
OPS_OF: dict[str, tuple[Op, ...]] = {
    "law.adjoint": ("im2col", "col2im", *_PRODUCTS, *_POOL_GRADS),
    "law.conserved": ("max_pool2d_grad", "avg_pool2d_exclude_padding_grad"),
    "law.linear": tuple(op for op in ALL_OPS if op != "max_pool2d"),
    "law.difference": ("conv2d_input_grad", "conv2d_weight_grad", "conv2d_bias_grad"),
    "law.divisor": ("col2im", "im2col"),
    "law.lowering": ("conv2d", "im2col"),
    "law.pointwise": ("im2col", "conv2d"),
    "law.dilation": _PRODUCTS,
    "law.groups": _PRODUCTS,
    "law.padding": ("im2col", "col2im", *_PRODUCTS),
    "law.stride": ("im2col", "conv2d"),
    "law.shift": ("im2col", "conv2d"),
    "external.onnx": ("conv2d", "col2im"),
    "contract.large_index": ("im2col", "col2im"),
    **dict.fromkeys(("errors.ndim", "errors.channels", "errors.dtype"), OPS),
    "errors.weight": ("conv2d", "conv2d_input_grad"),
    "errors.bias": ("conv2d",),
    "errors.positions": ("col2im", "conv2d_input_grad", "conv2d_weight_grad", "conv2d_bias_grad"),
}
NEEDED: dict[tuple[str, Op], tuple[Op, ...]] = {
    ("law.adjoint", "im2col"): ("col2im",),
    ("law.adjoint", "conv2d_input_grad"): ("conv2d",),
    ("law.adjoint", "conv2d_weight_grad"): ("conv2d",),
    ("law.difference", "conv2d_input_grad"): ("conv2d",),
    ("law.difference", "conv2d_weight_grad"): ("conv2d",),
    ("law.difference", "conv2d_bias_grad"): ("conv2d",),
    ("law.divisor", "col2im"): ("im2col",),
    ("law.divisor", "im2col"): ("col2im",),
    ("law.adjoint", "col2im"): ("im2col",),
    ("law.lowering", "im2col"): ("conv2d",),
    ("law.lowering", "conv2d"): ("im2col",),
    ("law.adjoint", "max_pool2d_grad"): ("max_pool2d",),
    ("law.adjoint", "avg_pool2d_grad"): ("avg_pool2d",),
    ("law.adjoint", "avg_pool2d_exclude_padding_grad"): ("avg_pool2d_exclude_padding",),
}


def named(specs: list[ConvSpec]) -> str:
    """Geometries by the names that they have in the suite."""
    names = {spec: name for name, spec in ALL.items()}
    return " ".join(names.get(spec, str(spec)) for spec in specs)


def part(id: str, op: Op) -> Check:
    """The check of an id that judges an op."""
    return next(check for check in CHECKS[id] if op in check.ops)


def ops_of(id: str) -> tuple[Op, ...]:
    """All ops that an id judges."""
    return tuple(op for check in CHECKS[id] for op in check.ops)


def test_every_check_is_asked_for_here() -> None:
    assert set(CHECKS) == {*ASKED, *_WHOLE_SUITE, *_HIGHER}


@pytest.mark.parametrize("id", ASKED)
def test_the_geometries_are_these_for_every_op(id: str) -> None:
    assert {op: named(list(part(id, op).specs(op))) for op in ops_of(id)} == dict.fromkeys(ops_of(id), ASKED[id])


def test_the_geometries_for_what_is_not_finite() -> None:
    """Weights and slopes only where no window touches padding."""
    padded = dict.fromkeys(("im2col", "col2im", "conv2d", *POOL_OPS), f"{_INTERIOR} stride_not_tiling {_FIRST_TWO}")
    inner = dict.fromkeys(("conv2d_input_grad", "conv2d_weight_grad", "conv2d_bias_grad"), _INTERIOR)
    (check,) = CHECKS["contract.nonfinite"]
    assert {op: named(list(check.specs(op))) for op in ALL_OPS} == padded | inner


@pytest.mark.parametrize("id", CHECKS)
def test_the_ops_and_those_needed_besides(id: str) -> None:
    assert sorted(ops_of(id)) == sorted(OPS_OF.get(id, ALL_OPS))
    assert {op: part(id, op).needs for op in ops_of(id)} == {op: NEEDED.get((id, op), ()) for op in ops_of(id)}


@pytest.mark.parametrize("id", CHECKS)
def test_the_kinds_of_dtypes_and_who_is_optional(id: str) -> None:
    assert {check.kinds for check in CHECKS[id]} == {"f" if id in _FLOATS else "fi"}
    assert {check.optional for check in CHECKS[id]} == {id.startswith("errors.")}
    grade = _GRADES.get(id, Grade.FORM if id.startswith("errors.") else Grade.VALUES)
    assert {check.grade for check in CHECKS[id]} == {grade} == {grade_of(id)}
    assert {check.standing for check in CHECKS[id]} == {id not in _HIGHER}


def test_the_variants_of_every_geometry() -> None:
    layouts = [
        "F", "permuted", "step2", "reversed", "step-2", "offset", "unaligned", "readonly", "broadcast", "memmap",
        "channels_last", "transposed", "crop", "row_pitch", "last_step2", "rows_step2", "first_step2", "last_reversed",
        "second_reversed", "first_reversed", "broadcast1", "broadcast2", "broadcast3",
    ]  # fmt: skip
    spec = ALL["plain"]
    for id, op in [(check, op) for check in ASKED for op in ops_of(check)]:
        cases = [str(case).partition(f"{spec}")[2] for case in part(id, op).cases(op, "float32", [spec])]
        if id in ("contract.strided_inputs", "values.strided"):
            assert cases == [f"/layout={name}" for name in layouts]
        elif id == "contract.bounds":
            assert cases == ["/layout=guard_before", "/layout=guard_behind"]
        elif id in ("values.exact", "values.real") and op == "conv2d":
            assert cases == ["", "/bias=0"]
        elif cases:  # the others fit, or do not
            assert cases == [""]


# A geometry, and the checks of all others' that have something to say of it, by what it has.
FITTING = {
    "n2c3h6w7_f4kh3kw2": "law.shift",
    "n2c3h6w7_f4kh3kw2_dh2dw1": "law.dilation law.shift",
    "n2c3h6w7_f4kh3kw2_dh1dw2": "law.dilation law.shift",
    "n2c3h6w7_f4kh3kw2_sh1sw2": "law.stride",
    "n2c3h6w7_f4kh3kw2_sh2sw1": "law.stride",
    "n2c3h6w7_f4kh3kw2_pt0pb0pl0pr1": "law.padding",
    "n2c3h6w7_f3kh3kw2_g3": "law.groups law.shift",
    "n2c3h6w7_f4kh1kw1_sh2sw1": "law.pointwise law.stride",
    "n2c3h6w7_f4kh1kw2": "law.shift",
    "n1c3h6w7_f3kh1kw1_g3": "law.groups law.pointwise law.shift",
    "n1c3h6w7_f4kh3kw2_sh2sw1_pt1pb0pl0pr0_dh2dw1": "law.dilation law.padding law.stride",
}
_ANY = {"law.adjoint", "law.conserved", "law.difference", "law.divisor", "law.lowering", "law.linear"}


@pytest.mark.parametrize("text", FITTING)
def test_a_law_fits_where_it_says_something(text: str) -> None:
    spec = ConvSpec.parse(text)
    fit = {id for id in CHECKS if id.startswith("law.") and all(c.fits(c.ops[0], spec) for c in CHECKS[id])}
    assert fit - _ANY == set(FITTING[text].split())
    assert fit >= _ANY


@pytest.mark.parametrize("text", FITTING)
def test_of_no_images_no_law_says_anything(text: str) -> None:
    empty = ConvSpec.parse(text.replace("n2", "n0").replace("n1", "n0"))
    fit = [id for id, parts in CHECKS.items() for check in parts if any(check.fits(op, empty) for op in check.ops)]
    assert not [id for id in fit if id.startswith("law.") or id == "contract.nonfinite"]
    assert "contract.empty_batch" in fit
    assert not part("contract.empty_batch", "conv2d").fits("conv2d", ConvSpec.parse(text))


def test_what_is_not_finite_fits_where_windows_touch_no_padding() -> None:
    (check,) = CHECKS["contract.nonfinite"]
    for text in ("n1c3h6w7_f4kh3kw2", "n1c3h6w7_f4kh3kw2_pt0pb0pl0pr1"):
        fit = [op for op in ALL_OPS if check.fits(op, ConvSpec.parse(text))]
        padded = ["im2col", "col2im", "conv2d", "conv2d_bias_grad", *POOL_OPS]
        assert fit == ([*ALL_OPS] if "_p" not in text else padded)
