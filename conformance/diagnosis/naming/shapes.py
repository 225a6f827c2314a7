"""What a wrong shape says: which formula of a size, or which order of axes, gives every shape that was seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial

from conformance.diagnosis.conditions.foretell import Condition, condition_of
from conformance.diagnosis.experiment.experiment import Experiment
from conformance.diagnosis.models.tables import axes
from conformance.diagnosis.naming import sizes
from conformance.diagnosis.naming.names import unseen
from conformance.diagnosis.naming.sizes import Formula
from harness.geometry.spec import ConvSpec, Op, Shape

_WORDS = (
    {"axis": "height", "other": "width", "before": "top", "after": "bottom"},
    {"axis": "width", "other": "height", "before": "left", "after": "right"},
)
_BOTH = {"axis": "height and the width", "other": "other axis", "before": "top and left", "after": "bottom and right"}
_UNSEEN = 40


@dataclass(frozen=True, slots=True)
class Hint:
    """A mistake that shows in the shape. `says` follows "Your im2col"."""

    id: str
    says: str
    mend: str
    shape: Callable[[ConvSpec], Shape]


@dataclass(frozen=True, slots=True)
class Shown:
    """A hint that gives every wrong shape, and the right one elsewhere, or wherever the condition does not hold."""

    hint: Hint
    condition: Condition | None
    failing: int
    passing: int  # geometries on which the shape would have been wrong; without a condition all that pass
    foretold: int


def shape_of(experiment: Experiment) -> Shown | None:
    """The plainest hint that fits all wrong shapes, which are in focus, and none of the right ones."""
    fitting = [hint for hint in hints(experiment.op) if _fits(experiment, hint)]
    if not fitting:
        fitting = [hint for hint in _of_two_formulas(experiment.op) if _fits(experiment, hint)]
    if not fitting:
        return None
    before = len(experiment.observed)
    everywhere = [hint for hint in fitting if not _refuted(experiment, hint)]
    if everywhere:
        experiment.run_all(unseen(experiment)[:_UNSEEN])
        everywhere = [hint for hint in everywhere if _fits(experiment, hint) and not _refuted(experiment, hint)]
    if everywhere:
        foretold = len(experiment.observed) - before
        return Shown(everywhere[0], None, len(experiment.failing()), len(experiment.passing()), foretold)
    for hint in fitting[:3]:
        condition = condition_of(experiment, experiment.failing()[0].spec, partial(_shows, experiment, hint))
        if condition is not None and _fits(experiment, hint):
            telling = [one for one in experiment.passing() if _shows(experiment, hint, one.spec)]
            return Shown(hint, condition, len(experiment.failing()), len(telling), condition.unseen)
    return None


@cache
def hints(op: Op) -> tuple[Hint, ...]:
    """All of one op, the plainest first."""
    return (*_by_formula(op), *_by_order(op))


def _fits(experiment: Experiment, hint: Hint) -> bool:
    return all(hint.shape(one.spec) == one.shape for one in experiment.failing())


def _shows(experiment: Experiment, hint: Hint, spec: ConvSpec) -> bool:
    return hint.shape(spec) != spec.output_shape(experiment.op)


def _refuted(experiment: Experiment, hint: Hint) -> bool:
    return any(_shows(experiment, hint, one.spec) for one in experiment.passing())


# -- sizes by a formula -----------------------------------------------------------------------------------------------


def _formulas(op: Op) -> tuple[Formula, ...]:
    if op in ("im2col", "conv2d"):
        return tuple(sizes.outputs())
    if op in ("col2im", "conv2d_input_grad"):
        return tuple(sizes.images())
    return tuple(sizes.kernels()) if op == "conv2d_weight_grad" else ()


def _shaped(op: Op, spec: ConvSpec, height: int, width: int) -> Shape:
    """The result with other sizes in both axes."""
    if op == "im2col":
        return spec.batch, spec.in_channels * spec.taps, height * width
    return (*spec.output_shape(op)[:2], height, width)


def _right(op: Op, spec: ConvSpec) -> tuple[int, int]:
    return spec.output_size if op == "im2col" else (spec.output_shape(op)[2], spec.output_shape(op)[3])


def _by_formula(op: Op) -> Iterator[Hint]:
    for formula in _formulas(op):
        yield _hint(op, (formula, formula))
    for formula in _formulas(op):
        yield _hint(op, (formula, None))
        yield _hint(op, (None, formula))


@cache
def _of_two_formulas(op: Op) -> tuple[Hint, ...]:
    """One formula in the height, another in the width."""
    several = _formulas(op)
    return tuple(_hint(op, (one, two)) for one in several for two in several if one is not two)


def _hint(op: Op, pair: tuple[Formula | None, Formula | None]) -> Hint:
    one, two = pair
    if one is two and one is not None:
        one_for_both = one._replace(says=one.both or one.says)
        said: Sequence[tuple[Formula, dict[str, str], str]] = [(one_for_both, _BOTH, "both")]
    else:
        said = [(f, words, words["axis"]) for f, words in zip(pair, _WORDS, strict=True) if f is not None]

    def shape(spec: ConvSpec) -> Shape:
        high, wide = axes(spec)
        height, width = _right(op, spec)
        height = height if one is None else one.size(high, wide)
        width = width if two is None else two.size(wide, high)
        return _shaped(op, spec, height, width)

    return Hint(
        " + ".join(f"shape/{formula.id}/{axis}" for formula, _, axis in said),
        ", and ".join(formula.says.format(**words) for formula, words, _ in said),
        " ".join(dict.fromkeys(formula.mend for formula, _, _ in said)), shape,
    )  # fmt: skip


# -- axes in another order, or joined ---------------------------------------------------------------------------------


def _by_order(op: Op) -> Iterator[Hint]:
    for form, mend, shape in _ORDERS[op]:
        yield Hint(f"shape/{form}", f"returns the shape {form}", mend, shape)


def _images(spec: ConvSpec) -> tuple[int, ...]:
    return spec.batch, spec.in_channels, *spec.input_size


def _cropped_first(spec: ConvSpec) -> Shape:
    """`big[p:-p, p:-p]`, which takes images and channels."""
    p = spec.padding[0]
    (n, c), (h, w) = (spec.batch, spec.in_channels), spec.padded_size
    return (max(n - 2 * p, 0), max(c - 2 * p, 0), h, w) if p else (0, 0, h, w)


def _columns(*names: str) -> Callable[[ConvSpec], Shape]:
    """Axes by letter: n images, k rows of the columns, l positions, c channels, and what is joined."""

    def shape(spec: ConvSpec) -> Shape:
        n, k, l = spec.columns_shape
        known = {"n": n, "k": k, "l": l, "nl": n * l, "c": spec.in_channels, "u": spec.kernel_size[0],
                 "v": spec.kernel_size[1], "p": spec.output_size[0], "q": spec.output_size[1]}  # fmt: skip
        return tuple(known[name] for name in names)

    return shape


_NCHW, _NFHW, _KERNEL = "The order is (N, C, H, W).", "The order is (N, F, OH, OW).", "The order is (F, C/G, KH, KW)."
_COLUMNS = "The numbers are in no order that is known: transpose to (N, C*KH*KW, L), and run again."
_SUM = "Sum over the axes (0, 2, 3): the shape is (F,)."
_Row = tuple[str, str, Callable[[ConvSpec], Shape]]
_OF_IMAGES: tuple[_Row, ...] = (
    ("(N - 2p, C - 2p, ..): images and channels are cropped",
     "Crop the axes 2 and 3: `big[:, :, top:top + H, left:left + W]`.", _cropped_first),
    ("(N, H, W, C): channels are last", _NCHW, lambda s: (s.batch, *s.input_size, s.in_channels)),
    ("(N, C, W, H): height and width are exchanged", _NCHW,
     lambda s: (s.batch, s.in_channels, s.input_size[1], s.input_size[0])),
    ("(C, N, H, W)", _NCHW, lambda s: (s.in_channels, s.batch, *s.input_size)),
    ("(H, W, C, N)", _NCHW, lambda s: (*s.input_size, s.in_channels, s.batch)),
    ("(N, C, H*W)", "Reshape it to (N, C, H, W).",
     lambda s: (s.batch, s.in_channels, s.input_size[0] * s.input_size[1])),
    ("(C, H, W): there is no axis of images", _NCHW, lambda s: (s.in_channels, *s.input_size)),
)  # fmt: skip
_ORDERS: dict[Op, tuple[_Row, ...]] = {
    "im2col": (
        ("(N, L, C*KH*KW)", _COLUMNS, _columns("n", "l", "k")), ("(C*KH*KW, N*L)", _COLUMNS, _columns("k", "nl")),
        ("(N*L, C*KH*KW)", _COLUMNS, _columns("nl", "k")), ("(C*KH*KW, L)", _COLUMNS, _columns("k", "l")),
        ("(L, C*KH*KW)", _COLUMNS, _columns("l", "k")), ("(C*KH*KW, L, N)", _COLUMNS, _columns("k", "l", "n")),
        ("(C*KH*KW, N, L)", _COLUMNS, _columns("k", "n", "l")), ("(L, N, C*KH*KW)", _COLUMNS, _columns("l", "n", "k")),
        ("(N, C, KH, KW, OH, OW)", _COLUMNS, _columns("n", "c", "u", "v", "p", "q")),
        ("(N, OH, OW, C, KH, KW)", _COLUMNS, _columns("n", "p", "q", "c", "u", "v")),
        ("(N, C*KH*KW, OH, OW)", _COLUMNS, _columns("n", "k", "p", "q")),
    ),
    "col2im": _OF_IMAGES,
    "conv2d": (
        ("(N, OH, OW, F): channels are last", _NFHW, lambda s: (s.batch, *s.output_size, s.out_channels)),
        ("(F, N, OH, OW): filters come first", "Return `y.transpose(1, 0, 2, 3)`.",
         lambda s: (s.out_channels, s.batch, *s.output_size)),
        ("(N, F, L): positions are one axis", "Reshape it to (N, F, OH, OW).",
         lambda s: (s.batch, s.out_channels, s.positions)),
        ("(N, L, F)", _NFHW, lambda s: (s.batch, s.positions, s.out_channels)),
        ("(F, N*L)", _NFHW, lambda s: (s.out_channels, s.batch * s.positions)),
        ("(N, F, OW, OH): height and width are exchanged", _NFHW,
         lambda s: (s.batch, s.out_channels, s.output_size[1], s.output_size[0])),
        ("(F, OH, OW): there is no axis of images", _NFHW, lambda s: (s.out_channels, *s.output_size)),
    ),
    "conv2d_input_grad": _OF_IMAGES,
    "conv2d_weight_grad": (
        ("(F, C/G*KH*KW): the axes of the kernel are one", "Reshape it to (F, C/G, KH, KW).",
         lambda s: (s.out_channels, s.w_shape[1] * s.taps)),
        ("(C/G*KH*KW, F): rows and filters are exchanged", "Transpose it, then reshape it to (F, C/G, KH, KW).",
         lambda s: (s.w_shape[1] * s.taps, s.out_channels)),
        ("(F, C/G, KW, KH): height and width are exchanged", _KERNEL,
         lambda s: (*s.w_shape[:2], s.kernel_size[1], s.kernel_size[0])),
        ("(C/G, F, KH, KW): filters and channels are exchanged", _KERNEL,
         lambda s: (s.w_shape[1], s.out_channels, *s.kernel_size)),
        ("(F, KH, KW, C/G): channels are last", _KERNEL, lambda s: (s.out_channels, *s.kernel_size, s.w_shape[1])),
        ("(F, C, KH, KW): groups are left out", _KERNEL, lambda s: (s.out_channels, s.in_channels, *s.kernel_size)),
        ("(N, F, C/G, KH, KW): the images are not summed", "Sum over the images.", lambda s: (s.batch, *s.w_shape)),
    ),
    "conv2d_bias_grad": (
        ("(F, 1)", _SUM, lambda s: (s.out_channels, 1)), ("(1, F)", _SUM, lambda s: (1, s.out_channels)),
        ("(1, F, 1, 1)", _SUM, lambda s: (1, s.out_channels, 1, 1)),
        ("(F, 1, 1)", _SUM, lambda s: (s.out_channels, 1, 1)),
        ("(N, F): the images are not summed", _SUM, lambda s: (s.batch, s.out_channels)),
        ("(F, OW): one axis is not summed", _SUM, lambda s: (s.out_channels, s.output_size[1])),
        ("(F, OH): one axis is not summed", _SUM, lambda s: (s.out_channels, s.output_size[0])),
        ("(N, OH, OW): the wrong axis is summed", _SUM, lambda s: (s.batch, *s.output_size)),
        ("(N,): the wrong axes are summed", _SUM, lambda s: (s.batch,)),
        ("(OH,): the wrong axes are summed", _SUM, lambda s: (s.output_size[0],)),
        ("(OW,): the wrong axes are summed", _SUM, lambda s: (s.output_size[1],)),
        ("(): filters are summed too", _SUM, lambda s: ()),
    ),
}  # fmt: skip
