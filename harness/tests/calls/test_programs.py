"""What a child runs, in which environment, and that its memory is filled whichever that is."""

from __future__ import annotations

import os

import numpy as np
import pytest

from harness.calls import in_child
from harness.calls.in_child import InChild, Program
from harness.contract.targets import resolve
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.children.scripted_children import MINE, Children, right
from harness.tests.helpers.plugins import Write
from harness.tests.helpers.program import at_start

_SPEC = ConvSpec.parse("n2c3h30w30_f4kh3kw3")


def test_a_child_may_run_another_program_in_another_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that answers the same."""
    children = Children(right, module="harness.other")
    monkeypatch.setattr(in_child, "Worker", children)
    InChild(MINE, program=Program("harness.other", {"OMP_NUM_THREADS": "3"}))
    assert children.started == [{"OMP_NUM_THREADS": "3"}]


@pytest.mark.parametrize("module", ["harness.calls.child", "harness.timing.calling.child"])
def test_memory_that_was_never_written_is_not_zero(write: Write, module: str) -> None:
    """Nor does a variable say that it is filled: the program that times is started with the same."""
    path = write("mine.py", at_start("return np.empty(spec.columns_shape, x.dtype)"))
    backend = InChild(resolve(str(path)), program=Program(module, dict(os.environ)))
    try:
        result = backend.call("im2col", _SPEC, [np.ones(_SPEC.x_shape, "f4")])
    finally:
        backend.close()
    assert not result.error
    assert set(result.result.tobytes()) == {0xFF ^ 165}
