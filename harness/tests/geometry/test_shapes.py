"""The shipped layer tables against the geometry, and everything that a user may pass as shapes."""

from __future__ import annotations

import csv
import os
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from harness.geometry import layers
from harness.geometry.layers import Layer, ShapesError, read_layers
from harness.geometry.spec import ConvSpec
from harness.geometry.windows import why_not_pooled
from harness.tests.helpers.plugins import Write

_FOLDER = Path(layers.__file__).parent / "layers"
_SETS = layers.set_names()
_SPEC = ConvSpec.parse("n2c6h9w10_f4kh3kw2_sh2sw3_pt1pb1_g2")


def table(name: str) -> list[dict[str, str]]:
    """The rows of a shipped table, as text."""
    with (_FOLDER / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def size(row: dict[str, str], *columns: str) -> tuple[int, ...]:
    """Columns of a row as numbers."""
    return tuple(int(row[c]) for c in columns)


def test_the_sets_that_ship() -> None:
    assert _SETS == [
        "alexnet", "cifar10", "core", "mnist", "mobilenet_v1", "pools", "quick", "resnet50", "transposed", "vgg16",
    ]  # fmt: skip


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


def test_windows_of_the_pools_all_see_a_pixel() -> None:
    """Each channel is pooled for itself; where Caffe rounds up, the padding is at the end, and less than a window."""
    for layer in read_layers("pools"):
        assert why_not_pooled(layer.spec) is None, layer.name
        assert layer.spec.in_channels == layer.spec.out_channels == layer.spec.groups, layer.name
    ends = {str(layer.spec.padding) for layer in read_layers("pools")}
    assert ends == {"(0, 0, 0, 0)", "(1, 1, 1, 1)", "(0, 1, 0, 1)"}


def test_the_quick_set_is_small() -> None:
    assert max(layer.spec.columns_bytes("float32") for layer in read_layers("quick")) <= 15 * 2**20


def test_a_bare_spec_is_its_own_name() -> None:
    assert read_layers(str(_SPEC)) == [Layer(str(_SPEC), _SPEC)]


def test_a_benchdnn_descriptor() -> None:
    text = 'g4mb2ic16ih10oc32oh10kh3sh1ph1dh0n"name"'
    assert read_layers(text) == [Layer("name", ConvSpec.parse("n2c16h10w10_f32kh3kw3_pt1pb1pl1pr1_g4"))]
    assert read_layers("ic3oc4iw7kw3") == [Layer("ic3oc4iw7kw3", ConvSpec.parse("n2c3h1w7_f4kh1kw3"))]


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a"])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\n# caf\xe9\n", ", line 2: byte 0xe9 is not text in UTF-8; save it as UTF-8"),
        ("C;H;W\n".encode("utf-16"), " is text in UTF-16; save it as UTF-8"),
        ("C;H;W\n".encode("utf-16-be", "strict").join([b"\xfe\xff", b""]), " is text in UTF-16; save it as UTF-8"),
        (b"\x7fELF\x02\x01\x00\x00", " is not text, it holds bytes of value 0; save it as CSV or text in UTF-8"),
        (b"# " + b"x" * 2**22, " is larger than 4 MiB, which is no list of layers"),
        (b"", " holds no layer"),
        (b"\xef\xbb\xbf", " holds no layer"),
    ],
    ids=["latin1", "utf16_le", "utf16_be", "binary", "large", "empty", "mark_alone"],
)
def test_a_file_that_is_no_text_is_named(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ShapesError) as caught:
        read_layers(str(tmp_path / name))
    assert str(caught.value) == f"shapes file {str(tmp_path / name)!r}{message}"


def test_a_file_as_large_as_may_be(tmp_path: Path) -> None:
    line = b"\xef\xbb\xbfn1c1h3w3_f1kh1kw1\n#"
    (tmp_path / "a").write_bytes(line + b"x" * (2**22 - len(line)))
    assert [layer.name for layer in read_layers(str(tmp_path / "a"))] == ["n1c1h3w3_f1kh1kw1"]


