"""What the CUDA backends compute on the host, with no card and no emulated one: tables, tiles, divisors, sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends.cupy_kernels import columns, source, tiles, words
from backends.cupy_kernels.lowered import Lowered, covers_all, forward, input_grad, table, windows
from harness.geometry.spec import ConvSpec
from harness.oracle import by_taps, data
from harness.tests.helpers.cuda.cuda_cases import SPECS


def multiplied(part: Lowered, source_: Any, w: Any, result: Any) -> None:
    """The product that a part stands for, read from its table and bits alone, added into the flat result."""
    (h, wide), (rows, cols), taps = part.size, part.grid, len(part.down) * len(part.across)
    entries, bits = table(part), windows(part)
    images = source_.shape[0]
    plane, flat = h * wide, source_.reshape(images, -1)
    for p in range(rows):
        for q in range(cols):
            outside = int(bits[p]) | int(bits[rows + q])
            origin = p * part.stride[0] * wide + q * part.stride[1]
            for g in range(part.groups):
                for k in range(part.terms):
                    offset, mask = (int(v) for v in entries[k])
                    if outside & mask & 0x7FFFFFFF:
                        continue
                    c, tap = divmod(k, taps)
                    u, v = divmod(tap, len(part.across))
                    pixel = flat[:, g * part.channels * plane + origin + offset]
                    at = part.w.first + g * part.w.group + c * part.w.channel + u * part.w.down + v * part.w.across
                    for m in range(part.rows):
                        to = part.y.first + g * part.y.group + m * part.y.filter + p * part.y.row + q * part.y.column
                        result[np.arange(images) * part.y.image + to] += pixel * w.reshape(w.size)[at + m * part.w.row]


@pytest.mark.parametrize("name", ["groups", "dilated", "depthwise", "stride_beyond_kernel", "pad_beyond_kernel"])
def test_tables_and_bits_are_the_convolution_and_its_input_gradient(name: str) -> None:
    spec = ConvSpec.parse(SPECS[name])
    x, w, _ = data.exact("conv2d", spec, "float64", name)
    y = np.zeros(int(np.prod(spec.y_shape)))
    multiplied(forward(spec), x, w, y)
    np.testing.assert_array_equal(y.reshape(spec.y_shape), by_taps.run("conv2d", spec, x, w, None))
    dy, w = data.exact("conv2d_input_grad", spec, "float64", name)
    dx = np.zeros(int(np.prod(spec.x_shape)))
    for part in input_grad(spec):
        multiplied(part, dy, w, dx)
    np.testing.assert_array_equal(dx.reshape(spec.x_shape), by_taps.run("conv2d_input_grad", spec, dy, w))


def test_a_table_is_padded_to_whole_tiles_with_rows_that_are_nowhere() -> None:
    part = forward(ConvSpec.parse("n1c5h6w7_f3kh3kw3"))
    entries = table(part)
    assert (part.terms, entries.shape, entries.dtype.name) == (45, (128, 2), "int32")
    assert (entries[45:, 0] == 0).all()
    assert (entries[45:, 1] == np.int32(-(2**31))).all()
    assert table(forward(ConvSpec.parse("n1c28h6w7_f3kh2kw2"))).shape == (128, 2)  # 112 and 16 ahead: just enough
    assert table(forward(ConvSpec.parse("n1c113h6w7_f3kh1kw1"))).shape == (256, 2)
    assert (windows(part) < 0).all()  # bit 31 of every window, so that those rows are outside of all


def test_a_kernel_of_more_than_fifteen_taps_a_side_compares_indices() -> None:
    assert not forward(ConvSpec.parse("n1c1h20w20_f1kh15kw15")).is_large
    large = forward(ConvSpec.parse("n1c2h20w20_f1kh16kw1_pt2pb0pl0pr0"))
    assert large.is_large
    assert windows(large).tolist() == [0]
    entries = table(large)
    assert entries.dtype == np.int64
    assert entries[0].tolist() == [-2 * 20, -2 & 0xFFFFFFFF]  # across 0 above, down -2 below
    assert entries[17].tolist() == [400 - 20, -1 & 0xFFFFFFFF]
    assert entries[32:, 1].tolist() == [(-(2**29) << 32) | (-(2**29) & 0xFFFFFFFF)] * (128 - 32)


@pytest.mark.parametrize(
    ("text", "parts", "all_of_it"),
    [("n1c1h4w4_f1kh3kw3", 1, True), ("n1c1h8w9_f1kh3kw2_sh2sw2", 4, True), ("n1c1h9w9_f1kh1kw1_sh2sw2", 1, False)],
)
def test_pixels_that_meet_no_tap_belong_to_no_part(text: str, parts: int, all_of_it: bool) -> None:
    found = input_grad(ConvSpec.parse(text))
    assert (len(found), covers_all(found)) == (parts, all_of_it)


@pytest.mark.parametrize(
    ("text", "is_pointwise", "has_wide_rows"),
    [
        ("n1c2h4w4_f3kh1kw1", True, True),
        ("n1c2h3w3_f3kh1kw1", True, False),
        ("n1c2h4w4_f3kh1kw1_sh2sw2", False, True),
        ("n1c2h4w4_f3kh1kw1_pt1pb0pl0pr0", False, True),
        ("n1c2h6w6_f3kh3kw3", False, True),
        ("n1c2h5w6_f3kh3kw3", False, True),
        ("n1c2h5w5_f3kh3kw3", False, False),
    ],
)
def test_short_cuts_are_taken_where_memory_allows(text: str, is_pointwise: bool, has_wide_rows: bool) -> None:
    part = forward(ConvSpec.parse(text))
    assert (part.is_pointwise, part.has_wide_rows) == (is_pointwise, has_wide_rows)


def test_divisors_divide() -> None:
    for d in (1, 2, 3, 7, 64, 65, 1000, 2**20 + 1, 2**29 - 1, 2**31 - 1):
        packed = int(columns.divisor(d))
        multiplier, shift = packed & 0xFFFFFFFF, packed >> 32
        for n in {0, 1, d - 1, d, min(2 * d - 1, 2**31 - 1), min(2 * d, 2**31 - 1), 2**31 - 2, 2**31 - 1}:
            assert n * multiplier >> shift == n // d, (n, d)


@pytest.mark.parametrize(
    ("text", "dtype", "vector"),
    [("n1c1h6w6_f1kh3kw3", "float32", 4), ("n1c1h6w6_f1kh3kw3", "float64", 2), ("n1c1h5w4_f1kh3kw3", "float32", 2),
     ("n1c1h5w5_f1kh3kw3", "float32", 1), ("n1c1h5w5_f1kh3kw3", "float64", 1)],
)  # fmt: skip
def test_as_many_positions_are_stored_at_once_as_divide_a_row(text: str, dtype: str, vector: int) -> None:
    kernel, found = columns.im2col_build(ConvSpec.parse(text), dtype)
    assert (kernel.kernel, found, dict(kernel.defines)["VEC"]) == ("im2col", vector, vector)


@pytest.mark.parametrize(
    ("text", "kernel"),
    [("n1c1h6w6_f1kh3kw3", ""), ("n1c1h6w6_f1kh3kw3_dh2dw1", "_any"), ("n1c1h6w6_f1kh3kw2", "_any"),
     ("n1c1h6w6_f1kh3kw3_sh2sw1", "_any"), ("n1c1h6w6_f1kh2kw2_sh2sw2", ""), ("n1c16h1024w1024_f1kh1kw3", ""),
     ("n1c16h1024w1024_f1kh1kw16", "_any"), ("n1c16h1024w1024_f1kh11kw12", "_any"), ("n1c1h9w9_f1kh1kw3", "_any")],
)  # fmt: skip
def test_kernels_are_compiled_for_common_and_for_large_geometries(text: str, kernel: str) -> None:
    spec = ConvSpec.parse(text)
    assert columns.im2col_build(spec, "float32")[0].kernel == f"im2col{kernel}"
    assert columns.col2im_build(spec, "float32").kernel == f"col2im{kernel}"


def test_a_geometry_goes_into_its_build() -> None:
    build = columns.col2im_build(ConvSpec.parse("n9c64h300w300_f1kh4kw3_sh2sw1_dh1dw3"), "float64")
    assert str(build) == "col2im SCALAR=double KH=4 KW=3 SH=2 SW=1 DH=1 DW=3"
    assert build.options == ("-DSCALAR=double", "-DKH=4", "-DKW=3", "-DSH=2", "-DSW=1", "-DDH=1", "-DDW=3")


@pytest.mark.parametrize(("text", "wide"), [("n1c1h1w536870911_f1kh1kw1", False), ("n1c1h1w536870912_f1kh1kw1", True),
                                            ("n1c1h32768w16384_f1kh1kw1", True)])  # fmt: skip
def test_indices_are_wide_where_a_plane_is(text: str, wide: bool) -> None:
    assert (columns._wide(ConvSpec.parse(text)) == {"WIDE": 1}) is wide


def test_the_largest_index_is_that_of_any_side() -> None:
    for text, largest in (
        ("n1c1h7w9_f1kh2kw3_pt5pb4pl0pr0", 15 * 7), ("n1c1h3w40_f1kh3kw39", 40), ("n1c1h90w3_f1kh30kw3_dh3dw1", 90),
    ):  # fmt: skip
        assert columns.largest_index(ConvSpec.parse(text)) == largest


def test_tiles_are_as_high_as_wastes_least() -> None:
    assert [tiles.rows_of(n, "float32") for n in (1, 32, 33, 64, 65, 128, 129)] == [32, 32, 64, 64, 128, 128, 128]
    assert [tiles.rows_of(n, "float64") for n in (32, 33, 65, 128)] == [32, 64, 64, 64]


@pytest.mark.parametrize(
    ("blocks", "count", "processors", "nbytes", "expected"),
    [
        (40, 30, 132, 2**20, (6, 5)),  # as many as keep the card busy
        (1, 30, 132, 2**20, (6, 5)),  # seven of four tiles at least, in equal shares of five
        (264, 30, 132, 2**20, (1, 30)),  # busy as it is
        (132, 30, 132, 2**20, (2, 15)),
        (1, 400, 132, 2**25, (2, 200)),  # two results of 32 MiB fit
        (1, 400, 132, 2**27, (1, 400)),
        (1, 3, 132, 0, (1, 3)),
    ],
)
def test_sums_are_cut_where_the_card_would_idle(
    blocks: int, count: int, processors: int, nbytes: int, expected: tuple[int, int]
) -> None:
    assert tiles.splits_of(blocks, count, processors, nbytes) == expected


def test_shared_memory_is_that_of_three_stages() -> None:
    assert tiles.shared_bytes(128, "float32") == 3 * 16 * (136 + 136) * 4
    assert tiles.shared_bytes(32, "float64") == 3 * 8 * (40 + 136) * 8


def test_a_source_holds_each_of_its_files_once_with_its_lines(tmp_path: Path) -> None:
    (tmp_path / "k.cu").write_text('one\n#include "a.cuh"\n#include "b.cuh"\nlast\n', encoding="utf-8")
    (tmp_path / "a.cuh").write_text('#include "b.cuh"\nof a\n', encoding="utf-8")
    (tmp_path / "b.cuh").write_text("of b\n", encoding="utf-8")
    assert source.text("k", tmp_path).splitlines() == [
        '#line 1 "k.cu"', "one", '#line 1 "a.cuh"', '#line 1 "b.cuh"', "of b", '#line 2 "a.cuh"', "of a",
        '#line 3 "k.cu"', "", "last",
    ]  # fmt: skip


def test_the_first_folder_that_has_a_file_gives_it(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "k.cu").write_text(f"of {name}\n", encoding="utf-8")
    assert "of two" in source.text("k", tmp_path / "two", tmp_path / "one")
    assert "__global__" in source.text("im2col", tmp_path / "one")


def test_too_little_memory_is_told_with_what_there_is() -> None:
    assert words.out_of_memory("sums", [3, 2**28], "float64", 3 * 2**28, "a card") == (
        "sums (3, 268435456) float64 need 6.00 GiB on a card; 0.75 GiB are available to the memory pool"
    )
