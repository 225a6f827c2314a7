"""A right part is judged on what it claims, in green; a wrong one fails in its own corner; too little is incomplete."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance.cases.selection import Selection
from conformance.domain import part
from conformance.domain.part import whole
from conformance.domain.pool import SIZE, pool
from conformance.reports import domain
from conformance.run import engine
from conformance.run.plan import plan
from conformance.run.results import BackendResult
from harness.contract.status import Status
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.tests.helpers.faults.faulty import Right, load

Takes = Callable[[Op, ConvSpec, str], bool]
_FLOATS = ("float32", "float64")


def judged(takes: Takes, wrong: Callable[[Op, ConvSpec], bool] = lambda op, spec: False, **asked: Any) -> BackendResult:
    """The oracle, of what it takes alone, with the first element wrong where told."""

    class Part(Right):
        def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
            """In words."""
            return None if takes(op, spec, dtype) else "not this one"

        def run(self, op: Op, spec: ConvSpec, *arrays: Any) -> Any:
            assert takes(op, spec, str(arrays[0].dtype)), "it was called for what it refuses"
            out = super().run(op, spec, *arrays)
            if wrong(op, spec) and out.size:
                out.flat[-1] += 1
            return out

    caller = load(Part)
    return engine.run(caller, plan(caller, Selection(**asked)))


# name -> what it takes, and the domain in words
PARTS: dict[str, tuple[Takes, str]] = {
    "one_group": (lambda op, s, d: d in _FLOATS and s.groups == 1, "one group; float32, float64"),
    "stride_1": (lambda op, s, d: d == "float32" and s.stride == (1, 1), "stride 1; float32"),
    "double_alone": (lambda op, s, d: d == "float64" and s.groups == 1, "one group; float64"),
    "one_image": (lambda op, s, d: d == "float32" and s.batch == 1, "one image; float32"),
    "as_students_do": (
        lambda op, s, d: d == "float64" and s.groups == 1 and s.dilation == (1, 1) and len(set(s.padding)) == 1
        and s.stride[0] == s.stride[1] and s.kernel_size[0] == s.kernel_size[1],
        "one group, square kernels, equal strides, equal padding, no dilation; float64",
    ),
    "fixed_image": (
        lambda op, s, d: d == "float32" and s.input_size == (28, 28) and s.groups == 1,
        "images of 28 x 28, one group; float32",
    ),
    "fixed_block": (
        lambda op, s, d: d == "float32" and s.kernel_size == (3, 3) and s.stride == s.dilation == (1, 1)
        and s.padding == (1, 1, 1, 1) and s.groups == 1,
        "one group, 3x3 kernels, stride 1, padding 1, no dilation; float32",
    ),
    "depthwise": (lambda op, s, d: d == "float32" and s.groups == s.in_channels > 1, "depthwise; float32"),
    "forward_alone": (
        lambda op, s, d: d == "float32" and op == "conv2d" and s.groups == 1,
        "one group; float32; nothing of im2col, col2im, conv2d_input_grad, conv2d_weight_grad, conv2d_bias_grad",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name == "fixed_image" else name for name in PARTS]
)
def test_a_right_part_passes_and_its_domain_is_named(name: str) -> None:
    """Every other part of conv2d, the others of im2col."""
    takes, words = PARTS[name]
    op: Op = "conv2d" if list(PARTS).index(name) % 2 else "im2col"
    result = judged(takes, ops=OPS if name == "forward_alone" else [op])
    bad = [f"{one.case}: {one.status} {one.detail}" for one in result.cases
           if one.status not in (Status.PASS, Status.UNSUPPORTED)]  # fmt: skip
    assert bad == []
    result.narrowed = False
    assert (result.verdict, result.omissions()) == ("pass", [])
    told = domain.report(result)
    assert told is not None
    assert told.words == words
    assert told.geometries >= 10
    assert 0.9 * told.pairs < told.pairs_covered <= told.pairs


@pytest.mark.parametrize(
    ("takes", "wrong"),
    [
        (PARTS["one_group"][0], lambda op, s: s.output_size[1] > 60),
        (PARTS["one_group"][0], lambda op, s: s.batch > 16),
        (PARTS["as_students_do"][0], lambda op, s: s.kernel_size == (5, 5)),
        (PARTS["as_students_do"][0], lambda op, s: s.stride == (2, 2) and s.padding[0] > 1),
        (PARTS["stride_1"][0], lambda op, s: s.in_channels // s.groups > 32),
        (PARTS["fixed_image"][0], lambda op, s: s.kernel_size[0] > s.kernel_size[1] and s.batch > 1),
        (PARTS["fixed_block"][0], lambda op, s: s.input_size[1] % 4 == 3),
        (PARTS["depthwise"][0], lambda op, s: s.out_channels > s.groups),
    ],
)
def test_a_wrong_part_fails_in_its_corner(takes: Takes, wrong: Callable[[Op, ConvSpec], bool]) -> None:
    result = judged(takes, wrong, ops=["im2col"])
    assert result.verdict == "fail"
    assert "values.domain" in {one.case.check for one in result.cases if one.status is Status.FAIL}


def test_too_small_a_part_is_incomplete() -> None:
    known = pool()[:6]
    result = judged(lambda op, spec, dtype: dtype == "float32" and spec in known, ops=["im2col"])
    result.narrowed = False
    text = "im2col in float32 is claimed for 6 geometries that we know of, 30 are needed"
    assert (result.verdict, result.omissions()) == ("incomplete", [text])


def test_a_small_part_of_one_op_is_not_hidden_by_a_large_one_of_another() -> None:
    known = pool()[:6]
    result = judged(
        lambda op, spec, dtype: dtype == "float32" and (spec in known if op == "im2col" else spec.groups == 1),
        ops=["im2col", "col2im"],
    )
    result.narrowed = False
    text = "im2col in float32 is claimed for 6 geometries that we know of, 30 are needed"
    assert (result.verdict, result.omissions()) == ("incomplete", [text])


def test_nothing_is_claimed_where_everything_is_refused() -> None:
    result = judged(lambda op, spec, dtype: False, ops=["im2col"])
    result.narrowed = False
    assert (result.verdict, result.omissions()) == ("incomplete", ["nothing is claimed"])


def test_a_whole_backend_has_no_domain_and_is_asked_on_what_all_are() -> None:
    caller = load(Right)
    result = plan(caller, Selection(ops=["im2col", "col2im"]))
    assert domain.report(result) is None
    asked = {dtype: [one.case.spec for one in result.cases if (one.case.check, one.case.op, one.case.dtype)
                     == ("values.domain", "col2im", dtype)] for dtype in _FLOATS}  # fmt: skip
    assert asked == {"float32": whole().specs, "float64": whole().choice.specs[:80]}


def test_the_file_has_what_is_chosen_from_the_pool_today() -> None:
    """Where it has not: `python -m conformance.domain.part`."""
    assert Path(part.__file__).with_name("whole.txt").read_text(encoding="ascii") == part.whole_text()
    assert (len(whole().choice.specs), len(whole().drawn)) == (220, 200)
    assert whole().choice.pairs_covered > 0.9 * whole().choice.pairs


def test_who_refuses_one_geometry_of_those_that_all_are_asked_on_does_a_part() -> None:
    refused = whole().specs[100]
    result = judged(lambda op, spec, dtype: dtype == "float32" and spec != refused, ops=["col2im"], dtypes=["float32"])
    told = domain.report(result)
    assert told is not None
    assert told.geometries > 200
    assert result.verdict == "pass"


def test_a_further_dtype_in_which_less_is_claimed_has_a_domain_of_its_own() -> None:
    """All in float32; in float64 one group alone, wrong in its own corner."""

    def takes(op: Op, spec: ConvSpec, dtype: str) -> bool:
        return dtype == "float32" or (dtype == "float64" and spec.groups == 1)

    right = judged(takes, ops=["im2col"])
    told = domain.report(right)
    assert told is not None
    assert told.words == "im2col in float32: everything; im2col in float64: one group; float32, float64"
    asked = [one.case.spec for one in right.cases if one.case.check == "values.domain" and one.case.dtype == "float64"]
    assert len(asked) == 80
    assert all(spec.groups == 1 for spec in asked)
    assert (right.verdict, {one.status for one in right.cases} <= {Status.PASS, Status.UNSUPPORTED}) == ("pass", True)


_GIVEN = ConvSpec.parse("n1c1h5w5_f1kh3kw3")


@pytest.mark.parametrize(("asked", "specs"), [({"tier": 0}, set()), ({"specs": [_GIVEN]}, {_GIVEN})])
def test_who_says_on_what_to_judge_is_not_told_better(asked: dict[str, Any], specs: set[ConvSpec]) -> None:
    result = judged(lambda op, spec, dtype: spec.groups == 1 and dtype == "float32", ops=["im2col"], **asked)
    assert {one.case.spec for one in result.cases if one.case.check == "values.domain"} == specs


def test_every_clause_is_asked_of_a_part() -> None:
    result = judged(PARTS["as_students_do"][0], ops=["conv2d"], dtypes=["float64"])
    run = {one.case.check for one in result.cases if one.status is Status.PASS}
    assert {"values.exact", "values.real", "values.strided", "contract.state", "contract.batch_split",
            "contract.threads", "contract.concurrent", "contract.empty_batch", "contract.nonfinite",
            "contract.repeatable", "contract.uninitialised", "law.stride", "law.padding"} <= run  # fmt: skip


def test_the_pool_is_the_same_every_time() -> None:
    specs = pool()
    assert len(specs) == len(set(specs)) == SIZE
    assert max(spec.macs for spec in specs) <= 200_000
    assert [str(spec) for spec in specs[::400]] == FIRST
    assert np.mean([spec.groups == 1 for spec in specs]) > 0.3


FIRST = [
    "n1c1h7w7_f1kh1kw1",
    "n5c4h6w4_f4kh4kw3_sh2sw1_pt2pb2pl1pr1_g2",
    "n1c2h69w8_f8kh2kw2_g2",
    "n3c1h9w11_f2kh5kw3_sh3sw2",
    "n2c4h8w7_f8kh3kw3_sh3sw3_g4",
    "n2c16h3w1_f28kh2kw3_sh2sw2_pt1pb0pl3pr1_g4",
    "n17c5h2w3_f4kh1kw1_sh2sw2",
    "n2c8h1w6_f8kh1kw2_sh4sw2_pt0pb3pl1pr3_dh3dw7_g4",
    "n1c4h2w11_f8kh3kw3_pt1pb2pl0pr0_dh1dw2_g4",
    "n3c4h1w1_f3kh3kw3_pt7pb7pl7pr7",
]
