"""A table of layers, one a row: commas, semicolons or tabs, columns of any order and of many names."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence

from harness.geometry import benchdnn
from harness.geometry.shape_files import columns
from harness.geometry.shape_files.columns import PADS, Columns
from harness.geometry.shape_files.found import Found, Layer, LeftOut, ShapesError, printable
from harness.geometry.spec import ConvSpec, PaddingName, SpecError

_SEPARATORS = (",", ";", "\t")
_NUMBER = re.compile(r"(-?[0-9]{1,30})(?:\.0{0,2})?")  # 3.0 and 3.00 come of spreadsheets; 3.000 may be three thousand
_PADDING_NAMES: dict[str, PaddingName] = {"same": "same", "valid": "valid"}
_DEFAULTS = {"N": 1, "SH": 1, "SW": 1, "PH": 0, "PW": 0, "DH": 1, "DW": 1, "G": 1}
_MAY_BE_ZERO = ("N", "PH", "PW", "PT", "PB", "PL", "PR", "OPH", "OPW")
_SEP = re.compile(r"sep=.", re.IGNORECASE)  # how Excel says what separates
_Row = tuple[int, list[str]]


def read(text: str, shown: str, suite: str) -> Found:
    """The layers, called `suite:layer`; `suite` is for those that name none.

    Raises `ShapesError` naming line, column, rule and value.

    `OPH` marks a transposed convolution: the input gradient of the spec that maps back.
    """
    rows = _rows(text, shown)
    at, header = next(rows, (1, []))
    texts = columns.whole(header)
    if texts is not None:
        return _of_texts(rows, shown, header, texts)
    try:
        found = columns.columns_of(header)
    except ShapesError as error:
        raise ShapesError(f"{shown}, line {at}: {error}") from None
    layers = []
    for number, row in rows:
        place = f"{shown}, line {number}"
        if len(row) < len(header) or any(row[len(header) :]):
            raise ShapesError(f"{place} has {len(row)} values, where its header names {len(header)} columns")
        layers.append(_layer(row, header, found, place, suite))
    unused = ", ".join(map(repr, found.unused))
    return Found(layers, [LeftOut(at, f"{unused}, which no layer is made of")] if unused else [])


def _of_texts(rows: Iterator[_Row], shown: str, header: Sequence[str], place: int) -> Found:
    """The layers whose whole geometry is one column's text: a spec or a descriptor. Raises `ShapesError`."""
    labels, layers, left_out = columns.label_places(header), [], []
    for number, row in rows:
        if len(row) <= place:
            raise ShapesError(f"{shown}, line {number} has {len(row)} values, and no {header[place]!r}")
        text = row[place]
        try:
            spec = ConvSpec.parse(text)
        except benchdnn.NotRead as reason:
            left_out.append(LeftOut(number, reason.why))
            continue
        except SpecError as error:
            raise ShapesError(f"{shown}, line {number}, column {header[place]!r}: {error}") from None
        said = [printable(row[labels[field]]) for field in ("suite", "layer") if field in labels and row[labels[field]]]
        layers.append(Layer(":".join(said) or printable(benchdnn.name_of(text)) or text, spec))
    return Found(layers, left_out)


def is_table(text: str) -> bool:
    """Whether the first line that says anything has columns."""
    return any(separator in _first_line(text) for separator in _SEPARATORS)


def _first_line(text: str) -> str:
    lines = (line.strip() for line in text.split("\n"))
    return next((line for line in lines if line and not line.startswith("#") and not _SEP.fullmatch(line)), "")


def _rows(text: str, shown: str) -> Iterator[_Row]:
    """Every row that says anything, without blanks, and the line where it begins. Raises `ShapesError`."""
    header = _first_line(text)
    separator = max(_SEPARATORS, key=lambda s: columns.known(next(csv.reader([header], delimiter=s), [])))
    reader = csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True)
    before = 0
    try:
        for row in reader:
            cells, at, before = [cell.strip() for cell in row], before + 1, reader.line_num
            if any(cells) and not cells[0].startswith("#") and not _SEP.fullmatch(separator.join(cells)):
                yield at, cells
    except csv.Error as error:
        raise ShapesError(f"{shown}, line {before + 1}: {error}") from None


def _layer(row: Sequence[str], header: Sequence[str], found: Columns, place: str, suite: str) -> Layer:
    texts = dict(zip(found.fields, zip(header, row, strict=False), strict=False))
    numbers = dict(_DEFAULTS)
    named: PaddingName | None = None
    labels = {"suite": printable(suite), "layer": ""}
    for fields, (column, text) in texts.items():
        if not fields:
            continue
        if fields[0] in labels:
            labels[fields[0]] = printable(text) or labels[fields[0]]
        elif fields == ("PH", "PW") and text.lower() in _PADDING_NAMES:
            named = _PADDING_NAMES[text.lower()]
        else:
            numbers |= _numbers(fields, text, f"{place}, column {column!r}")
    try:
        spec = _spec(numbers, named)
    except SpecError as error:
        raise ShapesError(f"{place}: {error}") from None
    return Layer(f"{labels['suite']}:{labels['layer'] or spec}", spec, numbers.get("COUNT"))


def _numbers(fields: columns.Fields, text: str, place: str) -> dict[str, int]:
    """The fields that one value gives; none if it is empty and there is a default. Raises `ShapesError`."""
    if not text and fields[0] not in columns.REQUIRED:
        return {}
    words = re.split(r"\s*[x×*,;\s]\s*", text.strip("()[] ")) if len(fields) == 2 else [text]
    if len(words) not in (1, len(fields)):
        raise ShapesError(f"{place}: must be one number or two, got {text!r}")
    values = {}
    for field, word in zip(fields, words * len(fields), strict=False):
        match = _NUMBER.fullmatch(word)
        if match is None:
            raise ShapesError(f"{place}: must be a whole number in the digits 0 to 9, got {text!r}")
        values[field], least = int(match[1]), 0 if field in _MAY_BE_ZERO else 1
        if values[field] < least:
            raise ShapesError(f"{place}: must be at least {least}, got {word}")
    return values


def _spec(n: Mapping[str, int], padding: PaddingName | None) -> ConvSpec:
    """The geometry of a row. Raises `SpecError`, also where the output that the row states is another."""
    size, channels, filters = (n["H"], n["W"]), n["C"], n["F"]
    positions = (n["OH"], n["OW"]) if "OH" in n and "OW" in n else None
    if "OPH" in n:
        if positions is None:
            raise SpecError("a transposed layer must state its output, OH and OW")
        size, positions, channels, filters = positions, size, filters, channels
    pads = tuple(n.get(p, 0) for p in PADS) if any(p in n for p in PADS) else (n["PH"], n["PW"])
    spec = ConvSpec.of(
        batch=n["N"], in_channels=channels, input_size=size, out_channels=filters, kernel_size=(n["KH"], n["KW"]),
        stride=(n["SH"], n["SW"]), padding=padding or pads, dilation=(n["DH"], n["DW"]), groups=n["G"],
    )  # fmt: skip
    if positions not in (None, spec.output_size):
        raise SpecError(f"the geometry gives {spec.output_size} positions, the row states {positions}")
    return spec
