"""Which geometries a diagnosis asks about, and which it may ask about later.

A handful of plain ones leaves few models of a mistake, and some 25 more that nobody chose leave one. The larger are for
what the small ones do not show.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from conformance.diagnosis.experiment import draw
from harness.geometry.spec import ConvSpec

_SMALL, _WIDE = 75, 260  # random ones
POOL_SMALL, _POOL_WIDE = 500, 900

# One thing after another, each where nothing else is special; then several together.
_PLAIN = """
n1c1h3w3_f1kh1kw1        n1c1h4w4_f1kh2kw2        n1c1h5w5_f1kh3kw3        n1c1h5w6_f1kh3kw3
n1c1h6w4_f1kh2kw3        n2c1h4w4_f1kh2kw2        n1c2h4w4_f1kh2kw2        n1c1h4w4_f3kh2kw2
n1c1h5w5_f1kh3kw3_pt1pb1pl1pr1                    n1c1h6w6_f1kh2kw2_sh2sw2
n1c1h7w7_f1kh3kw3_sh2sw2                          n1c1h6w6_f1kh3kw3_sh2sw2
n1c1h7w7_f1kh3kw3_dh2dw2                          n1c1h8w8_f1kh2kw2_sh3sw3
n2c3h5w6_f4kh3kw3_pt1pb1pl1pr1                    n3c2h6w8_f2kh3kw2_sh2sw1_pt1pb1
n1c1h5w6_f1kh3kw3_pt1pr2                          n1c1h5w6_f1kh3kw3_pb2pl1
n1c1h7w9_f1kh3kw3_sh1sw2                          n1c1h9w7_f1kh3kw3_dh1dw2
n1c4h5w5_f4kh3kw3_pt1pb1pl1pr1_g2                 n2c6h5w4_f9kh2kw2_g3
n1c3h5w5_f6kh3kw3_sh2sw2_pt1pb1pl1pr1_g3          n1c1h9w8_f1kh3kw3_sh2sw2_pt2pb2pl2pr2_dh2dw2
n1c1h3w5_f1kh5kw5_pt2pb2pl2pr2                    n2c5h4w4_f7kh1kw1
n2c1h6w6_f1kh4kw4_sh2sw2_pt3pb3pl3pr3
"""
_LARGE = """
n2c8h33w33_f16kh5kw5     n1c64h24w24_f64kh3kw3_pt1pb1pl1pr1    n1c3h130w140_f16kh3kw3
n9c16h20w34_f20kh3kw3_pt1pb1pl1pr1   n1c70h36w36_f40kh3kw3_pt1pb1pl1pr1   n40c8h12w12_f4kh3kw3_pt1pb1pl1pr1
n1c2h65w300_f2kh2kw2
"""
_ODD = """
n0c1h5w5_f1kh3kw3        n0c2h7w7_f2kh3kw3_dh2dw2        n0c3h4w4_f3kh1kw1
n0c3h5w5_f3kh3kw3_pt1pb1pl1pr1_g3        n2c4h3w130_f4kh2kw2        n1c4h5w5_f4kh2kw2_sh1sw3
n1c1h9w9_f1kh2kw2_sh2sw2_dh4dw2        n1c1h12w12_f1kh2kw2_sh2sw2_dh4dw4
n1c1h20w3_f1kh18kw2      n1c1h3w20_f1kh2kw18      n1c1h36w2_f1kh34kw1      n1c1h2w36_f1kh1kw34
n1c2h8w9_f2kh6kw7        n2c1h8w7_f1kh7kw5
"""


@cache
def plain() -> tuple[ConvSpec, ...]:
    """Chosen by hand."""
    return tuple(map(ConvSpec.parse, _PLAIN.split()))


@cache
def first() -> tuple[ConvSpec, ...]:
    """What every diagnosis asks: the plain ones and small random ones. 50,000 elements of columns together."""
    return tuple(dict.fromkeys((*plain(), *draw.small(_SMALL, seed=1))))


@cache
def stress() -> tuple[ConvSpec, ...]:
    """One size large, about the blocks that people choose, or nothing at all."""
    return tuple(dict.fromkeys(_stress()))


@cache
def wide() -> tuple[ConvSpec, ...]:
    """Random ones that are large in some number, the least work first."""
    return tuple(sorted(draw.wide(_WIDE, seed=2), key=lambda spec: spec.macs))


@cache
def large() -> tuple[ConvSpec, ...]:
    """Of some size in several numbers."""
    return tuple(map(ConvSpec.parse, _LARGE.split()))


def larger() -> tuple[ConvSpec, ...]:
    """All of these: only if few of the first fail."""
    return (*stress(), *wide(), *large())


def small_ones(start: int, stop: int) -> list[ConvSpec]:
    """A part of the small ones of the pool; what names need is drawn sooner than all of it."""
    return draw.small(stop, seed=3)[start:]


def wide_ones(start: int, stop: int) -> list[ConvSpec]:
    """A part of the others."""
    return draw.wide(stop, seed=4)[start:]


@cache
def pool() -> tuple[ConvSpec, ...]:
    """The first `POOL_SMALL` are small. Never run as a whole: explanations are compared on it, and foretell some."""
    return tuple(dict.fromkeys((*small_ones(0, POOL_SMALL), *wide_ones(0, _POOL_WIDE))))


def _stress() -> Iterator[ConvSpec]:
    yield from map(ConvSpec.parse, _ODD.split())
    for positions in (15, 16, 31, 32, 64, 65, 127, 128):
        yield _of(h=3, w=positions + 1)
    for positions in (16, 32, 64):
        yield _of(h=positions + 1, w=3)
    for oh, ow in ((4, 8), (8, 8), (8, 16), (16, 16), (9, 15), (3, 43), (5, 13)):
        yield _of(h=oh + 1, w=ow + 1)
    for channels in (7, 8, 15, 16, 31, 32, 33, 63, 64, 65, 95, 128):
        yield _of(c=channels, f=2)
    for filters in (8, 13, 16, 17, 31, 32, 33, 64):
        yield _of(c=2, f=filters)
    for images in (4, 5, 8, 9, 16, 17, 32):
        yield _of(n=images)
    for groups in (4, 5, 8, 9, 16, 17):
        yield _of(c=groups, f=groups, g=groups)
    for channels in (8, 16, 24, 32):  # as in networks for telephones
        yield ConvSpec.of(
            batch=1, in_channels=channels, input_size=6, out_channels=channels, kernel_size=3, stride=2, padding=1,
            groups=channels,
        )  # fmt: skip
    yield _of(h=260)
    yield _of(w=260)


def _of(n: int = 1, c: int = 1, h: int = 4, w: int = 4, f: int = 1, g: int = 1) -> ConvSpec:
    """With a kernel of 2 x 2."""
    return ConvSpec(batch=n, in_channels=c, input_size=(h, w), out_channels=f, kernel_size=(2, 2), groups=g)
