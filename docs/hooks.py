"""Makes the repository part of the site: guides that lie beside the code, and links to files outside of `docs/`.

Such a guide is not copied: the site is built from the file itself.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
GUIDES = {
    "guides/conformance.md": "conformance/README.md",
    "guides/numba_tiled.md": "backends/numba_tiled/README.md",
    "guides/cupy_kernels.md": "backends/cupy_kernels/README.md",
}
_LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)]*)?\))")
_FENCE = re.compile(r"(^```.*?^```$)", re.M | re.S)
_PATH = re.compile(r"`([\w.-]+/[\w./-]+)(:[\w.]+)?`")


def on_files(files: Any, config: Any) -> Any:
    """Add the guides."""
    from mkdocs.structure.files import File

    for place, source in GUIDES.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Links that leave the site lead to the file in the repository."""
    place, repository = page.file.src_uri, config.extra["repository"]
    return clickable(linked(markdown, GUIDES.get(place, f"docs/{place}"), repository), repository)


def clickable(markdown: str, repository: str) -> str:
    """The text with every path of the repository as a link to the file; blocks of code stay as they are.

    >>> clickable("in `harness/cli/main.py:main`, not `a/b.py`", "https://x.org")
    'in [`harness/cli/main.py:main`](https://x.org/blob/HEAD/harness/cli/main.py), not `a/b.py`'
    """

    def exchange(match: re.Match[str]) -> str:
        path = match.group(1)
        return f"[{match.group()}]({repository}/blob/HEAD/{path})" if (ROOT / path).exists() else match.group()

    parts = _FENCE.split(markdown)
    return "".join(part if number % 2 else _PATH.sub(exchange, part) for number, part in enumerate(parts))


def linked(markdown: str, source: str, repository: str) -> str:
    """The text of the file `source` with its relative links as the site needs them.

    >>> linked("[rules](../harness/geometry/rules.py), [words](glossary.md#tier)", "docs/contract.md", "https://x.org")
    '[rules](https://x.org/blob/HEAD/harness/geometry/rules.py), [words](glossary.md#tier)'
    >>> linked("[what it asks](../conformance/README.md)", "docs/contract.md", "https://x.org")
    '[what it asks](guides/conformance.md)'
    """

    def exchange(match: re.Match[str]) -> str:
        before, target, after = match.groups()
        if "://" in target or target.startswith(("mailto:", "/")):
            return match.group()
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        up = "../" * place_of(source).count("/")
        if path in GUIDES.values() or path.startswith("docs/"):
            return f"{before}{up}{place_of(path)}{after}"
        return f"{before}{repository}/blob/HEAD/{path}{after}"

    return _LINK.sub(exchange, markdown)


def place_of(source: str) -> str:
    """Where a file of the repository is in the site."""
    return next((place for place, own in GUIDES.items() if own == source), source.removeprefix("docs/"))
