"""All that is told of a geometry, in order: its numbers first, then pictures, of a smaller one where it is large."""

from __future__ import annotations

from dataclasses import dataclass

from harness.contract.columns_layouts import layout_named
from harness.explain import adding, columns, cut, pooling, sizes, windows
from harness.explain.document import Document, Section
from harness.geometry.spec import ConvSpec

MOST = 16  # rows and columns of a table, unless more are asked for


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be told: the layout of the columns, whether pooling too, and how much a table shows."""

    layout: str = "batched"
    pool: bool = False
    most: int = MOST


def of_spec(spec: ConvSpec, asked: Asked | None = None) -> Document:
    """The explanation of a geometry. Raises `LayoutError` for a layout that is not known."""
    asked = asked or Asked()
    layout_named(asked.layout)
    shown = cut.drawn(spec, asked.most)
    said = cut.note(spec, shown)
    parts = [sizes.geometry(spec), sizes.products(spec), sizes.memory(spec), sizes.layouts(spec)]
    parts += [Section("What is drawn", [said])] if said else []
    if shown is None:
        return Document(str(spec), parts)
    parts += windows.pictures(shown, asked.most)
    parts += [columns.matrix(shown, asked.layout, asked.most), adding.steps(shown, asked.most)]
    parts.append(adding.why(shown, asked.most))
    parts += [pooling.windows(shown, asked.most)] if asked.pool else []
    return Document(str(spec), parts, columns.film(shown, asked.most))
