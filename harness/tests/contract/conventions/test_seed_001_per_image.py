"""Functions for one image, padded by their caller, plug in by one line; a window is a row of theirs."""

from __future__ import annotations

import numpy as np
import pytest

import conformance
from harness import ConvSpec, load
from harness.tests.helpers.conventions.published import PER_IMAGE, broken
from harness.tests.helpers.plugins import Write

_LINE = '\nconvention = "per_image"\n'
_SPEC = ConvSpec.parse("n2c3h7w5_f4kh3kw2_sh2sw2_pt1pb1pl0pr1")


def test_a_batch_with_padding_of_its_own_on_every_side(write: Write) -> None:
    backend, own = load(str(write("book.py", PER_IMAGE + _LINE))), load("numpy_fancy")
    assert backend.native == {"im2col", "col2im"}
    x = np.random.default_rng(0).integers(-9, 9, _SPEC.x_shape).astype("float64")
    columns = backend.run("im2col", _SPEC, x)
    assert np.array_equal(columns, own.run("im2col", _SPEC, x))
    assert np.array_equal(backend.run("col2im", _SPEC, columns), own.run("col2im", _SPEC, columns))


def test_the_sizes_of_the_article(write: Write) -> None:
    """227 x 227 x 3 under 11 x 11 x 3 with stride 4: 363 x 3025 columns."""
    backend = load(str(write("book.py", PER_IMAGE + _LINE)))
    spec = ConvSpec.parse("n1c3h227w227_f96kh11kw11_sh4sw4")
    assert backend.run("im2col", spec, np.ones(spec.x_shape)).shape == (1, 363, 3025)


def test_tier_1_passes_on_its_domain(write: Write) -> None:
    path = write("book.py", PER_IMAGE + _LINE)
    report = conformance.check(str(path), ops="im2col,col2im", isolate=False)
    assert report.ok, report.text()
    assert report.counts["pass"] > 300


@pytest.mark.parametrize(
    ("spec", "op", "reason"),
    [
        ("n1c1h5w5_f1kh3kw3_sh1sw2", "im2col", "strides that differ"),
        ("n1c1h5w5_f1kh2kw2_dh2dw2", "im2col", "dilation"),
        ("n1c1h6w5_f1kh3kw3_sh2sw2", "im2col", None),
        ("n1c1h6w5_f1kh3kw3_sh2sw2", "col2im",
         "a stride that does not fit: the size of the image is taken from that of the output"),
        ("n0c1h5w5_f1kh3kw3_pt2pb1pl0pr0", "col2im", None),
    ],
)  # fmt: skip
def test_what_it_cannot_express_is_refused(write: Write, spec: str, op: str, reason: str | None) -> None:
    backend = load(str(write("book.py", PER_IMAGE + _LINE)))
    assert backend.unsupported(op, ConvSpec.parse(spec), "float64") == reason  # type: ignore[arg-type]


def test_only_float64_unless_the_file_says_more(write: Write) -> None:
    backend = load(str(write("book.py", PER_IMAGE + _LINE)))
    assert backend.unsupported("im2col", _SPEC, "float32") == "dtype float32 is not claimed"
    more = "\ndef unsupported(op, spec, dtype):\n    return None if dtype == 'float32' else 'only float32'\n"
    own = load(str(write("more.py", PER_IMAGE + _LINE + more)))
    assert own.unsupported("im2col", _SPEC, "float32") is None
    assert own.unsupported("im2col", _SPEC, "float64") == "only float32"
    assert own.unsupported("im2col", ConvSpec.parse("n1c1h5w5_f1kh2kw2_dh2dw2"), "float32") == "dilation"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("i // w_prime * stride", "(i / w_prime) * stride", "TypeError"),  # a float row index
        ("i // w_prime * stride", "int((i / w_prime) * stride)", "elements differ"),  # rounded too late: another row
        ("] += dim_col[i]", "] = dim_col[i]", "overlap"),
    ],
    ids=["float row index", "floor after multiply", "assigned"],
)
def test_its_faults_are_found(write: Write, old: str, new: str, said: str) -> None:
    path = write("book.py", broken(PER_IMAGE, old, new) + _LINE)
    report = conformance.check(str(path), ops="col2im", isolate=False, check="values.*")
    assert report.verdict == "fail", report.text()
    assert said in f"{report.text()} {report.found}"
