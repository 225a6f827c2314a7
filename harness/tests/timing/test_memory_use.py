"""The memory of a call, measured on functions that allocate what is known."""

from __future__ import annotations

import mmap
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from harness.contract.protocol import CompleteBackend
from harness.geometry.spec import ConvSpec
from harness.timing import memory_use
from harness.timing.memory_use import MemoryUse, another, measure

_MIB = 2**20
_SPEC = ConvSpec.parse("n1c16h130w130_f1kh2kw2")  # columns of 4 MiB and a little
_RESULT = _SPEC.columns_bytes("float32")
_X = np.ones(_SPEC.x_shape, np.float32)
_PYTHON = 2**16  # bytes of small objects beside the arrays
_PAGES = 2 * _MIB  # what the kernel counts late, and the pages of code that a first call touches


def backend(im2col: Callable[[np.ndarray, ConvSpec], Any], **more: Any) -> CompleteBackend:
    """One that computes nothing, and allocates as it is told."""
    fields: dict[str, Any] = dict(
        name="mine", target="mine", native=frozenset({"im2col", "col2im"}), ops={"im2col": im2col},
        unsupported=lambda op, spec, dtype: None, from_numpy=lambda a: a, to_numpy=lambda a: a,
        synchronize=lambda a: None,
    )  # fmt: skip
    return CompleteBackend(**{**fields, **more})


def result_of(spec: ConvSpec) -> np.ndarray:
    """A result that is written to, as memory that is not is not held."""
    return np.full(spec.columns_shape, 1.0, np.float32)


def of(
    im2col: Callable[[np.ndarray, ConvSpec], Any], forget: Callable[[], None] = lambda: None, **more: Any
) -> tuple[int, int]:
    """Both peaks of a call; the resident one is the largest of five, as the kernel may take back pages meanwhile.

    It does so from a process as large and as old as that of many tests, and what it takes hides as much of a peak.
    """
    seen = []
    for _ in range(5):
        forget()
        found = measure(backend(im2col, **more), "im2col", _SPEC, [_X])
        assert found.peak_bytes is not None
        assert found.resident_bytes is not None
        seen.append((found.peak_bytes, found.resident_bytes))
    return max(peak for peak, _ in seen), max(resident for _, resident in seen)


def test_the_result_alone() -> None:
    peak, resident = of(lambda x, spec: result_of(spec))
    assert _RESULT <= peak <= _RESULT + _PYTHON
    assert _RESULT - _PAGES <= resident <= _RESULT + _PAGES


def test_scratch_at_the_peak_counts_and_what_follows_it_does_not() -> None:
    """Twice as much one after the other is not twice as much at once."""

    def im2col(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
        for _ in range(2):
            np.full(16 * _MIB, 1, np.int8)
        return result_of(spec)

    peak, resident = of(im2col)
    assert 16 * _MIB <= peak <= 16 * _MIB + _PYTHON
    assert 16 * _MIB - _PAGES <= resident <= 16 * _MIB + _PAGES


def test_what_is_kept_from_one_call_to_the_next_counts() -> None:
    """Index arrays, say; those of the geometry that is called before do not."""
    kept: dict[ConvSpec, np.ndarray] = {}

    def im2col(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
        if spec not in kept:
            kept[spec] = np.full((8 if spec == _SPEC else 32) * _MIB, 1, np.int8)
        return result_of(spec)

    peak, resident = of(im2col, kept.clear)
    assert len(kept) == 2
    assert 8 * _MIB + _RESULT <= peak <= 8 * _MIB + _RESULT + _PYTHON
    assert 8 * _MIB + _RESULT - _PAGES <= resident <= 8 * _MIB + _RESULT + _PAGES


def test_what_only_the_first_call_takes_does_not_count() -> None:
    """Making index arrays, say."""
    called: set[ConvSpec] = set()

    def im2col(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
        if spec not in called:
            np.full(32 * _MIB, 1, np.int8)
        called.add(spec)
        return result_of(spec)

    peak, resident = of(im2col, called.clear)
    assert peak <= _RESULT + _PYTHON
    assert resident <= _RESULT + _PAGES


def test_inputs_do_not_count_in_whatever_form_the_backend_has_them() -> None:
    peak, resident = of(lambda x, spec: result_of(spec), from_numpy=lambda a: np.repeat(a, 20, axis=0))
    assert peak <= _RESULT + _PYTHON
    assert resident <= _RESULT + _PAGES


def test_memory_that_no_allocator_of_python_gave_is_resident_all_the_same() -> None:
    """Without its own result in it, the peak of Python's allocations says nothing."""

    def touched(size: int) -> np.ndarray:
        made = np.frombuffer(mmap.mmap(-1, size), np.float32)
        made[:] = 1
        return made

    def im2col(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
        touched(16 * _MIB)
        return touched(spec.columns_bytes("float32")).reshape(spec.columns_shape)

    found = measure(backend(im2col), "im2col", _SPEC, [_X])
    assert found.peak_bytes is None
    assert found.resident_bytes is not None
    assert 16 * _MIB - _PAGES <= found.resident_bytes <= 16 * _MIB + _RESULT + _PAGES


def test_the_memory_of_a_device_is_not_seen() -> None:
    calls: list[str] = []
    found = measure(backend(lambda x, spec: calls.append("called"), seconds=lambda call: 1.0), "im2col", _SPEC, [_X])
    assert (found, calls) == (MemoryUse(), [])


@pytest.mark.parametrize("file", ["_STATUS", "_CLEAR"])
def test_without_the_files_of_linux_there_is_no_resident_peak(
    file: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(memory_use, file, tmp_path / "none" / "such")
    found = measure(backend(lambda x, spec: result_of(spec)), "im2col", _SPEC, [_X])
    assert found.resident_bytes is None
    assert found.peak_bytes is not None


def test_what_the_backend_raises_comes_through_and_tracing_ends() -> None:
    def im2col(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
        if spec == _SPEC:
            raise ValueError("no such call")
        return result_of(spec)

    with pytest.raises(ValueError, match="no such call"):
        measure(backend(im2col), "im2col", _SPEC, [_X])
    assert not tracemalloc.is_tracing()


@pytest.mark.parametrize("text", ["n1c16h130w130_f1kh2kw2", "n1c1h3w3_f1kh3kw3", "n3c2h6w6_f2kh1kw1_g2"])
def test_the_geometry_that_is_called_before_is_another_one(text: str) -> None:
    spec = ConvSpec.parse(text)
    for op in ("im2col", "conv2d", "conv2d_bias_grad"):
        assert another(op, spec) != spec
