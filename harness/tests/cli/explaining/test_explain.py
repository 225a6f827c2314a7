"""`harness explain`: geometries, short forms, checks, cases, files of columns; and what is said of a wrong word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from conformance.checks.registration import CHECKS
from harness import ConvSpec, load
from harness.contract.columns_layouts import COLUMNS_LAYOUTS
from harness.tests.helpers.cli.running import Run
from harness.tests.helpers.suite.html import read

_3X3 = "n1c1h3w3_f1kh3kw3_pt1pb1pl1pr1"
_SPEC = ConvSpec.parse("n2c2h4w5_f1kh2kw3")


def test_seed_000_on_a_terminal(run: Run) -> None:
    ran = run("explain", _3X3)
    assert (ran.code, ran.err) == (0, "")
    assert ran.lines[0] == _3X3
    place = ran.lines.index("add col 0")
    assert ran.lines[place + 3] == "0  0  0  0  0   +   0  4  5  -  -   =   0  4  5  0  0"
    place = ran.lines.index("col2im(im2col(x))")
    assert ran.lines[place + 1 : place + 4] == [" 4  12  12", "24  45  36", "28  48  36"]


def test_a_short_form_is_the_same(run: Run) -> None:
    assert run("explain", "3x3", "--kernel", "3", "--padding", "1").out == run("explain", _3X3).out


@pytest.mark.parametrize(
    ("options", "spec"),
    [
        (["227x227", "--kernel", "11", "--stride", "4", "--channels", "3", "--filters", "96"],
         "n1c3h227w227_f96kh11kw11_sh4sw4"),
        (["5x6", "--kernel", "2x3", "--padding", "same"], "n1c1h5w6_f1kh2kw3_pt0pb1pl1pr1"),
        (["5x6", "--kernel", "2,3", "--padding", "1,0,2,0", "--stride", "1x2", "--dilation", "2", "--images", "2"],
         "n2c1h5w6_f1kh2kw3_sh1sw2_pt1pb0pl2pr0_dh2dw2"),
    ],
)  # fmt: skip
def test_every_number_of_a_short_form(run: Run, options: list[str], spec: str) -> None:
    assert run("explain", *options).lines[0] == spec


def test_files_are_written(run: Run, tmp_path: Path) -> None:
    ran = run("explain", _3X3, "--markdown", "a.md", "--html", "a.html", "--layout", "rows", "--pool")
    assert (ran.code, ran.err) == (0, "")
    told = (tmp_path / "a.md").read_text()
    assert told.startswith("# n1c1h3w3")
    assert "layout rows: (N, L, C\\*KH\\*KW) = (1, 9, 9)" in told
    assert len(read((tmp_path / "a.html").read_text()).all("figure", "frame")) == 9
    assert "Pooling: each window becomes one number" in ran.out


def test_a_document_on_stdout_moves_the_rest_to_stderr(run: Run) -> None:
    ran = run("explain", _3X3, "--markdown", "-")
    assert ran.out.startswith("# n1c1h3w3")
    assert "add col 0" in ran.err


def test_more_is_shown_on_request(run: Run) -> None:
    few, many = run("explain", "8x8", "--kernel", "3"), run("explain", "8x8", "--kernel", "3", "--most", "64")
    assert "The first 16 of 36 positions; --most shows more." in few.lines
    assert "of 36 positions" not in many.out
    assert len(many.lines) > len(few.lines)


# -- checks and cases ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_is_told(run: Run, check: str) -> None:
    ran = run("explain", check)
    assert (ran.code, ran.err) == (0, "")
    assert ran.lines[0] == check
    assert f"harness check ./mine.py --check {check}" in ran.out
    assert "Grade " in ran.out or "Optional: " in ran.out


def test_a_check_tells_what_it_asks_and_which_bugs_it_would_have_seen(run: Run) -> None:
    out = " ".join(run("explain", "law.divisor").out.split())
    assert "Grade values: what fails it gives wrong numbers: the verdict is fail." in out
    assert "col2im(im2col(x)) = divisor * x, divisor = how many windows cover the pixel, counted." in out
    assert "col2im-normalised-by-overlap" in out
    assert "CNugteren/CLBlast #270" in out


def test_a_case_is_told_with_its_check_and_its_geometry(run: Run) -> None:
    case = "values.exact/conv2d/float32/n1c1h4w4_f1kh2kw2_sh2sw2/bias=0"
    ran = run("explain", case)
    assert ran.code == 0
    assert ran.lines[0] == case
    assert "Check values.exact" in ran.lines
    assert "The geometry n1c1h4w4_f1kh2kw2_sh2sw2" in ran.lines
    assert any(line.split() == ["bias", "none"] for line in ran.lines)


# -- files of columns ------------------------------------------------------------------------------------------------


def _saved(folder: Path, name: str, first: int) -> None:
    x = np.arange(first, first + np.prod(_SPEC.x_shape)).reshape(_SPEC.x_shape).astype("float64")
    columns = load("numpy_fancy").run("im2col", _SPEC, x)
    np.save(folder / "columns.npy", COLUMNS_LAYOUTS[name].from_batched(columns, _SPEC))


@pytest.mark.parametrize("name", COLUMNS_LAYOUTS)
@pytest.mark.parametrize("first", [0, 1])
def test_a_file_of_columns_is_recognised(run: Run, tmp_path: Path, name: str, first: int) -> None:
    _saved(tmp_path, name, first)
    ran = run("explain", _SPEC, "--recognise", "columns.npy")
    said = f"columns.npy holds the columns of x = {first}, {first + 1}, {first + 2}, .. in layout {name}"
    assert (ran.code, ran.lines) == (0, [said])


def test_columns_of_another_image_are_in_no_layout(run: Run, tmp_path: Path) -> None:
    np.save(tmp_path / "columns.npy", np.zeros(_SPEC.columns_shape))
    ran = run("explain", _SPEC, "--recognise", "columns.npy")
    assert ran.code == 1
    assert ran.lines[0].endswith("the columns of x = 1, 2, 3, .. in no known layout; its shape is (2, 12, 9)")
    assert "batch_innermost (12, 18)" in ran.lines[1]


def test_layouts_that_agree_are_all_named(run: Run, tmp_path: Path) -> None:
    np.save(tmp_path / "columns.npy", np.arange(1, 7).reshape(1, 1, 6))
    ran = run("explain", "2x3", "--kernel", "1", "--recognise", "columns.npy")
    assert ran.lines[0].endswith("in layout batched or matlab")
    assert ran.lines[1].startswith("In this geometry they agree.")


# -- wrong words -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["law.adjiont"], "'law.adjiont' is no check, case id or geometry, did you mean 'law.adjoint'?"),
        (["adjoint"], "did you mean 'law.adjoint'?"),
        (["nothing"], "`harness list checks` has all checks"),
        (["n1c1h3w3"], "spec 'n1c1h3w3' is not of the form"),
        (["n1c1h3w3_f1kh5kw5"], "the dilated kernel must fit the padded input: height 5 > 3"),
        (["values.exakt/conv2d/float32/n1c1h4w4_f1kh2kw2"],
         "no check is called 'values.exakt', did you mean 'values.exact'?"),
        (["values.exact/conv/float32/n1c1h4w4_f1kh2kw2"], "op must be one of"),
        (["errors.bias/im2col/float32/n1c1h4w4_f1kh2kw2"], "check 'errors.bias' does not judge im2col"),
        (["3x3"], "3x3 is an image; give its kernel too, as in 3x3 --kernel 3"),
        (["3x3", "--kernel", "a"], "must be 1 or 2 numbers, as in 3 or 3x2, got 'a'"),
        (["3x3", "--kernel", "3x3x3"], "must be 1 or 2 numbers, as in 3 or 3x2, got '3x3x3'"),
        (["3x3", "--kernel", "3", "--padding", "sane"], "must be 1 or 2 or 4 numbers, as in 3 or 3x2 or one of same,"),
        (["3x3", "--kernel", "4"], "the dilated kernel must fit the padded input: height 4 > 3"),
        (["3x3", "--kernel", "3", "--stride", "0"], "stride must be at least 1, got (0, 0)"),
        ([_3X3, "--kernel", "3"], "--kernel goes with a short form such as 3x3, got"),
        ([_3X3, "--layout", "row"],
         "columns layout must be one of batched, matrix, batch_innermost, rows, matlab, got 'row'"),
        ([_3X3, "--recognise", "none.npy"], "'none.npy' cannot be read as a .npy file"),
        (["law.adjoint", "--recognise", "none.npy"], "--recognise needs a geometry, got the check law.adjoint"),
        ([_3X3, "--most", "1"], "must be a whole number from 2 to 64, got '1'"),
    ],
)  # fmt: skip
def test_a_wrong_call_is_told_in_one_line(run: Run, words: list[str], said: str) -> None:
    ran = run("explain", *words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("harness: ")
    assert ran.err.count("\n") == 1
    assert said in ran.err


def test_a_file_that_holds_objects_is_refused(run: Run, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([None], dtype=object), allow_pickle=True)
    ran = run("explain", _3X3, "--recognise", "a.npy")
    assert (ran.code, ran.out) == (2, "")
    assert "cannot be read as a .npy file" in ran.err
