"""Logs that hold convolutions among anything else: oneDNN's verbose mode and command lines of MIOpenDriver.

A geometry that is there again is counted, not kept twice. A training step logs a layer three times, forward and both
gradients, so each pass is counted for itself, and a layer as often as the pass that it has most of.
"""

from __future__ import annotations

from collections import Counter

from harness.geometry.benchdnn import NotRead
from harness.geometry.shape_files import miopen, onednn
from harness.geometry.shape_files.found import Found, Layer, LeftOut, ShapesError, suite_of
from harness.geometry.shape_files.logged import Logged
from harness.geometry.spec import ConvSpec, SpecError


def is_log(text: str) -> bool:
    """Whether a line that is no comment is one of these."""
    return any(
        module.MARK.search(line)
        for line in text.split("\n")
        if not line.lstrip().startswith("#")
        for module in (onednn, miopen)
    )


def read(text: str, shown: str, suite: str) -> Found:
    """The layers with their counts, called `suite:spec`, or by their spec alone without a suite.

    Raises `ShapesError` naming the line of a convolution that is damaged, and if there is none that was executed.
    """
    passes: dict[ConvSpec, Counter[str]] = {}
    left_out, is_part = [], False
    for number, line in enumerate(text.split("\n"), start=1):
        try:
            found = _convolution(line)
        except NotRead as reason:
            left_out.append(LeftOut(number, reason.why))
            is_part = True
            continue
        except SpecError as error:
            raise ShapesError(f"{shown}, line {number}: {error}") from error
        if found is not None:
            passes.setdefault(found.spec, Counter()).update(found.passes)
            if found.dtype:
                left_out.append(LeftOut(number, f"the data type {found.dtype}: only the geometry is read"))
    if not passes and not left_out:
        raise ShapesError(f"{shown} is a log of oneDNN or MIOpen without a convolution that was executed")
    before = f"{suite_of(suite, is_part)}:" if suite else ""
    layers = [Layer(f"{before}{spec}", spec, max(counts.values())) for spec, counts in passes.items()]
    return Found(layers, left_out)


def _convolution(line: str) -> Logged | None:
    if line.lstrip().startswith("#"):
        return None
    return onednn.convolution(line) or miopen.convolution(line)
