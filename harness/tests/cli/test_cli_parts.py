"""Runs in parts and other forms: shards, JSON lines, an older suite, what a machine cannot check."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conformance.checks import external
from harness.tests.helpers.plugins import GOOD, Write, edited
from harness.tests.helpers.program import call, harness

_FEW = ("--check", "contract.dtype", "--ops", "im2col", "--dtype", "float32")


def test_json_lines_hold_one_group_a_line(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    assert harness(tmp_path, "check", "numpy_fancy", *_FEW, "--json", out).returncode == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["kind"] for row in rows] == ["backend", "check"]
    assert {row["backend"] for row in rows} == {"numpy_fancy"}
    assert rows[1]["id"] == "contract.dtype"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--shard", "3/2"), "shard"), (("--shard", "two"), "shard"), (("--as-of", "1999.1"), "1999.1"),
        (("--xfails", "missing.toml"), "missing.toml"), (("--tier", "7"), "tier"), (("--jobs", "0"), "jobs"),
    ],
)  # fmt: skip
def test_wrong_options_are_the_callers_error(arguments: tuple[str, str], message: str, tmp_path: Path) -> None:
    done = harness(tmp_path, "check", "numpy_fancy", *_FEW, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_what_this_machine_cannot_check_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(external, "skipped", lambda: {"external.onnx": "no such package"})
    assert call(monkeypatch, "check", "numpy_fancy", *_FEW) == 0
    assert "left out: external.onnx: no such package" in capsys.readouterr().out


def test_one_file_cannot_hold_two_reports(tmp_path: Path) -> None:
    done = harness(tmp_path, "check", "numpy_fancy", *_FEW, "--json", "out.html", "--html", "./out.html")
    assert done.returncode == 2
    assert "need a file each" in done.stderr


def test_an_exception_is_told_with_its_line(write: Write, tmp_path: Path) -> None:
    source = edited("    return columns.reshape(spec.columns_shape)", "    return columns.reshape(1)")
    line = source.splitlines().index("    return columns.reshape(1)") + 1
    write("raising.py", source)
    done = harness(tmp_path, "check", "raising.py", "--ops", "im2col", "--dtype", "float32", "--tier", "0")
    assert done.returncode == 1
    assert f"(raising.py, line {line})" in done.stdout


def test_a_geometry_of_ones_own_is_judged_by_the_checks_that_fit_it(tmp_path: Path) -> None:
    """That an empty batch gives zeros is not asked of one with images."""
    done = harness(tmp_path, "check", "numpy_fancy", "--shape", "n2c3h6w7_f4kh3kw4", "--check", "contract.*")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pass" in done.stdout


def test_a_document_on_stdout_is_alone_there(write: Write, tmp_path: Path) -> None:
    write("good.py", GOOD)
    done = harness(tmp_path, "check", "./good.py", "--tier", "0", "--ops", "im2col", "--json", "-")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)
    assert found["verdict"] == "pass"
    assert "good" in done.stderr
    done = harness(tmp_path, "compare", "./good.py", "numpy_fancy", "--shapes", "n1c2h6w5_f3kh2kw3", "--ops", "im2col",
                   "--pairs", "2", "--json", "-")  # fmt: skip
    assert json.loads(done.stdout)["rows"]


@pytest.mark.parametrize("option", ["--json", "--junit", "--html"])
def test_the_plugin_is_no_output(write: Write, tmp_path: Path, option: str) -> None:
    path = write("mine.py", GOOD)
    for words in (["./mine.py"], ["NAME=mine.py"], ["mine.py:Attr"]):
        done = harness(tmp_path, "check", *words, option, "./mine.py")
        assert (done.returncode, done.stdout) == (2, "")
        assert "is an input of this call" in done.stderr
    assert path.read_text() == GOOD


def test_a_report_that_cannot_be_written_hides_no_verdict(write: Write, tmp_path: Path) -> None:
    """The folder is gone by the end of the run, as a full disk would be."""
    gone = "\n\nimport shutil\nshutil.rmtree({!r}, ignore_errors=True)\nopen({!r}, 'w').close()\n"
    folder = tmp_path / "out"
    for source, code in ((GOOD, 2), (edited("+= taps", "= taps"), 1)):
        folder.unlink(missing_ok=True)
        write("mine.py", source + gone.format(str(folder), str(folder)))
        done = harness(tmp_path, "check", "./mine.py", "--tier", "0", "--ops", "col2im", "--json", "out/found.json")
        assert done.returncode == code, done.stderr
        assert "mine" in done.stdout
        assert "out/found.json' cannot be written" in done.stderr
