"""The ONNX vectors load, both oracles reproduce them, and the check that asks for them can fail."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from conformance.cases.case import Case
from conformance.cases.data import onnx_vectors
from conformance.cases.data.golden import Example
from conformance.cases.specs import DISTINCT, MAX_WORK
from conformance.checks import external
from conformance.checks.outcomes import Failed
from conformance.checks.registration import CHECKS
from conformance.checks.under_test import BackendUnderTest
from harness.calls.caller import PLAIN
from harness.calls.in_process import InProcess
from harness.contract import registry
from harness.contract.protocol import Numerics
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import bounding, by_taps, comparing, data, pointwise

_SPEC = DISTINCT[0]


def need_onnx() -> None:
    """Skip where the vectors are not installed."""
    if onnx_vectors.unavailable():
        pytest.skip(onnx_vectors.unavailable())


def whole_numbers() -> Iterator[Example]:
    """The operator tests."""
    return (e for e in onnx_vectors.node_vectors() if external.is_whole(e))


def test_onnx_operator_tests_are_reproduced_by_both_oracles() -> None:
    need_onnx()
    found = list(whole_numbers())
    assert [e.op for e in found].count("conv2d") == 6
    assert [e.op for e in found].count("col2im") == 4
    for e in found:
        assert np.array_equal(pointwise.full(e.op, e.spec, *e.inputs), e.expected), e.origin
        assert np.array_equal(by_taps.run(e.op, e.spec, *e.inputs), e.expected), e.origin


def test_onnx_models_are_within_the_bound_and_it_is_tight() -> None:
    need_onnx()
    for e in onnx_vectors.model_vectors():
        error = np.abs(by_taps.run(e.op, e.spec, *e.inputs) - e.expected)
        assert (error <= external.allowed_error(e, "float64", "direct")).all(), e.origin
        assert external.allowed_error(e, "float32", "gemm").max() < 2e-4, e.origin


class _Rounded(BackendUnderTest):
    """A subject that gives the oracle's result rounded to the dtype, its last element moved by `off`."""

    off = 0.0

    def run(self, op, spec, *arrays, conditions=PLAIN):
        result = by_taps.run(op, spec, *arrays)
        result.flat[-1] += self.off
        return result.astype(arrays[0].dtype)


class _Off(_Rounded):
    off = 0.25


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("op", ["conv2d", "col2im"])
def test_the_check_passes_a_right_backend_and_fails_a_wrong_one(op: Op, dtype: str) -> None:
    need_onnx()
    backend = InProcess(registry.load("numpy_fancy"))
    (check,) = CHECKS["external.onnx"]
    cases = check.cases(op, dtype)
    assert len(cases) >= (6 if op == "conv2d" else 4)
    for case in cases:
        check.run(_Rounded(backend), case)
        with pytest.raises(Failed, match="test_"):
            check.run(_Off(backend), case)


def test_a_geometry_without_a_vector_is_not_judged() -> None:
    need_onnx()
    (check,) = CHECKS["external.onnx"]
    assert check.cases("conv2d", "float32", [_SPEC]) == []
    given = next(whole_numbers())
    assert check.cases(given.op, "float32", [given.spec]) == [Case("external.onnx", given.op, "float32", given.spec)]


def fresh(code: str) -> str:
    """What the code prints in a process of its own."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_without_onnx_nothing_is_planned_and_the_reason_is_known() -> None:
    code = """
import sys
sys.modules["onnx"] = None
from conformance.checks import external
from conformance.checks.registration import CHECKS
(check,) = CHECKS["external.onnx"]
print(check.cases("conv2d", "float32"), check.cases("col2im", "float64"), list(external.skipped()))
assert "onnx" in external.skipped()["external.onnx"]
"""
    assert fresh(code) == "[] [] ['external.onnx']"


def test_loading_keeps_the_random_state_and_imports_late() -> None:
    need_onnx()
    code = """
