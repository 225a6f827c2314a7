"""Named lists of real networks' layers, and what a `--shapes` option may mean: a set, a file of anybody's, a spec."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from harness.geometry import benchdnn, sweeps
from harness.geometry.shape_files import lines, logs, onnx_model, table
from harness.geometry.shape_files.contents import file_at, text_of
from harness.geometry.shape_files.found import Found, Layer, ShapesError, printable, unique
from harness.geometry.spec import ConvSpec, SpecError
from harness.telling import did_you_mean

__all__ = ["Found", "Layer", "ShapesError", "file_at", "read_layers", "read_shapes", "set_names"]

_FOLDER = Path(__file__).parent / "layers"
_SUFFIXES = (".csv", ".tsv", ".txt")


def set_names() -> list[str]:
    """The sets that ship."""
    return sorted(path.stem for path in _FOLDER.glob("*.csv"))


def read_layers(shapes: str, batch: int | None = None) -> list[Layer]:
    """The layers of `read_shapes`, whatever was left out beside them."""
    return list(read_shapes(shapes, batch).layers)


def read_shapes(shapes: str, batch: int | None = None) -> Found:
    """The layers of a shipped set, of a file, or of one line: of a table (CSV), specs, benchdnn descriptors, an ONNX
    model, logs of oneDNN and MIOpen.

    No two have one name. With `batch`, each has that many images instead of its own, and the name says so:
    `vgg16:conv1_1@32`. Raises `ShapesError` naming what was asked and what is allowed, or the line that is wrong.
    """
    found = _found(shapes)
    layers = unique(found.layers)
    if batch is not None:
        layers = [
            replace(layer, name=f"{layer.name}@{batch}", spec=replace(layer.spec, batch=batch)) for layer in layers
        ]
    return replace(found, layers=layers)


def _found(shapes: str) -> Found:
    if shapes in set_names():
        return table.read(text_of(_FOLDER / f"{shapes}.csv"), f"set {shapes!r}", shapes)
    if shapes.startswith(sweeps.PREFIX):
        return Found(sweeps.read(shapes, _shipped))
    path = file_at(shapes)
    if path is not None:
        return _in_file(path)
    return _required(logs.read(shapes, "--shapes", ""), "--shapes") if logs.is_log(shapes) else Found([_one(shapes)])


def _shipped() -> list[Layer]:
    """Every layer of the sets that ship."""
    return [layer for name in set_names() for layer in _found(name).layers]


def _in_file(path: Path) -> Found:
    """What a file holds, by its text rather than by its name. Raises `ShapesError` if that is no layer."""
    shown = f"shapes file {str(path)!r}"
    if path.suffix.lower() == onnx_model.SUFFIX:
        return _required(onnx_model.read(path, shown), shown)
    text = text_of(path)
    if logs.is_log(text):
        found = logs.read(text, shown, path.stem)
    elif not lines.are_lines(text) and table.is_table(text):
        found = table.read(text, shown, path.stem)
    else:
        found = lines.read(text, shown)
    return _required(found, shown)


def _required(found: Found, shown: str) -> Found:
    """What was found. Raises `ShapesError` if no layer was."""
    if not found.layers:
        why = found.why()
        raise ShapesError(f"{shown} holds no layer" + (f"; left out: {why}" if why else ""))
    return found


def _one(shapes: str) -> Layer:
    """The layer that a spec or a descriptor is. Raises `ShapesError`."""
    try:
        return Layer(printable(benchdnn.name_of(shapes)) or shapes, ConvSpec.parse(shapes))
    except SpecError as error:
        if not shapes.endswith(_SUFFIXES) and (benchdnn.looks_like(shapes) or re.match("n[0-9]", shapes)):
            raise ShapesError(str(error)) from None
        if any(c in shapes for c in "./\\"):
            raise ShapesError(f"shapes file {shapes!r} does not exist") from None
        hint = did_you_mean(shapes, set_names())
        raise ShapesError(
            f"unknown shapes {shapes!r}{hint}; sets: {', '.join(set_names())}; or a file, or a spec"
        ) from None
