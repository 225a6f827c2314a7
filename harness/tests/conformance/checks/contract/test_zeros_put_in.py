"""`contract.nonfinite` of methods that multiply zeros they put in themselves: where these meet a NaN, it may spread."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import by_taps
from harness.tests.helpers.faults.clauses import told
from harness.tests.helpers.faults.faulty import result

_CASES: dict[Op, str] = {
    "im2col": "n2c3h6w7_f4kh3kw2", "col2im": "n2c3h6w7_f4kh3kw2", "conv2d_input_grad": "n2c6h5w4_f9kh2kw3_g3",
}  # fmt: skip


def one_hot(op: Op, spec: ConvSpec, out: Any, arrays: tuple[Any, ...]) -> Any:
    """A window is copied by kernels of a single one; the slopes are padded for their convolution."""
    spoilt = np.zeros(out.shape, bool)
    if op == "im2col":
        spoilt |= ~np.isfinite(out).all(axis=1, keepdims=True)
    elif op == "col2im":
        windows = np.zeros(spec.columns_shape) + ~np.isfinite(arrays[0]).all(axis=1, keepdims=True)
        spoilt |= by_taps.run(op, spec, windows) > 0
    else:
        weights: Array = ~np.isfinite(arrays[1].reshape(spec.groups, -1, *spec.w_shape[1:])).all(axis=(1, 3, 4))
        spoilt |= weights.reshape(1, spec.in_channels, 1, 1)
    return np.where(spoilt, np.nan, out).astype(out.dtype)


def everywhere(op: Op, spec: ConvSpec, out: Any, arrays: tuple[Any, ...]) -> Any:
    """One of the whole image."""
    return out if all(np.isfinite(a).all() for a in arrays if a is not None) else out * np.nan


def test_zero_times_infinity_is_no_infinity() -> None:
    def spread(op: Op, spec: ConvSpec, out: Any, arrays: tuple[Any, ...]) -> Any:
        return np.where(np.isinf(out).any(axis=1, keepdims=True), np.inf, out).astype(out.dtype)

    status, text = told(result(spread), f"contract.nonfinite/im2col/float32/{_CASES['im2col']}")
    assert (status, text.startswith("inf at ")) == ("fail", True)


@pytest.mark.parametrize("op", _CASES)
def test_it_may_spread_in_the_window_or_the_channel_and_no_farther(op: Op) -> None:
    case = f"contract.nonfinite/{op}/float32/{_CASES[op]}"
    assert told(result(one_hot), case) == ("pass", "")
    status, text = told(result(everywhere), case)
    assert (status, " reaches " in text) == ("fail", True)
