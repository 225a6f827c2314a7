"""`triton_columns`: exact in Triton's interpreter, in any memory; compiled without a card; unavailable with its reason.

What needs Triton is skipped where there is none. The rest has a stand-in for it, which notes what is launched.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness import BackendUnavailable
from harness.calls.caller import PLAIN, Conditions
from harness.calls.in_child import InChild, Program
from harness.calls.memory_layouts import GUARDED, MEMORY_LAYOUTS, arrange, representable
from harness.contract import registry
from harness.contract.targets import resolve
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.oracle import by_taps, data
from harness.oracle.comparing import allowance, mismatch
from harness.tests.helpers.compiled.child import child

torch = pytest.importorskip("torch", reason="torch is not installed")

_NAME, _MODULE = "triton_columns", "backends" + ".triton_columns"
needs_triton = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="triton is not installed")
SPECS = {
    "all_distinct": "n2c6h9w11_f9kh3kw2_sh2sw3_pt1pb2pl3pr0_dh2dw1_g3",
    "padding_beyond_kernel": "n2c2h3w2_f2kh2kw3_pt3pb4pl5pr3",
    "depthwise_multiplier": "n2c3h6w5_f6kh3kw2_sh2sw1_pt1pb1pl2pr2_g3",
    "several_tiles_of_every_side": "n1c18h9w10_f70kh2kw2_pt1pb1pl1pr1",
    "stride_that_does_not_tile": "n2c2h8w9_f3kh3kw2_sh3sw4_pt1pb1pl1pr1",
    "no_images": "n0c4h5w6_f6kh3kw2_pt1pb0pl0pr0_g2",
}
_SPEC = ConvSpec.parse(SPECS["all_distinct"])
_HUGE = 3 * 10**9


# -- what the kernels compute, in the interpreter --------------------------------------------------------------------


@pytest.fixture(scope="module")
def interpreted() -> Iterator[InChild]:
    """The backend in a child process, as Triton must hear of its interpreter before it is imported."""
    program = Program(environment={**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"})
    caller = InChild(resolve(_NAME), deadline=120.0, program=program)
    yield caller
    caller.close()


def result(caller: InChild, op: Op, spec: ConvSpec, arrays: Sequence[Any], conditions: Conditions = PLAIN) -> Any:
    called = caller.call(op, spec, arrays, conditions)
    assert not called.error, called.error
    return called.result


@needs_triton
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("name", SPECS)
def test_whole_numbers_are_exact(name: str, op: Op, dtype: str, interpreted: InChild) -> None:
    spec = ConvSpec.parse(SPECS[name])
    arrays: tuple[Any, ...] = data.exact(op, spec, dtype, name)
    for given in [arrays, (*arrays[:2], None)] if op == "conv2d" else [arrays]:
        got = result(interpreted, op, spec, given)
        np.testing.assert_array_equal(got, by_taps.run(op, spec, *given))
        assert (got.dtype.name, got.shape, got.flags.c_contiguous) == (dtype, spec.output_shape(op), True)


@needs_triton
@pytest.mark.parametrize("op", OPS)
def test_float16_is_summed_in_float32_and_rounded_once(op: Op, interpreted: InChild) -> None:
    """Also by way of the columns, which are float32 there; the bound has one rounding to float16."""
    arrays = data.real(op, _SPEC, "float16", "rounded once")
    exact, absolute, count = (f(op, _SPEC, *arrays) for f in (by_taps.run, by_taps.absolute, by_taps.term_count))
    allowed = allowance("float16", "gemm", exact, absolute, count)
    assert mismatch(result(interpreted, op, _SPEC, arrays), exact, allowed) is None


@needs_triton
@pytest.mark.parametrize("layout", [*MEMORY_LAYOUTS, *GUARDED])
@pytest.mark.parametrize("op", ["col2im", "conv2d", "conv2d_weight_grad"])
def test_inputs_may_lie_in_any_memory(op: Op, layout: str, interpreted: InChild) -> None:
    """Also right before, or behind, a page that ends the process of whoever touches it: arrays there are not copied."""
    plain = [representable(a, layout) for a in data.exact(op, _SPEC, "float32", layout)]
    got = result(interpreted, op, _SPEC, plain, Conditions(layout=layout))
    np.testing.assert_array_equal(got, by_taps.run(op, _SPEC, *plain))


@needs_triton
@pytest.mark.parametrize("op", OPS)
def test_indices_beyond_32_bits(op: Op, interpreted: InChild) -> None:
    """A dilation that skips all of a huge padding sees what a small one sees of a small padding."""
    like: dict[str, Any] = dict(
        batch=2, in_channels=4, input_size=(3, 5), out_channels=6, kernel_size=(2, 2), stride=(1, 2), groups=2
    )
    huge, small = (ConvSpec.of(**like, dilation=(n, 1), padding=(n, 0, 1, 0)) for n in (_HUGE, 3))
    arrays = data.exact(op, small, "float32", "huge")
    np.testing.assert_array_equal(result(interpreted, op, huge, arrays), by_taps.run(op, small, *arrays))


# -- what a card would run, compiled without one -----------------------------------------------------------------------

_COMPILED = """
import itertools, pathlib, re, subprocess, sys, tempfile
import triton, triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from backends import triton_columns as ours

