"""What some models give, worked out by hand on arrays of a few numbers."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from conformance.diagnosis.models.arrays import along, arrangements, blocks, counted, groups, orders, sums, terms
from conformance.diagnosis.models.model import Given, Model
from harness.geometry.spec import ConvSpec, Op


@cache
def models() -> dict[str, Model]:
    """All, by id."""
    families = (along, arrangements, blocks, counted, groups, orders, sums, terms)
    return {model.id: model for family in families for model in family.models()}


def gives(model_id: str, op: Op, line: str, *arrays: Any) -> list[Any]:
    """What the model gives on these arrays, each of the shape that the geometry has."""
    spec = ConvSpec.parse(line)
    shapes = spec.input_shapes(op)
    shaped = [None if a is None else np.array(a, float).reshape(shape) for a, shape in zip(arrays, shapes, strict=True)]
    model = models()[model_id]
    assert op in model.ops
    result: list[Any] = model.gives(Given(op, spec, tuple(shaped))).tolist()
    return result


def test_windows_column_by_column() -> None:
    found = gives("order/result written as N C KW KH OH OW/columns", "im2col", "n1c1h2w2_f1kh2kw2", [1, 2, 3, 4])
    assert found == [[[1], [3], [2], [4]]]


def test_windows_with_the_channels_last() -> None:
    found = gives("order/result written as N KH KW C OH OW/columns", "im2col", "n1c2h1w2_f1kh1kw2", [1, 2, 3, 4])
    assert found == [[[1], [3], [2], [4]]]


def test_col2im_reads_windows_as_rows() -> None:
    # (rows, L) = (2, 2) is [[1, 2], [3, 4]]; as (L, rows) window 0 is 1, 2 and window 1 is 3, 4.
    found = gives("order/columns read as N OH OW C KH KW", "col2im", "n1c1h1w4_f1kh1kw2_sw2", [1, 2, 3, 4])
    assert found == [[[[1, 2, 3, 4]]]]


def test_positions_transposed_twice() -> None:
    # y is [[1, 2, 3], [4, 5, 6]]; its memory as (OW, OH) is [[1, 2], [3, 4], [5, 6]], and that transposed.
    y = [1, 2, 3, 4, 5, 6]
    found = gives("order/result read as N F OW OH/output", "conv2d", "n1c1h2w3_f1kh1kw1", y, [1], None)
    assert found == [[[[1, 3, 5], [2, 4, 6]]]]


def test_filters_before_images() -> None:
    found = gives("order/result written as F N OH OW/output", "conv2d", "n2c1h1w1_f2kh1kw1", [1, 2], [1, 10], None)
    assert found == [[[[1]], [[2]]], [[[10]], [[20]]]]


def test_images_innermost() -> None:
    found = gives("order/result mixed, images inside/columns", "im2col", "n2c1h1w3_f1kh1kw1", [1, 2, 3, 4, 5, 6])
    assert found == [[[1, 4, 2]], [[5, 3, 6]]]
    found = gives("order/result mixed, images outside/columns", "im2col", "n2c1h1w3_f1kh1kw1", [1, 2, 3, 4, 5, 6])
    assert found == [[[1, 3, 5]], [[2, 4, 6]]]


def test_kernels_turned() -> None:
    line, x, w = "n1c1h2w2_f1kh2kw2", [1, 0, 0, 10], [1, 2, 3, 4]
    assert gives("order/kernel flipped/conv2d", "conv2d", line, x, w, None) == [[[[4 + 10]]]]
    # A quarter to the left is [[2, 4], [1, 3]].
    assert gives("order/kernel turned by 90 degrees", "conv2d", line, x, w, None) == [[[[2 + 30]]]]
    assert gives("order/kernel flipped/conv2d_input_grad", "conv2d_input_grad", line, [1], w) == [[[[4, 3], [2, 1]]]]
    assert gives("order/result turned/kernel", "conv2d_weight_grad", line, [1], x) == [[[[10, 0], [0, 1]]]]


def test_columns_inside_a_convolution() -> None:
    # Window (c, kh, kw) = 1, 2, 3, 4 in the order (kh, kw, c) is 1, 3, 2, 4.
    line, x, w = "n1c2h1w2_f1kh1kw2", [1, 2, 3, 4], [1, 10, 100, 1000]
    assert gives("order/columns inside as N KH KW C OH OW", "conv2d", line, x, w, None) == [[[[4231]]]]


def test_weights_read_as_channels_last() -> None:
    line, x, w = "n1c2h1w2_f1kh1kw2", [1, 10, 100, 1000], [1, 2, 3, 4]
    assert gives("order/kernel read as F KH KW C", "conv2d", line, x, w, None) == [[[[4231]]]]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("reversed", [4, 3, 2, 1]),
        ("rolled", [4, 1, 2, 3]),
        ("shifted", [0, 1, 2, 3]),
        ("first for all", [1, 1, 1, 1]),
        ("last zero", [1, 2, 3, 0]),
        ("last twice", [1, 2, 3, 8]),
        ("last two exchanged", [1, 2, 4, 3]),
        ("second half repeats", [1, 2, 1, 2]),
        ("put at doubled", [1, 0, 2, 0]),
    ],
)
def test_along_the_output_columns(name: str, expected: list[int]) -> None:
    found = gives(f"along/result {name}/columns output column", "im2col", "n1c1h1w4_f1kh1kw1", [1, 2, 3, 4])
    assert found == [[expected]]


def test_along_the_channels_of_an_argument() -> None:
    line, x, w = "n1c3h1w1_f1kh1kw1", [1, 10, 100], [1, 2, 3]
    assert gives("along/argument reversed/image channel", "conv2d", line, x, w, None) == [[[[123]]]]
    assert gives("along/argument last zero/kernel channel", "conv2d", line, x, w, [4]) == [[[[25]]]]


def test_sums() -> None:
    line, dy = "n2c1h1w2_f2kh1kw1", [1, 2, 3, 4, 10, 20, 30, 40]
    assert gives("sums/last image only", "conv2d_bias_grad", line, dy) == [30, 70]
    assert gives("sums/images, first for all", "conv2d_bias_grad", line, dy) == [6, 14]
    assert gives("sums/running/bias filter", "conv2d_bias_grad", line, dy) == [33, 110]
    assert gives("sums/total/bias filter", "conv2d_bias_grad", line, dy) == [110, 110]
    # The bias is added after the sum that is not set back.
    found = gives("sums/running/output position", "conv2d", "n1c1h1w3_f1kh1kw1", [1, 2, 3], [1], [10])
    assert found == [[[[11, 13, 16]]]]


def test_the_last_kernel_row_misses_the_last_output_row() -> None:
    """The numbers of pytorch/pytorch #50042, for one channel."""
    found = gives(
        "sums/last output row left out of the last kernel row", "conv2d_weight_grad",
        "n1c1h6w6_f1kh3kw3_sh2sw2_pt1pb1pl1pr1", np.ones(9), np.ones(36),
    )  # fmt: skip
    assert found == [[[[4, 6, 6], [6, 9, 9], [4, 6, 6]]]]


