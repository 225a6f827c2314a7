"""Lines of specs and benchdnn descriptors, as in benchdnn's own input files: comments, options, several in a line."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.geometry import benchdnn
from harness.geometry.shape_files.found import Found, Layer, LeftOut, ShapesError, printable
from harness.geometry.spec import ConvSpec, SpecError

_WORD = re.compile(r'(?:"[^"]*"|[^\s"]++)++|"')
_SPEC = re.compile("n[0-9]+c[0-9][^#]*")
_OPTION = "an option of benchdnn, which changes no layer here"
_OTHER_FILE = "--batch names another file, which is not read: give that one as --shapes"
_IMAGES = "--mb is not applied: --batch {0} gives every layer {0} images"


def are_lines(text: str) -> bool:
    """Whether the first word of a text is a spec, a descriptor or an option of benchdnn."""
    _, word = next(_words(text), (0, ""))
    return word.startswith("-") or benchdnn.looks_like(word) or _SPEC.match(word) is not None


def read(text: str, shown: str) -> Found:
    """The layers, each called as its descriptor says, or by its own text. Raises `ShapesError` naming the line."""
    layers, left_out = [], []
    for number, word in _words(text):
        if word.startswith("-"):
            left_out.append(LeftOut(number, _about_option(word)))
            continue
        try:
            layers.append(Layer(printable(benchdnn.name_of(word)) or word, ConvSpec.parse(word)))
        except benchdnn.NotRead as reason:
            left_out.append(LeftOut(number, reason.why))
        except SpecError as error:
            raise ShapesError(f"{shown}, line {number}: {error}") from error
    return Found(layers, left_out)


def _words(text: str) -> Iterator[tuple[int, str]]:
    """What stands between blanks outside of quotes, with its line; `#` ends a line, a backslash joins two words."""
    last: tuple[int, str] | None = None
    joins = False
    for number, line in enumerate(text.split("\n"), start=1):
        for word in _before_comment(line):
            part = word.removesuffix("\\")
            if last and joins:
                last = (last[0], last[1] + part)
            elif part:
                if last:
                    yield last
                last = (number, part)
            joins = part != word
    if last:
        yield last


def _before_comment(line: str) -> Iterator[str]:
    for word in _WORD.findall(line):
        spec = _SPEC.match(word)
        if not word.startswith("#"):
            yield spec[0] if spec else word
        if word.startswith("#") or (spec and spec[0] != word):  # a comment may be right behind a spec
            return


def _about_option(word: str) -> str:
    name, _, value = word.lstrip("-").partition("=")
    if name == "batch":
        return _OTHER_FILE
    return _IMAGES.format(value) if name == "mb" and value not in ("", "0") else _OPTION
