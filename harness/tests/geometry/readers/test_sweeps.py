"""Sweeps along one axis: which layers they are, of which base, and what is no sweep."""

from __future__ import annotations

import pytest

from harness.geometry.layers import ShapesError, read_layers
from harness.geometry.networks import networks
from harness.geometry.spec import ConvSpec
from harness.geometry.sweeps import BASE

_BASE = ConvSpec.parse(BASE)


def values(shapes: str) -> list[str]:
    """What stands behind the `=` of the names."""
    return [layer.name.partition("=")[2] for layer in read_layers(shapes)]


def specs(shapes: str) -> list[str]:
    """The geometries."""
    return [str(layer.spec) for layer in read_layers(shapes)]


@pytest.mark.parametrize(
    ("axis", "first", "last", "count"),
    [
        ("N", "n1c64h56w56_f64kh3kw3_pt1pb1pl1pr1", "n32c64h56w56_f64kh3kw3_pt1pb1pl1pr1", 6),
        ("C", "n1c1h56w56_f64kh3kw3_pt1pb1pl1pr1", "n1c512h56w56_f64kh3kw3_pt1pb1pl1pr1", 10),
        ("F", "n1c64h56w56_f1kh3kw3_pt1pb1pl1pr1", "n1c64h56w56_f512kh3kw3_pt1pb1pl1pr1", 10),
        ("H", "n1c64h7w7_f64kh3kw3_pt1pb1pl1pr1", "n1c64h224w224_f64kh3kw3_pt1pb1pl1pr1", 6),
        ("K", "n1c64h56w56_f64kh1kw1", "n1c64h56w56_f64kh11kw11_pt5pb5pl5pr5", 6),
    ],
)
def test_every_axis_of_the_default_layer(axis: str, first: str, last: str, count: int) -> None:
    found = specs(f"sweep:{axis}")
    assert (found[0], found[-1], len(found)) == (first, last, count)
    assert BASE in found
    assert len(set(found)) == count
    assert {ConvSpec.parse(text).output_size for text in found if axis != "H"} <= {_BASE.output_size}


def test_the_value_of_the_base_is_among_them_unchanged() -> None:
    """Also where the sweep would have made another of it."""
    assert values("sweep:C:n1c24h9w7_f8kh3kw2_pt1pb0pl2pr0") == "1 2 4 8 16 24 32 64 128 256 512".split()  # noqa: SIM905
    found = specs("sweep:K:n1c24h9w7_f8kh3kw2_pt1pb0pl2pr0")
    assert found[:2] == ["n1c24h9w7_f8kh1kw1", "n1c24h9w7_f8kh3kw2_pt1pb0pl2pr0"]


def test_a_layer_that_ships_is_a_base() -> None:
    assert specs("sweep:N:vgg16:conv5_1")[1] == "n2c512h14w14_f512kh3kw3_pt1pb1pl1pr1"


def test_a_depthwise_layer_stays_one() -> None:
    found = [ConvSpec.parse(text) for text in specs("sweep:C:n1c32h9w9_f64kh3kw3_g32")]
    assert [(s.in_channels, s.groups, s.out_channels) for s in found] == [(2**i, 2**i, 2 * 2**i) for i in range(10)]


def test_what_makes_no_geometry_is_left_out() -> None:
    """Channels that the groups do not divide, an input that the kernel does not fit."""
    assert values("sweep:C:n1c16h9w9_f8kh3kw3_g4") == ["4", "8", "16", "32", "64", "128", "256", "512"]
    assert values("sweep:H:n1c1h20w20_f1kh9kw9") == ["14", "20", "28", "56", "112", "224"]


def test_dilated_kernels_keep_the_size_too() -> None:
    found = {ConvSpec.parse(text).output_size for text in specs("sweep:K:n1c1h56w56_f1kh3kw3_pt2pb2pl3pr3_dh2dw3")}
    assert found == {(56, 56)}


def test_a_sweep_is_no_network_and_takes_a_batch() -> None:
    assert networks(read_layers("sweep:C")) == []
    assert {layer.spec.batch for layer in read_layers("sweep:C", 3)} == {3}


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ("sweep:", "the axis of 'sweep:' must be among N, C, F, H, K, got ''"),
        ("sweep:W", "must be among N, C, F, H, K, got 'W'"),
        ("sweep:N:", "'sweep:N:' needs a spec or a layer that ships, got ''"),
        ("sweep:N:vgg16:conv5_9", "got 'vgg16:conv5_9', did you mean 'vgg16:conv5_1'?"),
        ("sweep:N:n1c1", "'sweep:N:n1c1': spec 'n1c1' is not of the form"),
    ],
)
def test_what_is_no_sweep_is_named(shapes: str, message: str) -> None:
    with pytest.raises(ShapesError) as caught:
        read_layers(shapes)
    assert message in str(caught.value)