def test_groups() -> None:
    line, x, w = "n1c4h1w1_f2kh1kw1_g2", [1, 2, 3, 4], [1, 10, 1, 10]
    right = [[[[21]], [[43]]]]
    assert gives("groups/first group for all", "conv2d", line, x, w, None) == [[[[21]], [[21]]]]
    assert gives("groups/interleaved", "conv2d", line, x, w, None) == [[[[31]], [[42]]]]
    assert gives("groups/all groups", "conv2d", line, x, w, None) == [[[[64]], [[64]]]]
    assert gives("groups/next group", "conv2d", line, x, w, None) == [[[[43]], [[21]]]] != right
    # Backward, what every group gives falls into the first, or into all.
    dy = [1, 2]
    assert gives("groups/first group for all", "conv2d_input_grad", line, dy, w) == [[[[3]], [[30]], [[0]], [[0]]]]
    assert gives("groups/all groups", "conv2d_input_grad", line, dy, w) == [[[[3]], [[30]], [[3]], [[30]]]]
    assert gives("groups/first group for all", "conv2d_weight_grad", line, dy, x) == [[[[1]], [[2]]], [[[2]], [[4]]]]


def test_the_channel_multiplier_in_the_wrong_place() -> None:
    found = gives("groups/group of a filter by remainder", "conv2d", "n1c2h1w1_f4kh1kw1_g2", [1, 2], [1] * 4, None)
    assert found == [[[[1]], [[2]], [[1]], [[2]]]]


@pytest.mark.parametrize(
    ("name", "expected"), [("output and kernel", [21, 320]), ("output", [21, 3200]), ("kernel", [21, 430])]
)
def test_filters_of_a_group_start_by_channels(name: str, expected: list[int]) -> None:
    """Group 1 starts at filter 1 in place of 2."""
    line, dy, w = "n1c2h1w1_f4kh1kw1_g2", [1, 2, 3, 4], [1, 10, 100, 1000]
    found = gives(f"groups/filters start by channels/{name}", "conv2d_input_grad", line, dy, w)
    assert found == [[[[number]] for number in expected]]


def test_a_group_that_starts_beyond_the_last_filter_has_none() -> None:
    name, line = "groups/filters start by channels/output and kernel", "n1c4h1w1_f2kh1kw1_g2"
    assert gives(name, "conv2d_input_grad", line, [1, 2], [1, 10, 1, 10]) == [[[[1]], [[10]], [[0]], [[0]]]]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("remainder", [1, 2000, 1, 2000]), ("filters", [1, 2000, 0, 0]), ("filters throughout", [1, 200, 0, 0])],
)
def test_the_group_of_a_channel(name: str, expected: list[int]) -> None:
    """Of two groups of two channels and one filter; 1, 10, 200, 2000 is right."""
    line, dy, w = "n1c4h1w1_f2kh1kw1_g2", [1, 2], [1, 10, 100, 1000]
    found = gives(f"groups/group of a channel by {name}", "conv2d_input_grad", line, dy, w)
    assert found == [[[[number]] for number in expected]]


