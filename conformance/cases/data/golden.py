"""Numbers that public articles print for these operations, as literals with their origin: the third witness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.geometry.spec import ConvSpec, Op

_ONNX = "ONNX operators, MaxPool and AveragePool, test_"
_STACKOVERFLOW = "Stack Overflow, 'col2im implementation in ConvNet' (CS231n assignment 2)"


@dataclass(frozen=True, slots=True)
class Example:
    """One op on literal inputs with its literal result."""

    op: Op
    spec: ConvSpec
    inputs: tuple[Any, ...]
    expected: Any
    origin: str


_3X3 = ConvSpec.of(batch=1, in_channels=1, input_size=3, out_channels=1, kernel_size=3, padding=1)

# The article's 3x3 image 1..9 under a padded 3x3 kernel, one patch a line. The matrix happens to be symmetric.
_PATCHES = [
    [0, 0, 0, 0, 1, 2, 0, 4, 5],
    [0, 0, 0, 1, 2, 3, 4, 5, 6],
    [0, 0, 0, 2, 3, 0, 5, 6, 0],
    [0, 1, 2, 0, 4, 5, 0, 7, 8],
    [1, 2, 3, 4, 5, 6, 7, 8, 9],
    [2, 3, 0, 5, 6, 0, 8, 9, 0],
    [0, 4, 5, 0, 7, 8, 0, 0, 0],
    [4, 5, 6, 7, 8, 9, 0, 0, 0],
    [5, 6, 0, 8, 9, 0, 0, 0, 0],
]
_3X2 = ConvSpec.of(batch=1, in_channels=1, input_size=3, out_channels=1, kernel_size=2)
_5X5 = ConvSpec.of(batch=1, in_channels=1, input_size=5, out_channels=1, kernel_size=3)
# The image 1..25 of ONNX's tests of pooling, and its three geometries.
_1_TO_25 = [[[[5 * i + j + 1 for j in range(5)] for i in range(5)]]]
_5X5_PADDED = ConvSpec.of(batch=1, in_channels=1, input_size=5, out_channels=1, kernel_size=5, padding=2)
_5X5_STRIDED = ConvSpec.of(batch=1, in_channels=1, input_size=5, out_channels=1, kernel_size=2, stride=2)
_5X5_SAME = ConvSpec.of(batch=1, in_channels=1, input_size=5, out_channels=1, kernel_size=3, stride=2, padding="same")

EXAMPLES = [
    Example("im2col", _3X3, ([[[[1, 2, 3], [4, 5, 6], [7, 8, 9]]]],), [_PATCHES], _STACKOVERFLOW),
    # Every pixel comes back as often as windows cover it: 4 times in a corner, 6 on an edge, 9 in the middle.
    Example("col2im", _3X3, ([_PATCHES],), [[[[4, 12, 12], [24, 45, 36], [28, 48, 36]]]], _STACKOVERFLOW),
    # The answer's 5x5 image: patch 1 starts at column 1, so input_error[0, 1] = error[0, 1] + error[1, 0].
    Example(
        "im2col",
        _5X5,
        ([[[[10 * i + j for j in range(5)] for i in range(5)]]],),
        [
            [
                [10 * (u + p) + v + q for p in range(3) for q in range(3)]
                for u in range(3)
                for v in range(3)
            ]
        ],
        _STACKOVERFLOW,
    ),
    # The counts themselves: an image of ones.
    Example("col2im", _3X3, ([[[1 if v else 0 for v in patch] for patch in _PATCHES]],),
            [[[[4, 6, 4], [6, 9, 6], [4, 6, 4]]]], _STACKOVERFLOW),
    Example("col2im", _3X2, ([[[1] * 4] * 4],), [[[[1, 2, 1], [2, 4, 2], [1, 2, 1]]]],
            "the overlap table that circulates with NumPy col2im code: it belongs to a 2x2 kernel"),
    Example("conv2d", _3X2, ([[[[1, 2, 3], [4, 5, 6], [7, 8, 9]]]], [[[[1, 2], [3, 4]]]], [0]),
            [[[[37, 47], [67, 77]]]],
            "worked by hand on the sizes of L. Araujo dos Santos' smaller example, X 3x3 with W 2x2"),
    Example("max_pool2d", _5X5_PADDED, (_1_TO_25,), [[[[13, 14, 15, 15, 15], [18, 19, 20, 20, 20], [23, 24, 25, 25, 25],
            [23, 24, 25, 25, 25], [23, 24, 25, 25, 25]]]], f"{_ONNX}maxpool_2d_precomputed_pads"),
    Example("max_pool2d", _5X5_STRIDED, (_1_TO_25,), [[[[7, 9], [17, 19]]]], f"{_ONNX}maxpool_2d_precomputed_strides"),
    Example("max_pool2d", _5X5_SAME, (_1_TO_25,), [[[[7, 9, 10], [17, 19, 20], [22, 24, 25]]]],
            f"{_ONNX}maxpool_2d_precomputed_same_upper"),
    Example("avg_pool2d", _5X5_STRIDED, (_1_TO_25,), [[[[4, 6], [14, 16]]]],
            f"{_ONNX}averagepool_2d_precomputed_strides"),
    Example("avg_pool2d_exclude_padding", _5X5_PADDED, (_1_TO_25,), [[[[7, 7.5, 8, 8.5, 9], [9.5, 10, 10.5, 11, 11.5],
            [12, 12.5, 13, 13.5, 14], [14.5, 15, 15.5, 16, 16.5], [17, 17.5, 18, 18.5, 19]]]],
            f"{_ONNX}averagepool_2d_precomputed_pads"),
    Example("avg_pool2d_exclude_padding", _5X5_SAME, (_1_TO_25,), [[[[4, 5.5, 7], [11.5, 13, 14.5], [19, 20.5, 22]]]],
            f"{_ONNX}averagepool_2d_precomputed_same_upper"),
]  # fmt: skip

# Shapes that the articles state: (geometry, rows of the columns, positions of all images, filters), with origin.
SHAPES = [
    (dict(batch=1, in_channels=3, input_size=227, out_channels=96, kernel_size=11, stride=4), 363, 3025, 96,
     "L. Araujo dos Santos, 'Artificial Intelligence': X_col 363 x 3025, result 96 x 3025 (AlexNet)"),
    (dict(batch=1, in_channels=3, input_size=32, out_channels=16, kernel_size=3, padding="same"),
     27, 1024, 16,
     "ML-From-Scratch Conv2D: (27, 1024)"),
    (dict(batch=64, in_channels=3, input_size=32, out_channels=16, kernel_size=3, padding="same"),
     27, 65536, 16,
     "ML-From-Scratch Conv2D: batch 64, (27, 65536)"),
    (dict(batch=1, in_channels=3, input_size=32, out_channels=16, kernel_size=3, padding="valid"),
     27, 900, 16,
     "ML-From-Scratch Conv2D: (27, 900)"),
    (dict(batch=1, in_channels=3, input_size=32, out_channels=16, kernel_size=3, padding="valid", stride=2),
     27, 225, 16,
     "ML-From-Scratch Conv2D: (27, 225)"),
]  # fmt: skip
