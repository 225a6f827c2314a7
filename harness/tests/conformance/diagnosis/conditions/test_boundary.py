"""The geometries next to the limit of a condition."""

from __future__ import annotations

from dataclasses import replace

from conformance.diagnosis.conditions.atoms import Atom
from conformance.diagnosis.conditions.boundary import as_seen, edges, repeated
from conformance.diagnosis.conditions.search import Joined
from harness.geometry.spec import ConvSpec

_SPEC = ConvSpec.parse("n1c1h4w4_f1kh2kw2")


def of(width: int, channels: int = 1) -> ConvSpec:
    """One size and one number of channels."""
    return replace(_SPEC, input_size=(4, width), in_channels=channels)


def test_those_nearest_to_a_limit_and_what_lies_between() -> None:
    joined = Joined((Atom("w", ">", 20),), "and", 1.0)
    found = list(edges(joined, _SPEC, [of(40), of(30)], [of(10), of(20)], lambda spec: False))
    assert [spec for spec, _ in found] == [of(30), of(20)]
    between = found[1][1]
    assert {spec.input_size[1] for spec in between} == set(range(20, 31))


def test_between_values_that_are_far_apart_only_some_are_tried() -> None:
    joined = Joined((Atom("w", ">", 20),), "and", 1.0)
    *_, (_, between) = edges(joined, _SPEC, [of(3000)], [of(20)], lambda spec: False)
    widths = sorted({spec.input_size[1] for spec in between})
    assert 10 < len(widths) < 30
    assert 20 <= widths[0] < widths[-1] <= 3000


def test_of_a_product_plain_geometries_have_every_value() -> None:
    joined = Joined((Atom("l", "<=", 137),), "and", 1.0)
    line = ConvSpec.parse("n1c1h1w1_f1kh1kw1")
    below, above = replace(line, input_size=(9, 15)), replace(line, input_size=(12, 12))
    *_, (_, between) = edges(joined, line, [below], [above], lambda spec: False)
    assert {spec.positions for spec in between} >= set(range(135, 145))


def test_a_passing_one_counts_only_if_this_atom_alone_excludes_it() -> None:
    joined = Joined((Atom("w", ">", 20), Atom("c", ">", 2)), "and", 1.0)
    found = list(edges(joined, _SPEC, [of(25, 4)], [of(20, 1), of(15, 3), of(24, 2)], lambda spec: False))
    assert [spec for spec, _ in found] == [of(25, 4), of(15, 3), of(25, 4), of(24, 2)]


def test_below_a_limit_the_passing_one_is_made_plain() -> None:
    joined = Joined((Atom("w", "<=", 20),), "and", 1.0)
    big = replace(_SPEC, batch=2, input_size=(9, 90), padding=(1, 1, 1, 1))
    found = list(edges(joined, _SPEC, [of(10)], [big], lambda spec: spec.input_size[1] > 26))
    assert found[1][0] == ConvSpec.parse("n1c1h1w27_f1kh1kw1")


def test_what_has_no_limit_has_no_edge() -> None:
    joined = Joined((Atom("rest", "is"), Atom("w", ">", "h"), Atom("c", "%", 4), Atom("kernel", "both", 3)), "and", 1.0)
    assert list(edges(joined, _SPEC, [of(10)], [of(4)], lambda spec: False)) == []


def test_others_with_the_same_remainder_as_a_value() -> None:
    joined = Joined((Atom("pl", "==", 0), Atom("w", ">", "h")), "and", 1.0)
    assert [spec.padding[2] for spec in repeated(joined, _SPEC)] == [2, 3, 4, 5, 6, 7, 8, 9, 10, 12]


def test_multiples_in_an_image_that_holds_the_kernel_and_groups_that_divide_the_channels() -> None:
    kernels = list(repeated(Joined((Atom("kw", "%", 5),), "and", 1.0), _SPEC))
    assert [(spec.kernel_size[1], spec.input_size[1]) for spec in kernels] == [(5, 5), (10, 10), (15, 15), (20, 20)]


def test_a_remainder_is_tried_by_half_and_by_a_quarter() -> None:
    """No multiple of 16 are all but every other multiple of 8: 24 tells them apart."""
    several = repeated(Joined((Atom("c", "not %", 16),), "and", 1.0), replace(_SPEC, groups=1))
    assert {8, 24, 4, 12, 16, 32} <= {spec.in_channels for spec in several}


def test_groups_follow_a_multiple() -> None:
    grouped = replace(_SPEC, in_channels=6, out_channels=4, groups=2)
    (one, *_) = repeated(Joined((Atom("g", "%", 3),), "and", 1.0), grouped)
    assert (one.groups, one.in_channels, one.out_channels) == (3, 9, 6)
    channels = repeated(Joined((Atom("cg", "%", 4, 1),), "and", 1.0), grouped)
    assert [spec.in_channels for spec in channels] == [2, 10, 18, 26, 34, 6, 10, 14, 18]


def test_a_value_is_told_where_no_other_with_its_remainder_was_seen() -> None:
    joined = Joined((Atom("w", "%", 5), Atom("c", "%", 2, 1)), "and", 1.0)
    assert as_seen(joined, [of(5), of(5, 3)]).atoms == (Atom("w", "==", 5), Atom("c", "%", 2, 1))
    either = replace(joined, joint="or")
    assert as_seen(either, [of(5), of(5, 3)]) == either