def test_a_name_that_is_no_text_is_shown_as_one(tmp_path: Path) -> None:
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9.csv")
    with open(path, "w", encoding="utf-8") as file:
        file.write("C,H,W,F,KH,KW\n1,3,4,2,1,1\n")
    assert [layer.name for layer in read_layers(os.fsdecode(path))] == ["caf?:n1c1h3w4_f2kh1kw1"]
    assert [layer.name for layer in read_layers('ic1oc1ih3kh3n"\x1b[1m a\tb"')] == ["?[1m a b"]


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ShapesError, match="is a folder; --shapes takes one file of layers"):
        read_layers(str(tmp_path))


def test_a_file_that_may_not_be_read_is_named(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a fault of the system, since whoever tests may be allowed to read everything."""
    path = write("a.csv", "")

    def no_open(self: Path, *mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", no_open)
    with pytest.raises(ShapesError, match=r"a\.csv' cannot be read: Permission denied$"):
        read_layers(str(path))


def test_a_pipe_is_read_as_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = Thread(target=pipe.write_text, args=("n1c1h3w3_f1kh1kw1\n",), daemon=True)
    writer.start()
    assert [layer.name for layer in read_layers(str(pipe))] == ["n1c1h3w3_f1kh1kw1"]
    writer.join(60)


def test_a_text_that_no_file_can_be_called_is_a_spec() -> None:
    """A descriptor longer than a file's name may be, or with a slash in it."""
    assert [layer.name for layer in read_layers('ic1oc1ih3kh3n"%s"' % ("x/y." * 100))] == ["x/y." * 50]
    with pytest.raises(ShapesError, match=r"^spec 'n1c1h3w3_f1kh1kw1.*' holds '\u0660'"):
        read_layers("n1c1h3w3_f1kh1kw1\0\u0660")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("quik", r"unknown shapes 'quik', did you mean 'quick'\?; sets: alexnet, .*vgg16"),
        ("zzzz", "unknown shapes 'zzzz'; sets: "),
        ("./missing.csv", r"shapes file './missing\.csv' does not exist"),
        ("n1c1h2w2_f1kh3kw3", "the dilated kernel must fit the padded input: height 3 > 2"),
        ("n1c1h2w2", "spec 'n1c1h2w2' is not of the form"),
        ("n1c1h2w2_f1kh1kw1_./", r"spec 'n1c1h2w2_f1kh1kw1_\./' is not of the form"),
        ("n²", "unknown shapes 'n²'; sets: "),
        ("", "unknown shapes ''; sets: "),
        ("ic1oc1ih2", "^benchdnn descriptor 'ic1oc1ih2' lacks 'kh'"),
        ('ic1oc1ih2n"a/b.c"', "^benchdnn descriptor .* lacks 'kh'"),
        ("ic1oc1id4kd3", "^benchdnn descriptor 'ic1oc1id4kd3' is 3-D"),
        ("g2.csv", r"shapes file 'g2\.csv' does not exist"),
        ("n1.txt", r"shapes file 'n1\.txt' does not exist"),
    ],
)
def test_what_names_no_layers(asked: str, message: str) -> None:
    with pytest.raises(ShapesError, match=message):
        read_layers(asked)


def test_another_batch_replaces_that_of_every_layer_and_is_named() -> None:
    for own, other in zip(read_layers("core"), read_layers("core", 32), strict=True):
        assert other.name == f"{own.name}@32"
        assert other.spec == replace(own.spec, batch=32)
    assert read_layers("n1c3h12w11_f4kh3kw2", 0)[0].spec.batch == 0
    (bare,) = read_layers("n1c3h12w11_f4kh3kw2", 2)
    assert (bare.name, str(bare.spec)) == ("n1c3h12w11_f4kh3kw2@2", "n2c3h12w11_f4kh3kw2")
