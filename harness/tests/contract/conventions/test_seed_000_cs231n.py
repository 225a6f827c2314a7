"""The CS231n functions plug in by one line, pass the suite on what they can express, and fail where they are wrong."""

from __future__ import annotations

import numpy as np
import pytest

import conformance
from harness import ConvSpec, load
from harness.tests.helpers.conventions.published import CS231N, broken
from harness.tests.helpers.plugins import Write

_LINE = '\nconvention = "cs231n"\n'
_3X3 = ConvSpec.parse("n1c1h3w3_f1kh3kw3_pt1pb1pl1pr1")
_IMAGES = ConvSpec.parse("n2c3h7w5_f4kh3kw3_sh2sw2_pt1pb1pl1pr1")


def test_the_numbers_of_the_article(write: Write) -> None:
    backend = load(str(write("im2col.py", CS231N + _LINE)))
    x = np.arange(1.0, 10).reshape(1, 1, 3, 3)
    columns = backend.run("im2col", _3X3, x)
    assert columns.shape == (1, 9, 9)
    assert columns[0, 0].tolist() == [0, 0, 0, 0, 1, 2, 0, 4, 5]
    assert backend.run("col2im", _3X3, columns)[0, 0].tolist() == [[4, 12, 12], [24, 45, 36], [28, 48, 36]]


def test_images_of_a_batch_are_told_apart(write: Write) -> None:
    backend, own = load(str(write("im2col.py", CS231N + _LINE))), load("numpy_fancy")
    x = np.random.default_rng(0).integers(-9, 9, _IMAGES.x_shape).astype("float32")
    columns = backend.run("im2col", _IMAGES, x)
    assert np.array_equal(columns, own.run("im2col", _IMAGES, x))
    assert np.array_equal(backend.run("col2im", _IMAGES, columns), own.run("col2im", _IMAGES, columns))


def test_tier_1_passes_on_its_domain(write: Write) -> None:
    path = write("im2col.py", CS231N + _LINE)
    report = conformance.check(str(path), ops="im2col,col2im", dtypes="float32", isolate=False)
    assert report.ok, report.text()
    assert report.counts["pass"] > 300


@pytest.mark.parametrize(
    ("spec", "op", "reason"),
    [
        ("n1c1h5w5_f1kh3kw3_sh1sw2", "im2col", "strides that differ"),
        ("n1c1h5w5_f1kh3kw3_pt1pb0pl1pr1", "im2col", "paddings that differ"),
        ("n1c1h5w5_f1kh3kw3_pt1pb1pl0pr0", "im2col", "paddings that differ"),
        ("n1c1h5w5_f1kh2kw2_dh2dw2", "im2col", "dilation"),
        ("n1c1h6w5_f1kh3kw3_sh2sw2", "im2col", "a stride that does not fit"),
        # Rows catalogued as validation-uses-other-axis: its assert refuses a call that it could do.
        ("n1c1h5w6_f1kh3kw2_sh2sw2", "im2col",
         "width 6 - kernel height 3 is no multiple of stride 2, as its assert wants"),
        ("n0c1h5w5_f1kh3kw3", "col2im", "no images: their columns cannot be told apart by a reshape to -1"),
        ("n0c1h5w5_f1kh3kw3", "im2col", None),
        ("n2c1h5w7_f1kh3kw3_sh2sw2_pt1pb1pl1pr1", "col2im", None),
    ],
)  # fmt: skip
def test_what_it_cannot_express_is_refused(write: Write, spec: str, op: str, reason: str | None) -> None:
    backend = load(str(write("im2col.py", CS231N + _LINE)))
    assert backend.unsupported(op, ConvSpec.parse(spec), "float32") == reason  # type: ignore[arg-type]


def test_what_is_derived_is_refused_alike_and_other_dtypes_are_not_claimed(write: Write) -> None:
    backend = load(str(write("im2col.py", CS231N + _LINE)))
    assert backend.unsupported("conv2d", ConvSpec.parse("n1c1h6w5_f1kh3kw3_sh2sw2"), "float32") is not None
    assert backend.unsupported("im2col", _3X3, "float64") is None
    assert backend.unsupported("im2col", _3X3, "int32") == "dtype int32 is not claimed"


@pytest.mark.parametrize(
    ("old", "new", "op"),
    [
        ("padding - field_height) // stride + 1", "padding - field_height) / stride + 1", "im2col"),  # float sizes
        ("np.add.at(x_padded, (slice(None), k, i, j), by_image)", "x_padded[:, k, i, j] += by_image", "col2im"),
        ("np.add.at(x_padded, (slice(None), k, i, j), by_image)", "x_padded[:, k, i, j] = by_image", "col2im"),
        ("transpose(1, 2, 0)", "transpose(1, 0, 2)", "im2col"),  # images outermost, in columns of the same shape
        ("[:, :, padding:-padding, padding:-padding]", "[padding:-padding, padding:-padding]", "col2im"),
    ],
    ids=["true division", "fancy +=", "assigned", "images outermost", "crop of wrong axes"],
)  # fmt: skip
def test_its_faults_are_found(write: Write, old: str, new: str, op: str) -> None:
    path = write("im2col.py", broken(CS231N, old, new) + _LINE)
    report = conformance.check(str(path), ops=op, dtypes="float64", isolate=False, check="values.exact")
    assert report.verdict == "fail", report.text()
