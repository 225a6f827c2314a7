"""`--shapes` of bench and compare: every layer of a file in its order, and in one line what was left out of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from harness.cli.commands.compare import compare
from harness.cli.options import chosen_layers
from harness.geometry.layers import ShapesError
from harness.results.writing import ResultsError
from harness.tests.helpers.plugins import Write

_FILE = '--reset\nic1oc2ih4kh3n"a"\nic1oc1id3kd3\nic1oc3ih5kh3n"a"\n'


def test_what_is_left_out_is_said_in_one_line(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(write("conv", _FILE))
    assert [(layer.name, str(layer.spec)) for layer in chosen_layers(path, 7)] == [
        ("a@7", "n7c1h4w4_f2kh3kw3"),
        ("a#2@7", "n7c1h5w5_f3kh3kw3"),
    ]
    said = capsys.readouterr()
    why = "line 1: an option of benchdnn, which changes no layer here; line 3: 3-D"
    assert (said.out, said.err) == ("", f"harness: left out of {path!r}: {why}\n")


def test_nothing_is_said_where_nothing_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert [str(layer.spec) for layer in chosen_layers("n1c1h3w3_f1kh2kw2", None)] == ["n1c1h3w3_f1kh2kw2"]
    assert len(chosen_layers("quick", None)) == 6
    assert capsys.readouterr() == ("", "")


def test_compare_has_every_layer_of_a_file(write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = str(write("conv", _FILE)), tmp_path / "out.json"
    with pytest.raises(typer.Exit) as ended:
        compare(["naive_loops", "numpy_fancy"], path, ops=["im2col"], pairs=2, json_file=out)
    assert ended.value.exit_code == 0
    rows = json.loads(out.read_text(encoding="utf-8"))["rows"]
    assert [(row["shape"], row["spec"]) for row in rows] == [("a", "n2c1h4w4_f2kh3kw3"), ("a#2", "n2c1h5w5_f3kh3kw3")]
    assert "line 3: 3-D" in capsys.readouterr().err


def test_a_report_over_the_file_of_layers_is_refused(write: Write) -> None:
    path = write("conv", _FILE)
    with pytest.raises(ResultsError, match="is an input of this call"):
        compare(["naive_loops", "numpy_fancy"], str(path), json_file=path)
    assert path.read_text(encoding="utf-8") == _FILE


def test_a_name_longer_than_that_of_any_file_is_a_wrong_call() -> None:
    with pytest.raises(ShapesError, match="lacks 'kh'"):
        chosen_layers(f'ic1oc1ih3n"{"x" * 400}"', None)
