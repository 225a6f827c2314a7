"""A figure as SVG within the page: text stays text, colours follow the page, and no id meets one of another figure.

Matplotlib writes a file of its own; here it becomes a part of a document, a third of its size.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from html import escape
from xml.etree import ElementTree

import matplotlib as mpl
from matplotlib.figure import Figure

_SALT = {"svg.fonttype": "none", "svg.hashsalt": "im2col-harness"}  # without a salt, every file has other ids
_NO_DATE = {"Date": None, "Creator": None, "Format": None, "Type": None}
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # by XML 1.0
_FONT = re.compile(r"font-family: [^;\"]*;? ?")
_NUMBER = re.compile(r"-?\d+\.\d+")
_REFERENCE = re.compile(r"#([\w.-]+)")
_HREF = "{http://www.w3.org/1999/xlink}href"
_LEFT_OUT = ("metadata", "style")
_NUMERIC = ("d", "x", "y", "transform", "width", "height", "points")


def inline(figure: Figure, name: str, alt: str, colours: dict[str, str]) -> str:
    """The figure as an element of a page; `colours` has a style sheet's word for a colour (`#rrggbb`)."""
    buffer = io.StringIO()
    with mpl.rc_context(_SALT), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the browser has it
        figure.savefig(buffer, format="svg", metadata=_NO_DATE, facecolor="none", edgecolor="none")
    root = ElementTree.fromstring(_FORBIDDEN.sub("\ufffd", buffer.getvalue()))
    names = _names(root, name)
    inside = "".join(part for child in root for part in _written(child, names, colours))
    box = root.attrib["viewBox"]
    return f'<svg class="chart" role="img" aria-label="{escape(alt)}" viewBox="{box}">{inside}</svg>'


def _names(root: ElementTree.Element, name: str) -> dict[str, str]:
    """For every id that something refers to, the one that it gets."""
    values = [value for element in root.iter() for key, value in element.attrib.items() if key != "id"]
    used = dict.fromkeys(found for value in values if "url(" in value or value[:1] == "#"
                         for found in _REFERENCE.findall(value))  # fmt: skip
    return {old: f"{name}-{number}" for number, old in enumerate(used)}


def _written(element: ElementTree.Element, names: dict[str, str], colours: dict[str, str]) -> Iterator[str]:
    """The element and all in it; a group that says nothing is left out, and its content stays."""
    tag = element.tag.rpartition("}")[2]
    if tag in _LEFT_OUT:
        return
    given = "".join(f' {key}="{escape(value)}"' for key, value in _attributes(element, names, colours))
    inside = "".join(part for child in element for part in _written(child, names, colours))
    text = escape(element.text or "", quote=False) if tag in ("text", "tspan") else ""
    if tag in ("g", "defs") and not (given and inside):
        yield inside if tag == "g" or not inside else f"<defs>{inside}</defs>"
    elif text or inside:
        yield f"<{tag}{given}>{text}{inside}</{tag}>"
    elif tag not in ("text", "tspan"):
        yield f"<{tag}{given}/>"


def _attributes(
    element: ElementTree.Element, names: dict[str, str], colours: dict[str, str]
) -> Iterator[tuple[str, str]]:
    """What is kept of the attributes, in short."""
    for key, value in element.attrib.items():
        if key == "id":
            if value in names:
                yield key, names[value]
        elif key == _HREF:
            yield "href", f"#{names[value[1:]]}"
        elif "url(" in value:
            yield key, _REFERENCE.sub(lambda found: f"#{names[found[1]]}", value)
        elif key == "style":
            style = _FONT.sub("", value).rstrip("; ")
            for colour, word in colours.items():
                style = style.replace(colour, word)
            yield key, style.replace(": ", ":").replace("; ", ";")
        elif key in _NUMERIC:
            short = _NUMBER.sub(lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), value)
            if key != "transform" or not short.startswith("rotate(-0 "):
                yield key, " ".join(short.split())
        elif key == "clip-path":
            yield key, value
