"""The shipped layer tables against the geometry, and everything that a user may pass as shapes."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from harness.geometry import layers
from harness.geometry.layers import Layer, ShapesError, read_layers
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.plugins import Write

_FOLDER = Path(layers.__file__).parent / "layers"
_SETS = layers.set_names()
_HEADER = "suite,layer,N,C,H,W,F,KH,KW,SH,SW,PH,PW,G\n"
_ROW = "mine,first,2,6,9,10,4,3,2,2,3,1,0,2\n"
_SPEC = ConvSpec.parse("n2c6h9w10_f4kh3kw2_sh2sw3_pt1pb1_g2")


def table(name: str) -> list[dict[str, str]]:
    """The rows of a shipped table, as text."""
    with (_FOLDER / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def size(row: dict[str, str], *columns: str) -> tuple[int, ...]:
    """Columns of a row as numbers."""
    return tuple(int(row[c]) for c in columns)


def test_the_sets_that_ship() -> None:
    assert _SETS == ["alexnet", "cifar10", "core", "mnist", "mobilenet_v1", "quick", "resnet50", "transposed", "vgg16"]


@pytest.mark.parametrize("name", _SETS)
def test_layers_are_the_rows_of_the_table(name: str) -> None:
    found = read_layers(name)
    assert [layer.name for layer in found] == [f"{row['suite']}:{row['layer']}" for row in table(name)]
    assert len({layer.name for layer in found}) == len(found) > 0
    assert len({layer.spec for layer in found}) == len(found)  # results of a set are told apart by spec


@pytest.mark.parametrize("name", [s for s in _SETS if s != "transposed"])
def test_sizes_of_the_table_agree_with_the_geometry(name: str) -> None:
    for layer, row in zip(read_layers(name), table(name), strict=True):
        assert layer.spec.x_shape == size(row, "N", "C", "H", "W"), layer.name
        assert layer.spec.y_shape == size(row, "N", "F", "OH", "OW"), layer.name
        assert layer.spec.dilation == size(row, "DH", "DW"), layer.name


def test_transposed_layers_are_the_input_gradient_of_their_spec() -> None:
    """dy has the size of the layer's input and dx that of its output."""
    for layer, row in zip(read_layers("transposed"), table("transposed"), strict=True):
        assert layer.spec.y_shape == size(row, "N", "C", "H", "W"), layer.name
        assert layer.spec.x_shape == size(row, "N", "F", "OH", "OW"), layer.name


@pytest.mark.parametrize("name", _SETS)
def test_work_and_memory_of_the_table_agree_with_the_geometry(name: str) -> None:
    for layer, row in zip(read_layers(name), table(name), strict=True):
        assert layer.spec.columns_bytes("float32") / 2**20 == pytest.approx(float(row["col_mib"]), abs=6e-4), layer.name
        assert layer.spec.flops("conv2d") / 1e9 == pytest.approx(float(row["gflop"]), abs=6e-7), layer.name


def test_the_quick_set_is_small() -> None:
    assert max(layer.spec.columns_bytes("float32") for layer in read_layers("quick")) <= 15 * 2**20


def test_a_csv_file_of_the_user(write: Write) -> None:
    path = write("mine.csv", _HEADER + _ROW)
    assert read_layers(str(path)) == [Layer("mine:first", _SPEC)]


def test_a_csv_file_with_dilation_and_further_columns(write: Write) -> None:
    path = write("mine.csv", _HEADER.replace(",G", ",G,DH,DW,note") + _ROW.replace("\n", ",2,1,slow\n"))
    assert read_layers(str(path))[0].spec.dilation == (2, 1)


def test_a_text_file_of_specs_with_comments(write: Write) -> None:
    text = f"# layers of mine\n\n{_SPEC}\n   n1c1h3w3_f1kh2kw2  # a small one\ng1mb1ic1ih5oc1oh3kh3\n"
    assert [layer.spec for layer in read_layers(str(write("mine.txt", text)))] == [
        _SPEC,
        ConvSpec.parse("n1c1h3w3_f1kh2kw2"),
        ConvSpec.parse("n1c1h5w5_f1kh3kw3"),
    ]


def test_a_bare_spec_is_its_own_name() -> None:
    assert read_layers(str(_SPEC)) == [Layer(str(_SPEC), _SPEC)]


def test_a_benchdnn_descriptor() -> None:
    text = 'g4mb2ic16ih10oc32oh10kh3sh1ph1dh0n"name"'
    assert read_layers(text) == [Layer(text, ConvSpec.parse("n2c16h10w10_f32kh3kw3_pt1pb1pl1pr1_g4"))]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", _HEADER.replace(",KW", "").replace(",G", "") + _ROW, r"a\.csv' lacks the columns KW, G"),
        ("a.csv", _HEADER + _ROW + "mine,second,2,6,9,ten,4,3,2,2,3,1,0,2\n", r"a\.csv', line 3: .*'ten'"),
        ("a.csv", _HEADER + "mine,short,2,6\n", r"a\.csv', line 2"),
        ("a.csv", _HEADER + _ROW.replace(",2\n", ",4\n"), r"a\.csv', line 2: in_channels must be divisible by groups"),
        ("a.csv", _HEADER, r"a\.csv' holds no layer"),
        ("a.csv", "", r"a\.csv' lacks the columns suite"),
        ("a.txt", "# nothing\n", r"a\.txt' holds no layer"),
        ("a.txt", f"# mine\n{_SPEC}\nn1c1\n", r"a\.txt', line 3: spec 'n1c1' is not of the form"),
        ("a.txt", "n1c1h2w2_f1kh3kw3\n", r"a\.txt', line 1: the dilated kernel must fit"),
    ],
    ids=["columns", "number", "short", "geometry", "header_only", "empty_csv", "empty_text", "form", "text_geometry"],
)
def test_a_bad_file_is_named_with_its_line(write: Write, name: str, text: str, message: str) -> None:
    path = write(name, text)
    with pytest.raises(ShapesError, match=message):
        read_layers(str(path))


@pytest.mark.parametrize("name", ["a.csv", "a.txt"])
def test_a_file_that_is_no_text_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ShapesError, match=name):
        read_layers(str(tmp_path / name))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("quik", r"unknown shapes 'quik', did you mean 'quick'\?; sets: alexnet, .*vgg16"),
        ("zzzz", "unknown shapes 'zzzz'; sets: "),
        ("./missing.csv", r"shapes file './missing\.csv' does not exist"),
        ("n1c1h2w2_f1kh3kw3", "the dilated kernel must fit the padded input: height 3 > 2"),
        ("n1c1h2w2", "spec 'n1c1h2w2' is not of the form"),
    ],
)
def test_what_names_no_layers(asked: str, message: str) -> None:
    with pytest.raises(ShapesError, match=message):
        read_layers(asked)


def test_another_batch_replaces_that_of_every_layer_and_is_named() -> None:
    for own, other in zip(read_layers("core"), read_layers("core", 32), strict=True):
        assert other.name == f"{own.name}@32"
        assert other.spec == replace(own.spec, batch=32)
    (bare,) = read_layers("n1c3h12w11_f4kh3kw2", 2)
    assert (bare.name, str(bare.spec)) == ("n1c3h12w11_f4kh3kw2@2", "n2c3h12w11_f4kh3kw2")
