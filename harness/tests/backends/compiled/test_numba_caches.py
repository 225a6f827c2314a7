"""The sizes of the caches that `numba_tiled` plans for: what Linux tells, what a variable says, what is no size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")

import numba

from backends.numba_tiled.ops import im2col, input_grad
from backends.numba_tiled.simd import caches
from harness import ConvSpec
from harness.calls.limits.threads import thread_limit
from harness.oracle import by_taps, data


def told(folder: Path, *found: tuple[str, str, str]) -> None:
    """Caches as in /sys: level, type and size of each."""
    for number, facts in enumerate(found):
        index = folder / f"index{number}"
        index.mkdir()
        for name, text in zip(("level", "type", "size"), facts, strict=True):
            (index / name).write_text(text + "\n", encoding="ascii")


@pytest.fixture(autouse=True)
def core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A core whose caches are told in a folder of the test's."""
    monkeypatch.setattr(caches, "_OF_CORE_0", tmp_path)
    monkeypatch.delenv("NUMBA_TILED_L2", raising=False)
    return tmp_path


def size() -> int:
    return caches.size_of("2", "Unified", "NUMBA_TILED_L2", 512 << 10)


def test_it_is_what_the_system_tells_of_that_level(core: Path) -> None:
    told(core, ("1", "Data", "48K"), ("1", "Instruction", "32K"), ("2", "Unified", "2M"))
    assert size() == 2 << 20
    assert caches.size_of("1", "Data", "NUMBA_TILED_L1D", 32 << 10) == 48 << 10


@pytest.mark.parametrize("text", ["0K", "unknown", "", "-1"])
def test_what_is_no_size_is_not_believed(text: str, core: Path) -> None:
    told(core, ("2", "Unified", text))
    assert size() == 512 << 10


def test_where_nothing_is_told_it_is_what_most_cores_have() -> None:
    assert size() == 512 << 10


def test_a_variable_makes_it_another_machine(core: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told(core, ("2", "Unified", "2M"))
    monkeypatch.setenv("NUMBA_TILED_L2", "1M")
    assert size() == 1 << 20


@pytest.mark.parametrize("text", ["much", "0", "4K", "-1M"])
def test_a_variable_that_is_no_size_is_told_in_one_line(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_TILED_L2", text)
    with pytest.raises(ValueError, match=rf"^NUMBA_TILED_L2 must be a size of 8192 bytes or more, .* got '{text}'$"):
        size()


@pytest.mark.parametrize(
    ("text", "is_past"),
    [
        ("n1c64h112w112_f8kh3kw3_pt1pb1pl1pr1", True),
        ("n1c16h112w112_f8kh3kw3_pt1pb1pl1pr1", False),  # it fits
        ("n500c32h8w8_f8kh3kw3_pt1pb1pl1pr1", False),  # 37 MB in runs of 256 bytes
        ("n130c32h16w16_f8kh3kw3_pt1pb1pl1pr1", True),  # in runs of 1 KiB
        ("n500c200h7w7_f8kh1kw1", True),  # a copy: one run
    ],
)
def test_columns_beyond_the_last_cache_are_written_past_it(
    text: str, is_past: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(im2col, "CACHE_BYTES", 16 << 20)
    assert im2col.goes_past_caches(*im2col.planes_of(ConvSpec.parse(text)), 4) is is_past


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "text",
    [
        "n1c200h9w8_f24kh3kw3_sh2sw2_pt1pb1pl1pr1",
        "n1c400h6w11_f16kh3kw2_sh3sw2_pt1pb0pl1pr1_g2",
        "n1c200h8w9_f20kh3kw3_sh2sw2_dh2dw2",  # all taps in one pair of remainders
    ],
)
def test_weights_beyond_the_l2_cache_are_gone_through_in_chunks(
    text: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a strided input gradient; and the bits are the same, however many threads there are."""
    spec = ConvSpec.parse(text)
    monkeypatch.setattr(input_grad, "L2_BYTES", 8 << 10)
    dy, w = data.exact("conv2d_input_grad", spec, dtype, text)
    real_dy, real_w = data.real("conv2d_input_grad", spec, dtype, text)
    want, found = by_taps.run("conv2d_input_grad", spec, dy, w), []
    for threads in range(1, min(numba.config.NUMBA_NUM_THREADS, 2) + 1):
        assert input_grad.plan(spec, want.itemsize, threads)[0].chunks > 1
        with thread_limit(threads):
            np.testing.assert_array_equal(input_grad.conv2d_input_grad(dy, w, spec), want)
            found.append(input_grad.conv2d_input_grad(real_dy, real_w, spec))
    assert all(np.array_equal(one, found[0]) for one in found)
