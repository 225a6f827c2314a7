"""What the columns of a table of layers mean: our own names, those of other tools, and single letters by their company.

Upper and lower case, blanks, `_` and the like make no difference: `C_in`, `c in` and `Cin` are one name. What may mean
two things is refused: a wrong guess would be measured as another layer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.geometry.shape_files.found import ShapesError
from harness.telling import did_you_mean

Fields = tuple[str, ...]
PADS = ("PT", "PB", "PL", "PR")
REQUIRED = ("C", "H", "W", "F", "KH", "KW")
_TOGETHER = (("SH", "SW"), ("PH", "PW"), ("DH", "DW"), ("OH", "OW"), ("OPH", "OPW"), PADS)

_SINGLE: dict[str, str] = {
    "N": "n batch batchsize bs mb minibatch minibatchsize images numimages",
    "C": "c cin inc ic ci inchannels inputchannels inchannel inputchannel channelsin inplanes channels channel inputc",
    "F": "f cout outc oc co outchannels outputchannels outchannel outputchannel channelsout outplanes filters "
    "numfilters numfilter nfilters numoutput outputc",
    "G": "g group groups numgroups ngroups groupcount",
    "COUNT": "count",
    "PT": "pt padtop paddingtop toppad", "PB": "pb padbottom paddingbottom bottompad",
    "PL": "pl padleft paddingleft leftpad", "PR": "pr padright paddingright rightpad",
}  # fmt: skip
# With an axis, before or behind: kernel_h, hstride.
_PER_AXIS: dict[Fields, str] = {
    ("H", "W"): "i in input inputsize image img imagesize ifmap",
    ("KH", "KW"): "k f kernel kernelsize ksize filter filtersize",
    ("SH", "SW"): "s stride strides",
    ("PH", "PW"): "p pad pads padding",
    ("DH", "DW"): "d dil dilation dilations",
    ("OH", "OW"): "o out output outputsize ofmap",
    ("OPH", "OPW"): "op outputpadding outputpad",
}
_BOTH_AXES: dict[Fields, str] = {
    ("H", "W"): "hw inputsize imagesize insize",
    ("KH", "KW"): "kernel kernelsize ksize filtersize kernelshape",
    ("SH", "SW"): "stride strides",
    ("PH", "PW"): "pad pads padding",
    ("DH", "DW"): "dil dilation dilations",
    ("OH", "OW"): "outputsize outsize",
    ("OPH", "OPW"): "outputpadding outputpad",
}
_NAMES = {  # the first of them that is there is used
    "suite": "suite model network net set benchmark application",
    "layer": "layer layername name module node source",
}
_WHOLE = ("descriptor", "spec", "prb", "problem")  # a column of texts that are whole geometries
_TWO_MEANINGS = {
    "b": "the batch or the bias", "d": "the dilation or a depth", "depth": "the channels or a third dimension",
    "size": "that of the input or of the kernel", "filter": "their number or their size",
    "kernels": "their number or their size", "input": "its size or its channels",
    "output": "its size or its channels", "r": "the kernel's height or width",
}  # fmt: skip
_THIRD_DIMENSION = (
    "kd", "kerneld", "kerneldepth", "sd", "strided", "pd", "padd", "paddingd", "dd", "dilationd", "od", "outputd",
    "outputdepth", "inputd", "inputdepth",
)  # fmt: skip
_OURS = ("gflop", "colmib")  # of the tables that ship: for people
_NEAR = 0.8  # how like a known name an unknown one must be to be taken for a slip


def _axis_names() -> Iterator[tuple[str, Fields]]:
    for fields, things in _PER_AXIS.items():
        for field, axes in zip(fields, (("h", "height", "y"), ("w", "width", "x")), strict=True):
            for thing in things.split():
                # Letters go with letters; y and x with words, but not of images, where they may be a position.
                is_image = fields in (("H", "W"), ("OH", "OW"))
                for axis in axes[: 1 if len(thing) == 1 else 2 if len(thing) == 2 or is_image else 3]:
                    yield thing + axis, (field,)
                    yield axis + thing, (field,)


KNOWN: Mapping[str, Fields] = {
    **dict(_axis_names()),
    **{name: fields for fields, names in _BOTH_AXES.items() for name in names.split()},
    **{name: (field,) for field, names in _SINGLE.items() for name in names.split()},
    "h": ("H",), "height": ("H",), "w": ("W",), "width": ("W",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Columns:
    """What each column of a header gives, nothing for those that are not used, and the names of these."""

    fields: Sequence[Fields]
    unused: Sequence[str]


def plain(name: str) -> str:
    """A name without case and punctuation: `C_in` is `cin`."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def known(header: Sequence[str]) -> int:
    """How many of the names mean something."""
    names = {*KNOWN, *"krspq", *_TWO_MEANINGS, *_WHOLE, *(name for text in _NAMES.values() for name in text.split())}
    return sum(plain(name) in names for name in header)


