"""A plainer mistake, or a plainer condition, that is so on most geometries is not told for the true one."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.diagnosis.cause import Cause
from conformance.diagnosis.diagnose import diagnose, findings, known
from conformance.diagnosis.experiment.experiment import Experiment
from conformance.power.fault import Fault, Implementation, load
from conformance.power.kinds import indices, parameters
from conformance.power.right.ops import Change
from conformance.power.where.conditions import Condition, On
from harness.geometry.spec import Op


def _told(op: Op, what: str, of: Iterable[Change], *where: On) -> list[Cause]:
    change = next(change for change in of if change.what == what)
    fault = Fault("planted", op, change, Condition(where))
    return diagnose(load(Implementation(fault)), op, "float64", seconds=60.0)


def test_half_the_dilation_is_not_taken_for_none() -> None:
    """Both are one until the dilation is 4: the search for the condition of the plainer one finds that."""
    (cause,) = _told("col2im", "dilation_w halved", parameters.changes("col2im"), On("DH", ">", 2))
    assert cause.says == "Your col2im steps taps by half the dilation in the width, where dilation in height > 2."


def test_the_last_block_of_8_is_not_taken_for_the_rest_of_16() -> None:
    """Where kernels are 18 or 34 long both are the last two columns; and that the rest is lost is not known here."""
    change = next(c for c in indices.tails("im2col") if c.what == "kernel_column misses the rest of blocks of 16")
    fault = Fault("planted", "im2col", change)
    experiment = Experiment(load(Implementation(fault)), "im2col", "float64", seconds=60.0)
    (found,) = findings(experiment, [model for model in known("im2col") if "rest" not in model.id])
    assert (found.cause.kind, found.model) in (("condition", None), ("located", None))


def test_a_condition_is_tried_on_the_largest_that_can_tell() -> None:
    """Five images, or 28 columns, are rare among geometries with padding and several groups, where alone it shows."""
    where = (On("N", "<", 5), On("OW", "<", 28), On("pt", ">", 1))
    of = indices.changes("conv2d_input_grad")
    (cause,) = _told("conv2d_input_grad", "filter by group has the last two swapped", of, *where)
    assert not cause.says.endswith(", where top padding > 1.")
