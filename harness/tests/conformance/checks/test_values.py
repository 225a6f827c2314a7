"""`values.*`: one wrong element is told with its place and numbers; zeros prove nothing; shares used."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conformance.cases.data.golden import EXAMPLES
from conformance.checks.registration import CHECKS
from harness.contract.protocol import Array
from harness.geometry.spec import ALL_OPS, OPS, ConvSpec, Op
from harness.tests.helpers.faults.clauses import Clause, judged, put, require, told
from harness.tests.helpers.faults.faulty import Right, inputs, result

_PLAIN = "n2c3h6w7_f4kh3kw2"
_BLIND = "n1c1h1w1_f1kh1kw1_sh9sw9_pt4pb4pl4pr4"
_ELEMENT = "1 of 192 elements differ, first at [1, 2, 3, 4], worst at [1, 2, 3, 4]: got"


def _wrong(value: float, *index: int) -> type[Right]:
    return result(lambda op, spec, out, arrays: put(value, *index)(out))


def _if_bias(present: bool) -> type[Right]:
    """Wrong in conv2d with a bias, or without one."""
    return result(lambda op, s, out, a: put(1e6, 1, 2, 3, 4)(out) if (a[2] is not None) == present else out)


CLAUSES = {
    "exact": Clause(
        _wrong(1e6, 1, 2, 3, 4), f"values.exact/conv2d/float32/{_PLAIN}", f"{_ELEMENT} 1000000, expected #"
    ),
    "exact_nan": Clause(
        _wrong(np.nan, 1, 2, 3, 4), f"values.exact/conv2d/float32/{_PLAIN}", f"{_ELEMENT} nan, expected #"
    ),
    "exact_with_bias": Clause(
        _if_bias(True), f"values.exact/conv2d/float64/{_PLAIN}", f"{_ELEMENT} 1000000, expected #"
    ),
    "exact_without_bias": Clause(
        _if_bias(False), f"values.exact/conv2d/float64/{_PLAIN}/bias=0", f"{_ELEMENT} 1000000, expected #"
    ),
    "real": Clause(
        _wrong(1e6, 1, 2, 3, 4), f"values.real/conv2d/float32/{_PLAIN}",
        f"{_ELEMENT} 1000000, expected #, allowed #: # times the bound"
    ),
    "real_nan": Clause(
        _wrong(np.nan, 1, 2, 3, 4), f"values.real/conv2d/float32/{_PLAIN}", f"{_ELEMENT} nan, expected #, allowed #"
    ),
    "real_without_bias": Clause(
        _if_bias(False), f"values.real/conv2d/float64/{_PLAIN}/bias=0",
        f"{_ELEMENT} 1000000, expected #, allowed #: # times the bound"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CLAUSES)
def test_a_clause_sees_its_fault(name: str) -> None:
    require(CLAUSES[name])


@pytest.mark.parametrize("op", OPS)
def test_zeros_where_zeros_are_right_are_not_counted(op: Op) -> None:
    """But the gradients of an empty batch are zeros, and nothing else is."""
    expected = "the expected result is zero everywhere, any result of zeros would pass"
    blind = told(Right, f"values.exact/{op}/float32/{_BLIND}{'/bias=0' if op == 'conv2d' else ''}")
    assert blind == (("pass", "") if op == "conv2d_bias_grad" else ("mistrusted", expected))
    assert told(Right, f"values.exact/{op}/float32/{_PLAIN.replace('n2', 'n0')}") == ("pass", "")


def test_zeros_of_the_wrong_form_are_wrong_before_they_are_mistrusted() -> None:
    wide = result(lambda op, s, out, a: out.astype(np.float64))
    assert told(wide, f"values.exact/im2col/float32/{_BLIND}")[0] == "fail"


def _share(op: Op, spec: ConvSpec, out: Any, arrays: tuple[Array | None, ...]) -> Any:
    """Off by the last digits of one element: of a sum of 28 products of about 1, whose bound is about 3e-5."""
    out[1, 2, 3, 4] += np.float32(1e-5)
    return out


def test_the_share_of_the_allowance_is_that_of_the_worst_element() -> None:
    case = f"values.real/conv2d/float32/{_PLAIN}"
    right, off, wrong = (judged(kind, case) for kind in (Right, result(_share), _wrong(1e6, 0, 0, 0, 0)))
    assert right.used is not None
    assert off.used is not None
    assert wrong.used is not None
    assert 0 < right.used < off.used < 1
    assert wrong.used > 1e6
    assert judged(Right, f"values.exact/conv2d/float32/{_PLAIN}").used is None


@pytest.mark.parametrize("numerics", ["gemm", "winograd"])
def test_the_allowance_is_that_of_the_algorithm(numerics: str) -> None:
    """Four digits fewer than float32 has: too few for a plain sum, within what Winograd's transforms lose."""

    class Coarse(Right):
        def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
            return super().run(op, spec, *arrays) * np.float32(1 + 2.0**-19)

    Coarse.numerics = numerics  # type: ignore[attr-defined]
    status, _ = told(Coarse, f"values.real/conv2d/float32/{_PLAIN}/bias=0")
    assert status == {"gemm": "fail", "winograd": "pass"}[numerics]


def _nth_call(number: int) -> type[Right]:
    """Wrong in one call, counted from 1."""

    class Wrong(Right):
        calls = 0

        def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
            self.calls += 1
            out = super().run(op, spec, *arrays)
            return put(77, *(0,) * out.ndim)(out) if self.calls == number else out

    return Wrong


def test_each_published_example_is_asked_for_and_named() -> None:
    """Two may have one geometry: then both are."""
    (check,) = CHECKS["values.golden"]
    for op in OPS:
        specs = [e.spec for e in EXAMPLES if e.op == op]
        assert list(check.specs(op)) == specs
        for spec in set(specs):
            same = [e for e in EXAMPLES if (e.op, e.spec) == (op, spec)]
            for number, example in enumerate(same, 1):
                status, text = told(_nth_call(number), f"values.golden/{op}/float64/{spec}")
                assert status == "fail"
                assert text.endswith(f"got 77, expected {np.ravel(example.expected)[0]:g} ({example.origin})")


def test_a_published_example_fits_its_own_op_alone() -> None:
    (check,) = CHECKS["values.golden"]
    assert {(op, e.spec) for e in EXAMPLES for op in ALL_OPS if check.fits(op, e.spec)} == {
        (e.op, e.spec) for e in EXAMPLES
    }


def test_an_example_is_given_in_the_dtype_of_the_case() -> None:
    example = EXAMPLES[0]
    seen: list[str] = []

    def look(op: Op, spec: ConvSpec, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        seen.extend(str(a.dtype) for a in arrays)
        return arrays

    assert told(inputs(look), f"values.golden/{example.op}/float32/{example.spec}") == ("pass", "")
    assert set(seen) == {"float32"}