import sys
import numpy as np
from conformance.cases.data import onnx_vectors
from conformance.checks import external
from conformance.diagnosis import compare_libraries
from conformance.diagnosis.libraries import witnesses
witnesses.available()
print([m for m in ("onnx", "torch", "scipy", "jax", "onnxruntime") if m in sys.modules])
np.random.seed(7)
expected = np.random.random()
np.random.seed(7)
onnx_vectors.node_vectors()
print(np.random.random() == expected)
"""
    assert fresh(code) == "[]\nTrue"


@pytest.mark.parametrize(
    ("attributes", "padding"),
    [
        ({"pads": [1, 2, 3, 4]}, (1, 3, 2, 4)),  # all begins, then all ends
        ({"auto_pad": "NOTSET", "pads": [0, 1, 0, 2]}, (0, 0, 1, 2)),
        ({"auto_pad": "VALID", "pads": [1, 1, 1, 1]}, "valid"),
        ({"auto_pad": "SAME_UPPER"}, "same"),
        ({"auto_pad": "SAME_LOWER"}, "same_lower"),
        ({}, (0, 0, 0, 0)),
    ],
)  # fmt: skip
def test_attributes_of_onnx_are_read(attributes: dict[str, object], padding: object) -> None:
    need_onnx()
    from onnx import helper

    plain = onnx_vectors._geometry(helper.make_node("Conv", ["x", "w"], ["y"], **attributes))
    assert plain == {"stride": 1, "padding": padding, "dilation": 1, "groups": 1}
    full = helper.make_node("Conv", ["x", "w"], ["y"], strides=[2, 3], dilations=[4, 5], group=6, **attributes)
    assert onnx_vectors._geometry(full) == {"stride": [2, 3], "padding": padding, "dilation": [4, 5], "groups": 6}


def published(op: Op, text: str, off: float = 0.0) -> Example:
    """An example made here, whose printed result is `off` from the right one."""
    spec = ConvSpec.parse(text)
    given = data.real(op, spec, "float32", text)
    return Example(op, spec, given, by_taps.run(op, spec, *given) + off, "made here")


@pytest.mark.parametrize("numerics", ["gemm", "tf32", "winograd"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("op", ["conv2d", "col2im"])
def test_the_bound_is_ours_the_cast_of_the_inputs_and_theirs(op: Op, dtype: str, numerics: Numerics) -> None:
    """Theirs is that of plain sums in float32, whatever ours is; ours is that of the op."""
    example = published(op, "n2c3h6w7_f4kh3kw2")
    spec, given = example.spec, example.inputs
    cast = [a.astype(dtype) for a in given]
    count = by_taps.term_count(op, spec, *given)
    exact, theirs = by_taps.run(op, spec, *cast), by_taps.run(op, spec, *given)
    expected = (
        bounding.allowed(op, spec, dtype, numerics, exact, cast)
        + np.abs(exact - theirs)
        + comparing.allowance("float32", "gemm", theirs, by_taps.absolute(op, spec, *given), count)
    )
    assert np.array_equal(external.allowed_error(example, dtype, numerics), expected)
    plain = external.allowed_error(example, dtype, "gemm")
    wider = op == "conv2d" and (numerics == "winograd" or (numerics == "tf32" and dtype == "float32"))
    assert (external.allowed_error(example, dtype, numerics) > plain).any() == wider


def test_examples_that_plain_loops_cannot_run_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = published("conv2d", "n1c2h4w5_f3kh2kw2"), published("conv2d", "n1c8h40w42_f8kh3kw3")
    other = published("col2im", "n1c1h4w5_f1kh2kw2")
    assert small.spec.work("conv2d") < MAX_WORK < large.spec.work("conv2d")
    monkeypatch.setattr(onnx_vectors, "unavailable", lambda: "")
    monkeypatch.setattr(onnx_vectors, "node_vectors", lambda: (small, other, small))
    monkeypatch.setattr(onnx_vectors, "model_vectors", lambda: (large, published("conv2d", "n1c2h5w5_f3kh2kw2")))
    (check,) = CHECKS["external.onnx"]
    assert [str(spec) for spec in check.specs("conv2d")] == ["n1c2h4w5_f3kh2kw2", "n1c2h5w5_f3kh2kw2"]
    assert [str(spec) for spec in check.specs("col2im")] == ["n1c1h4w5_f1kh2kw2"]


@pytest.mark.parametrize("fraction", ["inputs", "expected", ""])
def test_numbers_are_whole_where_all_are(fraction: str) -> None:
    spec = ConvSpec.parse("n1c1h2w2_f1kh1kw1")
    x, w, y = np.full((1, 1, 2, 2), 3.0), np.full((1, 1, 1, 1), 2.0), np.full((1, 1, 2, 2), 6.0)
    for name, a in (("inputs", w), ("expected", y)):
        a.flat[-1] += 0.5 * (name == fraction)
    assert external.is_whole(Example("conv2d", spec, (x, w, None), y, "made here")) == (not fraction)
