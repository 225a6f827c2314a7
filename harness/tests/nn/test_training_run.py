"""A training run on several backends: what a right one needs of the bound, and who leaves it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.contract import registry, targets
from harness.contract.protocol import Array
from harness.contract.status import Verdict
from harness.contract.targets import RegistryError
from harness.geometry.spec import ConvSpec, Op
from harness.nn.errors import OpFailed
from harness.nn.learning import SGD
from harness.nn.networks import NETWORKS
from harness.nn.ops import InThisProcess, opened, reference
from harness.nn.training.bound import FACTOR, Bound, Moved, bound
from harness.nn.training.compare import WRONG_ON_PURPOSE, Comparison
from harness.nn.training.run import Plan, follow
from harness.tests.helpers.nn.small import blobs, numbers, plan
from harness.tests.helpers.plugins import GOOD, Write, edited

_PLAN, _IMAGES = plan(NETWORKS["small"], epochs=3, batch=8), blobs(20)


@pytest.fixture(scope="module")
def allowed() -> Bound:
    return bound(_PLAN, _IMAGES)


@pytest.fixture
def comparison(allowed: Bound) -> Comparison:
    return Comparison(_PLAN, _IMAGES, allowed)


class _Changed:
    """The oracle with one op changed."""

    name = "changed"

    def __init__(self, op: Op, change: Callable[[Array], Array]) -> None:
        self._op, self._change, self._oracle = op, change, reference()

    def run(self, op: Op, spec: ConvSpec, /, *arrays: Array | None) -> Array:
        made = self._oracle.run(op, spec, *arrays)
        return self._change(made) if op == self._op else made


def test_right_backends_stay_far_within_the_bound(comparison: Comparison) -> None:
    found = comparison.run(targets.resolve_all(["numpy_fancy", "matlab_loop"]))
    assert [one.verdict for one in found.backends] == [Verdict.PASS] * 2
    assert all(one.share is not None and one.share < 0.2 for one in found.backends)
    assert found.backends[0].share_of_first == 0
    assert all(len(one.losses) == 9 and one.accuracy is not None and one.diverges_at is None for one in found.backends)


def test_those_that_are_wrong_on_purpose_leave_it_after_their_first_update(comparison: Comparison) -> None:
    found = comparison.run([])
    assert [(one.backend, one.verdict, one.diverges_at, one.reason) for one in found.wrong_on_purpose] == [
        (name, Verdict.FAIL, 2, "diverges at step 2") for name in WRONG_ON_PURPOSE
    ]


def test_the_oracle_uses_nothing_of_it(comparison: Comparison) -> None:
    found = comparison.of_ops(reference(), "oracle", None, lambda name: None)
    assert (found.verdict, found.share) == (Verdict.PASS, 0.0)


@pytest.mark.parametrize("op", ["conv2d", "conv2d_input_grad", "conv2d_weight_grad", "conv2d_bias_grad"])
def test_single_precision_within_an_op_is_seen(comparison: Comparison, op: Op) -> None:
    wrong = _Changed(op, lambda made: made.astype(np.float32).astype(np.float64))
    found = comparison.of_ops(wrong, "single", None, lambda name: None)
    assert found.verdict is Verdict.FAIL
    assert found.diverges_at == (1 if op == "conv2d" else 2)


def test_no_number_leaves_the_bound(comparison: Comparison) -> None:
    found = comparison.of_ops(
        _Changed("conv2d_bias_grad", lambda made: made * math.inf), "inf", None, lambda name: None
    )
    assert (found.verdict, found.diverges_at, found.share) == (Verdict.FAIL, 2, None)
    assert found.losses[0] is not None
    assert found.losses[1:] == [None] * 8


def test_the_bound_grows_and_is_small(allowed: Bound) -> None:
    assert len(allowed.losses) == len(allowed.allowed) == _PLAN.steps(20) == 9
    assert all(0 < most < 1e-9 for most in allowed.allowed)
    assert allowed.allowed[-1] > allowed.allowed[0]


def test_shares_are_counted_in_units_of_the_bound() -> None:
    one = Bound([1.0, 1.0, 1.0], [0.5, 0.25, 0.125])
    assert one.shares([1.5, 1.0, 1.25]) == [1.0, 0.0, 2.0]
    assert one.shares([1.5, 1.0, 1.25], [1.5, 1.5, 1.25]) == [0.0, 2.0, 0.0]
    assert (one.left_at([1.5, 1.0, 1.25]), one.left_at([1.0]), one.left_at([])) == (3, None, None)
    assert one.left_at([1.0, math.nan]) == 2


def test_what_is_moved_is_moved_by_its_error_bound_and_zeros_stay() -> None:
    spec = ConvSpec.of(batch=2, in_channels=3, input_size=5, out_channels=2, kernel_size=3, padding=1)
    x, w = numbers(*spec.x_shape), numbers(*spec.w_shape, seed=1)
    x[1] = 0
    exact = reference().run("conv2d", spec, x, w, None)
    moved = Moved(reference(), seed=1).run("conv2d", spec, x, w, None) - exact
    assert (moved[1] == 0).all()
    assert (moved[0] != 0).mean() > 0.95
    assert 0 < np.abs(moved).max() < 1e-13
    assert 0.3 < (moved[0] > 0).mean() < 0.7
    assert (Moved(reference(), seed=1).run("im2col", spec, x) == reference().run("im2col", spec, x)).all()


def test_the_factor_is_needed_in_part_only(comparison: Comparison, allowed: Bound) -> None:
    """Another run with every result moved by its whole bound, which no backend does, is still within."""
    found = comparison.of_ops(Moved(reference(), seed=99), "moved", None, lambda name: None)
    assert found.verdict is Verdict.PASS
    assert found.share is not None
    assert 1 / FACTOR / 10 < found.share < 1


def test_a_plugin_runs_in_a_process_of_its_own(comparison: Comparison, write: Write) -> None:
    file = write("mine.py", GOOD)
    found = comparison.run(targets.resolve_all([str(file)])).backends[0]
    assert (found.verdict, found.isolated) == (Verdict.PASS, True)


@pytest.mark.parametrize(
    ("source", "verdict", "reason"),
    [
        (edited("columns.reshape(spec.columns_shape)", "columns.reshape(spec.columns_shape)[:, 1:]"),
         Verdict.FAIL, "step 1: conv2d: ValueError"),
        (edited("def col2im(columns, spec):\n", "def col2im(columns, spec):\n    import os; os._exit(3)\n"),
         Verdict.FAIL, "step 1: .*ended its process"),
        (GOOD + "\n\ndef unsupported(op, spec, dtype):\n    return 'no padding' if any(spec.padding) else None\n",
         Verdict.INCOMPLETE, "conv2d is refused: no padding"),
        (GOOD + "\n\ndef conv2d_bias_grad(dy, spec):\n    return dy.sum(axis=(0, 2, 3)).reshape(-1, 1)\n",
         Verdict.FAIL, r"step 1: conv2d_bias_grad must give float64 \(16,\), got float64 \(16, 1\)"),
    ],
    ids=["raises", "dies", "refuses", "bias"],
)  # fmt: skip
def test_what_a_plugin_does_is_told(
    comparison: Comparison, write: Write, source: str, verdict: Verdict, reason: str
) -> None:
    found = comparison.run(targets.resolve_all([str(write("mine.py", source))])).backends[0]
    assert found.verdict is verdict
    assert re.search(reason, found.reason)
    assert (found.losses, found.accuracy) == ([], None)


def test_what_cannot_run_here_is_unavailable(comparison: Comparison, write: Write) -> None:
    file = write(
        "mine.py", f"class BackendUnavailable(Exception):\n    pass\n\n\nraise BackendUnavailable('no card')\n{GOOD}"
    )
    found = comparison.run(targets.resolve_all([str(file)])).backends[0]
    assert (found.verdict, found.reason, found.losses) == (Verdict.UNAVAILABLE, "no card", [])


def test_who_takes_too_long_is_stopped(allowed: Bound) -> None:
    found = Comparison(_PLAN, _IMAGES, allowed, budget=0.0).run(targets.resolve_all(["numpy_fancy"])).backends[0]
    assert (found.verdict, found.reason) == (Verdict.INCOMPLETE, "stopped after 0 s of training")
    assert len(found.losses) == 1
    assert found.accuracy is None
    assert found.epoch_seconds is not None


def test_ctrl_c_keeps_what_is_finished(comparison: Comparison) -> None:
    def on_step(name: str) -> None:
        if name == "matlab_loop":
            raise KeyboardInterrupt

    found = comparison.run(targets.resolve_all(["numpy_fancy", "matlab_loop"]), on_step)
    assert found.partial
    assert [one.backend for one in found.backends] == ["numpy_fancy"]


def test_every_backend_has_the_same_batches_and_weights() -> None:
    one, other = (list(_PLAN.batches(_IMAGES)) for _ in range(2))
    assert [len(x) for x, _ in one] == [8, 8, 4] * 3
    assert all((a == b).all() for (a, _), (b, _) in zip(one, other, strict=True))
    assert any((a != b).any() for (a, _), (b, _) in zip(one[:2], one[3:5], strict=True))
    networks = [_PLAN.network(reference()) for _ in range(2)]
    for layer, again in zip(*(network.layers for network in networks), strict=True):
        assert all((value == again.parameters[name]).all() for name, value in layer.parameters.items())


def test_another_seed_is_another_run() -> None:
    losses = [
        next(follow(Plan(NETWORKS["small"], 1, 8, 0.05, 0.9, seed), _IMAGES, reference())).losses for seed in (0, 1)
    ]
    assert losses[0] != losses[1]


def test_a_result_that_is_no_array_fails_its_op(write: Write) -> None:
    backend = registry.load(str(write("mine.py", edited("return columns.reshape(spec.columns_shape)", "return None"))))
    spec = ConvSpec.parse("n1c1h2w2_f1kh1kw1")
    with pytest.raises(OpFailed, match=r"im2col must give float64 \(1, 1, 4\), got NoneType"):
        InThisProcess(backend).run("im2col", spec, np.zeros((1, 1, 2, 2)))


def test_a_target_that_is_no_backend_is_the_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(RegistryError, match="has none of"), opened(targets.resolve(str(tmp_path / "empty.py"))):
        pass


def test_the_rate_falls_in_equal_steps_to_nearly_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    monkeypatch.setattr(SGD, "step", lambda sgd, gradients: rates.append(sgd.rate))
    assert len(list(follow(_PLAN, _IMAGES, reference()))) == 9
    np.testing.assert_allclose(rates[1:], 0.05 * np.arange(9, 0, -1) / 9)  # the first step is thrown away
