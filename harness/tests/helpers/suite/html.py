"""A page as a tree of elements, for tests to ask what stands where; elements must be closed in their order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "link", "br", "wbr", "img", "input"}
_UNSEEN = {"script", "style"}


@dataclass
class Element:
    """One element; a text is an element without a tag."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element] = field(default_factory=list)
    own: str = ""

    def walk(self) -> Iterator[Element]:
        """Itself and all in it, in the order of the page."""
        yield self
        for child in self.children:
            yield from child.walk()

    def all(self, tag: str, kind: str = "") -> list[Element]:
        """Every element of a tag in it, and of a class if one is given."""
        return [one for one in self.walk() if one.tag == tag and (not kind or kind in one.classes)]

    def one(self, tag: str, kind: str = "") -> Element:
        """The only one."""
        (found,) = self.all(tag, kind)
        return found

    def by_id(self, id: str) -> Element:
        """The one with this id."""
        (found,) = (one for one in self.walk() if one.attributes.get("id") == id)
        return found

    @property
    def classes(self) -> list[str]:
        """Its classes."""
        return self.attributes.get("class", "").split()

    @property
    def text(self) -> str:
        """What can be read of it, in one line; what the style sheet puts on a line of its own stands apart."""
        seen = [f" {one.own}" if "more" in one.classes else one.own for one in self._seen()]
        return " ".join("".join(seen).split())

    @property
    def raw(self) -> str:
        """The same as it stands there."""
        return "".join(one.own for one in self._seen())

    def _seen(self) -> Iterator[Element]:
        yield self
        for child in self.children:
            if child.tag not in _UNSEEN:
                yield from child._seen()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        closed = self.open.pop()
        assert closed.tag == tag, f"<{closed.tag}> is closed by </{tag}>"

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(Element("", own=data))


def read(page: str) -> Element:
    """The whole page."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    (root,) = reader.open
    return root


def rows(table: Element) -> list[list[str]]:
    """The texts of a table, row by row."""
    return [[cell.text for cell in row.children if cell.tag in ("th", "td")] for row in table.all("tr")]
