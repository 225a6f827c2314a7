"""Options that several commands share, and what their words and numbers may be."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from harness.calls.limits.threads import OVERSUBSCRIBED, usable
from harness.calls.worker import ALLOCATORS
from harness.cli import terminal
from harness.contract import targets
from harness.contract.protocol import DTYPES
from harness.geometry.layers import Layer, read_shapes, set_names
from harness.geometry.spec import ALL_OPS, OPS, POOL_OPS, Op
from harness.results.words import plural
from harness.telling import did_you_mean

_WHOLE = re.compile(r"[+-]?[0-9]{1,25}")
_REAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?inf", re.IGNORECASE)
_SHOWN = 60  # characters of a value that is none


def whole(least: int, most: int) -> Callable[[object], int]:
    """Reads a whole number in ASCII digits. The reader raises `BadParameter` naming the value and the limits."""

    def read(value: object) -> int:
        text = str(value).strip()
        if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
            raise typer.BadParameter(f"must be a whole number from {least} to {most}, got {_shown(text)}")
        return int(text)

    return read


def seconds(least: float, most: float) -> Callable[[object], float]:
    """Reads a time in ASCII digits. The reader raises `BadParameter` naming the value and the limits."""

    def read(value: object) -> float:
        text = str(value).strip()
        if not _REAL.fullmatch(text) or not least <= float(text) <= most:
            limit = "" if math.isinf(most) else f" and at most {most:g}"
            raise typer.BadParameter(f"must be a number of seconds, at least {least:g}{limit}, got {_shown(text)}")
        return float(text)

    return read


def file(value: object) -> Path:
    """Reads the path of a file. Raises `BadParameter` for a folder, a NUL, and no text, which would be this folder."""
    text = str(value)
    if not text.strip():
        raise typer.BadParameter("is empty; name a file, or leave the option out")
    if text.endswith("/"):
        raise typer.BadParameter(f"must be a file, got the folder {_shown(text)}")
    return _path(text)


def folder(value: object) -> Path:
    """Reads the path of a folder. Raises `BadParameter` for no text, which would be the current one, and a NUL."""
    if not str(value).strip():
        raise typer.BadParameter("is empty; name a folder ('.' is the current one), or leave the option out")
    return _path(str(value))


def _path(text: str) -> Path:
    if "\0" in text:
        raise typer.BadParameter(f"no path has a NUL in it, got {_shown(text)}")
    return Path(text)


def threads_here(value: object) -> int:
    """Reads a number of threads. Raises `BadParameter` for far more than there are; fewer would mislabel a time."""
    count, most = whole(1, 2**31 - 1)(value), OVERSUBSCRIBED * usable()
    if count > most:
        here = f"{OVERSUBSCRIBED} for each of the {plural(usable(), 'hardware thread')} here"
        raise typer.BadParameter(f"must be at most {most}, {here}, got {count}")
    return count


_BACKEND = "a name, file.py[:Attr] or module:Attr, each also as NAME=BACKEND"


def _registered(beginning: str) -> list[str]:
    """The registered names that begin so, for a shell to offer; it offers files where there is none."""
    return [name for name in targets.names() if name.startswith(beginning)]


Backends = Annotated[
    list[str] | None, typer.Argument(metavar="[BACKEND]...", help=_BACKEND, autocompletion=_registered)
]
_OPS = f"ops, comma-separated: {', '.join(OPS)}, or of pooling {', '.join(POOL_OPS)}"
Ops = Annotated[list[str] | None, typer.Option(help=_OPS)]
Dtypes = Annotated[list[str] | None, typer.Option("--dtype", help="dtypes, comma-separated")]
JsonFile = Annotated[
    Path | None, typer.Option("--json", parser=file, metavar="FILE", help="also write the result as JSON")
]
_SETS = (
    f"layers: {', '.join(set_names())}; a table (CSV) of any usual columns, a file of specs or benchdnn descriptors, "
    "an ONNX model, a log of oneDNN or MIOpen, a sweep as sweep:C (docs/layer-files.md); or one spec, descriptor or "
    "line of such a log"
)
ShapeSet = Annotated[str, typer.Option("--shapes", metavar="SET|FILE|SPEC", help=_SETS)]
_IMAGES = "images of every layer, instead of its own"
Batch = Annotated[int | None, typer.Option(parser=whole(1, 2**63 - 1), metavar="N", help=_IMAGES)]
Threads = Annotated[int, typer.Option(parser=threads_here, metavar="N", help="threads of every library")]
Allocator = Annotated[str, typer.Option(help="steady (nobody pays page faults) or default (what users see)")]


def chosen_ops(values: Sequence[str] | None) -> list[Op]:
    """The ops of an option, each once; none if it was not given. Raises `BadParameter` naming the one that is none."""
    return [_op(word) for word in _words("op", values, ALL_OPS)]


def chosen_dtypes(values: Sequence[str] | None) -> list[str]:
    """The dtypes of an option, each once; none if it was not given. Raises `BadParameter` naming what is none."""
    return _words("dtype", values, DTYPES)


def chosen_layers(shapes: str, batch: int | None) -> list[Layer]:
    """The layers of `--shapes`; what was left out of a file is said. Raises `ShapesError`."""
    with terminal.waiting(f"the layers of {_shown(shapes)} to be read"):  # which may be a pipe
        found = read_shapes(shapes, batch)
    if found.left_out:
        terminal.say(f"harness: left out of {shapes!r}: {found.why()}")
    return list(found.layers)


def chosen_allocator(value: str) -> str:
    """The allocator of an option. Raises `BadParameter` if there is none of that name."""
    if value not in ALLOCATORS:
        hint = did_you_mean(value, ALLOCATORS)
        raise typer.BadParameter(f"allocator must be among {', '.join(ALLOCATORS)}, got {_shown(value)}{hint}")
    return value


def given(option: str, value: str | None) -> str:
    """The text of an option; empty if it was not given. Raises `BadParameter` if it was given without one."""
    if value is not None and not value.strip():
        raise typer.BadParameter("is empty; leave the option out for everything", param_hint=f"'{option}'")
    return value or ""


def _words(what: str, values: Sequence[str] | None, known: Iterable[str]) -> list[str]:
    words = [word.strip() for value in values or [] for word in value.split(",") if word.strip()]
    for word in words:
        if word not in known:
            hint = did_you_mean(word, known)
            raise typer.BadParameter(f"{what} must be among {', '.join(known)}, got {_shown(word)}{hint}")
    if values and not words:
        raise typer.BadParameter(f"{_shown(','.join(values))} names no {what}; leave the option out for all of them")
    return list(dict.fromkeys(words))


def _op(word: str) -> Op:
    return next(op for op in ALL_OPS if op == word)


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..")
