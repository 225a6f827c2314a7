"""`harness explain`: the picture of a geometry; what a check asks, and why."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from conformance.cases.case import Case
from harness.cli import outputs, terminal
from harness.cli.explaining import asked, drawing, of_check
from harness.cli.options import file, whole
from harness.contract.columns_layouts import COLUMNS_LAYOUTS, LayoutError, recognise
from harness.contract.protocol import Array
from harness.explain import page, story, text
from harness.explain.document import Document, Section
from harness.explain.windows import image
from harness.geometry.spec import POOL_OPS, ConvSpec
from harness.results.writing import ResultsError
from harness.telling import one_line

_MOST_ELEMENTS = 2**26  # of columns that are recognised
_COUNT = whole(0, 2**63 - 1)
_AT_LEAST_ONE = whole(1, 2**63 - 1)
_WHAT = (
    "a check, a case id (also a short one), a spec such as n1c1h5w5_f1kh3kw3_pt1, or an image such as 5x5 with --kernel"
)
_LAYOUT = f"draw the columns in this layout: {', '.join(COLUMNS_LAYOUTS)}"
_RECOGNISE = (
    "say in which layout the columns in this .npy file are: what your im2col gave for x = 1, 2, 3, .. "
    "(or 0, 1, 2, ..) of this geometry"
)
_MOST = "rows, columns and lines that a table or picture has at most"


def explain(
    what: Annotated[str, typer.Argument(metavar="CHECK|CASE-ID|SPEC|HxW", help=_WHAT)],
    kernel: Annotated[str | None, typer.Option(metavar="K|KHxKW", help="of an image HxW")] = None,
    stride: Annotated[str | None, typer.Option(metavar="S|SHxSW", help="of an image HxW")] = None,
    padding: Annotated[
        str | None, typer.Option(metavar="P|PHxPW|T,B,L,R|NAME", help="of an image HxW; names are same, valid, full")
    ] = None,
    dilation: Annotated[str | None, typer.Option(metavar="D|DHxDW", help="of an image HxW")] = None,
    images: Annotated[int | None, typer.Option(parser=_COUNT, metavar="N", help="of size HxW")] = None,
    channels: Annotated[int | None, typer.Option(parser=_AT_LEAST_ONE, metavar="N", help="of an image HxW")] = None,
    filters: Annotated[int | None, typer.Option(parser=_AT_LEAST_ONE, metavar="N", help="on an image HxW")] = None,
    layout: Annotated[str, typer.Option(metavar="NAME", help=_LAYOUT)] = "batched",
    pool: Annotated[bool, typer.Option("--pool", help="also the windows as pooling sees them")] = False,
    recognised: Annotated[
        Path | None, typer.Option("--recognise", parser=file, metavar="FILE", help=_RECOGNISE)
    ] = None,
    most: Annotated[int, typer.Option(parser=whole(2, 64), metavar="N", help=_MOST)] = story.MOST,
    markdown_file: Annotated[
        Path | None, typer.Option("--markdown", parser=file, metavar="FILE", help="also write it as Markdown")
    ] = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", parser=file, metavar="FILE", help="also write a page with a slider")
    ] = None,
) -> None:
    """What happens in a geometry, step by step; or what a check asks, why, and which public bugs it would have seen."""
    numbers = asked.Numbers(
        kernel=kernel, stride=stride, padding=padding, dilation=dilation, images=images, channels=channels,
        filters=filters,
    )  # fmt: skip
    meant = asked.resolve(what, numbers)
    files = outputs.require((markdown_file, html_file), [recognised])
    try:
        wanted = story.Asked(layout, pool, most)
        if recognised is not None:
            if files:
                raise typer.BadParameter("--recognise answers on the terminal; leave out --markdown and --html")
            raise typer.Exit(_recognise(recognised, meant))
        document = _document(meant, wanted)
    except LayoutError as error:
        raise typer.BadParameter(str(error)) from error
    with terminal.aside(outputs.takes_stdout(files)):
        drawing.show(document)
    documents = ((markdown_file, lambda: text.markdown(document)), (html_file, lambda: page.render(document)))
    raise typer.Exit(outputs.write(documents, 0))


def _document(meant: ConvSpec | Case | str, wanted: story.Asked) -> Document:
    if isinstance(meant, str):
        return Document(meant, of_check.sections(meant))
    if isinstance(meant, ConvSpec):
        return story.of_spec(meant, wanted)
    pool = wanted.pool or meant.op in POOL_OPS
    whole_story = story.of_spec(meant.spec, story.Asked(wanted.layout, pool, wanted.most))
    told: list[Section] = [of_check.of_case(meant), *of_check.sections(meant.check)]
    return Document(str(meant), [*told, *whole_story.sections], whole_story.film)


def _recognise(path: Path, meant: ConvSpec | Case | str) -> int:
    """Say which layouts the columns of a file are in. The exit code: 1 if they are in none."""
    spec = meant.spec if isinstance(meant, Case) else meant
    if isinstance(spec, str):
        raise typer.BadParameter(f"--recognise needs a geometry, got the check {spec}")
    if max(math.prod(spec.columns_shape), math.prod(spec.x_shape)) > _MOST_ELEMENTS:
        raise typer.BadParameter(f"--recognise takes at most {_MOST_ELEMENTS:,} elements; take a smaller geometry")
    matrix, x = _read(path), image(spec)
    found = {f"{first}, {first + 1}, {first + 2}, ..": recognise(matrix, x - 1 + first, spec) for first in (1, 0)}
    for numbers, names in found.items():
        if names:
            terminal.show(f"{path} holds the columns of x = {numbers} in layout {' or '.join(names)}")
            if len(names) > 1:
                terminal.show(
                    "In this geometry they agree. Two images, two channels, and a kernel of more than one row and "
                    "column tell them apart."
                )
            return 0
    forms = ", ".join(f"{name} {layout.shape(spec)}" for name, layout in COLUMNS_LAYOUTS.items())
    terminal.show(f"{path} holds the columns of x = 1, 2, 3, .. in no known layout; its shape is {matrix.shape}")
    terminal.show(f"shapes of this geometry: {forms}")
    return 1


def _read(path: Path) -> Array:
    """The array in a .npy file. Raises `ResultsError` if there is none."""
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ResultsError(f"{str(path)!r} cannot be read as a .npy file: {one_line(error)}") from error
    if not isinstance(found, np.ndarray):
        raise ResultsError(f"{str(path)!r} holds several arrays; save one with numpy.save")
    return found
