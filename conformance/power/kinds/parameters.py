"""Every number of a geometry read wrongly: off by one, of the other axis, ignored, doubled, halved."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from conformance.power.right.ops import Call, Change
from conformance.power.right.tables import Numbers
from harness.geometry.spec import Op

_AXES = (
    ("height", "width"), ("kernel_h", "kernel_w"), ("stride_h", "stride_w"), ("dilation_h", "dilation_w"),
    ("pad_top", "pad_left"), ("pad_bottom", "pad_right"),
)  # fmt: skip
_ENDS = (("pad_top", "pad_bottom"), ("pad_left", "pad_right"))
_LEAST = {"pad_top": 0, "pad_bottom": 0, "pad_left": 0, "pad_right": 0, "batch": 0}
_ALL = tuple(Numbers.__dataclass_fields__)
_USED: dict[Op, tuple[str, ...]] = {
    op: tuple(name for name in _ALL if name not in ("out_channels", "groups")) for op in ("im2col", "col2im")
}
_MORE, _LESS = ("one too many", "doubled"), ("one too few", "halved", "ignored")
_FORWARD = ("pad_bottom", "pad_right")  # they decide how many positions there are, and nothing else


def changes(op: Op) -> Iterator[Change]:
    """All of one op. The bias gradient reads sizes of dy alone, which the tables of indices alter."""
    if op == "conv2d_bias_grad":
        return
    for name in _USED.get(op, _ALL):
        for scope, where in (("both", ""), ("sizes", " in the sizes"), ("indices", " in the indices")):
            if _is_read(name, scope):
                for what, altered in _ways(name):
                    if not _only_adds(name, what, scope):
                        yield Change(f"{name} {what}{where}", numbers=altered, scope=scope)


def _is_read(name: str, scope: str) -> bool:
    """Whether a number has a part in the sizes of loops, or in the indices within them."""
    if name in ("batch", "in_channels", "out_channels", "groups"):
        return scope == "indices"
    return scope == "sizes" if name in _FORWARD else True


def _only_adds(name: str, what: str, scope: str) -> bool:
    """Whether there are only more positions, or places outside, which are cut off again: nothing could show it."""
    if name in ("height", "width", "batch"):
        return what in _MORE
    if name in ("in_channels", "out_channels"):
        return what == "one too many"
    if scope == "indices" and name.startswith("kernel"):
        return what in _MORE
    if scope == "sizes":
        return what in (_MORE if name.startswith("pad") else _LESS)
    return False


def _ways(name: str) -> Iterator[tuple[str, Callable[[Call, Numbers], None]]]:
    least = _LEAST.get(name, 1)
    yield "one too many", _becomes(name, lambda value: value + 1)
    yield "one too few", _becomes(name, lambda value: max(least, value - 1))
    yield "doubled", _becomes(name, lambda value: 2 * value)
    yield "halved", _becomes(name, lambda value: max(least, value // 2))
    if name not in ("height", "width", "in_channels", "out_channels"):
        yield "ignored", _becomes(name, lambda value: min(value, least) if name != "batch" else min(value, 1))
    for pairs, what in ((_AXES, "of the other axis"), (_ENDS, "of the other end")):
        other = next((b if a == name else a for a, b in pairs if name in (a, b)), None)
        if other:
            yield what, _copies(name, other)
            if name == next(a for a, b in pairs if name in (a, b)):
                yield f"swapped with {other}", _swaps(name, other)


def _becomes(name: str, make: Callable[[int], int]) -> Callable[[Call, Numbers], None]:
    return lambda call, n: setattr(n, name, make(getattr(n, name)))


def _copies(name: str, other: str) -> Callable[[Call, Numbers], None]:
    return lambda call, n: setattr(n, name, getattr(n, other))


def _swaps(name: str, other: str) -> Callable[[Call, Numbers], None]:
    def swap(call: Call, n: Numbers) -> None:
        one, two = getattr(n, name), getattr(n, other)
        setattr(n, name, two)
        setattr(n, other, one)

    return swap