tool = pathlib.Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
products = (ours.multiply_weights, ours.multiply_slopes)
for kernel in (ours.store_columns, ours.sum_taps, *products):
    for dtype, height in itertools.product(("fp32", "fp16"), (ours.LOW, ours.HIGH)[: 2 if kernel in products else 1]):
        sizes = {"ROWS": height, "COLUMNS": ours.WIDTH, "DEPTH": ours.DEPTH, "INDEX": tl.int32}
        sizes = {name: value for name, value in sizes.items() if name in kernel.arg_names}
        arrays = {"x", "columns", "weights", "bias", "y", "dy", "dw_"}
        types = {n: "constexpr" if n in sizes else "*" + dtype if n in arrays else "i32" for n in kernel.arg_names}
        source = ASTSource(fn=kernel, signature=types, constexprs=sizes)
        made = triton.compile(source, GPUTarget("cuda", 90, 32), options={"num_warps": ours.WARPS[height]})
        with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
            file.write(made.asm["cubin"])
            file.flush()
            used = subprocess.run([tool, "-res-usage", file.name], capture_output=True, text=True, check=True).stdout
        stack, local = re.search(r"STACK:(\\d+).*LOCAL:(\\d+)", used).groups()
        ptx = made.asm["ptx"]
        print(kernel.__name__, dtype, height, stack, local, *(len(re.findall(w, ptx)) for w in (
            r"fma\\.rn\\.f32", r"mma", r"tf32", r"\\b(?:atom|red)\\.")))
"""


@needs_triton
@pytest.mark.cuda
def test_machine_code_adds_nothing_to_memory_spills_nothing_and_rounds_nothing_to_tf32(tmp_path: Any) -> None:
    done = child(_COMPILED, TRITON_INTERPRET="0", TRITON_CACHE_DIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert len(rows) == 2 * (2 * 1 + 2 * 2)
    for kernel, dtype, _, stack, local, fused, tensor_cores, tf32, atomic in rows:
        assert (stack, local, tf32, atomic) == ("0", "0", "0", "0"), (kernel, dtype)
        multiplies = kernel.startswith("multiply")
        assert (int(fused) > 0) is (multiplies and dtype == "fp32"), (kernel, dtype)
        assert (int(tensor_cores) > 0) is (multiplies and dtype == "fp16"), (kernel, dtype)


# -- without Triton ----------------------------------------------------------------------------------------------------


class _Missing(MetaPathFinder):
    """A package that is not installed."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        if fullname.partition(".")[0] == self.name:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The backend is imported anew, and forgotten afterwards."""
    monkeypatch.delitem(sys.modules, _MODULE, raising=False)
    yield monkeypatch
    sys.modules.pop(_MODULE, None)


@pytest.mark.parametrize("package", ["triton", "torch"])
def test_it_is_unavailable_without_its_libraries_and_says_which(package: str, fresh: pytest.MonkeyPatch) -> None:
    fresh.delitem(sys.modules, package, raising=False)
    fresh.setattr(sys, "meta_path", [_Missing(package), *sys.meta_path])
    with pytest.raises(BackendUnavailable) as caught:
        registry.load(_NAME)
    assert str(caught.value) == f"No module named '{package}'"


