"""What a mistake gives, written out: models against numbers that were worked out on paper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from conformance.diagnosis.models import catalogue
from conformance.diagnosis.models.model import Given, Model
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op

_NINE = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
_SIX = [[1, 2, 3], [4, 5, 6]]
_TWO_BY_TWO = [[1, 2], [3, 4]]
_K2, _K1S2 = "n1c1h3w3_f1kh2kw2", "n1c1h3w3_f1kh1kw1_sh2sw2"
_TAPS_1X2 = "n1c1h1w3_f1kh1kw2"  # two windows of two taps, which share the middle pixel
_BEFORE = "n1c1h3w3_f1kh1kw1_pt1pb0pl1pr0"
_ROUND = "n1c1h2w2_f1kh1kw1_pt1pb1pl1pr1"

# The mistake, the geometry, the image (H, W), and the columns (rows, L).
_IM2COL: list[tuple[str, str, Any, Any]] = [
    ("loop/taps reversed/both", _K2, _NINE, [[5, 6, 8, 9], [4, 5, 7, 8], [2, 3, 5, 6], [1, 2, 4, 5]]),
    ("loop/taps reversed/width", _K2, _NINE, [[2, 3, 5, 6], [1, 2, 4, 5], [5, 6, 8, 9], [4, 5, 7, 8]]),
    ("loop/windows last missing/height", _K2, _NINE, [[1, 2, 0, 0], [2, 3, 0, 0], [4, 5, 0, 0], [5, 6, 0, 0]]),
    ("index/stride ignored/both", _K1S2, _NINE, [[1, 2, 4, 5]]),
    ("index/stride ignored/width", _K1S2, _NINE, [[1, 2, 7, 8]]),
    ("index/start one late/height", _K2, _NINE, [[4, 5, 7, 8], [5, 6, 8, 9], [7, 8, 0, 0], [8, 9, 0, 0]]),
    ("index/padding ignored/width", _BEFORE, _NINE, [[0, 0, 0, 0, 1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0]]),
    ("border/border wrapped below/both", _BEFORE, _NINE, [[9, 7, 8, 9, 3, 1, 2, 3, 6, 4, 5, 6, 9, 7, 8, 9]]),
    ("border/border repeated/height", _ROUND, _TWO_BY_TWO, [[0, 1, 2, 0, 0, 1, 2, 0, 0, 3, 4, 0, 0, 3, 4, 0]]),
    ("border/padding of 128/both", "n1c1h1w1_f1kh1kw1_pt0pb0pl1pr0", [[5]], [[128, 5]]),
    ("border/bound of the other axis/width", "n1c1h2w3_f1kh1kw1", _SIX, [[1, 2, 0, 4, 5, 0]]),
    ("border/one beyond/width", "n1c1h1w2_f1kh1kw1_pt0pb0pl1pr2", [[1, 2]], [[0, 1, 2, 2, 0]]),
    ("border/one before/width", "n1c1h1w2_f1kh1kw1_pt0pb0pl2pr1", [[1, 2]], [[0, 1, 1, 2, 0]]),
    ("border/one before, from the end/width", "n1c1h1w2_f1kh1kw1_pt0pb0pl2pr1", [[1, 2]], [[0, 2, 1, 2, 0]]),
    ("border/taps beyond the kernel/width", "n1c1h1w3_f1kh1kw2_dh1dw2", [[1, 2, 3]], [[1], [0]]),
    ("border/taps beyond the kernel/width", _TAPS_1X2, [[1, 2, 3]], [[1, 2], [2, 3]]),
    ("flat/floor after multiplying", _K1S2, _NINE, [[1, 6, 7, 0]]),
    ("flat/flat bounds", "n1c1h2w2_f1kh1kw1_pt0pb0pl1pr0", _TWO_BY_TWO, [[0, 1, 2, 2, 3, 4]]),
    ("flat/taps exchanged", _K2, _NINE, [[1, 2, 4, 5], [4, 5, 7, 8], [2, 3, 5, 6], [5, 6, 8, 9]]),
    ("size/one too few/both/size", _K2, _NINE, [[1], [2], [4], [5]]),
    ("size/rounded up/width/size", "n1c1h1w2_f1kh1kw1_sh2sw2", [[1, 2]], [[1, 0]]),
    ("size/misaligned/both", "n1c1h1w4_f1kh1kw3_sh2sw2", [[1, 2, 3, 4]], [[1, 0], [2, 0], [3, 0]]),
    ("misread/no padding/size", _ROUND, _TWO_BY_TWO, [[1, 2, 3, 4]]),
    ("misread/begin for both/size", "n1c1h1w1_f1kh1kw1_pt0pb1pl1pr0", [[5]], [[0, 5, 0]]),
    ("field/stride one more, throughout/both/size", "n1c1h1w5_f1kh1kw1", [[1, 2, 3, 4, 5]], [[1, 3, 5]]),
    ("field/stride one more, in the size/both/fitted", "n1c1h1w3_f1kh1kw1", [[1, 2, 3]], [[1, 2, 0]]),
    ("field/kernel one less, throughout/width/fitted", "n1c1h1w3_f1kh1kw2", [[1, 2, 3]], [[1, 2], [0, 0]]),
    ("field/size halved, throughout/width/fitted", "n1c1h1w4_f1kh1kw1", [[1, 2, 3, 4]], [[1, 2, 0, 0]]),
    ("border/padding of -128/both", "n1c1h1w1_f1kh1kw1_pt0pb0pl1pr0", [[5]], [[-128, 5]]),
    ("memory/column against H", "n1c1h2w3_f1kh1kw1", _SIX, [[1, 2, 0, 4, 5, 0]]),
    ("memory/column against H", "n1c1h2w1_f1kh1kw1_pt0pb0pl0pr1", [[1], [2]], [[1, 2, 2, 0]]),
    ("memory/kernel", "n1c1h2w2_f1kh1kw1", _TWO_BY_TWO, [[1, 0, 0, 0]]),
    ("pointwise/image for columns", _TAPS_1X2, [[1, 2, 3]], [[1, 2, 3]]),
    ("misread/padding before a total/size", "n1c1h1w1_f1kh1kw1_pt0pb0pl2pr2", [[5]], [[0, 5, 0]]),
    ("misread/half the reach/size", "n1c1h1w1_f1kh1kw2_pt0pb0pl1pr0", [[5]], [[0, 5], [5, 0]]),
    ("misread/no padding/fitted", "n1c1h1w1_f1kh1kw1_pt1pb1pl1pr1", [[5]], [[5, 0, 0, 0, 0, 0, 0, 0, 0]]),
    ("index/even kernel one tap early/width", _TAPS_1X2, [[1, 2, 3]], [[0, 1], [1, 2]]),
    ("flat/rows of positions OH apart, written/columns", "n1c1h2w3_f1kh1kw1", _SIX, [[1, 2, 4, 5, 6, 0]]),
    ("taps/0 and 1 exchanged/im2col", _K2, _NINE, [[2, 3, 5, 6], [1, 2, 4, 5], [4, 5, 7, 8], [5, 6, 8, 9]]),
    ("taps/(0, 1) and (1, 0) exchanged/im2col", _K2, _NINE, [[1, 2, 4, 5], [4, 5, 7, 8], [2, 3, 5, 6], [5, 6, 8, 9]]),
]  # fmt: skip
# The same of col2im: columns (rows, L), and the image (H, W).
_COL2IM: list[tuple[str, str, Any, Any]] = [
    ("folding/last tap overwrites", _TAPS_1X2, [[1, 2], [3, 4]], [[1, 3, 4]]),
    ("folding/last window overwrites", _TAPS_1X2, [[1, 2], [3, 4]], [[1, 2, 4]]),
    ("folding/averaged", _TAPS_1X2, [[1, 2], [3, 4]], [[1, 2.5, 4]]),
    ("folding/divided by taps", _TAPS_1X2, [[1, 2], [3, 4]], [[0.5, 2.5, 2]]),
    ("folding/padding to the first pixel", "n1c1h1w2_f1kh1kw2_pt0pb0pl1pr1", [[1, 2, 3], [4, 5, 6]], [[13, 8]]),
    ("folding/columns of windows overwrite", _TAPS_1X2, [[1, 2], [3, 4]], [[1, 2, 4]]),
    ("crop/p:-p/width", "n1c1h1w2_f1kh1kw1", [[1, 2]], [[]]),
    ("crop/begin:-end, guarded/width", "n1c1h1w1_f1kh1kw1_pt0pb0pl1pr0", [[1, 2]], [[]]),
    ("crop/begin:-end, guarded/width", "n1c1h1w2_f1kh1kw1", [[1, 2]], [[1, 2]]),
    ("crop/not at all/both", "n1c1h1w1_f1kh1kw1_pt0pb0pl1pr0", [[1, 2]], [[1, 2]]),
    ("crop/from 1/width", "n1c1h1w1_f1kh1kw1_pt0pb0pl0pr1", [[1, 2]], [[2]]),
    ("crop/what the windows reach/both", "n1c1h2w2_f1kh1kw1_sh2sw2", [[7]], [[7]]),
    ("crop/too small and repeated", "n1c1h2w2_f1kh1kw1_sh2sw2", [[7]], [[7, 7], [7, 7]]),
    ("border/border repeated/width", "n1c1h1w1_f1kh1kw1_pt0pb0pl1pr1", [[1, 2, 4]], [[7]]),
    ("border/border repeated, added once/width", "n1c1h1w1_f1kh1kw1_pt0pb0pl1pr1", [[1, 2, 4]], [[4]]),
    ("flat/rows of positions OH apart, read/columns", "n1c1h2w3_f1kh1kw1",
     [[1, 2, 3, 4, 5, 6]], [[1, 2, 3], [3, 4, 5]]),
]  # fmt: skip


def model(id: str, op: Op) -> Model:
    """The one of this id."""
    return next(model for model in catalogue.of(op) if model.id == id)


def made(id: str, op: Op, spec: ConvSpec, *arrays: Array | None) -> Array:
    """What it gives."""
    return model(id, op).gives(Given(op, spec, arrays))


def image(rows: Sequence[Sequence[float]]) -> Array:
    """(1, 1, H, W)."""
    return np.array(rows, float)[None, None]


@pytest.mark.parametrize(("id", "text", "x", "columns"), _IM2COL, ids=[one[0] for one in _IM2COL])
def test_columns(id: str, text: str, x: Any, columns: Any) -> None:
    assert made(id, "im2col", ConvSpec.parse(text), image(x)).tolist() == [columns]


@pytest.mark.parametrize(("id", "text", "columns", "x"), _COL2IM, ids=[one[0] for one in _COL2IM])
def test_images(id: str, text: str, columns: Any, x: Any) -> None:
    assert made(id, "col2im", ConvSpec.parse(text), np.array([columns], float)).tolist() == [[x]]


@pytest.mark.parametrize(
    ("id", "y"),
    [
        ("bias/left out", 11), ("bias/twice", 31), ("bias/per tap", 31), ("bias/subtracted", 1),
        ("bias/multiplied", 110), ("loop/taps reversed/both", 20), ("factor/1/2", 10.5),
        ("number/w clipped at 1, conv2d", 13),
    ],
)  # fmt: skip
def test_a_convolution_of_two_pixels(id: str, y: float) -> None:
    """1 * 3 + 2 * 4 + 10 = 21, with one bias of 10."""
    spec = ConvSpec.parse("n1c1h1w2_f1kh1kw2")
    assert made(id, "conv2d", spec, image([[1, 2]]), image([[3, 4]]), np.array([10.0])).item() == y


def test_windows_that_are_left_out_have_no_bias_either() -> None:
    spec, kernel, bias = ConvSpec.parse("n1c1h1w2_f1kh1kw1"), image([[3]]), np.array([10.0])
    y = made("size/one too few/width/fitted", "conv2d", spec, image([[1, 2]]), kernel, bias)
    assert y.tolist() == [[[[13, 0]]]]
    y = made("loop/windows last missing/width", "conv2d", spec, image([[1, 2]]), kernel, bias)
    assert y.tolist() == [[[[13, 10]]]]


def test_a_missing_bias_is_taken_for_1() -> None:
    spec = ConvSpec.parse("n1c1h1w2_f1kh1kw2")
    assert made("bias/1 for none", "conv2d", spec, image([[1, 2]]), image([[3, 4]]), None).item() == 12


def test_a_bias_for_every_tap_that_meets_a_pixel() -> None:
    spec = ConvSpec.parse("n1c1h1w1_f1kh1kw2_pt0pb0pl2pr0")  # windows of no pixel and of one
    y = made("bias/per tap inside", "conv2d", spec, image([[5]]), image([[3, 4]]), np.array([10.0]))
    assert y.tolist() == [[[[0, 30]]]]


@pytest.mark.parametrize(
    ("id", "db"),
    [
        ("bias gradient/over channels-last axes", [4, 6]), ("bias gradient/total for all", [10, 10]),
        ("bias gradient/images kept", [[3, 7]]), ("bias gradient/a column", [[3], [7]]),
        ("bias gradient/one number", 10), ("factor/1/L", [1.5, 3.5]),
    ],
)  # fmt: skip
def test_bias_gradients(id: str, db: Any) -> None:
    """Two filters, (1, 2) and (3, 4): right is (3, 7)."""
    spec = ConvSpec.parse("n1c1h1w2_f2kh1kw1")
    assert made(id, "conv2d_bias_grad", spec, np.array([[[[1.0, 2.0]], [[3.0, 4.0]]]])).tolist() == db


def test_weight_gradients_that_are_too_large() -> None:
    spec, dy, x = ConvSpec.parse("n1c1h1w4_f1kh1kw1_sh2sw2"), image([[10, 100]]), image([[1, 2, 3, 4]])
    more = made("crop/taps that the stride leaves over", "conv2d_weight_grad", spec, dy, x)
    assert more.tolist() == [[[[310, 420]]]]
    dense = made("crop/gradient not spread", "conv2d_weight_grad", spec, dy, x)
    assert dense.tolist() == [[[[210, 320, 430]]]]


def test_an_input_gradient_of_a_flipped_kernel() -> None:
    spec = ConvSpec.parse("n1c1h1w2_f1kh1kw2")
    assert made("loop/taps reversed/both", "conv2d_input_grad", spec, image([[2]]), image([[3, 4]])).tolist() == [
        [[[8, 6]]]
    ]


def test_an_image_cropped_on_the_wrong_axes() -> None:
    spec = ConvSpec.parse("n3c4h1w1_f1kh1kw1_pt1pb1pl1pr1")
    assert made("crop/images and channels", "col2im", spec, np.ones(spec.columns_shape)).shape == (1, 2, 3, 3)


def test_a_bias_that_numpy_adds_along_the_width() -> None:
    y = made("bias/as NumPy adds", "conv2d", _spec("n1c1h1w1_f2kh1kw1"), image([[1]]), _kernels([[1], [2]]), _TENS)
    assert y.tolist() == [[[[11, 21]], [[12, 22]]]]


def test_a_kernel_made_a_matrix_in_one_order_and_read_in_another() -> None:
    w = _kernels([[1, 2], [3, 4]])  # in memory 1, 3, 2, 4 once the filters are last
    y = made(_MATRIX, "conv2d", _spec("n1c1h1w2_f2kh1kw2"), image([[1, 10]]), w, None)
    assert y.ravel().tolist() == [31, 42]


def test_a_convolution_by_the_first_tap_alone() -> None:
    w = _kernels([[1, 2], [3, 4]])
    y = made("pointwise/first tap alone", "conv2d", _spec("n1c1h1w2_f2kh1kw2"), image([[1, 10]]), w, None)
    assert y.tolist() == [[[[1, 10]], [[3, 30]]]]


_TENS = np.array([10.0, 20.0])
_MATRIX = "order/kernel written as KH KW C F, read as F KH KW C"


def _spec(text: str) -> ConvSpec:
    return ConvSpec.parse(text)


def _kernels(taps: Sequence[Sequence[float]]) -> Array:
    """(F, 1, 1, KW)."""
    return np.array(taps, float)[:, None, None]