def whole(header: Sequence[str]) -> int | None:
    """The place of the first column that holds whole geometries; None where there are columns of sizes, or no such one.

    >>> whole(["descriptor", "time"]), whole(["spec", "C", "H", "W", "F", "KH", "KW"])
    (0, None)
    """
    names = [plain(name) for name in header]
    given = {field for name in names for field in KNOWN.get(name, ())}
    return None if given & set(REQUIRED) else next((i for i, name in enumerate(names) if name in _WHOLE), None)


def label_places(header: Sequence[str]) -> Mapping[str, int]:
    """Where the names of the suite and of the layer are."""
    names = [plain(name) for name in header]
    places = {field: [names.index(n) for n in text.split() if n in names] for field, text in _NAMES.items()}
    return {field: found[0] for field, found in places.items() if found}


def columns_of(header: Sequence[str]) -> Columns:
    """What the columns of a header give. Raises `ShapesError` naming what is missing, doubled, unknown or ambiguous."""
    names = [plain(name) for name in header]
    fields = _meanings(header, names)
    given: dict[str, str] = {}
    for name, found in zip(header, fields, strict=True):
        for field in found:
            if field in given:
                raise ShapesError(f"columns {given[field]!r} and {name!r} both give {field}")
            given[field] = name
    unused = [name for name, found in zip(header, fields, strict=True) if name and not found]
    for name in unused:
        _require_no_slip(name, given)
    missing = [field for field in REQUIRED if field not in given]
    if missing:
        rest = f"; columns that mean nothing here: {', '.join(unused)}" if unused else ""
        raise ShapesError(f"the header lacks the columns {', '.join(missing)}{rest}")
    for together in _TOGETHER:
        there = [field for field in together if field in given]
        if there and len(there) < len(together):
            lacking = ", ".join(field for field in together if field not in given)
            raise ShapesError(f"the header has {given[there[0]]!r}, so it must have {lacking} too")
    if "PH" in given and "PT" in given:
        raise ShapesError(f"columns {given['PH']!r} and {given['PT']!r} both give padding")
    if "OPH" in given and "OH" not in given:
        raise ShapesError(f"column {given['OPH']!r} makes layers transposed, so the header must have OH, OW too")
    if "mb" in names and "dh" in names:
        raise ShapesError("benchdnn, whose names these are, counts 'dh' from 0; call it DILATION_H, counted from 1")
    return Columns(fields, [name for name in unused if plain(name) not in _OURS])


def _meanings(header: Sequence[str], names: Sequence[str]) -> list[Fields]:
    """What each column gives: by its name, a letter by its company, a layer's name by the best column there is."""
    letters = _letters(names)
    labels = {next((n for n in text.split() if n in names), ""): field for field, text in _NAMES.items()}
    found: list[Fields] = []
    for name, word in zip(header, names, strict=True):
        if word in _THIRD_DIMENSION:
            raise ShapesError(f"column {name!r} is of a third dimension; layers are 2-D")
        if word in _TWO_MEANINGS and word not in letters:
            raise ShapesError(f"column {name!r} may mean {_TWO_MEANINGS[word]}; call it by one of {_OWN_NAMES}")
        if word == "k" and not letters["k"]:
            raise ShapesError(f"column {name!r} may mean the filters or the kernel; call it F, or KH and KW")
        found.append((labels[word],) if word and word in labels else letters.get(word, KNOWN.get(word, ())))
    return found


_OWN_NAMES = "N, C, H, W, F, KH, KW, SH, SW, PH, PW, DH, DW, G"


def _letters(names: Sequence[str]) -> dict[str, Fields]:
    """What k, r, s, p and q mean here. Beside r and s, k is a number of filters, as in cuDNN; p and q are outputs."""
    there = set(names)
    if {"k", "r", "s"} <= there:
        found: dict[str, Fields] = {"k": ("F",), "r": ("KH",), "s": ("KW",)}
    else:
        given = {field for name in there for field in KNOWN.get(name, ())}
        kernel, filters = "KH" in given, "F" in given
        found = {"s": ("SH", "SW"), "k": ()}
        if kernel != filters and "f" not in there:
            found["k"] = ("F",) if kernel else ("KH", "KW")
    return found | ({"p": ("OH",), "q": ("OW",)} if {"p", "q"} <= there else {"p": ("PH", "PW")})


def _require_no_slip(name: str, given: Mapping[str, str]) -> None:
    """Raises `ShapesError` for a name that is nearly one that would give what no other column gives."""
    open_names = [word for word, fields in KNOWN.items() if not any(field in given for field in fields)]
    hint = did_you_mean(plain(name), open_names, _NEAR)
    if hint:
        raise ShapesError(f"column {name!r} is unknown{hint}")