class _StandIn:
    """A Triton that computes nothing: `launched` has the kernels, their grids and their constants."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, is_interpreted: bool) -> None:
        self.launched: list[tuple[str, int, dict[str, Any]]] = []
        noted = self.launched

        class Compiled:
            def __init__(self, function: Any) -> None:
                self.function = function

            def __getitem__(self, grid: tuple[int]) -> Any:
                return lambda *arguments, **sizes: noted.append((self.function.__name__, *grid, sizes))

        class Interpreted(Compiled):
            pass

        kind = Interpreted if is_interpreted else Compiled
        triton, language = ModuleType("triton"), ModuleType("triton.language")
        vars(language).update(int32="int32", int64="int64")
        vars(triton).update(
            language=language, __version__="3", cdiv=lambda a, b: -(-a // b),
            JITFunction=SimpleNamespace if is_interpreted else Compiled,
            jit=lambda function=None, **said: kind if function is None else kind(function),
        )  # fmt: skip
        monkeypatch.setitem(sys.modules, "triton", triton)
        monkeypatch.setitem(sys.modules, "triton.language", language)


def test_it_is_unavailable_without_a_card_and_the_interpreter(fresh: pytest.MonkeyPatch) -> None:
    _StandIn(fresh, is_interpreted=False)
    fresh.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BackendUnavailable) as caught:
        registry.load(_NAME)
    assert str(caught.value) == "torch finds no CUDA device; TRITON_INTERPRET=1 runs the kernels on the CPU"


def test_on_a_card_it_is_timed_by_the_card(fresh: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    _StandIn(fresh, is_interpreted=False)
    fresh.setattr(torch.cuda, "is_available", lambda: True)
    fresh.setattr(torch.cuda, "get_device_name", lambda device: f"card {device}")
    fresh.setattr(torch.cuda, "synchronize", asked.append)
    fresh.setattr(torch.cuda, "_sleep", lambda cycles: asked.append("sleep"))
    event = SimpleNamespace(
        record=lambda: asked.append("record"), synchronize=lambda: None, elapsed_time=lambda end: 3.0
    )
    fresh.setattr(torch.cuda, "Event", lambda enable_timing: event)
    backend = registry.load(_NAME)
    assert backend.info == {"device": "card cuda", "triton": "3", "torch": torch.__version__}
    backend.synchronize(None)
    assert backend.seconds is not None
    assert backend.seconds(lambda: asked.append("call")) == 3e-3
    assert asked == [torch.device("cuda"), "sleep", "record", "call", "record"]


@pytest.mark.parametrize(
    ("op", "text", "launched"),
    [
        ("im2col", "n2c6h9w10_f6kh4kw2", [("store_columns", 2 * 3 * 1, 16, "int32")]),
        ("im2col", "n2c3h9w10_f6kh1kw1", [("store_columns", 2 * 1 * 2, 16, "int32")]),
        ("im2col", f"n1c1h1w1_f1kh1kw1_sh1sw{2**24}", [("store_columns", 1, 16, "int64")]),
        ("im2col", f"n1c1h1w1_f1kh1kw1_sh1sw{2**24 - 1}", [("store_columns", 1, 16, "int32")]),
        ("im2col", f"n1c1h2w1_f1kh2kw1_pt{2**30 - 2}pb0pl0pr0_dh{2**30 - 1}dw1", [("store_columns", 1, 16, "int64")]),
        ("col2im", "n2c17h9w10_f6kh4kw2", [("sum_taps", 2 * 2 * 2, 16, "int32")]),
        ("conv2d", "n3c4h9w10_f32kh2kw2_g2", [("multiply_weights", 3 * 2 * 1 * 2, 16, "int32")]),
        ("conv2d", "n3c4h9w10_f130kh2kw2_g2", [("multiply_weights", 3 * 2 * 2 * 2, 64, "int32")]),
        ("conv2d_weight_grad", "n3c34h9w10_f4kh2kw2_g2", [("multiply_slopes", 2 * 1 * 2, 16, "int32")]),
        ("conv2d_weight_grad", "n0c34h9w10_f4kh2kw2_g2", [("multiply_slopes", 2 * 1 * 2, 16, "int32")]),
        (
            "conv2d_input_grad", "n3c4h9w10_f4kh2kw2",
            [("multiply_weights", 3 * 1 * 2, 16, "int32"), ("sum_taps", 3 * 1 * 2, 16, "int32")],
        ),
        ("conv2d_input_grad", "n0c4h9w10_f4kh2kw2", []),
        ("im2col", "n0c4h9w10_f4kh2kw2", []),
    ],
)  # fmt: skip
def test_a_tile_is_a_program(
    op: Op, text: str, launched: list[tuple[str, int, int, str]], fresh: pytest.MonkeyPatch
) -> None:
    """Images, groups, tiles down and tiles across; 64-bit indices where 32 bits may not do."""
    stand_in, spec = _StandIn(fresh, is_interpreted=True), ConvSpec.parse(text)
    backend = registry.load(_NAME)
    assert backend.info["device"] == "cpu"
    assert backend.seconds is None
    got = backend.run(op, spec, *data.exact(op, spec, "float32", "launched"))
    assert (got.shape, got.dtype.name) == (spec.output_shape(op), "float32")
    found = [(name, grid, sizes["ROWS"], sizes["INDEX"]) for name, grid, sizes in stand_in.launched]
    assert found == launched
    assert all(sizes["num_warps"] == (8 if sizes["ROWS"] == 64 else 4) for _, _, sizes in stand_in.launched)


def test_host_arrays_are_copied_only_where_torch_cannot_hold_them(fresh: pytest.MonkeyPatch) -> None:
    _StandIn(fresh, is_interpreted=True)
    backend, a = registry.load(_NAME), np.arange(6.0, dtype="float32")
    assert np.shares_memory(backend.to_numpy(backend.from_numpy(a)), a)
    for layout in ("reversed", "readonly", "unaligned", "step2"):
        given = arrange(a, layout)
        own = backend.from_numpy(given)
        assert own.tolist() == a.tolist()
        assert own.is_contiguous()
    assert backend.from_numpy(np.ones((1, 1), "float32")[:, ::-1]).tolist() == [[1.0]]


def test_other_dtypes_are_refused_in_words(fresh: pytest.MonkeyPatch) -> None:
    _StandIn(fresh, is_interpreted=True)
    backend = registry.load(_NAME)
    assert {dtype: backend.unsupported("conv2d", _SPEC, dtype) for dtype in ("float32", "float16", "float64")} == {
        "float32": None, "float16": None, "float64": "dtype float64 is not claimed",
    }  # fmt: skip
