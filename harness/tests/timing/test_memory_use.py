"""The memory of a call, measured on functions that allocate what is known."""

from __future__ import annotations

import mmap
import tracemalloc
from typing import Any

import numpy as np
import pytest

from harness.geometry.spec import ConvSpec
from harness.tests.helpers.timing.allocating import MIB, RESULT, SPEC, X, backend, peaks, result_of
from harness.timing import memory_use
from harness.timing.memory_use import MemoryUse, another, measure

_PYTHON = 2**16  # bytes of small objects beside the arrays
_PAGES = 2 * MIB  # what the kernel counts late, and the pages of code that a first call touches


def test_the_result_alone() -> None:
    peak, resident = peaks("alone")
    assert RESULT <= peak <= RESULT + _PYTHON
    assert RESULT - _PAGES <= resident <= RESULT + _PAGES


def test_scratch_at_the_peak_counts_and_what_follows_it_does_not() -> None:
    """Twice as much one after the other is not twice as much at once."""
    peak, resident = peaks("scratch")
    assert 16 * MIB <= peak <= 16 * MIB + _PYTHON
    assert 16 * MIB - _PAGES <= resident <= 16 * MIB + _PAGES


def test_what_is_kept_from_one_call_to_the_next_counts() -> None:
    """Index arrays, say; those of the geometry that is called before do not."""
    peak, resident = peaks("keeping")
    assert 8 * MIB + RESULT <= peak <= 8 * MIB + RESULT + _PYTHON
    assert 8 * MIB + RESULT - _PAGES <= resident <= 8 * MIB + RESULT + _PAGES


def test_what_only_the_first_call_takes_does_not_count() -> None:
    """Making index arrays, say."""
    peak, resident = peaks("preparing")
    assert peak <= RESULT + _PYTHON
    assert resident <= RESULT + _PAGES


def test_inputs_do_not_count_in_whatever_form_the_backend_has_them() -> None:
    peak, resident = peaks("large inputs")
    assert peak <= RESULT + _PYTHON
    assert resident <= RESULT + _PAGES


def test_memory_that_no_allocator_of_python_gave_is_resident_all_the_same() -> None:
    """Without its own result in it, the peak of Python's allocations says nothing."""

    def touched(size: int) -> np.ndarray:
        made = np.frombuffer(mmap.mmap(-1, size), np.float32)
        made[:] = 1
        return made

    def im2col(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
        touched(16 * MIB)
        return touched(spec.columns_bytes("float32")).reshape(spec.columns_shape)

    found = measure(backend(im2col), "im2col", SPEC, [X])
    assert found.peak_bytes is None
    assert found.resident_bytes is not None
    assert 16 * MIB - _PAGES <= found.resident_bytes <= 16 * MIB + RESULT + _PAGES


def test_the_memory_of_a_device_is_not_seen() -> None:
    calls: list[str] = []
    found = measure(backend(lambda x, spec: calls.append("called"), seconds=lambda call: 1.0), "im2col", SPEC, [X])
    assert (found, calls) == (MemoryUse(), [])


@pytest.mark.parametrize("file", ["_STATUS", "_CLEAR"])
def test_without_the_files_of_linux_there_is_no_resident_peak(
    file: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(memory_use, file, tmp_path / "none" / "such")
    found = measure(backend(lambda x, spec: result_of(spec)), "im2col", SPEC, [X])
    assert found.resident_bytes is None
    assert found.peak_bytes is not None


def test_what_the_backend_raises_comes_through_and_tracing_ends() -> None:
    def im2col(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
        if spec == SPEC:
            raise ValueError("no such call")
        return result_of(spec)

    with pytest.raises(ValueError, match="no such call"):
        measure(backend(im2col), "im2col", SPEC, [X])
    assert not tracemalloc.is_tracing()


@pytest.mark.parametrize("text", ["n1c16h130w130_f1kh2kw2", "n1c1h3w3_f1kh3kw3", "n3c2h6w6_f2kh1kw1_g2"])
def test_the_geometry_that_is_called_before_is_another_one(text: str) -> None:
    spec = ConvSpec.parse(text)
    for op in ("im2col", "conv2d", "conv2d_bias_grad"):
        assert another(op, spec) != spec
