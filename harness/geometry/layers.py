"""Named lists of real networks' layers, from CSV files, and what a `--shapes` option may mean."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path

from harness.geometry.spec import ConvSpec, SpecError
from harness.telling import did_you_mean

_FOLDER = Path(__file__).parent / "layers"
_COLUMNS = ("suite", "layer", "N", "C", "H", "W", "F", "KH", "KW", "SH", "SW", "PH", "PW", "G")


class ShapesError(ValueError):
    """A set, file or spec that names no layers; the text says what is allowed."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One geometry with the name it is known by, `suite:layer`; a bare spec is its own name."""

    name: str
    spec: ConvSpec


def set_names() -> list[str]:
    """The sets that ship."""
    return sorted(path.stem for path in _FOLDER.glob("*.csv"))


def read_layers(shapes: str, batch: int | None = None) -> list[Layer]:
    """The layers of a shipped set, a CSV file of the same columns, a text file of specs, or one spec.

    With `batch`, each has that many images instead of its own, and the name says so: `vgg16:conv1_1@32`. Raises
    `ShapesError` naming what was asked and what is allowed.
    """
    found = _layers(shapes)
    if batch is None:
        return found
    return [Layer(f"{layer.name}@{batch}", replace(layer.spec, batch=batch)) for layer in found]


def _layers(shapes: str) -> list[Layer]:
    if shapes in set_names():
        return _from_csv(_FOLDER / f"{shapes}.csv")
    path = Path(shapes)
    if path.is_file():
        try:
            found = _from_csv(path) if path.suffix == ".csv" else _from_text(path)
        except UnicodeDecodeError:
            raise ShapesError(f"shapes file {shapes!r} is not text in UTF-8") from None
        if not found:
            raise ShapesError(f"shapes file {shapes!r} holds no layer")
        return found
    try:
        return [Layer(shapes, ConvSpec.parse(shapes))]
    except SpecError as error:
        if any(c in shapes for c in "./\\"):
            raise ShapesError(f"shapes file {shapes!r} does not exist") from None
        if shapes[:1] == "n" and shapes[1:2].isdigit():
            raise ShapesError(str(error)) from None
        hint = did_you_mean(shapes, set_names())
        raise ShapesError(
            f"unknown shapes {shapes!r}{hint}; sets: {', '.join(set_names())}; or a file, or a spec"
        ) from None


def _from_csv(path: Path) -> list[Layer]:
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = [c for c in _COLUMNS if c not in (reader.fieldnames or [])]
        if missing:
            raise ShapesError(f"shapes file {str(path)!r} lacks the columns {', '.join(missing)}")
        try:
            return [Layer(f"{row['suite']}:{row['layer']}", _layer_spec(row)) for row in reader]
        except (ValueError, TypeError) as error:
            raise ShapesError(f"shapes file {str(path)!r}, line {reader.line_num}: {error}") from error


def _layer_spec(row: dict[str, str]) -> ConvSpec:
    """A row of a layer table. `OPH` marks a transposed convolution: the input gradient of the spec that maps back."""
    number = {key: int(value) for key, value in row.items() if key in _NUMBERS}
    pads = (number["PH"], number["PH"], number["PW"], number["PW"])
    forward = "OPH" not in number
    size = (number["H"], number["W"]) if forward else (number["OH"], number["OW"])
    channels, filters = (number["C"], number["F"]) if forward else (number["F"], number["C"])
    return ConvSpec(
        batch=number["N"], in_channels=channels, input_size=size, out_channels=filters,
        kernel_size=(number["KH"], number["KW"]), stride=(number["SH"], number["SW"]), padding=pads,
        dilation=(number.get("DH", 1), number.get("DW", 1)), groups=number["G"],
    )  # fmt: skip


_NUMBERS = {*_COLUMNS[2:], "DH", "DW", "OPH", "OPW", "OH", "OW"}


def _from_text(path: Path) -> list[Layer]:
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.partition("#")[0].strip()
        if text:
            try:
                found.append(Layer(text, ConvSpec.parse(text)))
            except SpecError as error:
                raise ShapesError(f"shapes file {str(path)!r}, line {number}: {error}") from error
    return found
