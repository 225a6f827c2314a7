"""benchdnn descriptors: what oneDNN's public files mean, every rule of the documentation, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.geometry import benchdnn
from harness.geometry.benchdnn import NotRead
from harness.geometry.spec import ConvSpec, SpecError
from harness.tests.helpers.imports import ROOT

# Of oneDNN's tests/benchdnn/inputs/conv (Apache-2.0), some of every way to write one; what they mean is retold from
# str2desc of tests/benchdnn/conv/conv_aux.cpp, where our reader has its rules from too.
_FILE = Path(__file__).parent / "benchdnn_descriptors.tsv"
_PUBLIC = [line.split("\t") for line in _FILE.read_text("utf-8").splitlines()[1:]]


def reading(descriptor: str) -> str:
    """The spec of a descriptor, or in which way it is not one."""
    try:
        return str(ConvSpec.parse(descriptor))
    except NotRead as reason:
        return f"left out: {reason.why}"
    except SpecError as error:
        return f"refused: {error}"


def test_public_descriptors_are_read_as_benchdnn_does() -> None:
    found = {text: reading(text) for text, _ in _PUBLIC}
    assert found == {text: "left out: 3-D" if meant == "3-D" else meant for text, meant in _PUBLIC}


def test_the_public_descriptors_are_of_every_kind() -> None:
    """Fewer would prove less."""
    assert len(_PUBLIC) == 126
    assert sum(meant == "3-D" for _, meant in _PUBLIC) == 19
    assert sum("h1w" in meant for _, meant in _PUBLIC) > 20
    assert sum("id1" in text and meant != "3-D" for text, meant in _PUBLIC) > 10
    assert sum("_g" in meant for _, meant in _PUBLIC) > 8
    assert sum("_d" in meant for _, meant in _PUBLIC) > 30


def rules() -> list[tuple[str, str]]:
    """Descriptor and reading of every row of the table in the documentation."""
    page = (ROOT / "docs" / "layer-files.md").read_text(encoding="utf-8").partition("| rule |")[2]
    return re.findall(r"^\| .+ \| `(.+?)` \| (.+) \|$", page, re.M)


def test_the_documentation_has_every_rule() -> None:
    assert len(rules()) == 18


@pytest.mark.parametrize(("descriptor", "meant"), rules())
def test_the_rules_of_the_documentation_are_so(descriptor: str, meant: str) -> None:
    meant = meant.replace("`", "")
    if meant.startswith("refused: "):
        assert meant.removeprefix("refused: ") in reading(descriptor)
    else:
        assert reading(descriptor) == meant


@pytest.mark.parametrize(
    ("descriptor", "meant"),
    [
        # an end that is left over, to its last element: the last window needs (3 - 1) * 4 + 2 = 10 of 13 elements
        ("mb3ic1oc1ih13oh3kh2sh4ph0", "n3c1h13w13_f1kh2kw2_sh4sw4"),
        ("mb3ic1oc1ih14oh3kh2sh4ph0", "left out: negative padding"),
        ("mb3ic1oc1ih9oh3kh2sh4ph0", "n3c1h9w9_f1kh2kw2_sh4sw4_pt0pb1pl0pr1"),
        # without ph both sides share what is left over: -1 is 0 and -1, -2 is -1 and -1
        ("mb3ic1oc1ih11oh3kh2sh4", "n3c1h11w11_f1kh2kw2_sh4sw4"),
        ("mb3ic1oc1ih12oh3kh2sh4", "left out: negative padding"),
        ("mb3ic1oc1ih7oh3kh2sh4", "n3c1h7w7_f1kh2kw2_sh4sw4_pt1pb2pl1pr2"),
        # each axis by itself
        ("ic1oc1ih9kh3oh9iw8kw2ow4sw2", "n2c1h9w8_f1kh3kw2_sh1sw2_pt1pb1pl0pr0"),
        ("ic1oc1iw8kw2ow4sw2ih9kh3oh4ph0", "left out: negative padding"),
        ("mb0ic1oc1ih3kh3", "n0c1h3w3_f1kh3kw3"),
        # a depth is none if one tap lies on its one point, whatever its stride and dilation
        ("ic1oc1id1ih5iw4kd1kh2kw2sd3dd2", "n2c1h5w4_f1kh2kw2"),
        ("ic1oc1id1kd1", "n2c1h1w1_f1kh1kw1"),
        ("ic1oc1id1ih5iw4kd1kh2kw2pd1", "left out: 3-D"),
        ("ic1oc1id1ih5iw4kd3kh2kw2pd1", "left out: 3-D"),
        ("ic1oc1id2od1ih5iw4kd1kh2kw2pd0sd3", "left out: 3-D"),
    ],
)
def test_what_is_at_the_edge_of_a_rule(descriptor: str, meant: str) -> None:
    assert reading(descriptor) == meant


@pytest.mark.parametrize(
    ("descriptor", "named"),
    [
        ("ih5oc3kh2", "lacks 'ic'"),
        ("ic3ih5kh2", "lacks 'oc'"),
        ("ic0oc3ih5kh2", "lacks 'ic'"),
        ("ic3oc3kh2", "lacks 'ih'"),
        ("ic3oc3", "lacks 'ih'"),
        ("ic3oc3ih5", "lacks 'kh': benchdnn takes the height whole or not at all"),
        ("ic3oc3ih5kh2ow4", "lacks 'iw': benchdnn takes the width whole or not at all"),
        ("ic3oc3ih5kh2pw1", "lacks 'iw'"),
        ("ic3oc3ih5kh2kw2", "lacks 'iw'"),
        ("ic3oc3ih5kh2dw1", "lacks 'iw'"),
        ("ic3oc3ih5kh2iw5", "lacks 'kw'"),
        ("ic3oc3ih5kh2iw5kw2id4", "lacks 'kd': benchdnn takes the depth whole or not at all"),
        ("ic3oc3id4kd2ih5kh2", "states a depth, so it needs both 'ih' and 'iw', or neither"),
        ("ic3oc3id1kd1iw5kw2", "states a depth, so it needs both 'ih' and 'iw', or neither"),
        ("ic3oc3ih5kh2sh0", "stride must be at least 1, got 0"),
        ("ic3oc3ih5kh6", "the dilated kernel must fit the padded input: height 6 > 5"),
        ("ic3oc4ih5kh2g2", "in_channels must be divisible by groups: 3 % 2"),
        ("g0ic3oc4ih5kh2", "groups must be at least 1, got 0"),
        ("ic3oc3ih5ih6kh2", "states 'ih' twice"),
        ("ic3oc3ih5kh2ph-1", "has 'ph-1' where a key and a number"),
        ("ic3oc3xx5", "has 'xx5' where a key and a number"),
        ("ic3oc3ih5kh2n5", "has 'n5' where a key and a number, or a name"),
        ('ic3oc3ih5kh2n"half', "has 'n\"half' where a key and a number, or a name"),
        ("ic3oc3ih5kh٢", "holds '٢': write numbers with the digits 0 to 9"),
        ("ic3oc3ih5kh²", "holds '²'"),
    ],
)  # fmt: skip
def test_what_is_no_descriptor_says_where(descriptor: str, named: str) -> None:
    assert named in reading(descriptor)
    assert reading(descriptor).startswith("refused: ")


def test_what_is_left_out_names_the_numbers() -> None:
    with pytest.raises(NotRead) as cubic:
        benchdnn.read("ic3oc4id4ih7iw9kd2kh3kw2")
    assert str(cubic.value) == (
        "benchdnn descriptor 'ic3oc4id4ih7iw9kd2kh3kw2' is 3-D, with depth 4 and 2 taps in it; we read 2-D"
    )
    with pytest.raises(NotRead) as cropped:
        benchdnn.read(" ic3oc4ih8kh3iw8ow2kw3sw2pw0")
    assert str(cropped.value) == (
        "benchdnn descriptor 'ic3oc4ih8kh3iw8ow2kw3sw2pw0' states 2 positions in width, its geometry gives others: "
        "it needs a negative padding, (0, -3)"
    )


@pytest.mark.parametrize(
    ("descriptor", "name"),
    [
        ('ic1oc1ih3kh3n"net:conv 1"', "net:conv 1"),
        ('ic1oc1ih3kh3_n"größe"', "größe"),
        ("ic1oc1ih3kh3noc%simd", "oc%simd"),
        ("ic1oc1ih3kh3n", ""),
        ('ic1oc1ih3kh3n""', ""),
        ("ic1oc1ih3kh3", ""),
        ("n2c1h3w3_f1kh1kw1", ""),
    ],
)
def test_the_name_of_a_descriptor(descriptor: str, name: str) -> None:
    assert benchdnn.name_of(descriptor) == name
    ConvSpec.parse(descriptor)  # with any of these names, it is a geometry


_KEYS = "g mb ic oc ih iw id oh ow od kh kw kd sh sw sd ph pw pd dh dw dd"


@pytest.mark.parametrize("begin", _KEYS.split())
def test_a_descriptor_may_begin_with_any_key(begin: str) -> None:
    assert benchdnn.looks_like(f" {begin}1")


@pytest.mark.parametrize("text", ["", "core", "n2c1h3w3_f1kh1kw1", "x1", "ic", "icx3", "ic٣"])
def test_what_does_not_begin_as_a_descriptor(text: str) -> None:
    assert not benchdnn.looks_like(text)
