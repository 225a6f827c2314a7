"""The folder of a report, where only what a report wrote is overwritten or deleted.

The page is the list of that: it is written first and links to every other file, so a report that was cut off is known
too. A figure says itself who drew it, as the one that a README shows is kept without its page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from harness.report.charts.drawing import is_ours
from harness.results.writing import ResultsError, write_atomically

GENERATOR = '<meta name="generator" content="im2col-harness report">'
_LINK = re.compile(r'href="((?:figures|tables)/[\w.-]+\.(?:png|csv|md))"')


def write(out: Path, page: str, files: Mapping[str, str | bytes]) -> Path:
    """Write the page and the files that it links to, by their path within `out`; delete those of an older page.

    Returns the page. Raises `ResultsError`, before anything is written, if a file is in the way that no report wrote.
    """
    index = out / "index.html"
    older = index.read_text(encoding="utf-8", errors="replace") if index.is_file() else ""
    known = set(_LINK.findall(older)) if GENERATOR in older else set()
    if index.exists() and GENERATOR not in older:
        raise _in_the_way(index)
    for name in files:
        if (out / name).exists() and name not in known and not _is_our_figure(out / name):
            raise _in_the_way(out / name)
    for name in known.difference(files):
        (out / name).unlink(missing_ok=True)
    write_atomically(index, page)
    for name, content in files.items():
        write_atomically(out / name, content)
    return index


def _is_our_figure(path: Path) -> bool:
    return path.suffix == ".png" and path.is_file() and is_ours(path.read_bytes())


def _in_the_way(path: Path) -> ResultsError:
    return ResultsError(f"{str(path)!r} was not written by `harness report`; move it away, or give another --out DIR")
