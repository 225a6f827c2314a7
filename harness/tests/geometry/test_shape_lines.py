"""Files of specs and benchdnn descriptors: comments, options, several in a line, and what is left out by its line."""

from __future__ import annotations

import pytest

from harness.geometry.layers import ShapesError, read_shapes
from harness.tests.helpers.plugins import Write

_INPUT = """\
# Of benchdnn's own inputs
--reset --dt=f32
--mb=4  # images
--dir=FWD_D mb2ic16ih7oc16oh7kh5ph2
--attr-post-ops=, \\
                sum:0.5, \\
                add:f32 mb1ic2ih1iw9oc3oh1ow4kh1kw3sh1sw2n"ds2 #1" ic2oc3iw7kw3n"ds2 #1"
g1ic16id1ih7iw8oc16od1oh7ow8kd3kh3kw3pd1ph1pw1 # 3-D
n1c1h3w3_f1kh2kw2# a spec

--batch=shapes_3d
\tmb1_ic2oc1_id3od2kd3sd2dd0pd1_n"3d"
ic2oc3ih9oh2kh1sh3ph0
--mb=0
"""


def test_an_input_file_of_benchdnn(write: Write) -> None:
    found = read_shapes(str(write("shapes_ci", _INPUT)))
    assert [(layer.name, str(layer.spec)) for layer in found.layers] == [
        ("mb2ic16ih7oc16oh7kh5ph2", "n2c16h7w7_f16kh5kw5_pt2pb2pl2pr2"),
        ("ds2 #1", "n1c2h1w9_f3kh1kw3_sh1sw2"),
        ("ds2 #1#2", "n2c2h1w7_f3kh1kw3"),
        ("n1c1h3w3_f1kh2kw2", "n1c1h3w3_f1kh2kw2"),
    ]
    assert found.why() == (
        "lines 2, 4-5, 14: an option of benchdnn, which changes no layer here; "
        "line 3: --mb is not applied: --batch 4 gives every layer 4 images; "
        "lines 8, 12: 3-D; "
        "line 11: --batch names another file, which is not read: give that one as --shapes; "
        "line 13: negative padding"
    )


@pytest.mark.parametrize("line", ["n1c1h3w3_f1kh2kw2", "ic1oc1ih3kh3", "--dt=f32"])
def test_commas_make_no_table_of_it(write: Write, line: str) -> None:
    text = f"{line} # a, b, c\n#a, b\nn1c1h4w3_f1kh2kw2 n1c1h5w3_f1kh2kw2\n"
    found = read_shapes(str(write("a.csv", text)))
    assert [layer.spec.input_size for layer in found.layers][-2:] == [(4, 3), (5, 3)]
    assert len(found.layers) + len(found.left_out) == 3


def test_a_file_of_nothing_but_3d_holds_no_layer(write: Write) -> None:
    path = write("a.txt", "ic1oc1id3kd3\n\nic1oc1id4kd3\nic1oc1id5kd3\n")
    with pytest.raises(ShapesError, match=r"a\.txt' holds no layer; left out: lines 1, 3-4: 3-D"):
        read_shapes(str(path))


def test_lines_that_are_left_out_are_listed(write: Write) -> None:
    cube = "ic1oc1id3kd3"
    text = f"{cube}\nn1c1h3w3_f1kh2kw2\n\n{cube} {cube}\n{cube}\n" + f"n1c1h3w3_f1kh2kw2\n{cube}\n" * 10
    assert read_shapes(str(write("a.txt", text))).why() == "lines 1, 4-5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25: 3-D"
    assert read_shapes(str(write("a.txt", f"n1c1h3w3_f1kh2kw2 {cube} {cube}\n"))).why() == "line 1: 3-D"
    found = read_shapes(str(write("a.txt", "n1c1h3w3_f1kh2kw2 --batch=a=b -v5\n")))
    assert found.why() == (
        "line 1: --batch names another file, which is not read: give that one as --shapes; "
        "line 1: an option of benchdnn, which changes no layer here"
    )


def test_many_lines_are_counted(write: Write) -> None:
    text = "ic1oc1ih3kh3\n" + "ic1oc1id3kd3\nic1oc1ih3kh3\n" * 15
    found = read_shapes(str(write("a.txt", text)))
    assert found.why() == "lines 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24 and 3 more: 3-D"
    assert len({layer.name for layer in found.layers}) == 16


def test_a_word_that_goes_on_in_the_next_line(write: Write) -> None:
    found = read_shapes(str(write("a.txt", "\\\nic8oc4\\\n  ih7kh\\\n3 n1c1h3w3_f1kh2kw2\\\n")))
    assert [str(layer.spec) for layer in found.layers] == ["n2c8h7w7_f4kh3kw3", "n1c1h3w3_f1kh2kw2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a.csv' holds no layer"),
        ("# nothing\n\n", "a.csv' holds no layer"),
        ("--reset\n", "a.csv' holds no layer; left out: line 1: an option of benchdnn"),
        ("# mine\nn1c1h3w3_f1kh2kw2\nn1c1\n", "a.csv', line 3: spec 'n1c1' is not of the form"),
        ("n1c1h2w2_f1kh3kw3\n", "line 1: the dilated kernel must fit the padded input: height 3 > 2"),
        ("ic1oc1ih3kh3\nic1oc1ih3\n", "line 2: benchdnn descriptor 'ic1oc1ih3' lacks 'kh'"),
        ('ic1oc1ih3kh3n"half a name\n', "line 1: spec '\"' is not of the form"),
        ("hello\n", "line 1: spec 'hello' is not of the form"),
        (f"{'n1' * 600}\n", "line 1: spec must have at most 1000 characters, got 1200"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(write: Write, text: str, message: str) -> None:
    """Whatever the file is called: what it is, is seen by its first line."""
    with pytest.raises(ShapesError) as caught:
        read_shapes(str(write("a.csv", text)))
    assert message in str(caught.value)


def test_a_table_may_have_any_name(write: Write) -> None:
    found = read_shapes(str(write("layers.txt", "C;H;W;F;KH;KW\n6;9;10;4;3;2\n")))
    assert [layer.name for layer in found.layers] == ["layers:n1c6h9w10_f4kh3kw2"]


def test_lines_may_have_the_name_of_a_table(write: Write) -> None:
    found = read_shapes(str(write("layers.csv", '--cfg=f32,u8\nic8ih7oc4kh3n"a, b"\n')))
    assert [layer.name for layer in found.layers] == ["a, b"]
