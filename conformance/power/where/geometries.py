"""Geometries that meet a condition, small ones first: drawn for faults, apart from those that the suite asks on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from itertools import pairwise

from conformance.domain.pool import Draw, is_small
from conformance.power.right.tables import Numbers
from conformance.power.where.conditions import Condition, On
from conformance.power.where.quantities import AIMS, quantity, spec_of
from harness.geometry.spec import ConvSpec

_TRIES = 12  # for each that is wanted
_LARGE = ("N", "C/G", "F/G", "G", "H", "W", "KH", "KW", "OH", "OW")
_BLOCKS = (7, 15, 16, 31, 32, 33)
_LEVELS = (
    # batch, C/G, F/G, G, kernel, stride, pad, dilation, pixels beyond the kernel
    ((1, 2), (1, 2), (1, 2), (1, 2), (1, 2), (1, 2), (0, 1), (1,), (0, 1, 2)),
    ((1, 2, 3), (1, 2, 3), (1, 2, 3), (1, 2, 3), (1, 2, 3), (1, 2, 3), (0, 1, 2, 3), (1, 2), range(6)),
    ((1, 2, 3, 5), (1, 2, 4, 5), (1, 2, 4, 5), (1, 2, 3), (1, 2, 3, 4, 5), (1, 2, 3, 4), (0, 1, 2, 3, 5), (1, 2, 3),
     range(12)),
    ((1, 2), (1, 3, 9, 17), (1, 3, 9, 17), (1, 2), (1, 2, 3), (1, 2), (0, 1), (1, 2), (3, 8, 17, 20)),
)  # fmt: skip


def meeting(condition: Condition, most: int, seed: int = 0) -> list[ConvSpec]:
    """Distinct ones of at most 200,000 multiply-adds in every op, by their work; fewer where they are hard to find."""
    draw, found = Draw(seed), dict[ConvSpec, None]()
    for number in range(_TRIES * most):
        if len(found) == most:
            break
        # Every second one is large in one number: what is wrong beyond a block of 16 alone is seen there.
        large = [On(draw.one_of(_LARGE), ">", draw.one_of(_BLOCKS))] if number % 2 else []
        spec = _bent((*large, *condition.geometry), draw, _LEVELS[number // 2 % len(_LEVELS)])
        if spec is not None and is_small(spec) and condition.fits(spec):
            found[spec] = None
    return sorted(found, key=_work)


def smaller(spec: ConvSpec) -> Iterator[ConvSpec]:
    """Its neighbours with less work: one number nearer to the least that it can be."""
    numbers = Numbers.of(spec)
    for field in fields(Numbers):
        value, least = getattr(numbers, field.name), 0 if field.name.startswith("pad") else 1
        for other in dict.fromkeys((least, (value + least) // 2, value - 1)):
            if least <= other < value:
                changed = replace(numbers, **{field.name: other})
                if field.name == "groups":  # as many channels a group
                    changed.in_channels = numbers.in_channels // value * other
                    changed.out_channels = numbers.out_channels // value * other
                found = spec_of(changed)
                if found is not None and _work(found) <= _work(spec) and is_small(found):
                    yield found


def related(spec: ConvSpec) -> Iterator[ConvSpec]:
    """Others that one might be confused with: one number or one pair is another, or all that say where taps lie."""
    numbers = Numbers.of(spec)
    names = [field.name for field in fields(Numbers)]
    pairs = [[name, other] for name, other in pairwise(names) if name[:4] == other[:4]]
    where = [name for name in names if name.startswith(("stride", "pad", "dilation"))]
    for several in ([], *([name] for name in names), *pairs, ["height", "width"], where):
        for step in (1, -1):
            found = spec_of(replace(numbers, **{name: max(0, getattr(numbers, name) + step) for name in several}))
            if found is not None and found.batch and is_small(found):
                yield found
    for changed in (
        replace(numbers, groups=1), replace(numbers, in_channels=2 * numbers.in_channels),
        replace(numbers, out_channels=2 * numbers.out_channels),
    ):  # fmt: skip
        found = spec_of(changed)
        if found is not None and found != spec and is_small(found):
            yield found


def _work(spec: ConvSpec) -> tuple[int, str]:
    return max(spec.macs, spec.work("im2col")), str(spec)


def _bent(predicates: Sequence[On], draw: Draw, level: Sequence[Sequence[int]]) -> ConvSpec | None:
    """A geometry drawn, then bent towards each predicate in turn."""
    batch, channels, filters, groups, kernel, stride, pad, dilation, beyond = level
    g, kh, kw, dh, dw = (draw.one_of(values) for values in (groups, kernel, kernel, dilation, dilation))
    top, bottom, left, right = (draw.one_of(pad) for _ in range(4))
    n = Numbers(
        batch=draw.one_of(batch), in_channels=g * draw.one_of(channels), out_channels=g * draw.one_of(filters),
        groups=g, height=max(1, (kh - 1) * dh + 1 - top - bottom + draw.one_of(beyond)),
        width=max(1, (kw - 1) * dw + 1 - left - right + draw.one_of(beyond)), kernel_h=kh, kernel_w=kw,
        stride_h=draw.one_of(stride), stride_w=draw.one_of(stride), pad_top=top, pad_bottom=bottom,
        pad_left=left, pad_right=right, dilation_h=dh, dilation_w=dw,
    )  # fmt: skip
    in_turn = sorted(predicates, key=lambda _: draw.random())
    for on in (*in_turn, *in_turn):  # what one of them undoes of another is done again
        spec = spec_of(n)
        if spec is None or not on.holds(spec):
            AIMS[on.name](n, _aim(on, spec, draw))
            _grow(n)
    return spec_of(n)


def _aim(on: On, spec: ConvSpec | None, draw: Draw) -> int:
    """A value that the quantity may have."""
    value = on.value if isinstance(on.value, int) else 2 if spec is None else quantity(on.value, spec)
    step = int(draw.random() * 3)
    match on.sign:
        case ">":
            return value + 1 + step
        case "<":
            return max(value - 1 - step, 0 if on.name.startswith("p") else 1)
        case "=":
            return value
        case "%":
            return on.rest + value * (step + (on.rest == 0 and not on.name.startswith("p")))
        case "not %":
            return value * (1 + step) + 1 + int(draw.random() * max(1, value - 1))


def _grow(n: Numbers) -> None:
    """The image holds the kernel."""
    n.height = max(n.height, (n.kernel_h - 1) * n.dilation_h + 1 - n.pad_top - n.pad_bottom)
    n.width = max(n.width, (n.kernel_w - 1) * n.dilation_w + 1 - n.pad_left - n.pad_right)
