"""Faults planted in the CUDA kernels, one at a time: each must be seen on the cases that the kernels pass.

A fault is a piece of a kernel's text and what takes its place. None of them keeps a kernel from compiling.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.cupy_kernels.source import FOLDER
from harness.tests.helpers.cuda.cuda_cases import OPS, PRODUCTS, SPECS, Case, in_child

pytestmark = pytest.mark.cuda

_TF32 = [Case(op, name, tf32=True, late=late) for op in PRODUCTS for name in SPECS for late in (True, False)]
_PLAIN = [Case(op, name, dtype) for op in PRODUCTS for name in SPECS for dtype in ("float32", "float64")]
_COLUMNS = [Case(op, name, dtype) for op in OPS[:2] for name in SPECS for dtype in ("float32", "float64")]

FAULTS = {
    "no_barrier": ("tile.cuh", "__syncthreads();", "if (threadIdx.x >= THREADS) __syncthreads();"),
    "no_wait_for_copies": ("tile.cuh", "await_copies<STAGES - 2>();", ""),
    "waits_for_one_group_less": ("tile.cuh", "await_copies<STAGES - 2>();", "await_copies<STAGES - 1>();"),
    "group_left_open": ("tile.cuh", "        commit_copies();\n        product", "        product"),
    "fills_the_stage_in_use": ("tile.cuh", "load(stages.a[next], stages.b[next]", "load(stages.a[now], stages.b[now]"),
    "multiplies_one_stage_only": ("tile.cuh", "now = now + 1 == STAGES ? 0 : now + 1;", ""),
    "exchanged_by_another_bit": (
        "tile.cuh",
        "k * ROW(width) + (column ^ (k & 4))",
        "k * ROW(width) + (column ^ (k & 1))",
    ),
    "a_fragment_turned": ("multiply_tf32.cuh", "a[i + e / 2][half * 2 + e % 2]", "a[i + e / 2][half + e % 2 * 2]"),
    "b_halves_exchanged": ("multiply_tf32.cuh", "b[j + e][half] =", "b[j + e][1 - half] ="),
    "results_of_other_columns": ("multiply_tf32.cuh", "column_of(t * 2 + side)", "column_of(t + side * 4)"),
    "packed_otherwise_than_read": ("pack_filters.cu", "f / 32 % 2 * 2 + e % 2", "f / 32 % 2 + e % 2 * 2"),
    "half_of_k_only": ("multiply_tf32.cuh", "k < BK; k += 8", "k < BK / 2; k += 8"),
    "rows_of_a_exchanged": ("multiply_plain.cuh", "i / 4 * 32 + down + i % 4", "i / 4 * 32 + down + 3 - i % 4"),
    "filters_beyond_M_stored": ("conv2d.cu", "if (m >= M) return;", ""),
    "filters_of_the_first_group": ("conv2d.cu", "filters + (Wide)group * tiles", "filters + (Wide)0 * tiles"),
    "pixel_tail_stored": ("conv2d.cu", "if (n + e >= pixels) return;", ""),
    "wide_pixel_tail_stored": ("conv2d.cu", "if (n >= pixels) return;", ""),
    "bias_in_every_split": ("conv2d.cu", "has_bias && split == 0", "has_bias"),
    "splits_begin_at_zero": ("conv2d.cu", "const int k0 = (first + tile) * BK;", "const int k0 = tile * BK;"),
    "image_forgotten": ("conv2d.cu", "origin += image * x_image +", "origin +="),
    "row_stride_forgotten": ("conv2d.cu", "i = p * SH,", "i = p,"),
    "padding_not_zero": ("conv2d.cu", "reaches(window, tap, H, W)", "true"),
    "K_tail_not_zero": ("pack_filters.cu", "k < K && m < M", "m < M"),
    "pointwise_K_tail": ("conv2d.cu", "positions, k0 + k < K);", "positions, true);"),
    "pointwise_image_forgotten": ("conv2d.cu", "image * x_image + (pixel - image", "(pixel - image"),
    "large_taps_beyond_the_left": ("taps.cuh", "within(window.j + tap.across, W)", "window.j + tap.across < W"),
    "columns_of_windows_at_zero": ("taps.cuh", "__ldg(windows + rows + q)", "__ldg(windows + q)"),
    "slopes_of_one_image": ("conv2d_weight_grad.cu", "slopes += image * dy_image + l;", "slopes += l;"),
    "slopes_beyond_M": ("conv2d_weight_grad.cu", "exists && m0 + i * ROWS + row < M", "exists"),
    "gradient_beyond_K_stored": ("conv2d_weight_grad.cu", "n0 + n + e < K", "true"),
    "gradient_pixel_tail": (
        "conv2d_weight_grad.cu",
        "const bool exists = pixel < pixels;",
        "const bool exists = true;",
    ),
    "first_split_twice": ("sum_splits.cu", "int split = 1;", "int split = 0;"),
    "tail_of_sums": ("sum_splits.cu", "if (i >= size) return;", ""),
    "im2col_forgets_dilation": ("im2col_any.cu", "+ v * DW;", "+ v;"),
    "im2col_over_the_edge": ("im2col_any.cu", "row && within(j, W)", "row && j < W"),
    "im2col_threads_beyond": ("im2col_any.cu", "if (t >= threads) return;", ""),
    "im2col_row_end_shifted": ("im2col.cu", "if (q + VEC <= OW)", "if (q + VEC <= OW + 1)"),
    "im2col_stride_within_a_pack": ("im2col.cu", "segment[v * DW + e * SW]", "segment[v * DW + e]"),
    "im2col_next_row": ("im2col.cu", "j0[e] = (l + e - pe * OW) * SW - left;", "j0[e] = (q + e) * SW - left;"),
    "col2im_assigns": ("col2im.cu", "+= value[a][v];", "= value[a][v];"),
    "col2im_other_remainder": ("col2im.cu", "[v * DW % SW] +=", "[(v * DW + 1) % SW] +="),
    "col2im_ignores_the_crop": ("col2im.cu", "if (within(i, H) && within(j, W)) image", "image"),
    "col2im_any_rounds_down": ("col2im_any.cu", "if (p * SH != a || p >= OH) continue;", "if (p >= OH) continue;"),
    "col2im_any_stops_early": ("col2im_any.cu", "if (b < 0) break;", "if (b <= 0) break;"),
    "division_off_by_one": ("index.cuh", ">> (unsigned)(d >> 32))", ">> (unsigned)(d >> 32) + 1)"),
}


def cases_of(file: str) -> list[Case]:
    """The cases that run a kernel file."""
    if "im2col" in file or "col2im" in file:
        return _COLUMNS
    if file == "multiply_plain.cuh":
        return _PLAIN
    return _TF32


def test_without_a_fault_all_cases_pass() -> None:
    assert in_child([*_TF32, *_PLAIN, *_COLUMNS]) == ""


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_seen(fault: str, tmp_path: Path) -> None:
    file, old, new = FAULTS[fault]
    text = (FOLDER / file).read_text(encoding="utf-8")
    assert text.count(old) >= 1, f"{file} has no {old!r}"
    (tmp_path / file).write_text(text.replace(old, new), encoding="utf-8")
    wrong = in_child(cases_of(file), [tmp_path])
    assert wrong not in ("", "hangs")
    assert "does not compile" not in wrong
