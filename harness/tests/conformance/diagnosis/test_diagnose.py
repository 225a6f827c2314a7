"""What one mistake does in several ways, and what no model can give: memory that nobody wrote, and how a call ends."""

from __future__ import annotations

from typing import Any

import numpy as np

from conformance.diagnosis.conditions.universe import shows_most
from conformance.diagnosis.diagnose import diagnose
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.planted.faults import Planted, planted
from harness.tests.helpers.planted.written import Written


class _Unwritten(Written):
    """im2col fills what lies in the image, and nothing else."""

    def _gathered(self, spec: ConvSpec, x: Array) -> Array:
        rows, columns = self._places(spec, 0), self._places(spec, 1)
        inside = (rows < spec.input_size[0])[:, None, :, None] & (columns < spec.input_size[1])[None, :, None, :]
        opened = np.empty((*x.shape[:2], *spec.kernel_size, *spec.output_size), x.dtype)
        right = super()._gathered(spec, x)
        opened[:, :, inside] = right[:, :, inside]
        return opened


class _Bias(Written):
    """The bias is added along the width, which NumPy takes where it fits, and where it can be made to."""

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        """One op."""
        if op != "conv2d" or arrays[2] is None:
            return super().run(op, spec, *arrays)
        return super().run(op, spec, arrays[0], arrays[1], None) + arrays[2]


class _Truth(Written):
    """`if b:`, which an array of several numbers does not answer."""

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        """One op."""
        if op == "conv2d" and arrays[2]:
            return super().run(op, spec, *arrays)
        return super().run(op, spec, *arrays)


def test_memory_that_nobody_wrote_is_told_whatever_lies_there() -> None:
    (cause,) = diagnose(planted(_Unwritten()), "im2col", "float64", seconds=60.0)
    assert cause.id == "memory/unwritten"
    assert cause.says.startswith("Your im2col returns memory that it has never written")
    assert "np.zeros" in cause.mend
    assert diagnose(planted(Written()), "im2col", "float64", seconds=60.0) == []


def test_a_crash_beside_a_named_mistake_is_told_with_it() -> None:
    (named,) = diagnose(planted(_Bias()), "conv2d", "float64", seconds=60.0)
    assert "adds the bias along the width" in named.says
    ends = named.why.partition(" Elsewhere, as on ")[2]
    assert ", it raises ValueError: " in ends
    assert " where " not in ends  # of these geometries some give wrong numbers instead
    assert ends.endswith("That may come of the same mistake: mend it first.")


def test_an_exception_that_is_known_has_its_mend() -> None:
    (cause,) = diagnose(planted(_Truth()), "conv2d", "float64", seconds=60.0)
    assert "raises ValueError: The truth value of an array" in cause.says
    assert cause.says.endswith("if and only if F > 1.")
    assert cause.mend.startswith("Ask `if b is not None`")
    assert "unsupported" not in cause.mend


def test_a_condition_that_does_not_hold_everywhere_is_not_said_to() -> None:
    """Where a window reads padding alone nothing is wrong, so "if and only if" would not be true."""

    def wrong(spec: ConvSpec) -> bool:
        return spec.padded_size[1] % 2 == 1 and shows_most(spec)

    (cause,) = diagnose(planted(Planted("im2col", wrong)), "im2col", "float64", seconds=60.0)
    assert cause.says == "Your im2col gives wrong numbers where padded width is odd."
    assert " where it holds and nothing is wrong, as some window reads padding alone" in cause.why
