"""The peers: what they do is right, what they do not do they refuse, and what they are timed with is not made twice."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import backends
from harness.contract import registry
from harness.geometry.spec import OPS, ConvSpec
from harness.oracle import by_taps, data

_FOLDER = Path(backends.__file__).parent / "peers"
SPECS = {
    "all_distinct": "n2c6h9w11_f9kh3kw2_sh2sw3_pt1pb2pl3pr0_dh2dw1_g3",
    "no_padding": "n3c2h6w5_f4kh3kw2_dh1dw2",
    "padding_of_one_side": "n2c2h5w4_f3kh2kw3_sh1sw2_pt0pb0pl0pr1",
    "pointwise": "n2c5h4w3_f7kh1kw1",
    "depthwise": "n2c5h6w5_f5kh3kw2_g5",
}


# -- windows as a view ---------------------------------------------------------------------------------------------


def sliding() -> Any:
    """The peer of one line, loaded as users load it."""
    return registry.load(str(_FOLDER / "numpy_sliding_window.py"))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
@pytest.mark.parametrize("text", [*SPECS.values(), "n0c2h5w4_f3kh2kw3"])
def test_windows_as_a_view_are_the_columns(text: str, dtype: str) -> None:
    spec = ConvSpec.parse(text)
    (x,) = data.exact("im2col", spec, dtype, text)
    got = sliding().run("im2col", spec, x)
    np.testing.assert_array_equal(got, by_taps.run("im2col", spec, x))
    assert (got.dtype, got.flags.c_contiguous, np.may_share_memory(got, x)) == (x.dtype, True, False)


def test_the_windows_alone_are_claimed() -> None:
    backend, spec = sliding(), ConvSpec.parse(SPECS["pointwise"])
    assert backend.numerics == "direct"
    said = {"im2col": None, "col2im": "not implemented", "conv2d_input_grad": "not implemented"}
    assert {op: backend.unsupported(op, spec, "float32") for op in OPS} == {
        op: said.get(op, "it is about im2col") for op in OPS
    }


# -- ONNX Runtime, with ONNX's own evaluator in its place ----------------------------------------------------------


class _Options:
    """What a session was asked for."""

    def __init__(self) -> None:
        self.entries: dict[str, str] = {}

    def add_session_config_entry(self, name: str, value: str) -> None:
        """Kept."""
        self.entries[name] = value


class _Runtime(ModuleType):
    """The part of `onnxruntime` that is used."""

    SessionOptions = _Options

    def __init__(self) -> None:
        super().__init__("onnxruntime")
        self.made: list[tuple[_Options, list[str]]] = []

    def InferenceSession(self, model: bytes, options: _Options, providers: list[str]) -> Any:
        """Evaluates the model by ONNX's definition of its operators."""
        onnx = pytest.importorskip("onnx", reason="onnx is not installed")
        from onnx.reference import ReferenceEvaluator

        proto = onnx.load_from_string(model)
        onnx.checker.check_model(proto)
        self.made.append((options, providers))
        return ReferenceEvaluator(proto)


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, _Runtime]:
    """The peer, and the stand-in that it imports."""
    pytest.importorskip("onnx", reason="onnx is not installed")
    pytest.importorskip("numba", reason="numba is not installed")
    stand_in = _Runtime()
    monkeypatch.setitem(sys.modules, "onnxruntime", stand_in)
    spec = importlib.util.spec_from_file_location("peer_onnx_runtime", _FOLDER / "onnx_runtime.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, stand_in


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("text", SPECS.values())
def test_the_model_is_the_convolution(text: str, bias: bool, runtime: tuple[Any, _Runtime]) -> None:
    peer, _ = runtime
    spec = ConvSpec.parse(text)
    x, w, b = data.exact("conv2d", spec, "float32", text)
    given: tuple[Any, ...] = (x, w, b if bias else None)
    np.testing.assert_array_equal(peer.conv2d(*given, spec), by_taps.run("conv2d", spec, *given))


def test_a_model_is_made_once_for_a_spec_and_takes_any_weights(runtime: tuple[Any, _Runtime]) -> None:
    peer, stand_in = runtime
    spec = ConvSpec.parse(SPECS["no_padding"])
    x, w, b = data.exact("conv2d", spec, "float32", "x")
    for given in [(x, w, b), (2 * x, -w, b), (x, w, b + 1)]:
        np.testing.assert_array_equal(peer.conv2d(*given, spec), by_taps.run("conv2d", spec, *given))
    assert len(stand_in.made) == 1
    np.testing.assert_array_equal(peer.conv2d(x, w, None, spec), by_taps.run("conv2d", spec, x, w, None))
    assert len(stand_in.made) == 2


def test_a_session_has_the_threads_of_the_others_and_does_not_spin(
    runtime: tuple[Any, _Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    peer, stand_in = runtime
    monkeypatch.setattr(peer, "get_num_threads", lambda: 3)
    spec = ConvSpec.parse(SPECS["no_padding"])
    peer.conv2d(*data.exact("conv2d", spec, "float32", "x"), spec)
    ((options, providers),) = stand_in.made
    assert vars(options) == {
        "entries": {"session.intra_op.allow_spinning": "0"}, "intra_op_num_threads": 3, "log_severity_level": 4,
    }  # fmt: skip
    assert providers == ["CPUExecutionProvider"]


def test_the_convolution_in_float32_alone_is_claimed(runtime: tuple[Any, _Runtime]) -> None:
    peer, _ = runtime
    spec = ConvSpec.parse(SPECS["pointwise"])
    assert peer.numerics == "gemm"
    assert {op: peer.unsupported(op, spec, "float32") for op in OPS} == {
        op: None if op == "conv2d" else "it is for inference" for op in OPS
    }
    assert peer.unsupported("conv2d", spec, "float64") == "dtype float64 is not claimed"