def test_every_group_has_the_biases_of_the_first() -> None:
    name, line = "arrangement/argument first group for all/bias", "n1c2h1w1_f2kh1kw1_g2"
    found = gives(name, "conv2d", line, [1, 2], [1, 1], [5, 6])
    assert found == [[[[6]], [[7]]]]


def test_the_kernel_of_a_transposed_convolution() -> None:
    # Filters and channels of each group exchanged: [[1, 2], [3, 4]] is read as [[1, 3], [2, 4]].
    found = gives("arrangement/kernel read as G C F KH KW", "conv2d", "n1c2h1w1_f2kh1kw1", [1, 10], [1, 2, 3, 4], None)
    assert found == [[[[31]], [[42]]]]


def test_counted_wrongly() -> None:
    # One channel too few: group 1 starts at channel 1, and reads one channel.
    line, x, w, b = "n1c4h1w1_f2kh1kw1_g2", [1, 2, 3, 4], [1, 10, 1, 10], [5, 6]
    found = gives("counted/channels one too few", "conv2d", line, x, w, b)
    assert found == [[[[6]], [[8]]]]
    # One filter too few: the last is not written, nor is its bias.
    found = gives("counted/filters one too few", "conv2d", "n1c1h1w1_f2kh1kw1", [1], [1, 10], [5, 6])
    assert found == [[[[6]], [[0]]]]
    # Rows 0 to 3 of a kernel 1 x 2 by KW * KW = 4: both channels are taken for kernel rows 0 and 1 of channel 0.
    found = gives("counted/channel by KW * KW", "im2col", "n1c2h2w2_f1kh1kw2", [1, 2, 3, 4, 5, 6, 7, 8])
    assert found == [[[1, 3], [2, 4], [3, 0], [4, 0]]]


def test_blocks_of_positions() -> None:
    line, x = "n1c1h1w5_f1kh1kw1", [1, 2, 3, 4, 5]

    def row(name: str) -> list[int]:
        ((found,),) = gives(f"blocks/{name}/columns position", "im2col", line, x)
        assert isinstance(found, list)
        return found

    assert row("rest of 2 at 0") == [1, 2, 3, 4, 0]
    assert row("rest of 4 as the first") == [1, 2, 3, 4, 1]
    assert row("rest alone of 8 at 0") == [0, 0, 0, 0, 0]
    assert row("rest of 8 at 0") == x
    assert row("beyond of 3 at 0") == [1, 2, 3, 0, 0]
    assert row("second of 2 as the block before") == [1, 2, 1, 2, 5]
    assert row("last full of 2 at 0") == [1, 2, 0, 0, 5]
    assert row("wrapped of 2") == [1, 2, 1, 2, 1]
    assert row("wrapped, put of 2") == [5, 4, 0, 0, 0]
    assert row("overlapping of 4") == [1, 4, 6, 8, 5]
    assert row("lanes reversed of 2") == [2, 1, 4, 3, 5]


def test_blocks_of_the_positions_of_all_images() -> None:
    found = gives(
        "blocks/rest of 4 at 0/columns position of all images", "im2col", "n2c1h1w3_f1kh1kw1",
        [1, 2, 3, 4, 5, 6],
    )  # fmt: skip
    assert found == [[[1, 2, 3]], [[4, 0, 0]]]


def test_terms_of_a_sum() -> None:
    line, x, w = "n1c5h1w1_f1kh1kw1", [1, 10, 100, 1000, 10000], [1, 2, 3, 4, 5]

    def sum_of(name: str) -> int:
        ((((found,),),),) = gives(f"terms/{name}/channels of a group of kernel", "conv2d", line, x, w, [0])
        assert isinstance(found, float)
        return int(found)

    assert sum_of("tail of 2") == 4321
    assert sum_of("tail of 8") == 54321
    assert sum_of("rest of 8") == 0
    assert sum_of("stops after 3") == 321
    assert sum_of("only the last block of 2") == 50000
    assert sum_of("first block left out of 2") == 54300
    assert sum_of("last full block left out of 2") == 50021
    assert sum_of("last of each block twice 2") == 58341
    assert sum_of("last of the first block twice 2") == 54341
    assert sum_of("last block moved back 4") == 58641
    assert sum_of("rest twice after 4") == 104321
    assert sum_of("adds the rest without its weight after 4") == 14321
    assert sum_of("subtracts the rest after 4") == 4321 - 50000


def test_terms_of_the_gradients() -> None:
    line, dy = "n2c1h1w3_f1kh1kw1", [1, 2, 3, 4, 5, 6]
    assert gives("terms/stops after 4/positions of all images of output", "conv2d_bias_grad", line, dy) == [10]
    assert gives("terms/stops after 2/positions of output", "conv2d_bias_grad", line, dy) == [12]
    found = gives("terms/stops after 4/positions of all images of output", "conv2d_weight_grad", line, dy, dy)
    assert found == [[[[30]]]]
    # Three filters in packs of two: the third is added without its weight.
    name = "terms/adds the rest without its weight after 2/filters of a group of kernel"
    found = gives(name, "conv2d_input_grad", "n1c1h1w1_f3kh1kw1", [1, 2, 3], [10, 10, 10])
    assert found == [[[[33]]]]
