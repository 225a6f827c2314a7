"""The prediction of a call's time: which smaller geometries are tried, and when the answer is believed."""

from __future__ import annotations

import pytest

from harness.geometry.layers import read_layers
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.timing.predict import predict, shrink

_SPEC = ConvSpec.parse("n4c16h9w7_f12kh3kw2")  # 7 x 6 positions, six taps: 16,128 elements of columns
_LARGE = ConvSpec.parse("n64c32h66w66_f16kh3kw3")  # 64 x 64 positions: 75,497,472 elements of columns


@pytest.mark.parametrize(
    ("most", "text"),
    [
        (16128, "n4c16h9w7_f12kh3kw2"),
        (16127, "n2c16h9w7_f12kh3kw2"),  # images first
        (4032, "n1c16h9w7_f12kh3kw2"),
        (4031, "n1c8h9w7_f6kh3kw2"),  # then channels and filters, while there are more than 8 of one of them
        (2015, "n1c8h5w7_f6kh3kw2"),  # then positions, of the longer axis: 3 x 6
        (863, "n1c8h5w4_f6kh3kw2"),  # 3 x 3
        (431, "n1c8h3w4_f6kh3kw2"),  # 1 x 3
        (143, "n1c8h3w2_f6kh3kw2"),  # one window
        (1, "n1c8h3w2_f6kh3kw2"),  # which is the least
    ],
)
def test_a_probe_is_the_largest_that_fits(most: int, text: str) -> None:
    assert str(shrink("im2col", _SPEC, most)) == text


@pytest.mark.parametrize(
    ("text", "small"),
    [
        ("n1c12h3w3_f24kh1kw1_g6", "n1c6h3w3_f12kh1kw1_g3"),  # groups before channels
        ("n1c6h3w3_f12kh1kw1_g3", "n1c2h3w3_f4kh1kw1"),
        ("n1c6h3w3_f4kh1kw1_g2", "n1c3h3w3_f2kh1kw1"),
        ("n1c7h4w4_f7kh1kw1_g7", "n1c3h4w4_f3kh1kw1_g3"),  # depthwise stays depthwise
        ("n1c1h4w4_f32kh1kw1", "n1c1h4w4_f16kh1kw1"),  # never less than one channel
        ("n1c9h4w4_f1kh1kw1", "n1c4h4w4_f1kh1kw1"),
        ("n5c3h4w4_f3kh1kw1", "n2c3h4w4_f3kh1kw1"),
        ("n1c2h11w5_f2kh3kw3_sh2_pt1pb2", "n1c2h4w5_f2kh3kw3_sh2_pt1pb2"),  # 6 x 3 positions become 3 x 3
        ("n1c2h11w5_f2kh3kw3_sh2_pt1pb2pl2", "n1c2h4w5_f2kh3kw3_sh2_pt1pb2pl2"),
        ("n1c2h5w11_f2kh3kw3_sw2_pl1pr2", "n1c2h5w4_f2kh3kw3_sw2_pl1pr2"),
        ("n1c2h12w5_f2kh3kw3_dh2", "n1c2h8w5_f2kh3kw3_dh2"),  # a reach of 5: 8 positions become 4
        ("n1c2h2w1_f2kh1kw1_pt3pb3", "n1c2h1w1_f2kh1kw1_pt3pb3"),  # the padding alone has more than half
        ("n1c2h1w1_f2kh1kw1_pt3pb3", "n1c2h1w1_f2kh1kw1_pt3pb3"),  # and nothing is left to take away
    ],
)
def test_a_probe_halves_what_there_is_most_of(text: str, small: str) -> None:
    """One step: the most work that is allowed is one less than there is."""
    spec = ConvSpec.parse(text)
    assert shrink("conv2d", spec, spec.work("conv2d") - 1) == ConvSpec.parse(small)


@pytest.mark.parametrize("op", OPS)
def test_shrinking_keeps_the_kind_of_geometry(op: Op) -> None:
    for layer in read_layers("core"):
        small = shrink(op, layer.spec, 20_000)
        assert small.work(op) <= max(20_000, layer.spec.taps * 64), layer.name
        kept = ("kernel_size", "stride", "dilation", "padding")
        assert all(getattr(small, name) == getattr(layer.spec, name) for name in kept)
        was_depthwise = layer.spec.groups == layer.spec.in_channels
        assert (small.groups == small.in_channels) == was_depthwise or layer.spec.groups == 1


def predicted(
    spec: ConvSpec, budget: float, *measured: float, op: Op = "im2col"
) -> tuple[float, list[tuple[ConvSpec, float]]]:
    """The prediction where the probes take the times given, and the probes with their times."""
    probes: list[tuple[ConvSpec, float]] = []

    def time_call(probe: ConvSpec) -> float:
        probes.append((probe, measured[len(probes)]))
        return probes[-1][1]

    return predict(op, spec, time_call, budget), probes


def probes_of(*most: int) -> list[ConvSpec]:
    """The probes of im2col on the large layer."""
    return [shrink("im2col", _LARGE, work) for work in most]


def test_a_prediction_is_the_probes_time_scaled_by_work() -> None:
    """The probe is one image of 8 channels and 16 x 16 positions, 1/4096 of the work; what work is, the op decides."""
    (probe,) = probes_of(20_000)
    assert str(probe) == "n1c8h18w18_f4kh3kw3"
    assert predicted(_LARGE, 4.0, 2**-10) == (4.0, [(probe, 2**-10)])  # as long as is allowed: believed at once
    took, ((other, _),) = predicted(_LARGE, 64.0, 2**-10, op="conv2d")
    assert took == 2**-10 * _LARGE.macs / other.macs
    assert other != probe


def test_what_is_too_long_by_a_short_probe_is_asked_of_larger_ones() -> None:
    """Eight times the work each time, until the probe itself is long: then its overhead is a small part of it."""
    first, second, third = probes_of(20_000, 160_000, 1_280_000)
    assert [_LARGE.work("im2col") // p.work("im2col") for p in (first, second, third)] == [4096, 512, 64]
    took, probes = predicted(_LARGE, 1.0, 2**-10, 0.0499, 0.05)
    assert probes == [(first, 2**-10), (second, 0.0499), (third, 0.05)]
    assert took == 0.05 * 64


def test_a_larger_probe_that_fits_the_budget_is_believed() -> None:
    took, probes = predicted(_LARGE, 1.0, 2**-10, 2**-9)
    assert (took, len(probes)) == (2**-9 * 512, 2)
    took, probes = predicted(_LARGE, 0.25, 2**-12, 2**-12)
    assert (took, len(probes)) == (2**-12 * 512, 2)


def test_the_geometry_itself_is_the_last_probe() -> None:
    """However short it is, and however little is allowed."""
    assert predicted(_SPEC, 0.001, 0.002) == (0.002, [(_SPEC, 0.002)])


def test_no_work_takes_no_time() -> None:
    empty = ConvSpec.parse("n0c2h5w5_f2kh3kw3")
    assert predicted(empty, 1.0, 0.5) == (0.0, [(empty, 0.5)])


def test_the_least_work_there_is_takes_as_long_as_it_takes() -> None:
    least = ConvSpec.parse("n1c1h1w1_f1kh1kw1")
    assert predicted(least, 0.25, 0.5) == (0.5, [(least, 0.5)])
