"""Every law catches a fault that no check before it sees, right backends obey all laws, and the laws stay cheap."""

from __future__ import annotations

import fnmatch
from typing import Any

import numpy as np
import pytest

from conformance.cases.selection import Selection
from conformance.cases.specs import DISTINCT, MAX_WORK
from conformance.checks.registration import CHECKS
from conformance.run import engine
from conformance.run.plan import plan
from conformance.run.results import BackendResult
from harness.calls.in_process import InProcess
from harness.contract import registry
from harness.contract.status import Status
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.tests.helpers.faults import faults_laws, faulty

_GENERAL = {"law.adjoint", "law.difference", "law.divisor", "law.lowering", "law.linear"}
# Those that are asked of every backend; `law.conserved` is of pooling alone.
LAWS = [id for id in fnmatch.filter(CHECKS, "law.*") if {op for c in CHECKS[id] for op in c.ops}.intersection(OPS)]


@pytest.mark.parametrize("name", faults_laws.FAULTS)
def test_the_first_check_to_see_a_fault_is_the_one_meant(name: str) -> None:
    kind, intended = faults_laws.FAULTS[name]
    assert faulty.first_to_see(kind, ("values.domain", "values.special")) == intended


def test_every_law_has_a_fault_of_its_own() -> None:
    assert {intended for _, intended in faults_laws.FAULTS.values()} == set(LAWS)


@pytest.mark.parametrize("name", ["right", "numpy_fancy"])
def test_right_backends_obey_all_laws(name: str) -> None:
    backend = faulty.load(faulty.Right) if name == "right" else InProcess(registry.load(name))
    result = _run(backend, pattern="law.*")
    assert result.verdict == "pass", [p for p in result.cases if p.status != "pass"][:3]
    assert {p.case.check for p in result.cases} == set(LAWS)


@pytest.mark.parametrize("dtype", ["float16", "int32", "int64"])
def test_laws_are_exact_in_other_dtypes(dtype: str) -> None:
    class Claims(faulty.Right):
        def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
            return None

    result = _run(faulty.load(Claims), pattern="law.*", dtypes=[dtype])
    assert result.counts[Status.PASS] == result.planned > 100


def test_related_geometries_stay_small() -> None:
    """A law calls other geometries than its case's own: those too must be cheap for plain loops."""
    largest = 0

    class Watched(faulty.Right):
        def run(self, op: Op, spec: ConvSpec, *arrays: np.ndarray | None) -> object:
            nonlocal largest
            largest = max(largest, spec.work(op))
            return super().run(op, spec, *arrays)

    _run(faulty.load(Watched), pattern="law.*", dtypes=["float32"])
    assert 0 < largest < MAX_WORK


def test_a_related_geometry_may_be_refused() -> None:
    class Dense(faulty.Right):
        def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
            return "tall kernel" if spec.kernel_size[0] > 6 else None

    (case_result,) = _run(faulty.load(Dense), pattern="law.dilation/conv2d/float32/n2c2h7w5_f3kh3kw3_dh3dw2").cases
    assert (case_result.status, case_result.detail) == ("unsupported", "n2c2h7w5_f3kh7kw5: tall kernel")


@pytest.mark.parametrize("law", ["adjoint", "divisor", "lowering", "linear", "pointwise", "padding", "stride"])
def test_a_law_about_zeros_is_mistrusted(law: str) -> None:
    """All windows lie in padding, so a backend of zeros would obey."""
    blind = ConvSpec.parse("n1c1h1w1_f1kh1kw1_sh9sw9_pt4pb4pl4pr4")
    ops = ["conv2d"] if law == "lowering" else ["im2col", "col2im"]
    result = _run(faulty.load(faulty.Right), pattern=f"law.{law}", ops=ops, specs=[blind])
    assert result.counts[Status.MISTRUSTED] == result.planned > 0


def test_laws_fit_only_where_they_say_something() -> None:
    backend = faulty.load(faulty.Right)
    for text, expected in {
        "n2c3h6w7_f4kh3kw2": {"law.shift"},
        "n2c3h6w7_f4kh1kw1_sh2sw1": {"law.pointwise", "law.stride"},
        "n2c4h6w7_f4kh3kw2_pt1pb0pl0pr0_dh2dw1_g2": {"law.padding", "law.dilation", "law.groups"},
    }.items():
        result = plan(backend, Selection(specs=[ConvSpec.parse(text)]))
        assert {p.case.check for p in result.cases} & set(LAWS) == expected | _GENERAL, text
    empty = plan(backend, Selection(specs=[ConvSpec.parse("n0c4h6w7_f4kh3kw2_pt1pb0pl0pr0_dh2dw1_g2")]))
    assert not any(p.case.check in LAWS for p in empty.cases)


def test_diagnoses_name_the_relation() -> None:
    kind, _ = faults_laws.FAULTS["padding_in_four_bits"]
    result = _run(faulty.load(kind), pattern="law.padding", ops=["im2col"])
    details = [p.detail for p in result.cases if p.status == "fail"]
    assert details
    assert all("im2col is not that of the image with zeros around it" in text and "\n" not in text for text in details)
    assert all(p.status == "pass" for p in result.cases if p.case.spec in DISTINCT)


def _run(backend: InProcess, **selection: Any) -> BackendResult:
    return engine.run(backend, plan(backend, Selection(**selection)))
