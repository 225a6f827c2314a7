"""Mistakes that were planted in an implementation of its own are named, from the first call to the sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from conformance.diagnosis.cause import Cause
from conformance.diagnosis.diagnose import diagnose, findings, known
from conformance.diagnosis.experiment.experiment import Experiment
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.planted.faults import Planted, one_more, planted
from harness.tests.helpers.planted.written import Rule, Written, as_it_is


def _one(backend: Written | Planted, op: Op) -> Cause:
    (cause,) = diagnose(planted(backend), op, "float64", seconds=60.0)
    return cause


def _stride_of_the_height(spec: ConvSpec, axis: int) -> tuple[int, int, int]:
    return spec.stride[0], spec.dilation[axis], spec.padding[2 * axis]


def _no_stride_in_the_width(spec: ConvSpec, axis: int) -> tuple[int, int, int]:
    return spec.stride[axis] if axis == 0 else 1, spec.dilation[axis], spec.padding[2 * axis]


def _end_for_begin(spec: ConvSpec, axis: int) -> tuple[int, int, int]:
    return spec.stride[axis], spec.dilation[axis], spec.padding[2 * axis + 1]


def _exchanged(spec: ConvSpec, axis: int) -> tuple[int, int, int]:
    return spec.dilation[axis], spec.stride[axis], spec.padding[2 * axis]


def _no_dilation(spec: ConvSpec, axis: int) -> tuple[int, int, int]:
    return spec.stride[axis], 1, spec.padding[2 * axis]


def _late(spec: ConvSpec, axis: int) -> tuple[int, int, int]:
    return spec.stride[axis], spec.dilation[axis], spec.padding[2 * axis] - 1


_RULES: dict[str, tuple[Rule, str]] = {
    "the stride of the height for both": (_stride_of_the_height, "stride"),
    "no stride in the width": (_no_stride_in_the_width, "ignores the stride in the width"),
    "the padding of the end": (_end_for_begin, "padding"), "stride and dilation exchanged": (_exchanged, "dilation"),
    "no dilation": (_no_dilation, "ignores the dilation"), "one late": (_late, "too late"),
}  # fmt: skip


@pytest.mark.parametrize("what", _RULES)
@pytest.mark.parametrize("op", ["im2col", "col2im", "conv2d"])
def test_a_wrong_rule_for_the_index_is_named(op: Op, what: str) -> None:
    rule, words = _RULES[what]
    cause = _one(Written(rule), op)
    assert (cause.kind, cause.op) == ("name", op)
    assert cause.says.startswith(f"Your {op} ")
    assert words in cause.says
    assert cause.says.endswith(".")
    assert " or " not in cause.says
    assert cause.mend
    assert cause.failing > 10
    assert str(cause.failing) in cause.why


def test_what_is_right_has_no_cause() -> None:
    assert [diagnose(planted(Written()), op, "float64", seconds=60.0) for op in ("im2col", "col2im", "conv2d")] == [
        [],
        [],
        [],
    ]


def test_two_formulas_in_two_axes_are_both_named() -> None:
    def rule(spec: ConvSpec, axis: int) -> tuple[int, int, int]:
        return _no_dilation(spec, axis) if axis == 0 else _late(spec, axis)

    cause = _one(Written(rule), "im2col")
    assert cause.kind == "name"
    assert "ignores the dilation in the height" in cause.says
    assert "one column too late" in cause.says


@pytest.mark.parametrize(
    ("add", "words"),
    [(lambda old, new: new, "overwrites"), (lambda old, new: np.where(np.abs(old) > np.abs(new), old, new), "largest")],
)  # fmt: skip
def test_what_is_done_where_windows_meet_is_named(add: Callable[[Array, Array], Array], words: str) -> None:
    cause = _one(Written(add=add), "col2im")
    assert cause.kind == "name"
    assert words in f"{cause.says} {cause.id}"


def test_a_name_comes_with_its_condition() -> None:
    def rule(spec: ConvSpec, axis: int) -> tuple[int, int, int]:
        return _late(spec, axis) if spec.in_channels > 4 else as_it_is(spec, axis)

    cause = _one(Written(rule), "im2col")
    assert cause.kind == "name"
    assert cause.says.endswith(" too late, where C > 4.")


def test_one_wrong_element_has_a_condition_and_no_name() -> None:
    cause = _one(Planted("conv2d", lambda spec: spec.stride[1] > 1, one_more), "conv2d")
    assert (cause.kind, cause.id) == ("condition", "")
    assert cause.says == "Your conv2d gives wrong numbers if and only if stride in width > 1."
    assert "spec.stride[1] > 1" in cause.mend
    assert "unsupported" in cause.mend
    assert cause.plainest.stride[1] > 1


def test_what_nobody_knows_is_located_and_not_named() -> None:
    noise = Planted("im2col", lambda spec: True, lambda a: a + np.random.default_rng(a.size).integers(1, 9, a.shape))
    cause = _one(noise, "im2col")
    assert (cause.kind, cause.id) == ("located", "")
    assert "No known mistake" in cause.why


@pytest.mark.parametrize("what", _RULES)
def test_without_its_own_model_a_mistake_gets_no_wrong_name(what: str) -> None:
    rule, _ = _RULES[what]
    with_it = findings(Experiment(planted(Written(rule)), "im2col", "float64"), known("im2col"))
    own = with_it[0].model
    assert own is not None
    unseen = [ConvSpec.parse(t) for t in (
        "n1c2h9w11_f1kh3kw2_sh2sw3_pt1pl2pr1_dh2dw1", "n2c1h12w9_f1kh2kw3_sh3sw2_pb2pr1_dh1dw3",
        "n1c1h8w13_f1kh4kw3_sh1sw2_pt2pb1pl1_dh2dw2", "n1c3h10w10_f1kh3kw3_sh2sw2_pt1pb1pl1pr1",
    )]  # fmt: skip
    e = Experiment(planted(Written(rule)), "im2col", "float64")
    seen = {spec: e.run(spec) for spec in unseen}
    others = [
        m for m in known("im2col") if any(o is not None and e.foretold(m, spec) != o.digest for spec, o in seen.items())
    ]
    assert len(others) < len(known("im2col"))
    for found in findings(Experiment(planted(Written(rule)), "im2col", "float64"), others):
        if found.model is not None and found.condition is None:
            # What is named all the same is the same function in other words.
            assert [e.foretold(found.model, spec) for spec in unseen] == [o and o.digest for o in seen.values()]


def test_a_crash_does_not_hide_wrong_values() -> None:
    class Both(Written):
        def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Array:
            if spec.groups > 1:
                raise ValueError("no groups here")
            return np.asarray(super().run(op, spec, *arrays))

    value, crash = diagnose(planted(Both(_no_dilation)), "conv2d", "float64", seconds=60.0)
    assert (value.kind, crash.kind) == ("name", "crash")
    assert "ignores the dilation" in value.says
    assert crash.says.startswith("Your conv2d raises ValueError: no groups here")
    assert crash.says.endswith("if and only if groups > 1.")
    assert "spec.groups > 1" in crash.mend


def test_a_part_of_the_geometries_is_enough() -> None:
    class Part(Written):
        def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
            square = len(set(spec.kernel_size)) == len(set(spec.stride)) == len(set(spec.padding)) == 1
            return None if square and spec.groups == 1 and spec.dilation == (1, 1) else "square only"

    cause = _one(Part(lambda spec, axis: (1, 1, spec.padding[2 * axis])), "im2col")
    assert cause.kind == "name"
    assert "ignores the stride" in cause.says
    assert replace(cause.plainest, groups=1) == cause.plainest
