"""Options that several commands share, and what their words may be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, get_args

import typer

from harness.calls.worker import ALLOCATORS
from harness.contract.protocol import DTYPES
from harness.geometry.layers import set_names
from harness.geometry.spec import OPS, Op

Backends = Annotated[
    list[str] | None,
    typer.Argument(metavar="[BACKEND]...", help="a name, file.py[:Attr] or module:Attr, each also as NAME=BACKEND"),
]
Ops = Annotated[list[str] | None, typer.Option(help=f"ops, comma-separated: {', '.join(OPS)}")]
Dtypes = Annotated[list[str] | None, typer.Option("--dtype", help="dtypes, comma-separated")]
JsonFile = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="also write the result as JSON")]
_SETS = f"layers: {', '.join(set_names())}, a file, or a spec"
ShapeSet = Annotated[str, typer.Option("--shapes", metavar="SET|FILE|SPEC", help=_SETS)]
Batch = Annotated[int | None, typer.Option(min=1, metavar="N", help="images of every layer, instead of its own")]
Threads = Annotated[int, typer.Option(min=1, help="threads of every library")]
Allocator = Annotated[str, typer.Option(help="steady (nobody pays page faults) or default (what users see)")]


def chosen_ops(values: Sequence[str] | None) -> list[Op]:
    """The ops of an option; none if it was not given. Raises `BadParameter` naming the one that is none."""
    chosen: list[Op] = []
    for word in _words(values):
        if word not in get_args(Op):
            raise typer.BadParameter(f"op must be among {', '.join(OPS)}, got {word!r}")
        chosen.append(word)  # type: ignore[arg-type]
    return chosen


def chosen_dtypes(values: Sequence[str] | None) -> list[str]:
    """The dtypes of an option; none if it was not given. Raises `BadParameter` naming the one that is none."""
    for word in _words(values):
        if word not in DTYPES:
            raise typer.BadParameter(f"dtype must be among {', '.join(DTYPES)}, got {word!r}")
    return _words(values)


def chosen_allocator(value: str) -> str:
    """The allocator of an option. Raises `BadParameter` if there is none of that name."""
    if value not in ALLOCATORS:
        raise typer.BadParameter(f"allocator must be among {', '.join(ALLOCATORS)}, got {value!r}")
    return value


def _words(values: Sequence[str] | None) -> list[str]:
    return [word for value in values or [] for word in value.split(",") if word]
