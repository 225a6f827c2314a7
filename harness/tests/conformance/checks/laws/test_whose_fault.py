"""A law between two ops that does not hold is charged to the op that the definition contradicts, not to its partner."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conformance.checks import law_between_ops
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.faults.clauses import told
from harness.tests.helpers.faults.faulty import Right, inputs, result
from harness.tests.helpers.suite.fakes import FakeCaller

_PLAIN = "n2c3h6w7_f4kh3kw2"


def _of(op: Op, spoil: Any) -> type[Right]:
    return result(lambda o, spec, out, arrays: spoil(out) if o == op else out)


PARTNERS: list[tuple[str, Op, type[Right]]] = [
    ("law.adjoint/im2col", "col2im", _of("col2im", lambda out: out + 1)),
    ("law.adjoint/col2im", "im2col", _of("im2col", lambda out: out + 1)),
    ("law.adjoint/conv2d_input_grad", "conv2d", _of("conv2d", lambda out: out + 1)),
    ("law.adjoint/conv2d_weight_grad", "conv2d", _of("conv2d", lambda out: out + 1)),
    ("law.adjoint/conv2d", "conv2d_input_grad", _of("conv2d_input_grad", lambda out: out + 1)),
    ("law.adjoint/conv2d", "conv2d_weight_grad", _of("conv2d_weight_grad", lambda out: out + 1)),
    ("law.difference/conv2d_bias_grad", "conv2d", inputs(lambda op, s, a: (*a[:2], None) if op == "conv2d" else a)),
    ("law.divisor/col2im", "im2col", _of("im2col", lambda out: out + 1)),
    ("law.divisor/im2col", "col2im", _of("col2im", lambda out: out + 1)),
    ("law.lowering/conv2d", "im2col", _of("im2col", lambda out: out + 1)),
    ("law.lowering/im2col", "conv2d", _of("conv2d", lambda out: out + 1)),
]


@pytest.mark.parametrize(("law", "partner", "backend"), PARTNERS, ids=[f"{law}-{op}" for law, op, _ in PARTNERS])
def test_a_fault_of_the_partner_is_not_charged_to_this_op(law: str, partner: Op, backend: type[Right]) -> None:
    """Nor does the case pass: nothing was shown."""
    status, text = told(backend, f"{law}/float32/{_PLAIN}")
    assert (status, text.partition(":")[0]) == ("mistrusted", f"{partner} is at fault, not {law.partition('/')[2]}")
    assert "elements differ" in text


def _raises(o: Op, spec: ConvSpec, out: Any, arrays: tuple[Array | None, ...]) -> Any:
    if o == "col2im":
        raise ValueError("no columns")
    return out


def test_a_partner_that_raises_or_has_a_wrong_form_is_at_fault_too() -> None:
    case, own = f"law.adjoint/im2col/float32/{_PLAIN}", f"law.adjoint/col2im/float32/{_PLAIN}"
    for spoil, words in ((_raises, "raised ValueError: no columns"), (_flat, "returned shape (252,)")):
        status, text = told(result(spoil), case)
        assert (status, f"col2im is at fault, not im2col: col2im {words}" in text) == ("mistrusted", True)
        status, text = told(result(spoil), own)
        assert (status, text.startswith(f"col2im {words}"), text.endswith("; col2im is at fault")) == (
            "fail",
            True,
            True,
        )


def _flat(o: Op, spec: ConvSpec, out: Any, arrays: tuple[Array | None, ...]) -> Any:
    return out.ravel() if o == "col2im" else out


def test_both_are_named_if_both_are_at_fault() -> None:
    status, text = told(result(lambda o, spec, out, arrays: out + 1), f"law.adjoint/im2col/float32/{_PLAIN}")
    assert status == "fail"
    assert [f"{op} is at fault: " in text for op in ("im2col", "col2im", "conv2d")] == [True, True, False]


def test_a_law_that_fails_though_all_agree_with_the_definition_is_told_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Then one of the two witnesses is wrong, and the run must not pass."""
    monkeypatch.setattr(law_between_ops, "_windows_covering", lambda spec: np.full(spec.input_size, 2.0))
    status, text = told(Right, f"law.divisor/col2im/float32/{_PLAIN}")
    assert (status, "at fault" in text, text.startswith("col2im(im2col(x)) is not divisor * x")) == (
        "fail",
        False,
        True,
    )


def test_conv2d_is_asked_with_the_gradients_that_there_are() -> None:
    def refusing(*ops: Op) -> FakeCaller:
        return FakeCaller(refuses=lambda op, spec, dtype: f"no {op}" if op in ops else None)

    case = f"law.adjoint/conv2d/float32/{_PLAIN}"
    gradients: list[Op] = ["conv2d_input_grad", "conv2d_weight_grad"]
    for missing, called in zip(gradients, ({"conv2d", gradients[1]}, {"conv2d", gradients[0]}), strict=True):
        caller = refusing(missing)
        assert (told(caller, case), {op for op, _, _ in caller.called}) == (("pass", ""), called)
    both = "conv2d_input_grad: no conv2d_input_grad; conv2d_weight_grad: no conv2d_weight_grad"
    assert told(refusing("conv2d_input_grad", "conv2d_weight_grad"), case) == ("unsupported", both)
